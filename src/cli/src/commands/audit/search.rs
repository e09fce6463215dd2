//! `scopewarden audit search`.

use std::collections::VecDeque;
use std::io::Write;

use scopewarden_service::audit::query::Query;
use scopewarden_verify::walk;
use serde_json::{Value, json};

use super::log::{Log, unreadable};
use crate::client::{Answer, Client};
use crate::clock::Instant;
use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::runtime::runtime;
use crate::table::{self, text};
use crate::text::printable;

/// Most records that the service lists at a time.
const PAGE: usize = 200;

/// Find records: who asked for what, and what came of it.
///
/// A service is asked for what its index has; a directory or a file is read from its beginning.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scopewarden audit search 'principal=alice decision=deny since=2h' audit\n  \
    scopewarden audit search 'operation=openai.models.* approver=bob' https://audit.example.com\n  \
    scopewarden audit search '\"ticket 4711\" tool=create_*' export.jsonl --full\n\n\
    All terms have to hold: `key=value`, `key!=value`, with `*` for anything, and words that the record says.")]
pub(super) struct Args {
    /// What to look for; '' is everything
    #[arg(value_name = "QUERY")]
    query: String,
    #[command(flatten)]
    log: Log,
    /// Most records, the newest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print all of each record
    #[arg(long, conflicts_with = "json")]
    full: bool,
    /// Print `{"index":..,"record":..}`, one a line
    #[arg(long)]
    json: bool,
}

/// A query, with the time now.
pub(super) fn parse(query: &str) -> Result<Query, Failure> {
    Query::parse(query, Instant::now().0).map_err(|error| Failure::new(error.to_string()))
}

/// Runs the command.
pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let query = parse(&args.query)?;
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let (found, more) =
        if args.log.is_remote() { ask(args, limit)? } else { scan(&query, args, limit)? };
    for row in found.iter().filter(|_| args.json) {
        writeln!(io.out, "{row}")?;
    }
    for row in found.iter().filter(|_| args.full) {
        let index = row.get("index").and_then(Value::as_u64).unwrap_or_default();
        writeln!(io.out, "record {index}\n{:#}", row.get("record").unwrap_or(&Value::Null))?;
    }
    if args.json || args.full {
        return Ok(Exit::Success);
    }
    if found.is_empty() {
        writeln!(io.out, "nothing was found")?;
        return Ok(Exit::Success);
    }
    write(&found, io.out)?;
    if more {
        writeln!(io.err, "\nthere is more: raise --limit, or narrow with `until=`")?;
    }
    Ok(Exit::Success)
}

/// Reads all of a log; the newest matches, the newest first.
fn scan(query: &Query, args: &Args, limit: usize) -> Result<(Vec<Value>, bool), Failure> {
    let source = args.log.open()?;
    let mut found = VecDeque::new();
    let mut more = false;
    let read = walk(&*source, &mut |at, line| {
        if let Ok(record) = serde_json::from_slice::<Value>(line)
            && query.matches(&record)
        {
            found.push_front(json!({"index": at.index, "record": record}));
            more |= found.len() > limit;
            found.truncate(limit);
        }
        true
    });
    read.map_err(unreadable)?;
    Ok((found.into(), more))
}

/// Asks a service, page by page.
fn ask(args: &Args, limit: usize) -> Result<(Vec<Value>, bool), Failure> {
    let client = args.log.client()?;
    runtime()?.block_on(pages(&client, &args.query, limit))
}

async fn pages(client: &Client, query: &str, limit: usize) -> Result<(Vec<Value>, bool), Failure> {
    let mut found: Vec<Value> = Vec::new();
    let mut before: Option<String> = None;
    loop {
        let count = limit.saturating_sub(found.len()).min(PAGE).to_string();
        let mut parameters = vec![("q", query), ("limit", &count)];
        parameters.extend(before.as_deref().map(|before| ("before", before)));
        let page = match client.get(&["v1", "audit", "records"], &parameters).await? {
            Answer::Done(page) => page,
            Answer::Refused(why) => return Err(Failure::new(why)),
        };
        let rows = page.get("records").and_then(Value::as_array).into_iter().flatten();
        found.extend(
            rows.map(|row| json!({"index": row.get("index"), "record": row.get("record")})),
        );
        let next = page.get("next").and_then(Value::as_u64);
        match next {
            Some(next) if found.len() < limit => before = Some(next.to_string()),
            next => return Ok((found, next.is_some())),
        }
    }
}

fn write(found: &[Value], out: &mut dyn Write) -> Result<(), Failure> {
    let mut rows = vec![["RECORD", "TIME", "DECISION", "WHO", "WHAT"].map(str::to_owned).to_vec()];
    for row in found {
        let record = row.get("record").unwrap_or(&Value::Null);
        let index = row.get("index").and_then(Value::as_u64).unwrap_or_default();
        rows.push(vec![
            index.to_string(),
            time(&text(record, "/time")),
            decision(record),
            who(record),
            what(record),
        ]);
    }
    Ok(table::write(out, &rows)?)
}

/// `2026-11-24 10:00:00`, in UTC.
fn time(time: &str) -> String {
    let (day, rest) = time.split_once('T').unwrap_or((time, ""));
    let clock = rest.split_once('.').map_or(rest, |(clock, _)| clock);
    format!("{day} {clock}")
}

/// The decision; of other records, their kind.
fn decision(record: &Value) -> String {
    match (&*text(record, "/kind"), &*text(record, "/reason")) {
        ("decision", "ok" | "") => text(record, "/decision"),
        ("decision", reason) => format!("{} ({reason})", text(record, "/decision")),
        (kind, _) => kind.to_owned(),
    }
}

fn who(record: &Value) -> String {
    match record.pointer("/principal/subject").and_then(Value::as_str) {
        Some(subject) => printable(subject),
        None => "-".to_owned(),
    }
}

/// `openai.models.delete ft:gpt-4o`, or method and path of what is no operation.
fn what(record: &Value) -> String {
    let operation = text(record, "/operation");
    let about = ["/facts/tool", "/facts/model", "/facts/agent"].map(|name| text(record, name));
    let about = about.into_iter().find(|about| !about.is_empty()).unwrap_or_default();
    let shown = match &*operation {
        "" => format!("{} {}", text(record, "/method"), text(record, "/path")),
        operation => format!("{operation} {about}"),
    };
    shown.trim().to_owned()
}
