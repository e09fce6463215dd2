//! `scopewarden audit export`.

use std::fs::File;
use std::path::{Path, PathBuf};

use scopewarden_service::audit::export::{ExportError, Table};
use scopewarden_service::audit::query::Query;
use scopewarden_verify::{Source, last_note, walk};
use serde_json::Value;

use super::log::{Log, unreadable};
use super::search::parse;
use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::source::os_reason;

/// Write records to standard output, byte for byte as they are in the log, one a line.
///
/// All of them can be verified like the log: `--checkpoint` writes its newest checkpoint beside them. Those that a query selects are
/// a part of the log and cannot be verified without the rest.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scopewarden audit export audit --checkpoint export.checkpoint > export.jsonl\n  \
    scopewarden audit verify export.jsonl --checkpoint export.checkpoint --key 'scopewarden-audit+…'\n  \
    scopewarden audit export audit --query 'principal=alice since=7d' > alice.jsonl\n  \
    scopewarden audit export audit --parquet audit.parquet")]
pub(super) struct Args {
    #[command(flatten)]
    log: Log,
    /// Only the records that this query is about
    #[arg(long, value_name = "QUERY", conflicts_with = "checkpoint")]
    query: Option<String>,
    /// Write the newest checkpoint to this file
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Write a Parquet table to this file instead: a row for each record, its line among the columns
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(args: &Args, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let query = args.query.as_deref().map(parse).transpose()?;
    let source = args.log.open()?;
    // Before the records: those that come meanwhile are more than it covers, and not fewer.
    if let Some(file) = &args.checkpoint {
        let note = newest(&*source)?;
        std::fs::write(file, note).map_err(|e| {
            Failure::new(format!("cannot write `{}`: {}", file.display(), os_reason(&e)))
        })?;
    }
    let mut table = args.parquet.as_deref().map(create).transpose()?;
    let mut written: Result<(), Failure> = Ok(());
    let mut begins = None;
    let read = walk(&*source, &mut |at, line| {
        begins.get_or_insert(at.index);
        if query.as_ref().is_none_or(|query| selects(query, line)) {
            written = match &mut table {
                None => io
                    .bytes
                    .write_all(line)
                    .and_then(|()| io.bytes.write_all(b"\n"))
                    .map_err(Into::into),
                // What is not UTF-8 is no record either, and is told as such.
                Some(table) => table
                    .push(at.index, std::str::from_utf8(line).unwrap_or_default())
                    .map_err(failed),
            };
        }
        written.is_ok()
    });
    read.map_err(unreadable)?;
    written?;
    io.bytes.flush()?;
    if let Some(table) = table {
        table.finish().map_err(failed)?.sync_all()?;
    }
    if let (None, Some(begins @ 1..)) = (&query, begins) {
        writeln!(io.err, "note: the log begins with record {begins}: those before were removed")?;
    }
    Ok(Exit::Success)
}

fn create(file: &Path) -> Result<Table<File>, Failure> {
    let opened = File::create(file).map_err(|e| {
        Failure::new(format!("cannot write `{}`: {}", file.display(), os_reason(&e)))
    })?;
    Table::new(opened).map_err(failed)
}

fn failed(error: ExportError) -> Failure {
    Failure::new(error.to_string())
}

fn selects(query: &Query, line: &[u8]) -> bool {
    serde_json::from_slice::<Value>(line).is_ok_and(|record| query.matches(&record))
}

fn newest(source: &dyn Source) -> Result<String, Failure> {
    for segment in source.segments().map_err(unreadable)?.iter().rev() {
        let notes = source.notes(segment).map_err(unreadable)?;
        if let Some(note) = std::str::from_utf8(&notes).ok().and_then(last_note) {
            return Ok(note);
        }
    }
    Err(Failure::new("the log has no checkpoint"))
}
