//! J1-J5, J11-J20: form, header, key and payload of a token.

use serde_json::{Value, json};

use super::super::*;
use super::mint::*;
use crate::limits;
use crate::reason::Reason;

#[test]
fn a_good_token_is_its_caller() {
    let claims = json!({
        "jti": "t-1",
        "groups": ["ml-eng", "all"],
        "email": "alice@example.com",
        "act": {"sub": "planner", "act": {"iss": "https://other.example/", "sub": "worker"}},
    });
    let mut issuer = issuer();
    issuer.groups_claim = Some(ClaimName::parse("groups").unwrap());
    issuer.claims = vec![ClaimName::parse("email").unwrap(), ClaimName::parse("tenant").unwrap()];
    let caller = verify_as(&with_claims(claims), &issuer).unwrap();
    assert_eq!(caller.issuer, ISSUER);
    assert_eq!(caller.subject, "alice");
    assert!(caller.scopes.iter().eq(["autogen:model:read", "autogen:prompt"]));
    assert!(caller.groups.iter().eq(["all", "ml-eng"]));
    assert_eq!(caller.claims.get("email").map(String::as_str), Some("alice@example.com"));
    assert_eq!(caller.claims.len(), 1);
    let actors: Vec<_> = caller.actors.iter().map(|a| (&*a.issuer, &*a.subject)).collect();
    assert_eq!(actors, [(ISSUER, "planner"), ("https://other.example/", "worker")]);
    assert_eq!(caller.expires, Some(crate::time::UnixMillis::from_secs(NOW_SECS + 600)));
    let proof = Proof::Jwt {
        kid: Some("ed".to_owned()),
        algorithm: "EdDSA",
        token_id: Some("t-1".to_owned()),
    };
    assert_eq!(caller.proof, proof);
}

#[test]
fn j1_alg_none_and_wrong_part_counts() {
    for alg in ["none", "None", "nOnE", "NONE", ""] {
        assert_eq!(refusal(&with_header(json!({"alg": alg}))), Reason::TokenAlgorithm, "{alg}");
        let unsigned = format!("{}.{}.", b64(json!({"alg": alg}).to_string()), b64("{}"));
        assert_eq!(refusal(&unsigned), Reason::TokenMalformed, "{alg}");
    }
    let no_alg = without(header(Algorithm::EdDsa), "alg");
    let no_alg = token(Algorithm::EdDsa, &no_alg, &payload());
    assert_eq!(refusal(&no_alg), Reason::TokenAlgorithm);
    assert_eq!(refusal(&with_header(json!({"alg": 5}))), Reason::TokenMalformed);
    assert_eq!(refusal(&with_header(json!({"alg": ["EdDSA"]}))), Reason::TokenMalformed);
    let good = good();
    let (head, signature) = good.rsplit_once('.').unwrap();
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        head.to_owned(),
        format!("{head}."),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!(".{good}"),
    ] {
        assert_eq!(refusal(&bad), Reason::TokenMalformed, "{bad}");
    }
}

#[test]
fn j2_hmac_with_the_public_key() {
    use jwt_simple::prelude::{HS256Key, HS512Key, MACLike as _};
    let spki = key_set().keys()[0].spki().to_vec();
    let message = |alg: &str| {
        let head = json!({"alg": alg, "typ": "JWT", "kid": "rsa"}).to_string();
        format!("{}.{}", b64(head), b64(payload().to_string()))
    };
    let claims = || {
        let mut claims =
            jwt_simple::prelude::Claims::create(jwt_simple::prelude::Duration::from_mins(5));
        claims.issuer = Some(ISSUER.to_owned());
        claims
    };
    let hs256 = HS256Key::from_bytes(&spki).with_key_id("rsa").authenticate(claims()).unwrap();
    let hs512 = HS512Key::from_bytes(&spki).with_key_id("rsa").authenticate(claims()).unwrap();
    assert_eq!(refusal(&hs256), Reason::TokenAlgorithm);
    assert_eq!(refusal(&hs512), Reason::TokenAlgorithm);
    // An HMAC dressed as the algorithm of the key it abuses.
    let mac = hs256.rsplit_once('.').unwrap().1;
    assert_eq!(refusal(&format!("{}.{mac}", message("RS256"))), Reason::TokenSignature);
}

#[test]
fn j2_the_key_decides_the_algorithm() {
    // A key that may serve RS256 only does not serve PS256, though RSA could.
    let bound = with(jwk("rsa"), json!({"alg": "RS256"}));
    let (set, dropped) = KeySet::parse(&jwks(&[bound])).unwrap();
    assert_eq!(dropped, []);
    let issuer = Issuer { keys: KeySource::Inline(set.into()), ..issuer() };
    let signed = |a: Algorithm| token(a, &header(a), &payload());
    assert!(verify_as(&signed(Algorithm::Rs256), &issuer).is_ok());
    for other in [Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256] {
        let error = verify_as(&signed(other), &issuer).unwrap_err();
        assert_eq!(error.reason, Reason::TokenAlgorithm, "{other}");
        assert_eq!(error.issuer, None);
    }
    // The header names one key and the algorithm of another.
    let crossed = with(header(Algorithm::EdDsa), json!({"kid": "p256"}));
    assert_eq!(refusal(&token(Algorithm::EdDsa, &crossed, &payload())), Reason::TokenAlgorithm);
    // An algorithm that the issuer does not use.
    let narrow = Issuer { algorithms: Algorithms::only(Algorithm::Es256), ..super::mint::issuer() };
    let error = verify_as(&good(), &narrow).unwrap_err();
    assert_eq!(error.reason, Reason::TokenAlgorithm);
}

#[test]
fn j3_keys_brought_along() {
    for changes in [
        json!({"jwk": jwk("ed")}),
        json!({"jwk": "x"}),
        json!({"jwk": null}),
        json!({"jku": "https://evil.example/jwks"}),
        json!({"x5u": "https://evil.example/cert"}),
        json!({"x5c": ["MIIB"]}),
    ] {
        assert_eq!(refusal(&with_header(changes.clone())), Reason::TokenHeader, "{changes}");
    }
    // Thumbprints only repeat which key it was, and are sent by large providers.
    assert!(check(&with_header(json!({"x5t": "abc", "x5t#S256": "def"}))).is_ok());
}

#[test]
fn j4_critical_extensions() {
    for crit in [json!(["bork"]), json!(["b64"]), json!(["exp"]), json!("b64"), json!(null)] {
        assert_eq!(refusal(&with_header(json!({"crit": crit}))), Reason::TokenHeader);
    }
    let unencoded = json!({"crit": ["b64"], "b64": false});
    assert_eq!(refusal(&with_header(unencoded)), Reason::TokenHeader);
}

#[test]
fn j5_empty_crit_and_b64_without_crit() {
    for changes in [
        json!({"crit": []}),
        json!({"b64": false}),
        json!({"b64": true}),
        json!({"zip": "DEF"}),
        json!({"enc": "A128GCM"}),
    ] {
        let token = with_header(changes.clone());
        assert!(jwt_simple_takes(&token), "{changes}");
        assert_eq!(refusal(&token), Reason::TokenHeader, "{changes}");
    }
}

#[test]
fn j11_scope_twice() {
    let text = payload().to_string();
    let token = |extra: &str| {
        let text = text.replacen('{', &format!("{{{extra},"), 1);
        raw(Algorithm::EdDsa, &header(Algorithm::EdDsa).to_string(), &text)
    };
    for extra in [
        r#""scope":"admin""#,
        r#""\u0073cope":"admin""#,
        r#""x":{"a":1,"a":2}"#,
        r#""x":[{"a":1,"\u0061":2}]"#,
    ] {
        assert!(jwt_simple_takes(&token(extra)), "{extra}");
        assert_eq!(refusal(&token(extra)), Reason::TokenMalformed, "{extra}");
    }
}

#[test]
fn j12_registered_members_twice() {
    for extra in [r#""sub":"root""#, r#""exp":9999999999"#, r#""iss":"x""#, r#""aud":"x""#] {
        let text = payload().to_string().replacen('{', &format!("{{{extra},"), 1);
        let token = raw(Algorithm::EdDsa, &header(Algorithm::EdDsa).to_string(), &text);
        assert_eq!(refusal(&token), Reason::TokenMalformed, "{extra}");
    }
    for extra in [r#""alg":"none""#, r#""kid":"p256""#, r#""k\u0069d":"ed""#, r#""typ":"JWT""#] {
        let text = header(Algorithm::EdDsa).to_string().replacen('{', &format!("{{{extra},"), 1);
        let token = raw(Algorithm::EdDsa, &text, &payload().to_string());
        assert_eq!(refusal(&token), Reason::TokenMalformed, "{extra}");
    }
}

#[test]
fn j13_audience() {
    for aud in [json!("autogen"), json!(["autogen"]), json!(["x", "autogen"])] {
        assert!(check(&with_claims(json!({"aud": aud}))).is_ok(), "{aud}");
    }
    for aud in [
        json!("autogen2"),
        json!("autoge"),
        json!("AUTOGEN"),
        json!("autogen "),
        json!(""),
        json!([]),
        json!(["autogen2"]),
    ] {
        let refused = refusal(&with_claims(json!({"aud": aud})));
        assert_eq!(refused, Reason::TokenAudience, "{aud}");
    }
    for aud in [json!(5), json!(null), json!({"autogen": 1}), json!(["autogen", 5])] {
        assert_eq!(refusal(&with_claims(json!({"aud": aud}))), Reason::TokenClaims, "{aud}");
    }
    assert_eq!(refusal(&with_payload(&without(payload(), "aud"))), Reason::TokenAudience);
    // An issuer without audiences believes nothing.
    let closed = Issuer { audiences: Vec::new(), ..issuer() };
    assert_eq!(verify_as(&good(), &closed).unwrap_err().reason, Reason::TokenAudience);
}

#[test]
fn j13_issuer() {
    for iss in ["https://idp.example", "https://idp.example//", "HTTPS://idp.example/", ""] {
        assert_eq!(refusal(&with_claims(json!({"iss": iss}))), Reason::TokenIssuer, "{iss}");
    }
    assert_eq!(refusal(&with_payload(&without(payload(), "iss"))), Reason::TokenIssuer);
    assert_eq!(refusal(&with_claims(json!({"iss": 5}))), Reason::TokenClaims);
    assert_eq!(refusal(&with_claims(json!({"iss": [ISSUER]}))), Reason::TokenClaims);
}

#[test]
fn j13_keys_of_another_issuer_do_not_count() {
    let other = Issuer {
        issuer: "https://other.example/".to_owned(),
        keys: KeySource::Inline(KeySet::default().into()),
        ..issuer()
    };
    let issuers = [issuer(), other];
    let ring = KeyRing::new(&issuers);
    let run = |token: String| verify(token.as_bytes(), &issuers, &ring, SKEW, NOW, &NoHost);
    assert!(run(good()).is_ok());
    let forged = run(with_claims(json!({"iss": "https://other.example/"}))).unwrap_err();
    assert_eq!((forged.reason, forged.issuer), (Reason::TokenKeyUnknown, Some(1)));
}

#[test]
fn j14_other_types_of_token() {
    for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt"] {
        let token = with_header(json!({"typ": typ}));
        assert!(jwt_simple_takes(&token));
        assert_eq!(refusal(&token), Reason::TokenType, "{typ}");
    }
    let nested = with_header(json!({"cty": "JWT"}));
    assert!(jwt_simple_takes(&nested));
    assert_eq!(refusal(&nested), Reason::TokenType);
    for typ in ["", "JWT ", "JWE", "JOSE", "application/json"] {
        assert_eq!(refusal(&with_header(json!({"typ": typ}))), Reason::TokenType, "{typ}");
    }
    assert_eq!(refusal(&with_header(json!({"typ": null}))), Reason::TokenMalformed);
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"] {
        assert!(check(&with_header(json!({"typ": typ}))).is_ok(), "{typ}");
    }
    let bare = without(header(Algorithm::EdDsa), "typ");
    assert!(check(&token(Algorithm::EdDsa, &bare, &payload())).is_ok());
}

#[test]
fn j15_base64_has_one_spelling() {
    let good = good();
    let parts: Vec<&str> = good.split('.').collect();
    let [head, body, signature] = parts[..] else { panic!() };
    // 64 bytes end in a character of which four bits are used: three other spellings decode alike.
    let (most, last) = signature.split_at(signature.len() - 1);
    assert!("AQgw".contains(last));
    for tail in (b'A'..=b'z').map(char::from).filter(|c| !last.contains(*c)) {
        let twin = format!("{head}.{body}.{most}{tail}");
        assert!(check(&twin).is_err(), "{tail}");
    }
    for bad in [
        format!("{head}=.{body}.{signature}"),
        format!("{head}.{body}=.{signature}"),
        format!("{head}.{body}.{signature}=="),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{head}.{body} .{signature}"),
        format!("{head}.{body}.{signature}A"),
        good.replacen('e', "\u{435}", 1),
        format!("{head}.{body}.+/{}", &signature[2..]),
    ] {
        assert!(check(&bad).is_err(), "{bad}");
    }
}

#[test]
fn j16_null_and_der_signatures() {
    let es256 = token(Algorithm::Es256, &header(Algorithm::Es256), &payload());
    let (message, signature) = es256.rsplit_once('.').unwrap();
    let order = p256_order();
    let der = der_of(&es256);
    let mut order_first = order.clone();
    order_first.extend([1; 32]);
    let mut r_and_zero = vec![1; 32];
    r_and_zero.extend([0; 32]);
    for (what, bytes) in [
        ("zeros", vec![0; 64]),
        ("s is zero", r_and_zero),
        ("r is the order", order_first),
        ("der", der),
        ("short", vec![1; 63]),
        ("long", vec![1; 65]),
        ("one byte", vec![1]),
        ("p384's", vec![1; 96]),
    ] {
        let forged = format!("{message}.{}", b64(bytes));
        assert_eq!(refusal(&forged), Reason::TokenSignature, "{what}");
    }
    assert!(check(&format!("{message}.{signature}")).is_ok());
}

#[test]
fn j17_the_ecdsa_twin_is_the_same_caller() {
    // (r, n - s) verifies for anyone who has (r, s): a token's bytes are no identity. Replay is
    // keyed by `jti`, and both spellings are one and the same caller.
    let es256 = token(Algorithm::Es256, &header(Algorithm::Es256), &payload());
    let (message, signature) = es256.rsplit_once('.').unwrap();
    let signature = p256::ecdsa::Signature::from_slice(&decode(signature)).unwrap();
    let (r, s) = signature.split_scalars();
    let twin = p256::ecdsa::Signature::from_scalars(r, -*s).unwrap();
    let twin = format!("{message}.{}", b64(twin.to_bytes()));
    assert_ne!(twin, es256);
    assert_eq!(check(&twin).unwrap(), check(&es256).unwrap());
}

#[test]
fn j18_short_rsa_keys() {
    let pem = include_str!("../../../tests-fixtures/rsa-1024.pub.pem");
    assert!(jwt_simple::prelude::RS256PublicKey::from_pem(pem).is_err());
    let short = with(jwk("rsa"), json!({"n": b64([0xf7; 128])}));
    let (set, dropped) = KeySet::parse(&jwks(&[short])).unwrap();
    assert!(set.is_empty());
    assert!(dropped[0].why.contains("Weak key"), "{}", dropped[0].why);
}

#[test]
fn j19_kid_is_only_a_name() {
    assert_eq!(refusal(&with_header(json!({"kid": 1}))), Reason::TokenMalformed);
    assert_eq!(refusal(&with_header(json!({"kid": null}))), Reason::TokenMalformed);
    let long = "k".repeat(limits::MAX_KID_BYTES + 1);
    assert_eq!(refusal(&with_header(json!({"kid": long}))), Reason::TokenMalformed);
    assert_eq!(refusal(&with_header(json!({"kid": long[1..]}))), Reason::TokenKeyUnknown);
    for kid in ["../../etc/passwd", "' OR 1=1 --", "", "ED", "ed ", "ed\u{0}", "__proto__"] {
        let error = check(&with_header(json!({"kid": kid}))).unwrap_err();
        assert_eq!(error.reason, Reason::TokenKeyUnknown, "{kid}");
        assert_eq!(error.issuer, Some(0));
        assert!(error.detail.len() < 128 && !error.detail.contains('\0'));
    }
}

#[test]
fn a_signed_payload_is_handed_out_as_it_is() {
    let token = good();
    let keys = key_set();
    let verify =
        |token: &str, accepted| Compact::parse(token.as_bytes())?.verify(&keys, accepted, &NoHost);
    assert_eq!(verify(&token, Algorithms::ALL).unwrap(), payload().to_string().into_bytes());
    assert!(verify(&token, Algorithms::RSA).is_err());
    let (message, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", b64([1; 64]));
    assert_eq!(verify(&forged, Algorithms::ALL).unwrap_err().reason, Reason::TokenSignature);
}

#[test]
fn j20_size() {
    let filled = |n: usize| with_claims(json!({"x": "a".repeat(n)}));
    let room = limits::MAX_TOKEN_BYTES - good().len();
    assert!(check(&filled(room * 3 / 4 - 16)).is_ok());
    assert_eq!(refusal(&filled(room)), Reason::TokenTooLarge);
    assert_eq!(refusal(&"a".repeat(limits::MAX_TOKEN_BYTES + 1)), Reason::TokenTooLarge);
    assert_eq!(refusal(&".".repeat(limits::MAX_TOKEN_BYTES)), Reason::TokenMalformed);
}

#[test]
fn claims_of_the_wrong_type() {
    for changes in [
        json!({"sub": ""}),
        json!({"sub": 7}),
        json!({"sub": null}),
        json!({"sub": "a\nb"}),
        json!({"jti": 7}),
        json!({"act": "planner"}),
        json!({"act": {}}),
        json!({"act": {"sub": ""}}),
        json!({"act": {"sub": "a", "iss": 5}}),
        json!({"act": {"sub": "a", "act": []}}),
        json!({"groups": 5}),
        json!({"groups": [5]}),
        json!({"groups": {"a": 1}}),
        json!({"email": 5}),
        json!({"email": null}),
    ] {
        let mut issuer = issuer();
        issuer.groups_claim = Some(ClaimName::parse("groups").unwrap());
        issuer.claims = vec![ClaimName::parse("email").unwrap()];
        let error = verify_as(&with_claims(changes.clone()), &issuer).unwrap_err();
        assert_eq!(error.reason, Reason::TokenClaims, "{changes}");
    }
    assert_eq!(refusal(&with_payload(&without(payload(), "sub"))), Reason::TokenClaims);
    for text in ["[]", "\"x\"", "5", "null", "", "{", "\u{feff}{}", "{}{}"] {
        let token = raw(Algorithm::EdDsa, &header(Algorithm::EdDsa).to_string(), text);
        assert_eq!(refusal(&token), Reason::TokenMalformed, "{text}");
        let token = raw(Algorithm::EdDsa, text, &payload().to_string());
        assert_eq!(refusal(&token), Reason::TokenMalformed, "{text}");
    }
}

#[test]
fn act_chains_end() {
    let chain = |links: usize| {
        (0..links).fold(Value::Null, |inner, n| match inner {
            Value::Null => json!({"sub": format!("a{n}")}),
            inner => json!({"sub": format!("a{n}"), "act": inner}),
        })
    };
    let longest = check(&with_claims(json!({"act": chain(limits::MAX_ACTORS)}))).unwrap();
    assert_eq!(longest.actors.len(), limits::MAX_ACTORS);
    assert_eq!(longest.actors[0].subject, format!("a{}", limits::MAX_ACTORS - 1));
    let over = with_claims(json!({"act": chain(limits::MAX_ACTORS + 1)}));
    assert_eq!(refusal(&over), Reason::TokenClaims);
}

#[test]
fn messages_repeat_no_claims() {
    let secret = "s3cr3t-value";
    for token in [
        with_claims(json!({"aud": secret})),
        with_claims(json!({"sub": [secret]})),
        with_claims(json!({"exp": secret})),
        with_claims(json!({"act": {"sub": 5, "x": secret}})),
        with_claims(json!({"scope": {"x": secret}})),
        raw(Algorithm::EdDsa, &format!("{{\"alg\":\"{secret}"), "{}"),
        format!("{secret}.{secret}.{secret}"),
    ] {
        let error = check(&token).unwrap_err();
        assert!(!error.to_string().contains(secret), "{error}");
    }
}

fn decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn der_of(token: &str) -> Vec<u8> {
    let signature = decode(token.rsplit_once('.').unwrap().1);
    p256::ecdsa::Signature::from_slice(&signature).unwrap().to_der().as_bytes().to_vec()
}

/// The order of P-256 (FIPS 186-4 D.1.2.3).
fn p256_order() -> Vec<u8> {
    let hex = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    (0..32).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}
