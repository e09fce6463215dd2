//! A line of the log: what a filter sends, kept byte by byte as it came.

use scopewarden_core::hex::{hex, unhex};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Longest line, in bytes.
pub const MAX_LINE: usize = 256 * 1024;
/// SHA-256.
pub type Digest = [u8; 32];

/// Which chain: the one of a VM, of a worker, of a proxy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream([u8; 16]);

impl Stream {
    /// From 32 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }
}

impl std::fmt::Display for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// A record whose place in its stream is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its stream.
    pub stream: Stream,
    /// Its place there, from 0.
    pub seq: u64,
    /// The hash of the line before it; zeros for the first.
    pub prev: Digest,
    /// The bytes, without the newline.
    pub text: &'a str,
}

/// Why a line is not a record. The text repeats nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// See [`MAX_LINE`].
    #[error("a record is longer than {MAX_LINE} bytes")]
    Long,
    /// One line would not be one line everywhere.
    #[error("a record has a raw control character or line separator")]
    Control,
    /// The members that the chain goes by.
    #[error("a record does not begin with `v`, `stream`, `seq` and `prev`")]
    Head,
    /// The rest.
    #[error("a record is not one JSON object with a `kind`, with each member once")]
    Json,
}

/// The members that may stand there once only.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(rename = "v")]
    _v: u8,
    #[serde(rename = "stream")]
    _stream: &'a str,
    #[serde(rename = "seq")]
    _seq: u64,
    #[serde(rename = "prev")]
    _prev: &'a str,
    #[serde(rename = "kind")]
    _kind: String,
}

impl<'a> Line<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn parse(text: &'a str) -> Result<Self, LineError> {
        if text.len() > MAX_LINE {
            return Err(LineError::Long);
        }
        let raw = |c: char| c < ' ' || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}');
        if text.contains(raw) {
            return Err(LineError::Control);
        }
        let line = Self::head(text).ok_or(LineError::Head)?;
        // A second `stream` further on would be another record to whoever reads the last one.
        serde_json::from_str::<Members<'_>>(text).map_err(|_| LineError::Json)?;
        Ok(line)
    }

    /// Reads the beginning only: for lines that were accepted before.
    pub fn head(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix("{\"v\":1,\"stream\":\"")?;
        let (stream, rest) = rest.split_once("\",\"seq\":")?;
        let (seq, rest) = rest.split_once(",\"prev\":\"")?;
        let (prev, rest) = rest.split_once('"')?;
        let plain = seq == "0" || !seq.starts_with('0');
        let digits = plain && seq.bytes().all(|b| b.is_ascii_digit());
        // What databases and JavaScript can count to.
        let seq = seq.parse().ok().filter(|seq| digits && *seq < 1 << 53)?;
        let line = Self { stream: Stream::parse(stream)?, seq, prev: unhex(prev)?, text };
        rest.starts_with([',', '}']).then_some(line)
    }

    /// Its hash, which the next line of the stream names.
    pub fn hash(&self) -> Digest {
        hash(self.text)
    }
}

/// SHA-256 of a line without its newline.
pub fn hash(line: &str) -> Digest {
    Sha256::digest(line.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(head: &str, rest: &str) -> String {
        format!("{{{head}{rest}}}")
    }

    fn head(seq: &str) -> String {
        let (stream, prev) = ("0f".repeat(16), "ab".repeat(32));
        format!(r#""v":1,"stream":"{stream}","seq":{seq},"prev":"{prev}""#)
    }

    #[test]
    fn a_record_is_read() {
        let text = line(&head("17"), r#","kind":"decision","path":"/a\nb\u2028""#);
        let found = Line::parse(&text).unwrap();
        assert_eq!((found.seq, found.prev, found.text), (17, [0xab; 32], &*text));
        assert_eq!(found.stream.to_string(), "0f".repeat(16));
        assert_eq!(
            hex(&hash("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn anything_else_is_refused() {
        use LineError::{Control, Head, Json, Long};
        let kind = r#","kind":"end""#;
        for (text, why) in [
            (String::new(), Head),
            ("[]".into(), Head),
            (line(&head("1"), ""), Json),
            (line(&head("1"), r#","kind":1"#), Json),
            (line(&head("01"), kind), Head),
            (line(&head("+1"), kind), Head),
            (line(&head("9007199254740992"), kind), Head),
            (line(&head("1"), kind).replace("0f", "0F"), Head),
            (line(&head("1"), kind).replace("\"v\":1", "\"v\":2"), Head),
            (line(&head("1"), r#","kind":"end","seq":2"#), Json),
            (line(&head("1"), r#","kind":"end","str\u0065am":"x""#), Json),
            (line(&head("1"), kind) + "x", Json),
            (line(&head("1"), ",\"kind\":\"a\nb\""), Control),
            (line(&head("1"), ",\"kind\":\"a\u{2028}b\""), Control),
            (line(&head("1"), ",\"kind\":\"a\u{85}b\""), Control),
            (line(&head("1"), &format!(",\"kind\":\"{}\"", "a".repeat(MAX_LINE))), Long),
            (line(&head("1"), &format!(",\"kind\":{}", "[".repeat(9999))), Json),
        ] {
            assert_eq!(Line::parse(&text), Err(why), "{text:.90}");
        }
    }
}
