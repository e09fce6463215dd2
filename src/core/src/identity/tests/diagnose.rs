//! A token explained.

use serde_json::json;

use super::super::*;
use super::mint::*;

fn lines(token: &str, issuers: &[Issuer]) -> Vec<String> {
    let ring = KeyRing::new(issuers);
    let findings = super::super::diagnose(token.as_bytes(), issuers, &ring, SKEW, NOW);
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_good_token_explained() {
    let mut issuer = issuer();
    issuer.groups_claim = ClaimName::parse("groups").ok();
    issuer.claims = vec![ClaimName::parse("email").unwrap()];
    let token = with_claims(json!({"jti": "t1", "groups": ["ml"]}));
    let size = token.len();
    assert_eq!(
        lines(&token, &[issuer]),
        [
            format!("ok   form: three parts, {size} bytes"),
            "ok   header: asks for nothing of its own".to_owned(),
            "ok   alg: `EdDSA`".to_owned(),
            "ok   kid: `ed`".to_owned(),
            "ok   payload: 8 claims".to_owned(),
            "ok   iss: `https://idp.example/`".to_owned(),
            "ok   typ: `JWT`".to_owned(),
            "ok   key: `ed`, for EdDSA".to_owned(),
            "ok   signature: verifies with `EdDSA`".to_owned(),
            "ok   exp: expires in 10 min (2026-11-24T08:10:00.000Z)".to_owned(),
            "ok   nbf, iat: not in the future".to_owned(),
            "ok   lifetime: at most 24 h".to_owned(),
            "ok   aud: `autogen`".to_owned(),
            "ok   sub: `alice`".to_owned(),
            "ok   jti: `t1`".to_owned(),
            "ok   scope: `autogen:model:read`, `autogen:prompt`".to_owned(),
            "ok   groups: `ml`".to_owned(),
            "ok   act: none".to_owned(),
            "ok   claims: rules read `email`, which the token lacks".to_owned(),
        ]
    );
}

#[test]
fn everything_wrong_is_said_at_once() {
    let claims = json!({
        "iss": "https://old.example/",
        "aud": ["api2", "api3"],
        "iat": NOW_SECS - 90 * 60,
        "exp": NOW_SECS - 14 * 60,
        "sub": "",
        "scope": "a  b",
    });
    let header = with(header(Algorithm::EdDsa), json!({"kid": "gone", "typ": "logout+jwt"}));
    let token = token(Algorithm::EdDsa, &header, &with(payload(), claims));
    let lines = lines(&token, &[issuer()]);
    for expected in [
        "FAIL iss: issuer `https://old.example/` is not in the policy",
        "FAIL typ: `typ` is `logout+jwt`, which is not an access token's",
        "FAIL key: the issuer has no key `gone`",
        "FAIL exp: expired 14 min ago",
        "FAIL aud: has `api2`, `api3`, policy wants `autogen`",
        "FAIL sub: `sub` is empty",
        "ok   scope: none: `scope` is not made of scopes with single spaces between them",
    ] {
        assert!(lines.iter().any(|l| l == expected), "{expected} is not in {lines:#?}");
    }
}

#[test]
fn what_cannot_be_read_ends_it() {
    assert_eq!(
        lines("abc", &[issuer()]),
        ["FAIL form: the token is not three parts joined by dots"]
    );
    let two = [issuer(), Issuer { issuer: "https://b.example/".to_owned(), ..issuer() }];
    let stranger = with_claims(json!({"iss": "https://c.example/"}));
    let last = lines(&stranger, &two).pop().unwrap();
    assert_eq!(last, "FAIL iss: issuer `https://c.example/` is not in the policy");
    let no_aud = with_payload(&without(payload(), "aud"));
    let lines = lines(&no_aud, &[issuer()]);
    assert!(lines.contains(&"FAIL aud: `aud` is missing; policy wants `autogen`".to_owned()));
}
