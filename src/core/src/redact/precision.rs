//! What is found, from descriptions of formats other than the detectors' own; and what looks alike and is let go.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "on generated ASCII text"
)]

use super::tests::{Random, all, whole};

impl Random {
    /// So many letters of an alphabet.
    pub fn text(&mut self, alphabet: &str, length: usize) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }
}

const DIGITS: &str = "0123456789";
const HEX: &str = "0123456789abcdef";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ALNUM: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const BASE64: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";

/// Formats as issuers document them: what everybody may see, an alphabet, a length.
const FORMATS: [(&str, &str, usize); 52] = [
    ("AKIA", UPPER, 16),
    ("ASIA", UPPER, 16),
    ("AIza", ALNUM, 35),
    ("GOCSPX-", ALNUM, 28),
    ("ya29.", ALNUM, 120),
    ("AccountKey=", BASE64, 86),
    ("SharedAccessKey=", BASE64, 43),
    ("dop_v1_", HEX, 64),
    ("sk-", ALNUM, 48),
    ("sk-proj-", ALNUM, 156),
    ("sk-ant-api03-", ALNUM, 93),
    ("hf_", ALNUM, 34),
    ("gsk_", ALNUM, 52),
    ("r8_", ALNUM, 37),
    ("pplx-", ALNUM, 48),
    ("xai-", ALNUM, 80),
    ("ghp_", ALNUM, 36),
    ("gho_", ALNUM, 36),
    ("ghs_", ALNUM, 36),
    ("github_pat_", ALNUM, 82),
    ("glpat-", ALNUM, 20),
    ("npm_", ALNUM, 36),
    ("pypi-", ALNUM, 160),
    ("rubygems_", HEX, 48),
    ("dckr_pat_", ALNUM, 27),
    ("xoxb-", ALNUM, 50),
    ("xoxp-", ALNUM, 70),
    ("hooks.slack.com/services/", ALNUM, 44),
    ("discord.com/api/webhooks/", ALNUM, 87),
    ("api.telegram.org/bot", ALNUM, 45),
    ("sk_live_", ALNUM, 24),
    ("rk_live_", ALNUM, 24),
    ("whsec_", ALNUM, 32),
    ("sq0atp-", ALNUM, 22),
    ("shpat_", HEX, 32),
    ("SK", HEX, 32),
    ("SG.", ALNUM, 66),
    ("key-", HEX, 32),
    ("md-", ALNUM, 22),
    ("hvs.", ALNUM, 24),
    ("dapi", HEX, 32),
    ("dp.pt.", ALNUM, 43),
    ("pul-", HEX, 40),
    ("pscale_tkn_", ALNUM, 43),
    ("PMAK-", HEX, 59),
    ("lin_api_", ALNUM, 40),
    ("ntn_", ALNUM, 46),
    ("figd_", ALNUM, 40),
    ("glsa_", ALNUM, 41),
    ("NRAK-", UPPER, 27),
    ("sntrys_", ALNUM, 100),
    ("AGE-SECRET-KEY-1", UPPER, 58),
];

#[test]
fn every_documented_format_is_found() {
    let rules = all();
    let mut random = Random(7);
    for (public, alphabet, length) in FORMATS {
        for (before, after) in
            [("", ""), ("see ", " there"), ("(", ")."), ("\"", "\","), ("=", "\n")]
        {
            let secret = random.text(alphabet, length);
            let text = format!("{before}{public}{secret}{after}");
            let masked = whole(&rules, &text);
            let shown = secret
                .as_bytes()
                .windows(5)
                .filter(|part| masked.as_bytes().windows(5).any(|m| m == *part));
            assert_eq!(shown.count(), 0, "{public}: {masked}");
            assert!(masked.starts_with(before) && masked.ends_with(after), "{public}: {masked}");
        }
    }
}

/// Digits with a prefix and Luhn's check digit.
fn card(random: &mut Random, prefix: &str, length: usize) -> String {
    let digits = random.text(DIGITS, length - prefix.len() - 1);
    let number = format!("{prefix}{digits}");
    let sum: u32 = (0..)
        .zip(number.bytes().rev())
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0');
            if at % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
        })
        .sum();
    format!("{number}{}", (10 - sum % 10) % 10)
}

#[test]
fn cards_of_every_network_and_what_is_none() {
    let rules = all();
    let mut random = Random(11);
    for (prefix, length) in [
        ("4", 13),
        ("4", 16),
        ("4", 19),
        ("51", 16),
        ("55", 16),
        ("2221", 16),
        ("2720", 16),
        ("34", 15),
        ("37", 15),
        ("300", 14),
        ("36", 14),
        ("38", 14),
        ("6011", 16),
        ("65", 16),
        ("644", 19),
        ("622126", 16),
        ("3528", 16),
        ("3589", 16),
        ("62", 19),
        ("2200", 16),
        ("5018", 16),
        ("5019", 16),
        ("6304", 19),
        ("1220", 15),
    ] {
        for _ in 0..20 {
            let number = card(&mut random, prefix, length);
            assert_eq!(whole(&rules, &format!("card {number}.")), "card <card>.", "{number}");
            let last = u32::from(number.as_bytes()[length - 1] - b'0');
            let wrong = format!("card {}{}.", &number[..length - 1], (last + 1) % 10);
            assert_eq!(whole(&rules, &wrong), wrong);
            let word = format!("id_{number} {number}x");
            assert_eq!(whole(&rules, &word), word);
        }
    }
}

#[test]
fn ibans_with_right_and_wrong_check_digits() {
    let rules = all();
    let mut random = Random(13);
    for (country, length) in [
        ("DE", 22),
        ("GB", 22),
        ("FR", 27),
        ("NO", 15),
        ("MT", 31),
        ("PL", 28),
        ("ES", 24),
        ("NL", 18),
    ] {
        for _ in 0..10 {
            let account = random.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", length - 4);
            let sum = format!("{account}{country}00").chars().fold(0, |sum, c| {
                let value = c.to_digit(36).unwrap();
                (sum * if value < 10 { 10 } else { 100 } + value) % 97
            });
            let text = |check: u32| format!("to {country}{check:02}{account}.");
            let check = 98 - sum;
            assert_eq!(whole(&rules, &text(check)), "to <iban>.");
            let wrong = text(if check > 2 { check - 1 } else { check + 1 });
            assert_eq!(whole(&rules, &wrong), wrong);
        }
    }
}

/// Nothing of these texts is masked. Prints how many they are.
fn let_go(what: &str, texts: impl IntoIterator<Item = String>) {
    let rules = all();
    let (mut count, mut masked) = (0, Vec::new());
    for text in texts {
        let out = whole(&rules, &text);
        if out != text {
            masked.push(format!("{text} gives {out}"));
        }
        count += 1;
    }
    println!("{} of {count} masked: {what}", masked.len());
    assert_eq!(masked, [""; 0], "{what}");
}

#[test]
fn what_only_looks_alike_is_let_go() {
    let mut random = Random(17);
    let uuids: Vec<String> = (0..500)
        .map(|_| [8, 4, 4, 4, 12].map(|length| random.text(HEX, length)).join("-"))
        .collect();
    let_go("UUIDs", uuids);
    let hashes: Vec<String> =
        (0..500).map(|n| random.text(HEX, [7, 12, 32, 40, 64][n % 5])).collect();
    let_go("hashes", hashes);
    let times: Vec<String> = (0..2000)
        .flat_map(|_| {
            let seconds = 1_000_000_000 + random.below(1_000_000_000);
            let rest = random.text(DIGITS, 9);
            [
                format!("{seconds}"),
                format!("{seconds}{}", &rest[..3]),
                format!("{seconds}{}", &rest[..6]),
                format!("{seconds}{rest}"),
            ]
        })
        .collect();
    let_go("timestamps in s, ms, µs and ns", times);
    let vectors: Vec<String> = (0..50)
        .map(|_| {
            (0..64)
                .map(|_| format!("{}0.{}", ["", "-"][random.below(2)], random.text(DIGITS, 8)))
                .collect::<Vec<_>>()
                .join(", ")
        })
        .collect();
    let_go("embeddings", vectors);
    let images: Vec<String> =
        (0..50).map(|_| format!("data:image/png;base64,{}", random.text(BASE64, 4000))).collect();
    let_go("images in base64", images);
    let orders: Vec<String> = (0..500)
        .map(|_| format!("order {}-{}", random.text(DIGITS, 4), random.text(DIGITS, 6)))
        .collect();
    let_go("order numbers", orders);
}

#[test]
fn what_has_colons_is_let_go() {
    let mut random = Random(19);
    let mut grouped = |length: usize, groups: usize, between: &str, alphabet: &str| {
        let groups: Vec<String> = (0..groups).map(|_| random.text(alphabet, length)).collect();
        groups.join(between)
    };
    let upper = HEX.to_ascii_uppercase();
    for (what, length, groups, between) in [
        ("MAC addresses", 2, 6, ":"),
        ("EUI-64", 2, 8, ":"),
        ("fingerprints of keys", 2, 32, ":"),
        ("words of a dump", 4, 16, " "),
        ("longer words of a dump", 8, 4, ": "),
        ("lines of hex", 4, 4, ":"),
    ] {
        let texts = (0..500).map(|n| {
            let text = grouped(length, groups, between, if n % 2 == 0 { HEX } else { &upper });
            format!("of {text}, {n}")
        });
        let_go(what, texts);
    }
    let times = (0..2000).map(|n| {
        let (hour, minute, second) = (n % 24, n % 60, n % 59);
        format!("at {hour:02}:{minute:02}:{second:02} or {hour}:{minute:02}, event: {n}\nid:{n}:20{hour:02}:{n}")
    });
    let_go("times", times);
    let modules = [
        "std", "a", "b", "fe", "ff", "fd", "feed", "cafe", "dead", "beef", "f64", "u8", "abc",
        "_20", "v2001", "Feed", "Bad",
    ];
    let paths = (0..2000).map(|n| {
        let at = |step: usize| modules[n / step % modules.len()];
        format!("{}::{}, ::{}::{}({}::<{}>::{})", at(1), at(17), at(3), at(5), at(7), at(2), at(11))
    });
    let_go("paths of Rust and C++", paths);
    for text in [
        "urn:uuid:20010db8-85a3-4000-8000-8a2e03707334 and urn:isbn:2001::",
        "::1 is this machine, :: is any, and ::ffff:127.0.0.1 is this one again; ::/0 is everything",
        "2026:11:24 10:15:00, 2001:db8 and 2001:db8:1:2:3:4:5 are too short",
        "4001::1, 1:2:3:4:5:6:7:8 and fec0::1 are in no block that is in use",
        "2001::db8::1, 2001:db8::g, x2001:db8::1 and mod::2001:db8::1 are none",
        "ff::new, fd::open(2000::h), a[::2], a[2000::2] and a[3000::n]",
        "a?b::c:d::e, {x::2, y::ffff}, :ffff:1 and \":\":\"::\"",
    ] {
        assert_eq!(whole(&all(), text), text);
    }
}

#[test]
fn prose_and_code_are_let_go() {
    for text in [
        "The token is the unit of text that a model reads; a secret is what nobody else may know.",
        "Your password: see the vault. Ask for a new token if the old one has expired.",
        "import sklearn  # pip install scikit-learn, not sk-learn-contrib-extensions",
        "password = os.environ[\"DATABASE_PASSWORD\"]",
        "const token = await getToken({ audience });",
        "let api_key = std::env::var(\"API_KEY\").unwrap();",
        "postgres://localhost:5432/app and https://example.com:8443/a?b=c@d",
        "The bearer of bad news: Bearer tokens are defined in RFC 6750, section 2.1.",
        "versions 1.2.3, v2.10.0-rc.1, 0.4.19 and 2026.11.24",
        "On 2026-11-24 at 10:15:00.123456 it took 12,345.67 ms for 1 000 000 rows (3.5 %).",
        "call f(212, 555, 123) or x[4111][1111]; see pages 100-200 and 300-400",
        "@handle, user@localhost, git@host:path, 5 @ 3.50, a @ b",
        "127.0.0.1, 0.0.0.0 and 256.1.1.1 name nobody; neither does 1.2.3.4.5",
        "ssn 000-12-3456, 666-12-3456, 900-12-3456, 123-00-4567, 123-45-0000",
    ] {
        assert_eq!(whole(&all(), text), text);
    }
}
