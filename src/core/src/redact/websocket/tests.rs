//! Messages, however they are framed and cut.
#![expect(clippy::arithmetic_side_effects, reason = "on constants and generated text")]

use std::sync::Arc;

use proptest::prelude::*;

use super::super::action::Action;
use super::super::detectors::Detectors;
use super::super::kind::Kind;
use super::super::masker::Masker;
use super::super::rules::Rules;
use super::*;

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";

fn masker() -> Masker {
    let rules = Rules::new(Detectors::new(["aws", "email", "private_key"], Vec::new()));
    Masker::new(Arc::new(rules), Kind::WebSocket)
}

/// A frame, written by the letter of the RFC and not by the code under test.
fn framed(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        n @ 0..=125 => bytes.push(u8::try_from(n).unwrap()),
        n @ 126..=65_535 => {
            bytes.extend([126, u8::try_from(n >> 8).unwrap(), u8::try_from(n & 255).unwrap()]);
        }
        n => {
            bytes.push(127);
            bytes.extend(u64::try_from(n).unwrap().to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

fn run<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Result<Vec<u8>, Stop> {
    let mut masker = masker();
    let mut out = Vec::new();
    for piece in pieces {
        masker.feed(piece, &mut out)?;
    }
    masker.finish(&mut out)?;
    Ok(out)
}

fn whole(bytes: &[u8]) -> Vec<u8> {
    run([bytes]).unwrap()
}

#[test]
fn a_message_is_masked_and_framed_anew() {
    let message = format!("{{\"data\":\"{KEY}\"}}");
    assert_eq!(
        whole(&framed(0x81, message.as_bytes())),
        framed(0x81, b"{\"data\":\"AKIA[masked:aws]\"}")
    );
    let text = format!("mail ana@example.com {}", "x".repeat(200));
    let expected = format!("mail [masked:email] {}", "x".repeat(200));
    assert_eq!(whole(&framed(0x82, text.as_bytes())), framed(0x82, expected.as_bytes()));
    // In parts, with a ping between them.
    let (a, b) = message.as_bytes().split_at(15);
    let bytes = [framed(0x01, a), framed(0x89, b"are you there"), framed(0x80, b)].concat();
    let expected =
        [framed(0x89, b"are you there"), framed(0x81, b"{\"data\":\"AKIA[masked:aws]\"}")];
    assert_eq!(whole(&bytes), expected.concat());
}

#[test]
fn what_has_nothing_to_mask_goes_on_as_it_came() {
    let long = "y".repeat(70_000);
    let bytes = [
        framed(0x01, b"in "),
        framed(0x8a, b""),
        framed(0x00, b"three "),
        framed(0x80, b"parts"),
        framed(0x81, b"{ \"a\" : 1e3 }"),
        framed(0x81, long.as_bytes()),
        framed(0x82, &[0, 159, 146, 150]),
        framed(0x88, b"\x03\xe8done"),
    ];
    // A ping or pong goes ahead of the message that it came within.
    let [one, pong, rest @ ..] = bytes.clone();
    assert_eq!(whole(&bytes.concat()), [&[pong, one][..], &rest].concat().concat());
}

#[test]
fn a_text_that_is_spread_over_messages() {
    let chunk = |text: &str| {
        let message = format!(
            "{{\"type\":\"message_chunk\",\"data\":{{\"source\":\"a\",\"content\":\"{text}\"}}}}"
        );
        framed(0x81, message.as_bytes())
    };
    let said = format!("It is {KEY}, yes");
    let letters: Vec<String> = said.chars().map(String::from).collect();
    let mut bytes: Vec<u8> = letters
        .concat()
        .as_bytes()
        .chunks(3)
        .flat_map(|part| chunk(std::str::from_utf8(part).unwrap()))
        .collect();
    bytes.extend(framed(0x88, b"\x03\xe8"));
    let out = whole(&bytes);
    let text = String::from_utf8_lossy(&out);
    let heard: String =
        text.split("\"content\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(heard, "It is AKIA[masked:aws], yes");
    assert!(out.ends_with(&framed(0x88, b"\x03\xe8")));
}

#[test]
fn control_frames_lose_a_text_that_would_have_to_be_masked() {
    let reason = format!("\x03\u{0}{KEY}");
    assert_eq!(whole(&framed(0x88, reason.as_bytes())), framed(0x88, b"\x03\0"));
    assert_eq!(whole(&framed(0x89, b"ana@example.com")), framed(0x89, b""));
}

#[test]
fn what_is_dropped_and_what_blocks() {
    let detectors = Detectors::new(["aws", "email"], Vec::new());
    let detectors =
        detectors.acting([("email", Action::Drop), ("aws", Action::Block)], None).unwrap();
    let mut masker = Masker::new(Arc::new(Rules::new(detectors)), Kind::WebSocket);
    let mut out = Vec::new();
    masker.feed(&framed(0x81, b"{\"to\":\"ana@example.com\"}"), &mut out).unwrap();
    masker.feed(&framed(0x81, b"{\"to\":\"nobody\"}"), &mut out).unwrap();
    let went = masker.feed(&framed(0x81, KEY.as_bytes()), &mut out);
    assert!(matches!(went, Err(Stop::Blocked(_))));
    assert_eq!(out, framed(0x81, b"{\"to\":\"nobody\"}"));
}

#[test]
fn what_is_no_frame_ends_it() {
    let masked = [0x81, 0x81, 1, 2, 3, 4, 5];
    let mut too_long = vec![0x82, 127];
    too_long.extend(u64::MAX.to_be_bytes());
    for (bytes, why) in [
        (framed(0xc1, b"compressed"), Uncertain::WebSocket),
        (framed(0x83, b"reserved"), Uncertain::WebSocket),
        (framed(0x8b, b"reserved"), Uncertain::WebSocket),
        (masked.to_vec(), Uncertain::WebSocket),
        (framed(0x80, b"rest of none"), Uncertain::WebSocket),
        ([framed(0x01, b"a"), framed(0x81, b"b")].concat(), Uncertain::WebSocket),
        (framed(0x09, b"in parts"), Uncertain::WebSocket),
        (framed(0x89, &[0; 126]), Uncertain::WebSocket),
        (vec![0x81, 126, 0, 125], Uncertain::WebSocket),
        (vec![0x81, 127, 0, 0, 0, 0, 0, 0, 255, 255], Uncertain::WebSocket),
        (too_long, Uncertain::MessageTooLong),
        (
            [framed(0x01, &[b'x'; 600_000]), framed(0x80, &[b'x'; 600_000])].concat(),
            Uncertain::MessageTooLong,
        ),
        (
            [framed(0x01, b""), framed(0x00, b"").repeat(1_100_000)].concat(),
            Uncertain::MessageTooLong,
        ),
    ] {
        assert_eq!(run([bytes.as_slice()]), Err(Stop::Uncertain(why)), "{:?}", &bytes[..2]);
    }
}

fn messages() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop::sample::select(vec![
        "{\"a\":\"AKIAIOSFODNN7EXAMPLE\"}",
        "mail ana@example.com",
        "{\"type\":\"message_chunk\",\"data\":{\"source\":\"a\",\"content\":\"AKIAIOSF\"}}",
        "{\"type\":\"message_chunk\",\"data\":{\"source\":\"a\",\"content\":\"ODNN7EXAMPLE \"}}",
        "[1, 2",
        "",
        "\u{e9}",
    ]);
    let message = (payload, any::<prop::sample::Index>(), any::<bool>(), any::<bool>()).prop_map(
        |(payload, cut, split, ping)| {
            let payload = payload.as_bytes();
            let ping = if ping { framed(0x89, b"p") } else { Vec::new() };
            if split {
                let (a, b) = payload.split_at(cut.index(payload.len() + 1));
                [framed(0x01, a), ping, framed(0x80, b)].concat()
            } else {
                [ping, framed(0x81, payload)].concat()
            }
        },
    );
    prop::collection::vec(message, 0..8).prop_map(|messages| messages.concat())
}

proptest! {
    #[test]
    fn the_stream_equals_the_whole(bytes in messages(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]);
        let expected = whole(&bytes);
        prop_assert_eq!(run(pieces).unwrap(), expected.clone());
        prop_assert_eq!(run(bytes.chunks(1)).unwrap(), expected.clone());
        let text = String::from_utf8_lossy(&expected).into_owned();
        prop_assert!(!text.contains("IOSFODNN"));
    }

    #[test]
    fn no_bytes_make_it_stumble(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = run([bytes.as_slice()]);
    }
}
