//! `redact`: what is masked in responses, and for whom.

mod actions;
mod detectors;

use std::collections::BTreeSet;

use super::super::OperationId;
use super::catalogue::Catalogue;
use super::codes;
use super::fields::{Field, Object};
use super::select::{ids, select};
use super::{kinds, scope};
use crate::diag::{Diagnostics, Path};
use crate::limits;
use crate::node::Node;
use crate::operation::Protocol;
use crate::redact::{FieldRule, Group, OnUncertain, Paths, Redaction, Settings};
use actions::{actions, hash_key};
use detectors::{detectors, of_group, pattern, pattern_names, want};

const ON_UNCERTAIN: [(&str, OnUncertain); 2] =
    [("block", OnUncertain::Block), ("scan", OnUncertain::Scan)];
/// A scope that something is shown to, and where that is written.
pub(super) type Shown<'n> = (&'n str, Field<'n>);

/// Reads `redact`, and tells `shown` to which scopes something is visible, and where that stands.
pub(super) fn read<'n>(
    policy: &Object<'n>,
    catalogue: &Catalogue,
    shown: &mut Vec<Shown<'n>>,
    out: &mut Diagnostics,
) -> Option<Redaction> {
    let field = policy.get("redact")?;
    let object = field.object(&kinds::REDACT, out)?;
    let operations = operations(&object, catalogue, out);
    let patterns = pattern_names(&object);
    let mut wanted = match object.get("detectors") {
        Some(field) => detectors(&field, &patterns, shown, out),
        None => of_group(Group::Secrets).map(|name| want(name, None)).collect(),
    };
    for field in object.get("patterns").map(|f| f.some_list(out)).unwrap_or_default() {
        if let Some(pattern) = pattern(&field, &wanted, shown, out) {
            wanted.push(pattern);
        }
    }
    let fields = object.get("fields").map(|f| fields(&f, shown, out)).unwrap_or_default();
    if object.get("detectors").is_some_and(|f| *f.node() == Node::Array(Vec::new()))
        && object.get("patterns").is_none()
        && object.get("fields").is_none()
    {
        out.error(codes::EMPTY, object.path(), "nothing is masked: no detector, pattern or field")
            .help("remove `redact`, or list `detectors`, such as `[secrets]`");
    }
    if let Some(field) = object.get("actions") {
        actions(&field, &patterns, &mut wanted, out);
    }
    let hash_key = hash_key(&object, &wanted, out);
    let on_uncertain = object.get("on_uncertain").and_then(|f| f.choice(&ON_UNCERTAIN, out));
    few_scopes(shown, out);
    let settings = Settings {
        operations,
        detectors: wanted,
        fields,
        hash_key,
        on_uncertain: on_uncertain.unwrap_or_default(),
    };
    if out.has_errors() {
        return None;
    }
    Redaction::new(settings)
        .map_err(|message| {
            out.error(codes::INVALID_VALUE, object.path(), message);
        })
        .ok()
}

/// `on`, with the variants of what it names.
fn operations(
    object: &Object<'_>,
    catalogue: &Catalogue,
    out: &mut Diagnostics,
) -> BTreeSet<OperationId> {
    let (selected, path) = match object.get("on") {
        Some(field) => (select(&field, None, catalogue, out), field.path().clone()),
        None => (ids(catalogue, |_| true).collect(), object.path().clone()),
    };
    let selected: BTreeSet<OperationId> =
        selected.iter().flat_map(|id| catalogue.family(*id)).collect();
    tell_grpc(&selected, &path, catalogue, out);
    selected
}

/// Whether its messages are bytes of a format that is not known here.
fn is_grpc(catalogue: &Catalogue, id: OperationId) -> bool {
    let surface = catalogue.operations.get(id).map(|draft| draft.operation.surface);
    let surface = surface.and_then(|surface| catalogue.surfaces.get(surface));
    surface.is_some_and(|surface| surface.protocol == Protocol::Grpc)
}

/// A gRPC message says its length and those of its parts, so it would come out broken.
fn tell_grpc(
    selected: &BTreeSet<OperationId>,
    path: &Path,
    catalogue: &Catalogue,
    out: &mut Diagnostics,
) {
    let mut grpc = selected.iter().filter(|id| is_grpc(catalogue, **id));
    let Some(first) = grpc.next().and_then(|id| catalogue.operations.get(*id)) else { return };
    let subject = match grpc.count() {
        0 => format!("`{}`", first.operation.id),
        more => format!("`{}` (and {more} more)", first.operation.id),
    };
    out.warning(
        codes::NOT_MASKABLE,
        path,
        format!("{subject} answers in gRPC, which cannot be masked, so its responses are refused"),
    )
    .help("name the operations whose responses are masked, without these: `on: [\"openai.*\"]`");
}

/// `visible_to`, which is remembered in `shown`.
fn visible_to<'n>(
    object: &Object<'n>,
    shown: &mut Vec<Shown<'n>>,
    out: &mut Diagnostics,
) -> Option<&'n str> {
    let field = object.get("visible_to")?;
    let scope = scope::read(&field, out)?;
    shown.push((scope, field));
    Some(scope)
}

/// Each set of held scopes has rules of its own, made once.
fn few_scopes(shown: &[Shown<'_>], out: &mut Diagnostics) {
    let mut scopes: Vec<&str> = Vec::new();
    for (scope, field) in shown {
        if scopes.contains(scope) {
            continue;
        }
        scopes.push(scope);
        if scopes.len() == limits::MAX_VISIBLE_TO_SCOPES.saturating_add(1) {
            out.error(
                codes::OUT_OF_RANGE,
                field.path(),
                format!(
                    "`visible_to` names more than {} scopes in all",
                    limits::MAX_VISIBLE_TO_SCOPES
                ),
            )
            .help("every combination of them is prepared ahead, and each one more doubles those; let several share a scope");
        }
    }
}

/// `fields`: paths, and who sees what they lead to.
fn fields<'n>(
    field: &Field<'n>,
    shown: &mut Vec<Shown<'n>>,
    out: &mut Diagnostics,
) -> Vec<FieldRule> {
    let mut rules: Vec<FieldRule> = Vec::new();
    let mut all = Paths::default();
    for item in field.some_list(out) {
        let (path, visible_to) = match item.node() {
            Node::Object(_) => {
                let Some(object) = item.object(&kinds::FIELD, out) else { continue };
                (object.need("path", out), visible_to(&object, shown, out))
            }
            _ => (Some(item), None),
        };
        let Some(path) = path else { continue };
        let Some(text) = path.text(out) else { continue };
        if rules.iter().any(|rule| rule.path == text) {
            out.error(codes::DUPLICATE, path.path(), format!("`{text}` is listed twice"))
                .help("remove one of the two");
        } else if let Err(message) = all.add(text) {
            out.error(codes::INVALID_FIELD, path.path(), message);
        } else {
            rules.push(FieldRule {
                path: text.to_owned(),
                visible_to: visible_to.map(str::to_owned),
            });
        }
    }
    rules
}

#[cfg(test)]
mod tests;
