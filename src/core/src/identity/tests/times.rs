//! J6-J10: `exp`, `nbf`, `iat`.

use serde_json::{Value, json};

use super::super::*;
use super::mint::*;
use crate::reason::Reason;

#[test]
fn j6_expired() {
    // iat is far enough back for every exp below.
    let exp = |exp: u64| with_claims(json!({"exp": exp, "iat": NOW_SECS - 3600}));
    for ago in [60, 14 * 60] {
        let token = exp(NOW_SECS - ago);
        assert!(jwt_simple_takes(&token));
        assert_eq!(refusal(&token), Reason::TokenExpired, "{ago} s ago");
    }
    // The skew is granted, and not a moment more.
    assert_eq!(refusal(&exp(NOW_SECS - SKEW / 1000)), Reason::TokenExpired);
    assert!(check(&exp(NOW_SECS - SKEW / 1000 + 1)).is_ok());
    assert_eq!(refusal(&exp(0)), Reason::TokenExpired);
    let error = check(&exp(NOW_SECS - 14 * 60)).unwrap_err();
    assert_eq!(error.to_string(), "token_expired: expired 14 min ago");
}

#[test]
fn j7_without_exp_or_for_ever() {
    let token = with_payload(&without(payload(), "exp"));
    assert!(jwt_simple_takes(&token));
    assert_eq!(refusal(&token), Reason::TokenClaims);
    let day = 24 * 60 * 60;
    let lives = |secs: u64| with_claims(json!({"iat": NOW_SECS, "exp": NOW_SECS + secs}));
    assert!(check(&lives(day)).is_ok());
    assert_eq!(refusal(&lives(day + 1)), Reason::TokenLifetime);
    assert_eq!(refusal(&lives((1 << 53) - NOW_SECS)), Reason::TokenLifetime);
    // Without iat the time that is left counts.
    let left =
        |secs: u64| with_payload(&without(with(payload(), json!({"exp": NOW_SECS + secs})), "iat"));
    assert!(check(&left(day)).is_ok());
    assert_eq!(refusal(&left(day + SKEW / 1000 + 1)), Reason::TokenLifetime);
}

#[test]
fn j8_exp_of_another_type() {
    for exp in [
        json!((NOW_SECS + 600).to_string()),
        json!(null),
        json!(true),
        json!([NOW_SECS + 600]),
        json!({}),
        json!(-1),
        json!(i64::MIN),
    ] {
        assert_eq!(refusal(&with_claims(json!({"exp": exp}))), Reason::TokenClaims, "{exp}");
    }
}

#[test]
fn j9_exp_that_readers_read_differently() {
    let token = |exp: &str| {
        let text = without(payload(), "exp").to_string();
        let text = text.replacen('{', &format!("{{\"exp\":{exp},"), 1);
        raw(Algorithm::EdDsa, &header(Algorithm::EdDsa).to_string(), &text)
    };
    assert!(check(&token(&(NOW_SECS + 600).to_string())).is_ok());
    let soon = NOW_SECS + 600;
    for exp in ["1e300", "18446744073709551616", "9007199254740993"] {
        assert!(jwt_simple_takes(&token(exp)), "{exp}");
    }
    for exp in [
        "1e300".to_owned(),
        "18446744073709551615".to_owned(),
        "18446744073709551616".to_owned(),
        "9007199254740993".to_owned(),
        format!("{soon}.5"),
        format!("{soon}.0"),
        format!("{soon}e0"),
        "-0".to_owned(),
    ] {
        assert_eq!(refusal(&token(&exp)), Reason::TokenClaims, "{exp}");
    }
    for exp in ["1e999", "+5", "0x1F", "NaN", "Infinity", "01"] {
        assert_eq!(refusal(&token(exp)), Reason::TokenMalformed, "{exp}");
    }
}

#[test]
fn j10_from_the_future() {
    for name in ["nbf", "iat"] {
        let ahead = |secs: u64| with_claims(json!({"exp": NOW_SECS + 3600, name: NOW_SECS + secs}));
        let token = ahead(14 * 60);
        assert!(jwt_simple_takes(&token), "{name}");
        assert_eq!(refusal(&token), Reason::TokenNotYetValid, "{name}");
        assert_eq!(refusal(&ahead(SKEW / 1000 + 1)), Reason::TokenNotYetValid, "{name}");
        assert!(check(&ahead(SKEW / 1000)).is_ok(), "{name}");
        for value in [json!("0"), json!(null), json!(1.5), json!(-5), json!([0])] {
            let token = with_claims(json!({name: value}));
            assert_eq!(refusal(&token), Reason::TokenClaims, "{name} {value}");
        }
    }
    let bare = without(payload(), "iat");
    assert!(check(&with_payload(&bare)).is_ok());
    assert!(!bare.as_object().unwrap().values().any(Value::is_null));
}

#[test]
fn extreme_clocks_do_not_overflow() {
    let issuers = [issuer()];
    let ring = KeyRing::new(&issuers);
    let token = good();
    for now in [0, 1, u64::MAX - 1, u64::MAX] {
        for skew in [0, SKEW, u64::MAX] {
            let now = crate::time::UnixMillis(now);
            let verified = verify(token.as_bytes(), &issuers, &ring, skew, now, &NoHost);
            assert!(verified.is_err() || skew == u64::MAX);
        }
    }
}
