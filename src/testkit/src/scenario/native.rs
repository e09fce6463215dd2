//! Runs a case through core itself, with a fake world around it.

use std::collections::BTreeMap;
use std::sync::Arc;

use scopewarden_core::approval::{Holds, NoGate};
use scopewarden_core::audit::Standing;
use scopewarden_core::exchange::{Effect, Exchange, Flow, Input, World};
use scopewarden_core::identity::{KeyRing, NoHost, Properties, TokenCache};
use scopewarden_core::policy::Policy;
use scopewarden_core::time::UnixMicros;
use serde_json::Value;

use super::{Answer, Case, Outcome, Suite, mint};

/// How a body is cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunking {
    /// One chunk that is also the end.
    Whole,
    /// Bytes first, then an empty end, as HTTP/1.1 arrives in Envoy.
    ThenEnd,
    /// So many bytes at a time.
    Every(usize),
}

impl Chunking {
    /// What every case is run with.
    pub const ALL: [Self; 3] = [Self::Whole, Self::ThenEnd, Self::Every(7)];
}

struct Fixed(BTreeMap<String, Vec<u8>>);

impl Properties for Fixed {
    fn get(&self, path: &[&str]) -> Option<Vec<u8>> {
        self.0.get(&path.join("|")).cloned()
    }
}

/// Runs one case at `now`, in seconds since the Unix epoch.
///
/// # Errors
/// A sentence when the case itself is wrong: an unknown token, a bad escape.
pub fn run(
    policy: &Arc<Policy>,
    suite: &Suite,
    case: &Case,
    chunking: Chunking,
    now: u64,
) -> Result<Outcome, String> {
    let token = case.token(suite, now)?;
    let head = case.request.head(token.as_deref())?;
    let body = case.request.body()?;
    let trailers = !case.request.trailers.is_empty();
    let mut keys = KeyRing::new(&policy.identity.issuers);
    let mut tokens = TokenCache::default();
    let properties = Fixed(case.request.properties()?);
    let mut world = World {
        now: UnixMicros(now.saturating_mul(1_000_000)),
        keys: &mut keys,
        tokens: &mut tokens,
        signatures: &NoHost,
        properties: &properties,
        holds: &Holds::default(),
        gate: &NoGate,
        audit: Standing::FRESH,
    };
    let mut run = Run {
        exchange: Exchange::new(Arc::clone(policy), "record".into()),
        outcome: Outcome::default(),
        removed: Vec::new(),
    };
    let mut flow =
        run.step(Input::RequestHead { head, end: body.is_none() && !trailers }, &mut world);
    if let Some(body) = &body {
        for (received, end) in cuts(body.len(), chunking, trailers) {
            if flow == Flow::Hold && run.outcome.refusal.is_none() {
                let whole = end.then_some(body.as_slice());
                flow = run.step(Input::RequestBody { received, whole }, &mut world);
            }
        }
    }
    if trailers && run.outcome.refusal.is_none() {
        flow = run.step(
            Input::RequestTrailers { whole: body.as_deref().unwrap_or_default() },
            &mut world,
        );
    }
    run.outcome.forwarded = flow == Flow::Continue;
    let status = run.outcome.refusal.as_ref().map_or(200, |answer| answer.status);
    let _ = run.step(Input::Closed { status: Some(status) }, &mut world);
    run.removed.sort_unstable();
    run.outcome.removed = Some(run.removed);
    Ok(run.outcome)
}

struct Run {
    exchange: Exchange,
    outcome: Outcome,
    removed: Vec<String>,
}

impl Run {
    fn step(&mut self, input: Input<'_>, world: &mut World<'_>) -> Flow {
        let flow = self.exchange.step(input, world);
        while let Some(effect) = self.exchange.next_effect() {
            match effect {
                Effect::RemoveRequestHeader(name) => self.removed.push(name.to_owned()),
                Effect::Refuse(r) => {
                    let headers = r.headers.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
                    self.outcome.refusal = Some(Answer { status: r.status, headers, body: r.body });
                }
                Effect::Record(line) => {
                    self.outcome.record = serde_json::from_str(&line).unwrap_or(Value::Null)
                }
                // Nobody answers here: a case that is held ends as one whose caller has gone.
                Effect::Ask(_) | Effect::Abandon(_) | Effect::Note(_) => {}
                Effect::DropRequestTrailers
                | Effect::Decided(_)
                | Effect::RemoveResponseHeader(_)
                | Effect::SetResponseFields { .. }
                | Effect::ReplaceResponseBody(_)
                | Effect::ResetResponse
                | Effect::Responded(_) => {}
            }
        }
        if self.exchange.waits_for_note() {
            // Every record is acknowledged here.
            return self.step(Input::Noted(true), world);
        }
        flow
    }
}

/// Bytes received so far and whether that was the end, for each body callback.
pub fn cuts(length: usize, chunking: Chunking, trailers: bool) -> Vec<(usize, bool)> {
    let mut cuts: Vec<(usize, bool)> = match chunking {
        Chunking::Whole => vec![(length, true)],
        Chunking::ThenEnd => vec![(length, false), (length, true)],
        Chunking::Every(step) => {
            let mut cuts: Vec<_> =
                (0..length).step_by(step.max(1)).skip(1).map(|n| (n, false)).collect();
            cuts.push((length, true));
            cuts
        }
    };
    if trailers && let Some((_, end)) = cuts.last_mut() {
        *end = false;
    }
    cuts
}

impl Case {
    /// The token's text, when the case sends one.
    ///
    /// # Errors
    /// A sentence when the suite has no token of that name.
    pub fn token(&self, suite: &Suite, now: u64) -> Result<Option<String>, String> {
        let Some(name) = &self.request.token else { return Ok(None) };
        let spec = suite
            .tokens
            .get(name)
            .ok_or_else(|| format!("case `{}`: the suite has no token `{name}`", self.name))?;
        let now = i64::try_from(now).map_err(|_| "the time is out of range".to_owned())?;
        Ok(Some(mint(spec, now)))
    }
}
