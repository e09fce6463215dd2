//! A verification's report, for people.

use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};
use scopewarden_verify::{Options, Place, Remark, RemarkKind, Report};

use super::progress::size;
use crate::io::Io;
use crate::table;
use crate::text::printable;

/// Most breaks, most notes of a kind, and most streams that are shown.
const MOST: usize = 10;

/// What was found, the verdict last.
pub(super) fn report(report: &Report, options: &Options, io: &mut Io<'_>) -> io::Result<()> {
    summary(report, options, io.out)?;
    streams(report, io.out)?;
    breaks(report, io.out)?;
    notes(report, io.out)?;
    verdict(report, options, io.out)
}

fn summary(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let checkpoints = &report.checkpoints;
    let signatures = match &options.key {
        Some(key) => format!("signed by {}", printable(key.name())),
        None => "signatures not checked".to_owned(),
    };
    let mut rows = vec![
        ("records", format!("{}, {}", grouped(report.records), size(report.bytes))),
        ("segments", grouped(report.segments)),
        ("streams", grouped(report.streams.len() as u64)),
        (
            "checkpoints",
            match checkpoints.found {
                0 => "none".to_owned(),
                found => format!(
                    "{} of {} agree, {signatures}",
                    grouped(checkpoints.agree),
                    grouped(found)
                ),
            },
        ),
    ];
    if let Some(newest) = &checkpoints.newest {
        let time = newest.time.as_deref().map(|time| format!(", {}", printable(time)));
        rows.push((
            "newest",
            format!("of {} records{}", grouped(newest.size), time.unwrap_or_default()),
        ));
    }
    if report.first > 0 {
        rows.push((
            "begins",
            format!("with record {}: those before were removed", grouped(report.first)),
        ));
    }
    for (name, value) in rows {
        writeln!(out, "{name:<11}  {value}")?;
    }
    Ok(())
}

fn streams(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let here: Vec<_> = report.streams.iter().filter(|stream| stream.records > 0).collect();
    if here.is_empty() {
        return Ok(());
    }
    let mut rows =
        vec![["STREAM", "RECORDS", "SEQ", "ENDED", "INSTANCE"].map(str::to_owned).to_vec()];
    for stream in here.iter().take(MOST) {
        let last = stream.last_seq.unwrap_or(stream.first_seq);
        rows.push(vec![
            stream.stream.to_string(),
            grouped(stream.records),
            format!("{}-{last}", stream.first_seq),
            if stream.ended { "yes" } else { "no" }.to_owned(),
            stream.instance.as_deref().map_or_else(|| "-".to_owned(), printable),
        ]);
    }
    writeln!(out)?;
    table::write(out, &rows)?;
    more(here.len() as u64, rows.len().saturating_sub(1), "streams", out)
}

fn breaks(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    for found in report.breaks.iter().take(MOST) {
        writeln!(out, "\n{red}broken[{}]{red:#}: {}", found.kind.code(), printable(&found.what))?;
        place(&found.place, out)?;
        writeln!(out, "  = {}", found.kind.means())?;
    }
    more(report.breaks_total, report.breaks.len().min(MOST), "breaks", out)
}

fn place(place: &Place, out: &mut dyn Write) -> io::Result<()> {
    match (&place.segment, place.line) {
        (Some(segment), Some(line)) => writeln!(out, "  --> {}:{line}", printable(segment))?,
        (Some(segment), None) => writeln!(out, "  --> {}", printable(segment))?,
        (None, _) => {}
    }
    let rest = Place { segment: None, line: None, ..place.clone() }.to_string();
    if rest.is_empty() { Ok(()) } else { writeln!(out, "      {rest}") }
}

fn notes(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut remarks: Vec<&Remark> = report.remarks.iter().collect();
    remarks.sort_by_key(|remark| (remark.kind, remark.place.index));
    for group in remarks.chunk_by(|a, b| a.kind == b.kind) {
        let Some(kind) = group.first().map(|remark| remark.kind) else { continue };
        writeln!(out, "\nnote[{}]: {} {}", kind.code(), group.len(), about(kind, group.len()))?;
        // The table says of streams already.
        let shown = if kind == RemarkKind::Open { 0 } else { MOST };
        for remark in group.iter().take(shown) {
            let what = printable(&remark.what);
            match (&remark.place.segment, remark.place.line) {
                (Some(segment), Some(line)) => {
                    writeln!(out, "  {}:{line}: {what}", printable(segment))?
                }
                (Some(segment), None) => writeln!(out, "  {}: {what}", printable(segment))?,
                (None, _) => writeln!(out, "  {what}")?,
            }
        }
        if shown > 0 {
            more(group.len() as u64, group.len().min(shown), "such", out)?;
        }
    }
    Ok(())
}

const fn about(kind: RemarkKind, count: usize) -> &'static str {
    match (kind, count == 1) {
        (RemarkKind::Open, true) => "stream without its `end`: it goes on, or its proxy was killed",
        (RemarkKind::Open, false) => {
            "streams without their `end`: they go on, or their proxies were killed"
        }
        (RemarkKind::Gap, true) => "declared gap",
        (RemarkKind::Gap, false) => "declared gaps",
        (RemarkKind::NoOutcome, true) => "released request without an outcome",
        (RemarkKind::NoOutcome, false) => "released requests without an outcome",
        (RemarkKind::Unfinished, _) => "unfinished",
        (RemarkKind::NotCompared, true) => "checkpoint that was not compared",
        (RemarkKind::NotCompared, false) => "checkpoints that were not compared",
        (RemarkKind::UnknownKind, true) => "record of an unknown kind",
        (RemarkKind::UnknownKind, false) => "records of unknown kinds",
        (RemarkKind::Stray, true) => "other file",
        (RemarkKind::Stray, false) => "other files",
    }
}

fn verdict(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    if let (false, Some(first)) = (report.is_sound(), report.breaks.first()) {
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let count = match report.breaks_total {
            1 => "one break".to_owned(),
            n => format!("{} breaks", grouped(n)),
        };
        let at = Place { stream: None, seq: None, ..first.place.clone() };
        return writeln!(out, "\n{red}broken{red:#}: {count}, the first one at {at}");
    }
    let green = Style::new().bold().fg_color(Some(AnsiColor::Green.into()));
    writeln!(
        out,
        "\n{green}sound{green:#}: {} records are what was written",
        grouped(report.records)
    )?;
    if options.key.is_none() {
        writeln!(out, "  = nobody's signature was checked: give the collector's key with --key")?;
    }
    match report.uncovered() {
        0 => Ok(()),
        n if report.checkpoints.newest.is_none() => writeln!(
            out,
            "  = no checkpoint vouches for {}: whole streams, or the end, may be missing",
            if n == 1 { "it".to_owned() } else { "them".to_owned() }
        ),
        1 => writeln!(out, "  = no checkpoint vouches for the last record yet"),
        n => writeln!(out, "  = no checkpoint vouches for the last {} records yet", grouped(n)),
    }
}

fn more(total: u64, shown: usize, what: &str, out: &mut dyn Write) -> io::Result<()> {
    match total.saturating_sub(shown as u64) {
        0 => Ok(()),
        n => writeln!(out, "  and {} more {what}; --json lists them", grouped(n)),
    }
}

/// Digits in groups of three.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
