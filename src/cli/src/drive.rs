//! One request through core's exchange, as the filter runs it, without a proxy.

use std::sync::Arc;

use scopewarden_core::approval::{Holds, NoGate};
use scopewarden_core::audit::Standing;
use scopewarden_core::decide::Grants;
use scopewarden_core::exchange::{Effect, Exchange, Flow, Input, World};
use scopewarden_core::identity::{
    FetchOutcome, KeyRing, KeySource, NoHost, NoProperties, TokenCache,
};
use scopewarden_core::limits;
use scopewarden_core::policy::{Operation, Policy};
use scopewarden_core::reason::Reason;
use scopewarden_core::refusal::Refusal;
use scopewarden_core::time::{UnixMicros, UnixMillis};
use serde_json::{Map, Value};

use crate::clock::Instant;
use crate::exit::{Exit, Failure};
use crate::io::Io;
use crate::load;
use crate::request::Request;
use crate::source::read_input;

/// The record id of a decision that no proxy made.
const RECORD: &str = "none";

/// What `decide` and `explain` are asked.
#[derive(Debug, clap::Args)]
pub struct Question {
    /// Policy file
    #[arg(long, value_name = "FILE")]
    policy: String,
    /// A raw HTTP/1.1 request: head and body; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    request: String,
    /// A file with a bearer token to add to the request
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,
    /// A JWKS document for issuers whose keys the policy fetches
    #[arg(long, value_name = "FILE")]
    jwks: Option<String>,
    /// Decide as of this time (RFC 3339, or seconds since 1970) instead of now
    #[arg(long, value_name = "TIME")]
    now: Option<Instant>,
}

/// What core answered.
#[derive(Debug)]
pub struct Answer {
    /// The policy that was asked.
    pub policy: Arc<Policy>,
    /// The decision record, as the proxy would log it.
    pub record: Map<String, Value>,
    /// What the caller would get instead of the upstream's answer.
    pub refusal: Option<Refusal>,
    /// Scopes that the caller holds; `None` when nobody was proven.
    pub held: Option<Vec<String>>,
}

impl Answer {
    /// `allow`, `deny`, `hold`, or `shadow_deny`.
    pub fn decision(&self) -> &str {
        let text = |name| self.record.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("reason") == Reason::ApprovalRequired.code() { "hold" } else { text("decision") }
    }

    /// The exit status that says the same. A refusal that is only recorded is a refusal here.
    pub fn exit(&self) -> Exit {
        match self.decision() {
            "allow" => Exit::Success,
            "hold" => Exit::Held,
            _ => Exit::Denied,
        }
    }

    /// The operation, when the request was found to be one.
    pub fn operation(&self) -> Option<&Operation> {
        let id = self.record.get("operation").and_then(Value::as_str)?;
        self.policy.operations.iter().find(|o| o.id == id)
    }
}

/// Reads everything that the question names and asks core.
///
/// # Errors
/// When a file cannot be read, or is not what it should be.
pub fn ask(question: &Question, io: &mut Io<'_>) -> Result<Answer, Failure> {
    if question.policy == "-" && question.request == "-" {
        return Err(Failure::new(
            "the policy and the request cannot both come from standard input",
        ));
    }
    let mut policy = load::policy(&question.policy, io)?.policy;
    // Nobody is asked from here: what needs approval is held.
    policy.approvals = None;
    let policy = Arc::new(policy);
    let cap = policy.max_body_bytes.saturating_mul(2).max(limits::MAX_BODY_BYTES);
    let bytes = read_input(&question.request, cap)?;
    let mut request = Request::parse(&bytes).map_err(|e| format!("`{}`: {e}", question.request))?;
    if let Some(file) = &question.token_file {
        request.authorize(&read_token(file)?)?;
    }
    let jwks =
        question.jwks.as_deref().map(|f| read_input(f, limits::MAX_JWKS_BYTES)).transpose()?;
    let now = question.now.unwrap_or_else(Instant::now).0;
    let keys = key_ring(&policy, jwks.as_deref(), now)?;
    let answer = drive(policy, keys, request, now)?;
    if answer.record.get("reason").and_then(Value::as_str) == Some(Reason::KeysUnavailable.code()) {
        writeln!(io.err, "{NO_KEYS}")?;
    }
    Ok(answer)
}

/// Said when keys were needed that the policy has fetched, and nobody gave them.
pub const NO_KEYS: &str =
    "note: the policy fetches the issuer's keys; give them with `--jwks FILE`";

/// A token from a file, without the line end that editors add.
///
/// # Errors
/// When the file cannot be read or is not text.
pub fn read_token(file: &str) -> Result<String, Failure> {
    let bytes = read_input(file, limits::MAX_TOKEN_BYTES.saturating_mul(2))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("`{file}` is not a token"))?;
    Ok(text.trim().to_owned())
}

/// The keys of a policy's issuers; those that the policy would fetch are taken from `jwks`.
///
/// # Errors
/// When `jwks` has no usable key.
pub fn key_ring(policy: &Policy, jwks: Option<&[u8]>, now: UnixMillis) -> Result<KeyRing, Failure> {
    let issuers = &policy.identity.issuers;
    let mut keys = KeyRing::new(issuers);
    for fetch in keys.due(now) {
        let outcome = match jwks {
            Some(body) => FetchOutcome::Response { status: 200, body },
            None => FetchOutcome::Failed("nothing is fetched here"),
        };
        match keys.fetched(fetch.issuer, now, outcome) {
            Err(why) if jwks.is_some() => {
                return Err(Failure::new(format!("the JWKS document cannot be used: {why}")));
            }
            _ => {}
        }
    }
    let inline = issuers.iter().all(|i| matches!(i.keys, KeySource::Inline(_)));
    if jwks.is_some() && inline {
        return Err(Failure::new("`--jwks` was given, and the policy fetches no keys"));
    }
    Ok(keys)
}

fn drive(
    policy: Arc<Policy>,
    mut keys: KeyRing,
    request: Request,
    now: UnixMillis,
) -> Result<Answer, Failure> {
    let mut tokens = TokenCache::default();
    let mut world = World {
        now: UnixMicros(now.0.saturating_mul(1000)),
        keys: &mut keys,
        tokens: &mut tokens,
        signatures: &NoHost,
        properties: &NoProperties,
        holds: &Holds::default(),
        gate: &NoGate,
        audit: Standing::FRESH,
    };
    let mut exchange = Exchange::new(Arc::clone(&policy), RECORD.to_owned());
    let end = request.body.is_none();
    let mut flow = exchange.step(Input::RequestHead { head: request.head, end }, &mut world);
    if let Some(body) = &request.body
        && flow == Flow::Hold
        && exchange.is_held()
    {
        let received = body.len();
        flow = exchange.step(Input::RequestBody { received, whole: Some(body) }, &mut world);
    }
    if flow == Flow::Hold && exchange.waits_for_keys() {
        // Every fetch has ended before: what is waited for will not come.
        let _ = exchange.step(Input::KeysChanged, &mut world);
    }
    if exchange.waits_for_note() {
        // What is asked is the policy's decision: every record is acknowledged.
        let _ = exchange.step(Input::Noted(true), &mut world);
    }
    let held = exchange
        .principal()
        .map(|p| Grants::new(&policy, Some(p)).all().into_iter().map(str::to_owned).collect());
    let _ = exchange.step(Input::Closed { status: None }, &mut world);
    let (mut record, mut refusal) = (None, None);
    while let Some(effect) = exchange.next_effect() {
        match effect {
            Effect::Record(line) => record = serde_json::from_str(&line).ok(),
            Effect::Refuse(refused) => refusal = Some(refused),
            _ => {}
        }
    }
    let record = record.ok_or_else(|| Failure::new("no decision was reached"))?;
    Ok(Answer { policy, record, refusal, held })
}
