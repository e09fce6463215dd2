//! Any bytes at all: refused, and nothing panics.

use proptest::prelude::*;

use super::super::*;
use super::mint::*;

fn accepted(token: &[u8], issuers: &[Issuer], ring: &KeyRing) -> bool {
    verify(token, issuers, ring, SKEW, NOW, &NoHost).is_ok()
}

#[test]
fn every_single_bit_matters() {
    let issuers = [issuer()];
    let ring = KeyRing::new(&issuers);
    for algorithm in [Algorithm::EdDsa, Algorithm::Rs256] {
        let token = token(algorithm, &header(algorithm), &payload()).into_bytes();
        assert!(accepted(&token, &issuers, &ring));
        for bit in 0..token.len() * 8 {
            let mut changed = token.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!accepted(&changed, &issuers, &ring), "{algorithm}, bit {bit}");
        }
    }
}

#[test]
fn every_byte_less_matters() {
    let issuers = [issuer()];
    let ring = KeyRing::new(&issuers);
    let token = good().into_bytes();
    for at in 0..token.len() {
        assert!(!accepted(&token[..at], &issuers, &ring), "cut at {at}");
        let mut without = token.clone();
        without.remove(at);
        assert!(!accepted(&without, &issuers, &ring), "without {at}");
    }
}

fn json_like() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
        "[ -~]{0,12}".prop_map(|s| serde_json::Value::from(s).to_string()),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let name = prop_oneof![
            Just("iss"),
            Just("sub"),
            Just("aud"),
            Just("exp"),
            Just("iat"),
            Just("nbf"),
            Just("scope"),
            Just("scp"),
            Just("act"),
            Just("jti"),
            Just("alg"),
            Just("kid"),
            Just("keys"),
            Just("kty"),
            Just("n"),
            Just("x"),
            Just("crv"),
            Just("typ"),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|v| format!("[{}]", v.join(","))),
            prop::collection::vec((name, inner), 0..6).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(n, v)| format!("\"{n}\":{v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_are_a_token(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let issuers = [issuer()];
        let ring = KeyRing::new(&issuers);
        prop_assert!(!accepted(&bytes, &issuers, &ring));
        let findings = diagnose(&bytes, &issuers, &ring, SKEW, NOW);
        prop_assert!(findings.iter().any(|f| !f.ok));
    }

    #[test]
    fn no_unsigned_json_is_a_token(
        head in json_like(), body in json_like(), tail in "[A-Za-z0-9_-]{0,90}",
    ) {
        let issuers = [issuer()];
        let ring = KeyRing::new(&issuers);
        let token = format!("{}.{}.{tail}", b64(head), b64(body));
        prop_assert!(!accepted(token.as_bytes(), &issuers, &ring));
    }

    /// A trusted issuer that writes nonsense is at worst refused.
    #[test]
    fn signed_json_is_judged_without_panic(head in json_like(), body in json_like()) {
        let _ = check(&raw(Algorithm::EdDsa, &head, &body));
        let head = header(Algorithm::EdDsa).to_string();
        if let Ok(caller) = check(&raw(Algorithm::EdDsa, &head, &body)) {
            prop_assert!(!caller.subject.is_empty());
        }
    }

    #[test]
    fn key_sets_are_read_without_panic(text in json_like(), bytes in any::<Vec<u8>>()) {
        let _ = KeySet::parse(text.as_bytes());
        let _ = KeySet::parse(format!("{{\"keys\":[{text}]}}").as_bytes());
        prop_assert!(KeySet::parse(&bytes).map_or(true, |(set, _)| set.is_empty()));
    }
}
