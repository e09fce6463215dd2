//! A token is good as it was issued, or not at all; and what its issuer signs is read as it is written.

use std::sync::{Arc, LazyLock};

use arbitrary::Arbitrary;
use scopewarden_core::identity::{Issuer, KeyRing, KeySet, KeySource, NoHost, diagnose, verify};
use serde_json::Value;

use crate::mint::{self, AUDIENCE, ED, ISSUER, NOW, TOKENS};

/// Clock skew that is granted, in seconds.
const SKEW: u64 = 30;

/// A good token and what is done to it.
#[derive(Arbitrary, Debug)]
pub struct Case {
    token: u8,
    edits: Vec<Edit>,
    /// Sign the result again: a faulty or hostile issuer rather than a forger.
    sign: bool,
}

#[derive(Arbitrary, Debug)]
enum Edit {
    /// One character becomes another.
    Replace { at: u16, byte: u8 },
    /// Characters are added.
    Insert { at: u16, bytes: Vec<u8> },
    /// Characters are left out.
    Remove { at: u16, count: u8 },
    /// The last character of a part changes: the bits that Base64 does not use.
    LooseBits { part: u8, bits: u8 },
    /// A part is taken from another good token.
    Splice { part: u8, from: u8 },
    /// A part is the Base64 of these bytes.
    Part { part: u8, bytes: Vec<u8> },
    /// A member of header or payload is set.
    Member { payload: bool, name: Name, value: Json },
    /// A member of header or payload is left out.
    Without { payload: bool, name: Name },
}

#[derive(Arbitrary, Debug)]
enum Name {
    Known(u8),
    Any(String),
}

#[derive(Arbitrary, Debug)]
enum Json {
    Null,
    Bool(bool),
    Integer(i64),
    /// Seconds from now.
    Time(i32),
    Fraction(f64),
    Known(u8),
    Text(String),
    List(Vec<String>),
    Raw(String),
}

const NAMES: [&str; 20] = [
    "alg", "kid", "typ", "cty", "crit", "b64", "jku", "jwk", "x5c", "zip", "iss", "sub", "aud",
    "exp", "nbf", "iat", "jti", "scope", "scp", "act",
];
const TEXTS: [&str; 16] = [
    "none", "None", "HS256", "RS256", "ES256", "ES384", "EdDSA", "PS256", "rsa", "p256", "p384",
    ED, ISSUER, AUDIENCE, "at+jwt", "JWT",
];

static ISSUERS: LazyLock<[Issuer; 1]> = LazyLock::new(|| {
    let (set, dropped) = KeySet::parse(mint::JWKS.to_string().as_bytes()).unwrap();
    assert_eq!(dropped, []);
    [Issuer::new(ISSUER, vec![AUDIENCE.to_owned()], KeySource::Inline(Arc::new(set)))]
});

/// One damaged token.
pub fn check(case: &Case) {
    let mut token = TOKENS[usize::from(case.token) % TOKENS.len()].clone().into_bytes();
    for edit in case.edits.iter().take(16) {
        apply(&mut token, edit);
    }
    if case.sign {
        sign_again(&mut token);
    }
    let issuers = &*ISSUERS;
    let ring = KeyRing::new(issuers);
    let verified = verify(&token, issuers, &ring, SKEW * 1000, NOW, &NoHost);
    let findings = diagnose(&token, issuers, &ring, SKEW * 1000, NOW);
    assert_eq!(findings.iter().all(|f| f.ok), verified.is_ok(), "what is shown is what is done");

    let as_issued = TOKENS.iter().any(|good| good.as_bytes() == token);
    match verified {
        Ok(verified) => {
            let text = std::str::from_utf8(&token).expect("an accepted token is text");
            assert!(as_issued || case.sign, "a damaged token is accepted: {text}");
            is_what_was_signed(text, &verified.principal);
        }
        Err(error) => assert!(!as_issued, "a good token is refused: {}", error.detail),
    }
}

fn apply(token: &mut Vec<u8>, edit: &Edit) {
    let place = |at: u16, len: usize| usize::from(at) % (len + 1);
    match edit {
        Edit::Replace { at, byte } => {
            let at = place(*at, token.len());
            if let Some(old) = token.get_mut(at) {
                *old = *byte;
            }
        }
        Edit::Insert { at, bytes } => {
            let at = place(*at, token.len());
            token.splice(at..at, bytes.iter().copied());
        }
        Edit::Remove { at, count } => {
            let at = place(*at, token.len());
            let end = (at + usize::from(*count)).min(token.len());
            token.drain(at..end);
        }
        Edit::LooseBits { part, bits } => change_part(token, *part, |text| {
            const ALPHABET: &[u8] =
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let last = text.pop()?;
            let value = ALPHABET.iter().position(|c| char::from(*c) == last)?;
            text.push(char::from(ALPHABET[value ^ usize::from(bits % 16)]));
            Some(())
        }),
        Edit::Splice { part, from } => change_part(token, *part, |text| {
            let from = &TOKENS[usize::from(*from) % TOKENS.len()];
            *text = from.split('.').nth(usize::from(*part) % 3)?.to_owned();
            Some(())
        }),
        Edit::Part { part, bytes } => change_part(token, *part, |text| {
            *text = mint::encode(bytes);
            Some(())
        }),
        Edit::Member { payload, name, value } => change_json(token, *payload, |members| {
            members.insert(text(name), json(value));
        }),
        Edit::Without { payload, name } => change_json(token, *payload, |members| {
            members.remove(&text(name));
        }),
    }
}

fn text(name: &Name) -> String {
    match name {
        Name::Known(n) => NAMES[usize::from(*n) % NAMES.len()].to_owned(),
        Name::Any(name) => name.clone(),
    }
}

fn json(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::from(*flag),
        Json::Integer(number) => Value::from(*number),
        Json::Time(seconds) => Value::from(NOW.0.cast_signed() / 1000 + i64::from(*seconds)),
        Json::Fraction(number) => Value::from(*number),
        Json::Known(n) => Value::from(TEXTS[usize::from(*n) % TEXTS.len()]),
        Json::Text(text) => Value::from(text.as_str()),
        Json::List(texts) => Value::from(texts.clone()),
        Json::Raw(text) => serde_json::from_str(text).unwrap_or(Value::Null),
    }
}

/// Changes one of the three parts, when there are three.
fn change_part(token: &mut Vec<u8>, part: u8, change: impl FnOnce(&mut String) -> Option<()>) {
    let Ok(text) = std::str::from_utf8(token) else { return };
    let mut parts: Vec<String> = text.split('.').map(str::to_owned).collect();
    if parts.len() == 3 && change(&mut parts[usize::from(part) % 3]).is_some() {
        *token = parts.join(".").into_bytes();
    }
}

fn change_json(
    token: &mut Vec<u8>,
    payload: bool,
    change: impl FnOnce(&mut serde_json::Map<String, Value>),
) {
    change_part(token, u8::from(payload), |text| {
        let mut members = serde_json::from_slice(&mint::decode(text)?).ok()?;
        change(&mut members);
        *text = mint::encode(Value::Object(members).to_string());
        Some(())
    });
}

fn sign_again(token: &mut Vec<u8>) {
    change_json(token, false, |header| {
        header.insert("alg".to_owned(), "EdDSA".into());
        header.insert("kid".to_owned(), ED.into());
    });
    let Ok(text) = std::str::from_utf8(token) else { return };
    if let Some((message, _)) = text.rsplit_once('.') {
        *token = format!("{message}.{}", mint::sign(message)).into_bytes();
    }
}

/// The caller is who the payload names, and now is within its times.
fn is_what_was_signed(token: &str, principal: &scopewarden_core::identity::Principal) {
    let payload = token.split('.').nth(1).and_then(mint::decode).expect("a payload");
    let payload: Value = serde_json::from_slice(&payload).expect("a JSON payload");
    assert_eq!(payload["iss"], ISSUER);
    assert_eq!(payload["sub"], principal.subject.as_str());
    assert!(!principal.subject.is_empty());
    let audience = &payload["aud"];
    assert!(
        audience == AUDIENCE
            || audience.as_array().is_some_and(|a| a.iter().any(|v| v == AUDIENCE))
    );
    #[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^53")]
    let (now, skew) = ((NOW.0 / 1000) as f64, SKEW as f64);
    let time = |name: &str| payload.get(name).map(|v| v.as_f64().expect("a time is a number"));
    assert!(time("exp").expect("it ends") > now - skew, "an expired token is accepted");
    assert!(time("nbf").is_none_or(|nbf| nbf <= now + skew), "a later token is accepted");
    assert!(time("iat").is_none_or(|iat| iat <= now + skew), "a token from the future is accepted");
    let written =
        payload.get("scope").or(payload.get("scp")).map(Value::to_string).unwrap_or_default();
    assert!(principal.scopes.iter().all(|scope| !scope.is_empty() && !scope.contains(' ')));
    for scope in principal.scopes.iter().filter(|s| s.chars().all(|c| c.is_ascii_alphanumeric())) {
        assert!(written.contains(scope.as_str()), "`{scope}` is granted, and not in the token");
    }
}
