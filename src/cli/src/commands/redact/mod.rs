//! `scopewarden redact`.

mod input;

use std::collections::BTreeSet;
use std::sync::Arc;

use scopewarden_core::diag::closest;
use scopewarden_core::redact::{
    About, Action, Group, Kind, Masker, OnUncertain, Redaction, Rules, Settings, Stop, Tally,
    Wanted, builtin,
};

use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::load;
use input::{Cuts, Input};

/// Mask a response as the filter does: standard input to standard output.
///
/// Writes as it reads, so that it can stand behind a stream.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    curl -sN https://api.example.com/v1/chat/completions -d @prompt.json | scopewarden redact\n  \
    scopewarden redact --detectors secrets,email < log.txt\n  \
    scopewarden redact --policy policy.yaml --operation openai.responses.create --scope acme:pii:read < response.json\n  \
    scopewarden redact --list\n\n\
    Without --policy everything that is known is masked. What was found is counted on standard error.\n\
    Exit status: 0 done, 1 error, 3 the response ends early: an action is `block`, or it cannot be masked surely.")]
pub struct Args {
    /// Mask by the `redact` of this policy
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// Mask as the responses of this operation [default: one that the policy masks]
    #[arg(long, value_name = "OPERATION", requires = "policy")]
    operation: Option<String>,
    /// A scope that the caller holds; can be repeated
    #[arg(long = "scope", value_name = "SCOPE", requires = "policy")]
    scopes: Vec<String>,
    /// Detectors and groups to mask by instead of a policy, with commas between
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = "policy")]
    detectors: Vec<String>,
    /// What the input is, as `Content-Type` says it [default: told by how it starts]
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// Read pieces of so many bytes, to see that it makes no difference
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    chunk: Option<u64>,
    /// Read pieces that end at these bytes of the input, with commas between
    #[arg(long, value_name = "OFFSETS", value_delimiter = ',', conflicts_with = "chunk")]
    splits: Vec<u64>,
    /// List the detectors there are
    #[arg(long, exclusive = true)]
    list: bool,
}

/// Runs the command.
///
/// # Errors
/// When the policy masks nothing or has errors, a name is not known, or the input cannot be read.
pub fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    if args.list {
        return list(io);
    }
    let rules = match &args.policy {
        Some(file) => by_policy(file, args, io)?,
        None => by_names(&args.detectors)?,
    };
    let cuts = match args.chunk {
        Some(size) => Cuts::every(size),
        None => Cuts::at(&args.splits)?,
    };
    let mut input = Input::new(std::io::stdin().lock(), cuts);
    let Some(rules) = rules else {
        writeln!(io.err, "note: nothing is masked for this caller")?;
        while let Some(piece) = input.next_piece()? {
            io.bytes.write_all(&piece)?;
            io.bytes.flush()?;
        }
        return Ok(Exit::Success);
    };
    let content_type = match &args.content_type {
        Some(content_type) => content_type,
        None => {
            let guess = input.guess()?;
            writeln!(
                io.err,
                "note: read as {guess}, by how it starts; `--content-type` can say otherwise"
            )?;
            guess
        }
    };
    let kind = Kind::of(content_type.as_bytes());
    mask(&rules, kind, &mut input, io)
}

/// Masks all of the input; what may go on is written at once.
fn mask(
    rules: &Arc<Rules>,
    kind: Kind,
    input: &mut Input<impl std::io::Read>,
    io: &mut Io<'_>,
) -> Result<Exit, Failure> {
    let mut masker = Masker::new(Arc::clone(rules), kind);
    let mut out = Vec::new();
    let mut went = Ok(());
    while went.is_ok() {
        let piece = input.next_piece()?;
        went = match &piece {
            Some(piece) => masker.feed(piece, &mut out),
            None => masker.finish(&mut out),
        };
        io.bytes.write_all(&out)?;
        io.bytes.flush()?;
        out.clear();
        if piece.is_none() {
            break;
        }
    }
    // In one piece: other programs write to the same terminal.
    io.err.write_all(format!("found: {}\n", summary(rules, masker.tally())).as_bytes())?;
    let why = match went {
        Ok(()) => return Ok(Exit::Success),
        Err(Stop::Uncertain(uncertain)) => uncertain.meaning().to_owned(),
        Err(Stop::Blocked(detector)) => {
            let name = rules.detectors.name_of(detector);
            match rules.detectors.action_of(detector) {
                Action::Drop => {
                    format!("what the detector `{name}` finds is dropped, and nothing else is left")
                }
                _ => {
                    format!("the detector `{name}` has found something, and its action is `block`")
                }
            }
        }
    };
    writeln!(io.err, "the response ends here: {why}")?;
    Ok(Exit::Denied)
}

/// `email 2, github 1, field:**.api_key 1`.
fn summary(rules: &Rules, tally: &Tally) -> String {
    let found: Vec<String> =
        tally.named(rules).map(|(name, count)| format!("{name} {count}")).collect();
    if found.is_empty() { "nothing".to_owned() } else { found.join(", ") }
}

/// The rules of a policy for one caller.
fn by_policy(file: &str, args: &Args, io: &mut Io<'_>) -> Result<Option<Arc<Rules>>, Failure> {
    if file == "-" {
        return Err(Failure::new(
            "the policy and the response cannot both come from standard input",
        ));
    }
    let policy = load::policy(file, io)?.policy;
    let Some(redact) = &policy.redact else {
        return Err(Failure::with_help(
            format!("`{file}` masks nothing: it has no `redact`"),
            "leave `--policy` out to mask all that is known, or add `redact: {}` to mask secrets",
        ));
    };
    let holds = |scope: &str| args.scopes.iter().any(|held| held == scope);
    for scope in &args.scopes {
        if !redact.scopes().any(|other| other == scope) {
            writeln!(io.err, "note: nothing in `redact` is visible to the scope `{scope}`")?;
        }
    }
    let Some(operation) = &args.operation else { return Ok(redact.rules(&holds)) };
    let ids: Vec<usize> = (0..)
        .zip(&policy.operations)
        .filter(|(_, known)| known.id == *operation)
        .map(|(id, _)| id)
        .collect();
    if ids.is_empty() {
        let known = policy.operations.iter().map(|known| known.id.as_str());
        let help = match closest(operation, known) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("list the operations there are with `scopewarden ops --policy {file}`"),
        };
        return Err(Failure::with_help(
            format!("there is no operation `{operation}` in this policy"),
            help,
        ));
    }
    Ok(ids.into_iter().find_map(|id| redact.rules_for(id, &holds)))
}

/// The rules of `--detectors`; without names, of all.
fn by_names(names: &[String]) -> Result<Option<Arc<Rules>>, Failure> {
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    for name in names {
        if let Some(group) = Group::parse(name) {
            wanted.extend(builtin().filter(|about| about.group == group).map(|about| about.name));
        } else if let Some(about) = About::of(name) {
            wanted.insert(about.name);
        } else {
            let known = builtin().map(|about| about.name).chain(["secrets", "personal"]);
            let help = match closest(name, known) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "list the detectors there are with `scopewarden redact --list`".to_owned(),
            };
            return Err(Failure::with_help(format!("there is no detector `{name}`"), help));
        }
    }
    let detectors = builtin()
        .filter(|about| names.is_empty() || wanted.contains(about.name))
        .map(|about| Wanted {
            name: about.name.to_owned(),
            pattern: None,
            visible_to: None,
            action: Action::Mask,
        })
        .collect();
    let redaction = Redaction::new(Settings {
        operations: BTreeSet::new(),
        detectors,
        fields: Vec::new(),
        hash_key: None,
        on_uncertain: OnUncertain::Block,
    })?;
    Ok(redaction.rules(&|_| false))
}

/// One detector a line.
fn list(io: &mut Io<'_>) -> Result<Exit, Failure> {
    let width = builtin().map(|about| about.name.len()).max().unwrap_or(0);
    for about in builtin() {
        writeln!(io.out, "{:<width$}  {:<8}  {}", about.name, about.group.as_str(), about.finds)?;
    }
    writeln!(io.err, "{} detectors", builtin().count())?;
    Ok(Exit::Success)
}
