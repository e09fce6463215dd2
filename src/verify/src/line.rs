//! One line of a log.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::members::{self, Kind};

/// Longest line, in bytes, without its LF.
pub const MAX_LINE: usize = 256 * 1024;

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// What a line is, before anything is known of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// SHA-256 of its bytes, which the next line of its stream names.
    pub(crate) hash: Hash,
    /// Its leaf in the Merkle tree: SHA-256 of a zero byte and its bytes.
    pub(crate) leaf: Hash,
    /// The record, or what is wrong with it.
    pub(crate) read: Result<Record, String>,
}

/// What verification needs of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Its stream.
    pub(crate) stream: StreamId,
    /// Its place in the stream, from 0.
    pub(crate) seq: u64,
    /// The hash of the line before it in the stream; zeros for the first.
    pub(crate) prev: Hash,
    pub(crate) kind: Kind,
}

/// The chain of one VM of one worker of one proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub [u8; 16]);

impl StreamId {
    /// From 32 lower-case hexadecimal digits.
    pub fn parse(text: &[u8]) -> Option<Self> {
        hex(text).map(Self)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Line {
    /// Reads and hashes a line, without its LF.
    pub(crate) fn read(line: &[u8]) -> Self {
        let leaf = Sha256::new_with_prefix([0]).chain_update(line).finalize().into();
        Self { hash: Sha256::digest(line).into(), leaf, read: record(line) }
    }
}

fn record(line: &[u8]) -> Result<Record, String> {
    plain(line)?;
    let head = Head::read(line)?;
    let kind = members::read(line)?;
    Ok(Record { stream: head.stream, seq: head.seq, prev: head.prev, kind })
}

/// Whether the line is one wherever it is shown: nothing in it ends a line or moves a cursor.
fn plain(line: &[u8]) -> Result<(), String> {
    if line.len() > MAX_LINE {
        return Err(format!("it has {} bytes, {MAX_LINE} are the most", line.len()));
    }
    // Whole chunks without leaving early, which the compiler turns into vector instructions.
    let control = |chunk: &[u8]| chunk.iter().fold(false, |found, byte| found | (*byte < 0x20));
    if line.chunks(64).any(control) {
        return Err("it has a control character that is not escaped".to_owned());
    }
    for at in memchr::memchr2_iter(0xe2, 0xc2, line) {
        let rest = line.get(at..).unwrap_or_default();
        if rest.starts_with("\u{2028}".as_bytes())
            || rest.starts_with("\u{2029}".as_bytes())
            || rest.starts_with("\u{85}".as_bytes())
        {
            return Err("it has a line separator that is not escaped".to_owned());
        }
    }
    match std::str::from_utf8(line) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("byte {} of it is not UTF-8", error.valid_up_to())),
    }
}

/// The four members that every record starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) stream: StreamId,
    pub(crate) seq: u64,
    pub(crate) prev: Hash,
}

impl Head {
    /// Reads them where they have to be, written as they have to be.
    pub(crate) fn read(line: &[u8]) -> Result<Self, String> {
        Self::parse(line).ok_or_else(|| {
            "it does not start with `{\"v\":1,\"stream\":..,\"seq\":..,\"prev\":..`".to_owned()
        })
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(br#"{"v":1,"stream":""#)?;
        let (stream, rest) = rest.split_at_checked(32)?;
        let rest = rest.strip_prefix(br#"","seq":"#)?;
        let digits = rest.iter().take(21).take_while(|b| b.is_ascii_digit()).count();
        let (seq, rest) = rest.split_at_checked(digits)?;
        let rest = rest.strip_prefix(br#","prev":""#)?;
        let (prev, rest) = rest.split_at_checked(64)?;
        if !rest.starts_with(b"\",") && !rest.starts_with(b"\"}") {
            return None;
        }
        Some(Self { stream: StreamId::parse(stream)?, seq: number(seq)?, prev: hex(prev)? })
    }
}

/// A number in the only way to write it.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// Bytes from lower-case hexadecimal digits.
pub(crate) fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (nibble(*high)? << 4) | nibble(*low)?;
    }
    Some(bytes)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"v":1,"stream":"000102030405060708090a0b0c0d0e0f","seq":17,"prev":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff","kind":"end"}"#;

    #[test]
    fn a_record_is_read() {
        let record = Line::read(GOOD.as_bytes()).read.unwrap();
        assert_eq!(record.stream.to_string(), "000102030405060708090a0b0c0d0e0f");
        assert_eq!((record.seq, record.prev), (17, [255; 32]));
        assert_eq!(record.kind, Kind::End);
    }

    #[test]
    fn the_hashes_are_those_of_the_contract() {
        let line = Line::read(b"abc");
        let hex = |hash: Hash| hash.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(
            hex(line.hash),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        // printf '\0abc' | sha256sum
        assert_eq!(
            hex(line.leaf),
            "609f6e36d2405585188d5cfd761f407c7cc46a7d3f314c88270469dde315fcd1"
        );
    }

    #[test]
    fn only_one_way_to_write_it_is_a_record() {
        for (from, to) in [
            (r#"{"v":1,"#, r#"{"v":2,"#),
            (r#"{"v":1,"#, r#"{ "v":1,"#),
            (r#""seq":17"#, r#""seq":017"#),
            (r#""seq":17"#, r#""seq":-1"#),
            (r#""seq":17"#, r#""seq":"#),
            (r#""seq":17"#, r#""seq":99999999999999999999"#),
            (r#""seq":17"#, r#""seq": 17"#),
            ("0a0b", "0A0b"),
            ("0a0b", "0a0"),
            ("ffff\",", "fffF\","),
            ("ffff\",", "fff\","),
            ("ffff\",", "ffff\" ,"),
            ("\"end\"", "\"end\u{2028}\""),
            ("\"end\"", "\"end\u{2029}\""),
            ("\"end\"", "\"end\u{85}\""),
            ("\"end\"", "\"end\u{1}\""),
            ("\"end\"", "\"end\",\r\"a\":1"),
            ("\"end\"", "\"end\",\"kind\":\"end\""),
            ("\"end\"", "\"end\",\"k\\u0069nd\":\"gap\""),
            ("\"end\"", "\"end\",\"seq\":17"),
            ("\"end\"", "7"),
            ("\"end\"", "\"end\",\"a\":tru"),
            ("\"end\"}", "\"end\""),
            ("\"end\"}", "\"end\"} "),
            ("\"end\"}", "\"end\"}{}"),
            (",\"kind\":\"end\"", ""),
        ] {
            let line = GOOD.replace(from, to);
            assert_ne!(line, GOOD, "{from}");
            let read = Line::read(line.as_bytes()).read;
            // What ends a record is not part of its grammar when nothing else can be read from it.
            assert!(read.is_err(), "{line}: {read:?}");
        }
        let long = GOOD.replace("end\"", &format!("end\",\"a\":\"{}\"", "x".repeat(MAX_LINE)));
        assert!(Line::read(long.as_bytes()).read.unwrap_err().contains("262144 are the most"));
        let mut broken = GOOD.as_bytes().to_vec();
        broken[130] = 0xff;
        assert!(Line::read(&broken).read.is_err());
    }
}
