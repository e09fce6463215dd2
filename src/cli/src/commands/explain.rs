//! `scopewarden explain`.

use std::fmt::Write as _;

use clap::builder::styling::{AnsiColor, Style};
use scopewarden_core::reason::Reason;
use scopewarden_core::redact::MaskedPart;
use serde_json::Value;

use crate::drive::{self, Answer, Question};
use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::text::printable;

/// Decide one request, and say why, for people.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    scopewarden explain --policy policy.yaml --request request.http --token-file alice.jwt\n\n\
    Exit status: 0 allowed, 3 refused, 4 held for approval, 1 error.")]
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
    io.out.write_all(trace(&answer).as_bytes())?;
    Ok(answer.exit())
}

/// From the request to the answer, a line each.
fn trace(answer: &Answer) -> String {
    let mut out = Trace::default();
    let text = |pointer: &str| {
        let (first, rest) = pointer.split_once('/').unwrap_or((pointer, ""));
        let value = answer.record.get(first)?;
        let value = if rest.is_empty() { Some(value) } else { value.get(rest) };
        value.and_then(Value::as_str).map(printable)
    };
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    out.line("request", &format!("{} {}", or_none(text("method")), or_none(text("path"))));
    match answer.operation() {
        None if text("reason").as_deref() == Some(Reason::OperationUnknown.code()) => {
            out.line("operation", "none of the policy's");
        }
        None => out.line("operation", "not looked for: the request was refused before"),
        Some(operation) => {
            let surface = or_none(text("surface"));
            out.line(
                "operation",
                &format!("{}, tier {}, surface {surface}", operation.id, operation.tier),
            );
        }
    }
    if let Some(facts) = answer.record.get("facts").and_then(Value::as_object) {
        let facts: Vec<String> = facts
            .iter()
            .map(|(name, value)| format!("{name} = {}", printable(&value.to_string())))
            .collect();
        out.line("facts", &facts.join(", "));
    }
    match text("principal/subject") {
        None => out.line("caller", "nobody was proven"),
        Some(subject) => {
            let proof = or_none(text("principal/proof"));
            let issuer = or_none(text("principal/issuer"));
            out.line("caller", &format!("{subject} of {issuer}, proven by {proof}"));
        }
    }
    scopes(&mut out, answer);
    rules(&mut out, answer);
    masked(&mut out, answer);
    verdict(&mut out, answer);
    out.0
}

/// Each scope that the operation needs, and whether the caller holds it.
fn scopes(out: &mut Trace, answer: &Answer) {
    let Some(operation) = answer.operation() else { return };
    let Some(needed) = &operation.scopes else {
        out.line("needs", "no scope: the operation is public");
        return;
    };
    let held = answer.held.as_deref().unwrap_or_default();
    for scope in needed {
        let verdict = if held.contains(scope) { "held" } else { "missing" };
        out.line("needs", &format!("{scope} ({verdict})"));
    }
    if let Some(held) = &answer.held {
        let held = if held.is_empty() { "no scope".to_owned() } else { held.join(" ") };
        out.line("holds", &held);
    }
}

/// Each rule on the operation, and what it said.
fn rules(out: &mut Trace, answer: &Answer) {
    let Some(operation) = answer.operation() else { return };
    let refused_by = answer.record.get("rule").and_then(Value::as_str);
    let shadow = answer.record.get("shadow").and_then(Value::as_array);
    for rule in operation.rules.iter().filter_map(|id| answer.policy.rules.get(*id)) {
        let shadowed = shadow
            .into_iter()
            .flatten()
            .find(|s| s.get("rule").and_then(Value::as_str) == Some(&*rule.id));
        let said = match shadowed {
            _ if refused_by == Some(&*rule.id) => "refuses".to_owned(),
            Some(denial) => {
                let message = denial.get("message").and_then(Value::as_str).unwrap_or_default();
                format!("would refuse (shadow): {}", printable(message))
            }
            None if answer.decision() == "allow" => "holds".to_owned(),
            None => "applies".to_owned(),
        };
        out.line("rule", &format!("{} {said}", rule.id));
    }
}

/// What of the response is masked for the caller, and what is not.
fn masked(out: &mut Trace, answer: &Answer) {
    let (Some(redact), Some(operation)) = (&answer.policy.redact, answer.operation()) else {
        return;
    };
    let about = |id: usize| answer.policy.operations.get(id).is_some_and(|o| o.id == operation.id);
    if !redact.operations().any(about) {
        out.line("masks", "nothing: `redact` is not about this operation");
        return;
    }
    let held = answer.held.as_deref().unwrap_or_default();
    let sees = |part: &&MaskedPart| part.visible_to.as_ref().is_some_and(|s| held.contains(s));
    let (shown, hidden): (Vec<_>, Vec<_>) = redact.parts().iter().partition(sees);
    let fields = hidden.iter().filter(|part| part.is_field).count();
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let detectors = count(hidden.len().saturating_sub(fields), "detector");
    out.line("masks", &format!("by {detectors} and {}", count(fields, "field")));
    for part in shown {
        let scope = part.visible_to.as_deref().unwrap_or_default();
        out.line("shows", &format!("{}, by {scope}", printable(&part.name)));
    }
}

fn verdict(out: &mut Trace, answer: &Answer) {
    let colour = match answer.decision() {
        "allow" => AnsiColor::Green,
        "hold" | "shadow_deny" => AnsiColor::Yellow,
        _ => AnsiColor::Red,
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    let text = |name| answer.record.get(name).and_then(Value::as_str);
    let mut line = format!("{style}{}{style:#}", answer.decision());
    if let Some(reason) = text("reason").filter(|r| *r != "ok") {
        let _ = write!(line, " ({reason})");
    }
    out.line("decision", &line);
    if let Some(message) = text("message") {
        out.line("", &printable(message));
    }
    if let Some(refusal) = &answer.refusal {
        let grpc = refusal.grpc_status.map_or_else(String::new, |s| format!(", grpc-status {s}"));
        out.line("answer", &format!("HTTP {}{grpc}", refusal.status));
        for (name, value) in &refusal.headers {
            out.line("", &format!("{name}: {value}"));
        }
        out.line("", &printable(&String::from_utf8_lossy(&refusal.body)));
    }
}

/// Lines with a name in front.
#[derive(Default)]
struct Trace(String);

impl Trace {
    fn line(&mut self, name: &str, text: &str) {
        let _ = writeln!(self.0, "{name:<10} {text}");
    }
}
