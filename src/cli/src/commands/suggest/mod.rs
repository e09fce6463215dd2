//! `scopewarden suggest`.

mod draft;
mod seen;

use scopewarden_verify::walk;

use super::audit::log::{Log, unreadable};
use super::replay::compare::{Candidate, Change, Outcome};
use super::replay::recorded::Verdict;
use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::load::{self, Loaded};
use crate::source::Source;
use seen::Seen;

/// Draft the narrowest policy that allows what was recorded as allowed.
///
/// Takes issuers, roles, surfaces and rules from the policy that is in force, leaves out surfaces that nobody used, and adds rules: the models and
/// tools that were seen, and a list of the operations that scopes open and nobody used. The draft is replayed before it is printed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    scopewarden suggest --policy policy.yaml audit > draft.yaml && diff policy.yaml draft.yaml")]
pub struct Args {
    /// The policy that is in force
    #[arg(long, value_name = "FILE")]
    policy: String,
    #[command(flatten)]
    log: Log,
}

/// Runs the command.
///
/// # Errors
/// When the policy or the log cannot be read, or nothing in it was allowed.
pub fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let base = load::policy(&args.policy, io)?;
    let source = args.log.open()?;
    let mut seen = Seen::default();
    walk(&*source, &mut |_, line| {
        seen.line(line);
        true
    })
    .map_err(unreadable)?;
    if seen.allowed == 0 {
        return Err(Failure::new("no record is of a request that was allowed"));
    }
    let (text, drafted) = drafted(&base, &seen)?;
    let candidate = Candidate { policy: &drafted.policy, then: Some(&base.policy), passed: false };
    let mut outcome = Outcome::default();
    walk(&*source, &mut |_, line| {
        outcome.line(line, &candidate);
        true
    })
    .map_err(unreadable)?;
    io.out.write_all(text.as_bytes())?;
    io.out.flush()?;
    let refused = Change { then: Verdict::Allow, now: Verdict::Deny };
    let refused: u64 =
        outcome.changes.get(&refused).into_iter().flatten().map(|(_, c)| c.count).sum();
    writeln!(
        io.err,
        "replayed: {} requests, {} the same, {} refused that were allowed, {} unknown",
        outcome.requests,
        outcome.same,
        refused,
        outcome.not_known()
    )?;
    if refused > 0 {
        return Err(Failure::with_help(
            "the policy refuses some of what was allowed then",
            format!("`scopewarden replay --policy {}` shows what and why", args.policy),
        ));
    }
    Ok(Exit::Success)
}

/// The draft, as text and compiled. When the policy's own rules need a surface that nobody used, all of them stay.
fn drafted(base: &Loaded, seen: &Seen) -> Result<(String, Loaded), Failure> {
    let mut why = String::new();
    for all_surfaces in [false, true] {
        let text = draft::draft(&base.node, &base.policy, seen, all_surfaces);
        let source = Source::from_bytes("draft.yaml", text.as_bytes())?;
        let (loaded, findings) = load::compile(&source);
        if let Some(loaded) = loaded {
            return Ok((text, loaded));
        }
        why = findings.first().map(|finding| finding.message.clone()).unwrap_or_default();
    }
    Err(Failure::new(format!("no policy can be drafted from this: {why}")))
}

#[cfg(test)]
mod tests;
