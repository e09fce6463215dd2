use proptest::prelude::*;

use super::*;

fn segments(raw: &[u8]) -> Result<Vec<String>, Reason> {
    canonicalize(raw).map(|path| path.segments().map(str::to_owned).collect())
}

#[track_caller]
fn refuses(raw: &str, reason: Reason) {
    assert_eq!(segments(raw.as_bytes()), Err(reason), "{raw}");
}

#[track_caller]
fn reads(raw: &str, expected: &[&str]) {
    assert_eq!(segments(raw.as_bytes()).as_deref(), Ok(&strings(expected)[..]), "{raw}");
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&t| t.to_owned()).collect()
}

#[test]
fn plain_paths() {
    reads("/", &[]);
    reads("/admin", &["admin"]);
    reads("/v1/models/ft:gpt-4o:org::id", &["v1", "models", "ft:gpt-4o:org::id"]);
    reads("/v1/models/ft%3Agpt", &["v1", "models", "ft:gpt"]);
    reads("/predict/what%20is%202%2B2%3F", &["predict", "what is 2+2?"]);
    reads("/predict/100%25", &["predict", "100%"]);
    reads("/a+b", &["a+b"]);
    reads("/caf%C3%A9", &["caf\u{e9}"]);
    reads("/<>\"{}|^`", &["<>\"{}|^`"]);
    reads("/.well-known/...", &[".well-known", "..."]);
}

#[test]
fn p1_an_encoded_separator_is_refused() {
    for raw in ["/sessions/1%2fdelete", "/sessions%2f1%2Fdelete", "/x%2F", "/%2f"] {
        refuses(raw, Reason::PathEncodedSeparator);
    }
}

#[test]
fn p2_an_encoded_newline_is_refused() {
    for raw in ["/runs/purge-all%0a", "/admin%0A", "/admin%0d", "/a%09", "/a%7f", "/a%1b[m"] {
        refuses(raw, Reason::PathControlByte);
    }
    for raw in ["/a%c2%85", "/a%C2%9B", "/a%e2%80%a8", "/a%e2%80%a9"] {
        refuses(raw, Reason::PathControlByte);
    }
}

#[test]
fn p3_encoded_letters_name_the_same_path() {
    reads("/runs/purge%2dall", &["runs", "purge-all"]);
    reads("/%61dmin", &["admin"]);
}

#[test]
fn p4_dot_and_empty_segments_are_refused() {
    for raw in [
        "//",
        "//admin",
        "/a//b",
        "/a//",
        "/./admin",
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public/.%2E/admin",
        "/a/.",
        "/a/..",
        "/a/%2e/",
    ] {
        refuses(raw, Reason::PathNotCanonical);
    }
}

#[test]
fn p5_p8_a_parameter_segment_is_refused() {
    for raw in ["/public/..;/admin", "/admin;x=1", "/runs/purge-all;a", "/a%3b", "/;"] {
        refuses(raw, Reason::PathParameter);
    }
}

#[test]
fn p6_p7_a_backslash_is_refused() {
    for raw in ["/public\\..\\admin", "/public/..%5cadmin", "/a%5C"] {
        refuses(raw, Reason::PathEncodedSeparator);
    }
}

#[test]
fn p9_one_trailing_slash_is_remembered_and_names_the_same_segments() {
    let with = canonicalize(b"/api/teams/").unwrap();
    let without = canonicalize(b"/api/teams").unwrap();
    assert!(with.trailing_slash() && !without.trailing_slash());
    assert_eq!(with.decoded(), without.decoded());
    assert_eq!(with.to_string(), "/api/teams/");
    assert!(!canonicalize(b"/").unwrap().trailing_slash());
}

#[test]
fn p10_case_is_kept() {
    reads("/Admin", &["Admin"]);
}

#[test]
fn p11_p15_p16_what_does_not_belong_is_refused() {
    refuses("/admin#x", Reason::PathMalformed);
    for raw in ["/admin%zz", "/admin%", "/admin%4", "/%%41", "/a b"] {
        refuses(raw, Reason::PathMalformed);
    }
    assert_eq!(segments(b"/caf\xc3\xa9"), Err(Reason::PathMalformed));
    assert_eq!(segments(b"/a\x00"), Err(Reason::PathControlByte));
}

#[test]
fn p12_a_nul_is_refused() {
    for raw in ["/admin%00", "/%00/x"] {
        refuses(raw, Reason::PathControlByte);
    }
}

#[test]
fn p13_overlong_utf8_and_look_alikes_are_refused() {
    for raw in ["/%c0%afadmin", "/%c0%ae%c0%ae/x", "/%ff", "/%e2%82", "/%ed%a0%80"] {
        refuses(raw, Reason::PathNotUtf8);
    }
    for raw in ["/a%ef%bc%8fb", "/a%ef%bc%bcb", "/a%ef%b9%a8b"] {
        refuses(raw, Reason::PathEncodedSeparator);
    }
    for raw in ["/%ef%bc%8e%ef%bc%8e/admin", "/%e2%80%a5", "/.%ef%b9%92", "/%e2%80%a4"] {
        refuses(raw, Reason::PathNotCanonical);
    }
}

#[test]
fn p14_double_encoding_is_refused() {
    for raw in ["/public/..%252fadmin", "/%25%32%66", "/a%2500", "/%252e%252e", "/a%2541"] {
        refuses(raw, Reason::PathDoubleEncoded);
    }
}

#[test]
fn p17_a_tab_inside_is_refused() {
    assert_eq!(segments(b"/admin\t"), Err(Reason::PathControlByte));
    assert_eq!(segments(b"/ad\tmin"), Err(Reason::PathControlByte));
}

#[test]
fn p18_p19_other_forms_of_target_are_refused() {
    for raw in ["http://evil/admin", "HTTP://EVIL/admin", "*", "admin", "host:443", ""] {
        refuses(raw, Reason::PathMalformed);
    }
}

#[test]
fn p20_an_encoded_climb_into_a_tail_is_refused() {
    refuses("/files/..%2f..%2fetc", Reason::PathEncodedSeparator);
}

#[test]
fn p22_the_query_starts_at_the_first_question_mark() {
    assert_eq!(split_target(b"/p?x?y"), (&b"/p"[..], Some(&b"x?y"[..])));
    assert_eq!(split_target(b"/p"), (&b"/p"[..], None));
    assert_eq!(split_target(b"/p?"), (&b"/p"[..], Some(&b""[..])));
    assert_eq!(split_target(b"?x"), (&b""[..], Some(&b"x"[..])));
    // An escaped one belongs to the segment, and stays escaped in the canonical form.
    assert_eq!(canonicalize(b"/p%3fx").unwrap().to_string(), "/p%3Fx");
    refuses("/p?x", Reason::PathMalformed);
}

#[test]
fn limits_refuse() {
    let longest = format!("/{}", "a".repeat(MAX_TARGET_BYTES - 1));
    assert!(canonicalize(longest.as_bytes()).is_ok());
    refuses(&format!("{longest}a"), Reason::PathTooLong);
    assert!(canonicalize("/a".repeat(MAX_SEGMENTS).as_bytes()).is_ok());
    refuses(&"/a".repeat(MAX_SEGMENTS + 1), Reason::PathTooLong);
    refuses(&"/".repeat(MAX_TARGET_BYTES), Reason::PathNotCanonical);
}

/// Bytes that meet the special cases often.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[a-z0-9:._~-]{1,4}".prop_map(String::into_bytes),
        2 => Just(b"/".to_vec()),
        2 => any::<u8>().prop_map(|b| format!("%{b:02x}").into_bytes()),
        1 => any::<u8>().prop_map(|b| vec![b]),
        1 => any::<char>().prop_map(|c| c.to_string().bytes().map(|b| format!("%{b:02X}")).collect::<String>().into_bytes()),
        1 => prop_oneof![Just("%25"), Just("%2e"), Just(".."), Just(";"), Just("%3F"), Just("%23")]
            .prop_map(|s| s.as_bytes().to_vec()),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| {
        let mut raw = b"/".to_vec();
        raw.extend(pieces.concat());
        raw
    })
}

proptest! {
    #[test]
    fn any_bytes_give_a_path_or_a_reason(raw in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = canonicalize(&raw);
    }

    #[test]
    fn segments_are_plain_text(raw in hostile()) {
        if let Ok(path) = canonicalize(&raw) {
            for segment in path.segments() {
                prop_assert!(!segment.is_empty() && segment != "." && segment != "..");
                prop_assert!(!segment.contains(['/', '\\', ';', '\0', '\n', '\r']));
                prop_assert!(!percent::has_escape(segment.as_bytes()));
            }
        }
    }

    #[test]
    fn the_canonical_form_is_a_fixed_point(raw in hostile()) {
        if let Ok(path) = canonicalize(&raw) {
            let printed = path.to_string();
            let again = canonicalize(printed.as_bytes());
            prop_assert_eq!(again.as_ref().map(ToString::to_string), Ok(printed));
            prop_assert_eq!(again, Ok(path));
        }
    }

    #[test]
    fn any_acceptable_segments_survive_the_wire(
        parts in proptest::collection::vec("[^/\\\\;%\u{0}-\u{1f}\u{7f}-\u{9f}]{1,6}", 1..5)
    ) {
        prop_assume!(parts.iter().all(|p| check_segment(p).is_ok()));
        let wire: String = parts
            .iter()
            .map(|p| format!("/{}", p.bytes().map(|b| format!("%{b:02x}")).collect::<String>()))
            .collect();
        prop_assert_eq!(segments(wire.as_bytes()), Ok(parts));
    }
}
