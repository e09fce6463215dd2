//! A session: who said what, in order, with what was decided in between.
//!
//! A chat sends everything that was said before with every request. What a record only repeats is counted and not shown again.

use std::collections::BTreeSet;

use scopewarden_core::time::UnixMillis;

use super::entry::{Entry, text};
use super::filters::encoded;
use super::record::{Approval, approval};
use super::said::{Payload, Shown, payload};
use super::transcript::{Speaker, Turn};
use crate::audit::index::Row;
use crate::http::ui::text::Visible;

/// Records of one page.
pub const PAGE: usize = 50;

/// The address of a session's page, or of the part of it that begins with the record `from`.
pub fn address(key: &str, from: Option<u64>) -> String {
    let page = format!("/audit/sessions/{}", encoded(key));
    from.map_or(page.clone(), |from| format!("{page}?from={from}"))
}

/// One record of a session.
#[derive(Debug)]
pub struct Exchange {
    /// Who, what, and what was decided.
    pub entry: Entry,
    /// What the caller was told, if it was refused.
    pub message: Visible,
    /// The approval that it went by.
    pub approval: Option<Approval>,
    /// How many turns it only repeats.
    pub repeated: usize,
    /// What is new in the request.
    pub asked: Vec<Shown>,
    /// What was answered.
    pub answered: Vec<Shown>,
    /// What was sent, as far as it was kept.
    pub request: Option<Payload>,
    /// What came back, as far as it was kept.
    pub response: Option<Payload>,
}

/// The exchanges of the records that are `shown`, of the session's `rows`; the oldest first.
///
/// An intent whose outcome is known says nothing that the outcome does not.
pub fn exchanges(rows: &[Row], shown: &[Row], now: UnixMillis) -> Vec<Exchange> {
    let id = |row: &Row| text(&row.record, "record").to_owned();
    let done: BTreeSet<String> =
        rows.iter().filter(|row| text(&row.record, "kind") == "decision").map(id).collect();
    let is_over = |row: &&Row| text(&row.record, "kind") == "intent" && done.contains(&id(row));
    let mut known: Vec<Turn> = Vec::new();
    shown.iter().filter(|row| !is_over(row)).map(|row| exchange(row, &mut known, now)).collect()
}

/// Which part of a session a page shows, and where the parts before and after it begin.
pub fn part(rows: &[Row], from: Option<u64>) -> (&[Row], Option<u64>, Option<u64>) {
    let place = |from| rows.iter().position(|row| row.index == from);
    let begin = from.and_then(place).unwrap_or_default();
    let end = begin.saturating_add(PAGE).min(rows.len());
    let at = |place: usize| rows.get(place).map(|row| row.index);
    let earlier = (begin > 0).then(|| at(begin.saturating_sub(PAGE))).flatten();
    (rows.get(begin..end).unwrap_or_default(), earlier, at(end))
}

fn exchange(row: &Row, known: &mut Vec<Turn>, now: UnixMillis) -> Exchange {
    let record = &row.record;
    let request = payload(record, "request");
    let response = payload(record, "response");
    let asked = request.as_ref().map_or(&[][..], |payload| &payload.turns);
    let answered = response.as_ref().map_or(&[][..], |payload| &payload.turns);
    let repeated = repeated(known, asked);
    let new = asked.get(repeated..).unwrap_or_default();
    let (new, answers) = (new.iter().map(Shown::from), answered.iter().map(Shown::from));
    let (new, answers) = (new.collect(), answers.collect());
    if !asked.is_empty() {
        *known = asked.iter().chain(answered).cloned().collect();
    }
    Exchange {
        entry: Entry::new(row, now),
        message: Visible::prose(text(record, "message")),
        approval: approval(record),
        repeated,
        asked: new,
        answered: answers,
        request,
        response,
    }
}

/// How many turns at the beginning of a request were said before, one by one.
///
/// What a client repeats of an answer it may call by another name, but it says the same. A request that only repeats was sent
/// again: what it asks is shown again, too.
fn repeated(known: &[Turn], asked: &[Turn]) -> usize {
    let is_user = |turn: &Turn| turn.speaker == Speaker::User;
    let same = |(a, b): &(&Turn, &Turn)| a.pieces == b.pieces && is_user(a) == is_user(b);
    let count = known.iter().zip(asked).take_while(same).count();
    if count < asked.len() {
        return count;
    }
    asked.iter().rposition(|turn| !is_user(turn)).map_or(0, |last| last.saturating_add(1))
}

impl Exchange {
    /// Whether the request line says what the operation and the turns do not.
    pub fn says_path(&self) -> bool {
        self.entry.is_request
            && self.asked.is_empty()
            && self.repeated == 0
            && !self.entry.operation.is_empty()
    }
}
