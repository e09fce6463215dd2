//! `operation`: the operations that a rule or an approval is about.

use std::collections::BTreeSet;

use super::super::{Glob, OperationId};
use super::catalogue::{Catalogue, Draft};
use super::codes;
use super::fields::Field;
use crate::diag::{Diagnostics, closest};
use crate::operation::{BUILTIN_NAMES, Pack};

/// The operations that `operation` names, on the surfaces of `server` when one is given.
///
/// A variant is selected by its own id only; what is true of an operation is true of its variants,
/// so callers that restrict something go on to [`Catalogue::family`].
pub(super) fn select(
    on: &Field<'_>,
    server: Option<&Field<'_>>,
    catalogue: &Catalogue,
    out: &mut Diagnostics,
) -> BTreeSet<OperationId> {
    let mut selected = BTreeSet::new();
    let mut written = Vec::new();
    let server = server.and_then(|field| Some((field.text(out)?, field)));
    for item in on.one_or_more(out) {
        let Some(text) = item.text(out) else { continue };
        item.refuse_twice(text, &written, out);
        written.push(text);
        let glob = Glob::new(text);
        let matching = |draft: &Draft| glob.matches(&draft.operation.id);
        let mut named = ids(catalogue, matching).peekable();
        if named.peek().is_none() {
            unknown(text, &glob, &item, catalogue, out);
        }
        selected.extend(named);
    }
    if let Some((server, field)) = server {
        let before = selected.len();
        selected.retain(|id| server_of(catalogue, *id) == Some(server));
        if before > 0 && selected.is_empty() {
            let known: Vec<&str> =
                catalogue.surfaces.iter().filter_map(|surface| surface.server.as_deref()).collect();
            let finding = out.error(
                codes::NEVER_MATCHES,
                field.path(),
                format!("no surface with the server `{server}` has these operations"),
            );
            match closest(server, known.iter().copied()) {
                Some(known) => finding.help(format!("did you mean `{known}`?")),
                None => finding.help("name the `server` of one of the surfaces"),
            }
        }
    }
    selected
}

/// The operations for which `wanted` holds.
pub(super) fn ids(
    catalogue: &Catalogue,
    wanted: impl Fn(&Draft) -> bool,
) -> impl Iterator<Item = OperationId> {
    let all = catalogue.operations.iter().enumerate();
    all.filter(move |(_, draft)| wanted(draft)).map(|(id, _)| id)
}

fn server_of(catalogue: &Catalogue, id: OperationId) -> Option<&str> {
    let surface = catalogue.operations.get(id)?.operation.surface;
    catalogue.surfaces.get(surface)?.server.as_deref()
}

fn unknown(
    text: &str,
    glob: &Glob,
    item: &Field<'_>,
    catalogue: &Catalogue,
    out: &mut Diagnostics,
) {
    let message = if glob.is_literal() {
        format!("there is no operation `{text}` in this policy")
    } else {
        format!("`{text}` matches no operation of this policy")
    };
    if let Some(pack) = unused_pack(glob, catalogue) {
        out.error(codes::UNKNOWN_OPERATION, item.path(), message)
            .help(format!("the pack `{pack}` has it; add a surface with `use: {pack}`"));
        return;
    }
    let finding = out.error(codes::UNKNOWN_OPERATION, item.path(), message);
    match nearest(text, catalogue) {
        Some(known) => finding.help(format!("did you mean `{known}`?")),
        None => finding.help("list the operations there are with `scopewarden ops`"),
    }
}

/// A pack that no surface uses, and that has such an operation.
fn unused_pack(glob: &Glob, catalogue: &Catalogue) -> Option<&'static str> {
    BUILTIN_NAMES.iter().copied().find(|name| {
        !catalogue.packs.iter().any(|used| used == *name)
            && Pack::builtin(name).is_some_and(|pack| {
                pack.entries.iter().any(|entry| glob.matches(&pack.full_id(entry)))
            })
    })
}

/// The closest id; for a pattern, the closest beginning of one with as many parts.
fn nearest(text: &str, catalogue: &Catalogue) -> Option<String> {
    let Some((stem, rest)) = text.split_once('*') else {
        return closest(text, catalogue.ids()).map(str::to_owned);
    };
    let parts = stem.matches('.').count();
    let beginning = |id: &str| {
        let words: Vec<&str> = id.split('.').take(parts).collect();
        format!("{}.", words.join("."))
    };
    let stems: Vec<String> = catalogue.ids().map(beginning).collect();
    closest(stem, stems.iter().map(String::as_str)).map(|known| format!("{known}*{rest}"))
}
