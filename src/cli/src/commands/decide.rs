//! `scopewarden decide`.

use serde_json::{Map, Value, json};

use crate::drive::{self, Answer, Question};
use crate::exit::{Exit, Failure};
use crate::io::Io;

/// Decide one request, as JSON for programs.
///
/// Runs the code that the filter runs, on a request in a file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scopewarden decide --policy policy.yaml --request request.http --token-file alice.jwt\n  \
    printf 'GET /v1/models HTTP/1.1\\nhost: api\\n\\n' | scopewarden decide --policy policy.yaml --request -\n\n\
    Exit status: 0 allowed, 3 refused (a refusal that shadow mode only records counts), 4 held for approval, 1 error.")]
pub struct Args {
    #[command(flatten)]
    question: Question,
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read, or is not what it should be.
pub fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let answer = drive::ask(&args.question, io)?;
    writeln!(io.out, "{:#}", Value::Object(decision(&answer)))?;
    Ok(answer.exit())
}

/// The decision as an object; what is not known is `null`.
fn decision(answer: &Answer) -> Map<String, Value> {
    let take = |name: &str| answer.record.get(name).cloned().unwrap_or_default();
    let operation = answer.operation();
    let wanted = match take("scopes_wanted") {
        Value::Null => operation.and_then(|o| o.scopes.clone()).map_or(Value::Null, Value::from),
        missing => missing,
    };
    let mut decision = Map::new();
    decision.insert("decision".to_owned(), answer.decision().into());
    decision.insert("scopes_wanted".to_owned(), wanted);
    decision.insert("scopes_held".to_owned(), json!(answer.held));
    decision.insert("status".to_owned(), json!(answer.refusal.as_ref().map(|r| r.status)));
    for name in [
        "reason",
        "message",
        "rule",
        "mode",
        "operation",
        "tier",
        "surface",
        "principal",
        "method",
        "path",
        "facts",
        "shadow",
        "policy",
        "policy_hash",
    ] {
        decision.insert(name.to_owned(), take(name));
    }
    decision
}
