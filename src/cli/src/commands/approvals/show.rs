//! `scopewarden approvals show`.

use std::io::{self, Write};

use serde_json::Value;

use super::table::{duration, left, person, what};
use crate::client::{Answer, Client};
use crate::clock::Instant;
use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::table::{self, text};
use crate::text::printable;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The approval
    #[arg(value_name = "ID")]
    id: String,
}

pub(super) async fn run(
    args: &Args,
    client: &Client,
    json: bool,
    io: &mut Io<'_>,
) -> Result<Exit, Failure> {
    match client.get(&["v1", "approvals", &args.id], &[]).await? {
        Answer::Done(approval) if json => writeln!(io.out, "{approval:#}")?,
        Answer::Done(approval) => write(io.out, &approval)?,
        Answer::Refused(why) => {
            writeln!(io.err, "refused: {why}")?;
            return Ok(Exit::Denied);
        }
    }
    Ok(Exit::Success)
}

/// Everything that the fingerprint covers, then what happened, then what the reader may do.
pub(super) fn write(out: &mut dyn Write, approval: &Value) -> io::Result<()> {
    let at = |pointer: &str| text(approval, pointer);
    let status = at("/status");
    write!(out, "{}  {status}", at("/id"))?;
    if matches!(&*status, "pending" | "approved") {
        write!(out, ", {} left", left(&at("/expires"), Instant::now().0))?;
    }
    writeln!(out, "\n")?;
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
    row("who", approval.pointer("/call/principal").map(person).unwrap_or_default());
    for actor in list(approval, "/call/actors") {
        row("  through", person(actor));
    }
    let server = at("/call/server");
    let server = if server.is_empty() { server } else { format!(", server {server}") };
    row("what", format!("{} (tier {}{server})", at("/call/operation"), at("/call/tier")));
    row("request", format!("{} {}{}", at("/call/method"), at("/call/authority"), at("/call/path")));
    for [name, value] in pairs(approval, "/preview/query") {
        row("  query", format!("{name}={value}"));
    }
    row("  query digest", at("/call/query"));
    for [name, value] in pairs(approval, "/call/headers") {
        row("  header", format!("{name}: {value}"));
    }
    row("body", format!("{} bytes, {}", number(approval, "/call/body_bytes"), at("/call/body")));
    let body = at("/preview/body");
    if !body.is_empty() {
        row("", body);
    }
    if approval.pointer("/preview/truncated").and_then(Value::as_bool) == Some(true) {
        row("", "(there is more of the body than is shown)".to_owned());
    }
    row("policy", format!("{}, {}", at("/call/policy"), at("/call/policy_hash")));
    row(
        "takes",
        format!(
            "{} with `{}`, within {}; {} missing",
            people(number(approval, "/call/requirement/approvers")),
            at("/call/requirement/scope"),
            duration(number(approval, "/call/requirement/ttl_ms")),
            number(approval, "/missing"),
        ),
    );
    row("fingerprint", at("/fingerprint"));
    row("record", at("/record"));
    if approval.pointer("/call/set/id").is_some() {
        let (step, of) = (number(approval, "/call/set/step"), number(approval, "/call/set/of"));
        row("set", format!("step {step} of {of} of `{}`, decided as one:", at("/call/set/id")));
        for member in list(approval, "/members") {
            let step = number(member, "/call/set/step");
            let status = text(member, "/status");
            row(
                &format!("  {step}"),
                format!("{}  {status}  {}", text(member, "/id"), what(member)),
            );
        }
    }
    table::write(out, &rows)?;
    writeln!(out)?;
    let history: Vec<Vec<String>> = list(approval, "/events").iter().map(event).collect();
    table::write(out, &history)?;
    writeln!(out)?;
    for (name, what) in
        [("approve", "approve"), ("deny", "deny"), ("break_glass", "break the glass")]
    {
        match text(approval, &format!("/may/{name}/why")) {
            why if why.is_empty() => writeln!(out, "you may {what}")?,
            why => writeln!(out, "you may not {what}: {why}")?,
        }
    }
    Ok(())
}

fn event(event: &Value) -> Vec<String> {
    let mut what = text(event, "/kind");
    if let Some(vote) = event.get("vote").filter(|vote| vote.is_object()) {
        what.push_str(&format!(" by {}", vote.get("person").map(person).unwrap_or_default()));
        if vote.get("break_glass").and_then(Value::as_bool) == Some(true) {
            what.push_str(", breaking the glass");
        }
        let reason = text(vote, "/reason");
        if !reason.is_empty() {
            what.push_str(&format!(": {reason}"));
        }
    }
    vec![text(event, "/at"), what]
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], |list| list)
}

fn pairs(value: &Value, pointer: &str) -> Vec<[String; 2]> {
    let text =
        |value: Option<&Value>| value.and_then(Value::as_str).map(printable).unwrap_or_default();
    list(value, pointer).iter().map(|pair| [text(pair.get(0)), text(pair.get(1))]).collect()
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

fn people(n: u64) -> String {
    if n == 1 { "one person".to_owned() } else { format!("{n} people") }
}
