//! A replay's outcome, for people and for programs.

use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};
use serde_json::{Value, json};

use super::compare::{Change, Count, Of, Outcome};
use super::recorded::Verdict;
use crate::text::printable;

/// Most groups of a change that are shown.
const MOST: usize = 20;

/// For people: what changes, what is not known, and the sum.
pub(super) fn human(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    for (change, of) in &outcome.changes {
        let total = of.values().map(|count| count.count).sum();
        let style = Style::new().bold().fg_color(Some(colour(*change).into()));
        let title = title(*change);
        writeln!(out, "{style}{title}{style:#}  {}", requests(total))?;
        let mut groups: Vec<(&Of, &Count)> = of.iter().collect();
        groups.sort_by_key(|(_, count)| std::cmp::Reverse(count.count));
        for (of, count) in groups.iter().take(MOST) {
            group(*change, of, count, out)?;
        }
        if groups.len() > MOST {
            writeln!(
                out,
                "  and {} more groups; --json lists them",
                groups.len().saturating_sub(MOST)
            )?;
        }
        writeln!(out)?;
    }
    if !outcome.unknown.is_empty() {
        let style = Style::new().bold();
        writeln!(out, "{style}unknown{style:#}  {}, for lack of", requests(outcome.not_known()))?;
        let mut groups: Vec<(&Vec<String>, &Count)> = outcome.unknown.iter().collect();
        groups.sort_by_key(|(_, count)| std::cmp::Reverse(count.count));
        for (missing, count) in groups {
            let missing = missing.iter().map(|m| printable(m)).collect::<Vec<_>>().join(", ");
            writeln!(out, "  {:>5}  {missing}", count.count)?;
            writeln!(out, "         such as {}", printable(&count.example))?;
        }
        writeln!(out)?;
    }
    sum(outcome, out)
}

fn group(change: Change, of: &Of, count: &Count, out: &mut dyn Write) -> io::Result<()> {
    let reason = match change.then == change.now {
        true => format!("{} -> {}", of.reason_then, of.reason_now),
        false if change.now == Verdict::Allow => of.reason_then.clone(),
        false => of.reason_now.clone(),
    };
    let who = if of.subject.is_empty() { "nobody".to_owned() } else { printable(&of.subject) };
    writeln!(out, "  {:>5}  {who}  {}  {reason}", count.count, printable(&of.operation))?;
    if let Some(message) = &count.message {
        writeln!(out, "         {}", printable(message))?;
    }
    let when = if count.first == count.last {
        printable(&count.first)
    } else {
        format!("{} to {}", printable(&count.first), printable(&count.last))
    };
    writeln!(out, "         {when}, such as {}", printable(&count.example))
}

fn sum(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let mut parts = vec![format!("{} the same", outcome.same)];
    match outcome.flips() {
        0 => parts.push("no flips".to_owned()),
        1 => parts.push("1 flip".to_owned()),
        flips => parts.push(format!("{flips} flips")),
    }
    match outcome.other_reasons() {
        0 => {}
        n => parts.push(format!("{n} for another reason")),
    }
    match outcome.not_known() {
        0 => {}
        n => parts.push(format!("{n} unknown")),
    }
    writeln!(out, "{}: {}", requests(outcome.requests), parts.join(", "))?;
    match outcome.not_records {
        0 => Ok(()),
        1 => writeln!(out, "  = one line is no record"),
        n => writeln!(out, "  = {n} lines are no records"),
    }
}

fn title(change: Change) -> String {
    if change.then == change.now {
        return format!("{}, and for another reason", change.now.name());
    }
    format!("{} -> {}", change.then.name(), change.now.name())
}

const fn colour(change: Change) -> AnsiColor {
    match (change.then, change.now) {
        (Verdict::Allow, Verdict::Deny) => AnsiColor::Red,
        (Verdict::Deny | Verdict::Hold, Verdict::Allow) => AnsiColor::Green,
        _ => AnsiColor::Yellow,
    }
}

fn requests(n: u64) -> String {
    format!("{n} request{}", if n == 1 { "" } else { "s" })
}

/// For programs.
pub(super) fn json(outcome: &Outcome) -> Value {
    let mut changes = Vec::new();
    for (change, of) in &outcome.changes {
        for (of, count) in of {
            changes.push(json!({
                "then": change.then.name(),
                "now": change.now.name(),
                "issuer": of.issuer,
                "subject": of.subject,
                "operation": of.operation,
                "reason_then": of.reason_then,
                "reason_now": of.reason_now,
                "message": count.message,
                "count": count.count,
                "first": count.first,
                "last": count.last,
                "example": count.example,
            }));
        }
    }
    let unknown: Vec<Value> = outcome
        .unknown
        .iter()
        .map(|(missing, count)| {
            json!({
                "missing": missing, "count": count.count, "first": count.first,
                "last": count.last, "example": count.example,
            })
        })
        .collect();
    json!({
        "requests": outcome.requests,
        "same": outcome.same,
        "flips": outcome.flips(),
        "other_reasons": outcome.other_reasons(),
        "unknown_total": outcome.not_known(),
        "not_records": outcome.not_records,
        "changes": changes,
        "unknown": unknown,
    })
}
