//! One message: what a chat shows, and beside it what a program reads.

use scopewarden_core::time::UnixMillis;
use serde_json::{Value, json};

use crate::domain::{Approval, Event, Vote};
use crate::http::ui::is_hidden;
use crate::store::Delivery;

/// Longest text of a block that Slack takes is 3,000 characters.
const MAX_TEXT: usize = 2_000;

/// The body, without anything of the call's preview: a chat is read by more people than the inbox.
pub(super) fn body(
    delivery: &Delivery,
    approval: &Approval,
    event: Option<&Event>,
    link: &str,
) -> Value {
    let vote = event.and_then(Event::vote);
    let text = text(&delivery.topic, approval, vote);
    let call = &approval.call;
    json!({
        "text": format!("{}\n{link}", escaped(&text)),
        "blocks": [
            {"type": "section", "text": {"type": "plain_text", "emoji": false, "text": text}},
            {"type": "actions", "elements": [
                {"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": link},
            ]},
        ],
        "type": format!("approval.{}", delivery.topic),
        "timestamp": delivery.at.to_string(),
        "data": {
            "approval": approval.id,
            "version": delivery.version,
            "url": link,
            "operation": call.operation,
            "tier": call.tier,
            "policy": call.policy,
            "principal": Value::from(&call.principal),
            "actors": call.actors.iter().map(Value::from).collect::<Vec<_>>(),
            "method": call.method,
            "authority": call.authority,
            "path": call.path,
            "fingerprint": call.fingerprint().as_str(),
            "asked": approval.asked.to_string(),
            "expires": approval.expires.to_string(),
            "vote": vote.map(|vote| json!({
                "person": vote.person,
                "name": vote.name,
                "at": UnixMillis(vote.at).to_string(),
                "reason": vote.reason,
                "break_glass": vote.break_glass,
            })),
        },
    })
}

fn text(topic: &str, approval: &Approval, vote: Option<&Vote>) -> String {
    let call = &approval.call;
    let person = |vote: &Vote| plain(vote.name.as_deref().unwrap_or(&vote.person.subject));
    let by = vote.map(|vote| format!(" by {}", person(vote))).unwrap_or_default();
    let head = match topic {
        "asked" => "Waits for approval".to_owned(),
        "break_glass" => format!("Glass broken{by}"),
        "expired" => "Nobody decided in time, or it was not used".to_owned(),
        "used" => "Released".to_owned(),
        "denied" => format!("Denied{by}"),
        _ => format!("Approved{by}"),
    };
    let actor = call.actors.first().map(|actor| format!(" through {}", plain(&actor.subject)));
    let mut text = format!(
        "{head}: {}\n{}{} asked for {} {}",
        plain(&call.operation),
        plain(&call.principal.subject),
        actor.unwrap_or_default(),
        plain(&call.method),
        plain(&call.path),
    );
    if let Some(reason) = vote.and_then(|vote| vote.reason.as_deref()) {
        text.push_str(&format!("\n{}", plain(reason)));
    }
    match text.char_indices().nth(MAX_TEXT).and_then(|(end, _)| text.split_at_checked(end)) {
        Some((head, _)) => format!("{head}…"),
        None => text,
    }
}

/// Text that shows what it has.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// The same where a chat looks for links and mentions.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('@', "@\u{200b}")
}
