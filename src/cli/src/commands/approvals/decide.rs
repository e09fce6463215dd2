//! `scopewarden approvals approve` and `deny`.

use serde_json::{Value, json};

use super::table::{what, who};
use crate::client::{Answer, Client};
use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::table::text;

#[derive(Debug, clap::Args)]
pub(super) struct Approve {
    /// The approval; of a set, every call that you have looked at
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT", required_if_eq("break_glass", "true"))]
    reason: Option<String>,
    /// Alone, in an emergency: takes its own scope and a reason, and everybody is told
    #[arg(long)]
    break_glass: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Deny {
    /// The approval
    #[arg(value_name = "ID")]
    id: String,
    /// Why; the caller is told
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) async fn approve(
    args: &Approve,
    client: &Client,
    json: bool,
    io: &mut Io<'_>,
) -> Result<Exit, Failure> {
    let kind = if args.break_glass { "break_glass" } else { "approve" };
    let Some((id, seen)) = args.ids.split_first() else { return Ok(Exit::Usage) };
    let decision = json!({"decision": kind, "reason": args.reason, "seen": seen});
    decide(id, &decision, client, json, io).await
}

pub(super) async fn deny(
    args: &Deny,
    client: &Client,
    json: bool,
    io: &mut Io<'_>,
) -> Result<Exit, Failure> {
    let decision = json!({"decision": "deny", "reason": args.reason});
    decide(&args.id, &decision, client, json, io).await
}

async fn decide(
    id: &str,
    decision: &Value,
    client: &Client,
    json: bool,
    io: &mut Io<'_>,
) -> Result<Exit, Failure> {
    let approval = match client.decide(id, decision).await? {
        Answer::Done(approval) => approval,
        Answer::Refused(why) => {
            writeln!(io.err, "refused: {why}")?;
            return Ok(Exit::Denied);
        }
    };
    if json {
        writeln!(io.out, "{approval:#}")?;
        return Ok(Exit::Success);
    }
    let missing = approval.get("missing").and_then(Value::as_u64).unwrap_or_default();
    let status = match &*text(&approval, "/status") {
        "pending" => format!("approved by you; {missing} more missing"),
        status => status.to_owned(),
    };
    writeln!(io.out, "{}  {status}", text(&approval, "/id"))?;
    writeln!(io.out, "{}: {}", who(&approval), what(&approval))?;
    Ok(Exit::Success)
}
