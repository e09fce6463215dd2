//! `scopewarden replay`.

pub(crate) mod compare;
mod needs;
mod rebuild;
pub(crate) mod recorded;
mod write;

use super::audit::log::{Log, unreadable};
use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::load;
use compare::{Candidate, Outcome};

/// Ask a candidate policy about requests that were recorded, and print what it decides otherwise.
///
/// A record has no token, no query and no headers: the caller is taken as proven then, with the scopes held then, and the body from the
/// record. Where the candidate's decision rests on something else, it is `unknown` and says what is missing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scopewarden replay --policy candidate.yaml audit\n  \
    scopewarden replay --policy candidate.yaml --then policy.yaml export.jsonl\n  \
    scopewarden replay --policy enforce.yaml --passed https://audit.example.com --json\n\n\
    Exit status, as that of diff: 0 no flips, 1 flips, 2 trouble.")]
pub struct Args {
    /// The candidate
    #[arg(long, value_name = "FILE")]
    policy: String,
    /// The policy that decided then: tells whether the roles are still the same
    #[arg(long, value_name = "FILE")]
    then: Option<String>,
    /// Compare with what happened, not with what was judged: what shadow mode let pass was allowed
    #[arg(long)]
    passed: bool,
    #[command(flatten)]
    log: Log,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Never: what went wrong is said, and is status 2.
pub fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    match compare(args, io) {
        Ok(exit) => Ok(exit),
        Err(Failure::OutputClosed) => Err(Failure::OutputClosed),
        Err(Failure::Reported) => Ok(Exit::Usage),
        Err(failure) => {
            writeln!(io.err, "{failure}")?;
            Ok(Exit::Usage)
        }
    }
}

fn compare(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let policy = load::policy(&args.policy, io)?.policy;
    let then = args.then.as_deref().map(|file| load::policy(file, io)).transpose()?;
    let candidate = Candidate {
        policy: &policy,
        then: then.as_ref().map(|loaded| &loaded.policy),
        passed: args.passed,
    };
    let source = args.log.open()?;
    let mut outcome = Outcome::default();
    let read = scopewarden_verify::walk(&*source, &mut |_, line| {
        outcome.line(line, &candidate);
        true
    });
    read.map_err(unreadable)?;
    // A log of something else must not pass for one without flips.
    if outcome.requests == 0 {
        return Err(Failure::with_help(
            format!("`{}` has no record of a request that was decided", args.log.log),
            "replay takes what `audit` in a policy, or the proxy's log, has of `kind` `decision`",
        ));
    }
    if args.json {
        writeln!(io.out, "{:#}", write::json(&outcome))?;
    } else {
        write::human(&outcome, io.out)?;
    }
    Ok(if outcome.flips() == 0 { Exit::Success } else { Exit::Failure })
}

#[cfg(test)]
pub(crate) mod tests;
