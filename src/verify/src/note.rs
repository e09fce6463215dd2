//! Signed notes (C2SP signed-note, Ed25519).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_compact::{PublicKey, Signature};
use sha2::{Digest as _, Sha256};

/// A key that notes are verified with, written `<name>+<8 hex digits>+<base64>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    hash: [u8; 4],
    key: PublicKey,
}

impl VerifierKey {
    /// The name, which is the origin of the log's checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for VerifierKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "a key is `<name>+<8 hex digits>+<base64>`";
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(FORM.to_owned());
        };
        let key = STANDARD.decode(key).map_err(|_| FORM)?;
        let Some((&algorithm, key)) = key.split_first() else { return Err(FORM.to_owned()) };
        if algorithm != 1 {
            return Err("the key is not an Ed25519 key".to_owned());
        }
        let key = PublicKey::from_slice(key).map_err(|_| FORM)?;
        let digest: [u8; 32] = Sha256::new_with_prefix(name)
            .chain_update([b'\n', algorithm])
            .chain_update(*key)
            .finalize()
            .into();
        let (&own, _) = digest.split_first_chunk().ok_or(FORM)?;
        if crate::line::hex(hash.as_bytes()) != Some(own) {
            return Err("the key's name, hash and bytes do not belong together".to_owned());
        }
        Ok(Self { name: name.to_owned(), hash: own, key })
    }
}

/// A note as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// What is signed: lines, each with its LF.
    pub(crate) text: String,
    signatures: Vec<(String, [u8; 4], Vec<u8>)>,
}

/// Why a note is none, or not signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteError(pub(crate) String);

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Note {
    /// Reads one note: text, an empty line, signatures.
    pub(crate) fn parse(text: &str, signatures: &str) -> Result<Self, NoteError> {
        let wrong = |what: &str| NoteError(what.to_owned());
        let mut read = Vec::new();
        for line in signatures.lines() {
            let rest = line
                .strip_prefix("— ")
                .ok_or_else(|| wrong("what follows its empty line is not `— <name> <base64>`"))?;
            let (name, bytes) = rest
                .split_once(' ')
                .ok_or_else(|| wrong("a signature of it has no name or no bytes"))?;
            let bytes =
                STANDARD.decode(bytes).map_err(|_| wrong("a signature of it is not base64"))?;
            let (hash, bytes) =
                bytes.split_first_chunk().ok_or_else(|| wrong("a signature of it is too short"))?;
            read.push((name.to_owned(), *hash, bytes.to_vec()));
        }
        if read.is_empty() {
            return Err(wrong("it has no signature"));
        }
        Ok(Self { text: text.to_owned(), signatures: read })
    }

    /// Whether `key` signed it. Signatures of other keys say nothing.
    pub(crate) fn check(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let mut own =
            self.signatures.iter().filter(|(name, hash, _)| *name == key.name && *hash == key.hash);
        let Some((_, _, bytes)) = own.next() else {
            return Err(NoteError(format!("it has no signature by `{}`", key.name)));
        };
        let signature = Signature::from_slice(bytes)
            .map_err(|_| NoteError("its signature is not one of Ed25519".to_owned()))?;
        key.key
            .verify(self.text.as_bytes(), &signature)
            .map_err(|_| NoteError("its signature does not verify".to_owned()))
    }
}

/// The notes of a file, one after the other; each with the line it starts at, from 1.
pub(crate) struct Notes<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Notes<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1 }
    }

    /// What comes after the last whole note: a crash may have cut it off.
    pub(crate) fn torn(&self) -> bool {
        !self.rest.is_empty()
    }
}

impl<'a> Iterator for Notes<'a> {
    type Item = (usize, &'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (text, after) = self.rest.split_once("\n\n")?;
        let (signatures, rest) = match after.split_once("\n\n") {
            Some(whole) => whole,
            None => match after.strip_suffix('\n') {
                Some(signatures) => (signatures, ""),
                // Nothing is missing at its end: the empty line before its signature is.
                None if after.is_empty() && text.contains("— ") => ("", ""),
                None => return None,
            },
        };
        let text = self.rest.get(..text.len().saturating_add(1))?;
        let at = self.line;
        let lines = text.lines().count().saturating_add(signatures.lines().count());
        self.line = self.line.saturating_add(lines).saturating_add(2);
        self.rest = rest;
        Some((at, text, signatures))
    }
}

/// The last whole note of a file, as it stands there.
pub fn last_note(file: &str) -> Option<String> {
    let (_, text, signatures) = Notes::new(file).last()?;
    Some(format!("{text}\n{signatures}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, algorithm: u8) -> String {
        let pair = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new([7; 32]));
        let bytes = [&[algorithm], &pair.pk[..]].concat();
        let digest: [u8; 32] = Sha256::new_with_prefix(name)
            .chain_update(b"\n")
            .chain_update(&bytes)
            .finalize()
            .into();
        let hash: String = digest[..4].iter().map(|b| format!("{b:02x}")).collect();
        format!("{name}+{hash}+{}", STANDARD.encode(bytes))
    }

    #[test]
    fn keys_are_whole_or_refused() {
        let good = key("a.example/log", 1);
        assert_eq!(good.parse::<VerifierKey>().unwrap().name(), "a.example/log");
        let other_name = good.replace("a.example", "b.example");
        let cut: String = good.chars().skip(4).collect();
        for bad in
            ["", "a", "a+b", "a+00000000+AAAA", "a+00000000+", &other_name, &cut, &key("a", 2)]
        {
            assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn notes_are_taken_apart() {
        let file = "a\n1\n\n— a AAAAAAAA\n\nb\n\n— b AAAAAAAA\n";
        let mut notes = Notes::new(file);
        assert_eq!(notes.next(), Some((1, "a\n1\n", "— a AAAAAAAA")));
        assert_eq!(notes.next(), Some((6, "b\n", "— b AAAAAAAA")));
        assert_eq!(notes.next(), None);
        assert!(!notes.torn());
        for cut in ["a", "a\n1\n", "a\n1\n\n", "a\n1\n\n— a AAAAAA"] {
            let mut torn = Notes::new(cut);
            assert_eq!(torn.next(), None);
            assert!(torn.torn());
        }
        let mut joined = Notes::new("a\n1\n— a AAAAAAAA\n\n");
        assert_eq!(joined.next(), Some((1, "a\n1\n— a AAAAAAAA\n", "")));
        assert!(!joined.torn());
    }

    #[test]
    fn signatures_have_one_form() {
        for bad in ["", "a", "- a AAAAAAAA", "— a", "— a AAA", "— a AAAA", "— a !!!!"] {
            assert!(Note::parse("a\n", bad).is_err(), "{bad}");
        }
        assert!(Note::parse("a\n", "— a AAAAAAAA").is_ok());
    }
}
