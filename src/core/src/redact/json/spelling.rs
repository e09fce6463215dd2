//! How the characters of a JSON string are spelled.
//!
//! In JSON that stands in a JSON string, each character of a spelling is itself spelled in the string around it: `\\u0040` for `\u0040`
//! for `@`. So characters come in pairs: what is written, and what it stands for.

/// Stands for what is no character: half of a surrogate pair, or a spelling that is cut off.
const NO_CHARACTER: &[u8] = "\u{fffd}".as_bytes();
/// `\uXXXX`.
const UNIT: usize = 6;

/// A spelling that has begun.
#[derive(Clone, Debug, Default)]
pub struct Spelling {
    /// As it is written.
    raw: Vec<u8>,
    /// What that stands for, from the backslash on.
    text: Vec<u8>,
    /// How many bytes of `raw` each byte of `text` is.
    lengths: Vec<u8>,
    /// How much of `raw` the first half of a surrogate pair is.
    half: usize,
}

impl Spelling {
    /// Whether none has begun.
    pub const fn is_idle(&self) -> bool {
        self.text.is_empty()
    }

    /// How many bytes are held.
    pub const fn held(&self) -> usize {
        self.raw.len()
    }

    /// Takes the next character, a backslash if none has begun. Hands on what is complete.
    /// `false`: the character does not belong to it.
    pub fn take(&mut self, raw: &[u8], text: &[u8], put: &mut dyn FnMut(&[u8], &[u8])) -> bool {
        let [byte] = text else { return self.other(put) };
        let fits = match self.text.len() {
            0 => true,
            1 => return self.after_backslash(raw, *byte, put),
            UNIT => *byte == b'\\',
            7 if *byte == b'u' => true,
            7 => {
                // Half a pair, and then another kind of spelling.
                self.first_half(put);
                return self.after_backslash(raw, *byte, put);
            }
            _ => byte.is_ascii_hexdigit(),
        };
        if !fits {
            return self.other(put);
        }
        self.push(raw, *byte);
        self.complete(put);
        true
    }

    /// The string has ended, or was cut off: what has begun stands for nothing.
    pub fn finish(&mut self, put: &mut dyn FnMut(&[u8], &[u8])) {
        if !self.is_idle() {
            put(&self.raw, NO_CHARACTER);
            self.clear();
        }
    }

    fn after_backslash(&mut self, raw: &[u8], byte: u8, put: &mut dyn FnMut(&[u8], &[u8])) -> bool {
        self.push(raw, byte);
        let stands_for = match byte {
            b'u' => return true,
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            other => other,
        };
        put(&self.raw, &[stands_for]);
        self.clear();
        true
    }

    /// What has begun is not going to be a spelling, or not the second half of one.
    fn other(&mut self, put: &mut dyn FnMut(&[u8], &[u8])) -> bool {
        if self.text.len() >= UNIT {
            self.first_half(put);
        }
        let mut rest = self.raw.as_slice();
        for (length, byte) in self.lengths.iter().zip(&self.text) {
            let (raw, after) = rest.split_at_checked(usize::from(*length)).unwrap_or((rest, &[]));
            put(raw, std::slice::from_ref(byte));
            rest = after;
        }
        self.clear();
        false
    }

    fn complete(&mut self, put: &mut dyn FnMut(&[u8], &[u8])) {
        let second = match self.text.len() {
            UNIT => false,
            12 => true,
            _ => return,
        };
        let high = if second { code(self.text.get(2..UNIT)) } else { None };
        let unit = code(if second { self.text.get(8..12) } else { self.text.get(2..UNIT) });
        let unit = unit.unwrap_or(0xfffd);
        let point = match (high, unit) {
            (Some(high), 0xdc00..=0xdfff) => 0x1_0000_u32
                .saturating_add(high.saturating_sub(0xd800).saturating_mul(0x400))
                .saturating_add(unit.saturating_sub(0xdc00)),
            _ => {
                if second {
                    self.first_half(put);
                }
                if (0xd800..=0xdbff).contains(&unit) {
                    self.half = self.raw.len();
                    return;
                }
                unit
            }
        };
        let mut bytes = [0; 4];
        let text = char::from_u32(point).unwrap_or('\u{fffd}').encode_utf8(&mut bytes);
        put(&self.raw, text.as_bytes());
        self.clear();
    }

    /// The first half has no second one.
    fn first_half(&mut self, put: &mut dyn FnMut(&[u8], &[u8])) {
        put(self.raw.get(..self.half).unwrap_or_default(), NO_CHARACTER);
        self.raw.drain(..self.half.min(self.raw.len()));
        self.text.drain(..UNIT.min(self.text.len()));
        self.lengths.drain(..UNIT.min(self.lengths.len()));
        self.half = 0;
    }

    fn push(&mut self, raw: &[u8], byte: u8) {
        self.raw.extend_from_slice(raw);
        self.text.push(byte);
        self.lengths.push(u8::try_from(raw.len()).unwrap_or(u8::MAX));
    }

    fn clear(&mut self) {
        self.raw.clear();
        self.text.clear();
        self.lengths.clear();
        self.half = 0;
    }
}

fn code(digits: Option<&[u8]>) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits?).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written and what it stands for, character by character.
    fn read(text: &str) -> Vec<(String, String)> {
        let mut spelling = Spelling::default();
        let mut read = Vec::new();
        let string = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut put = |raw: &[u8], text: &[u8]| read.push((string(raw), string(text)));
        for byte in text.bytes() {
            let begun = !spelling.is_idle() && spelling.take(&[byte], &[byte], &mut put);
            if !begun && byte == b'\\' {
                assert!(spelling.take(&[byte], &[byte], &mut put));
            } else if !begun {
                put(&[byte], &[byte]);
            }
        }
        spelling.finish(&mut put);
        read
    }

    #[test]
    fn spellings_and_what_they_stand_for() {
        for (text, expected) in [
            (r"a\u0040b", &[("a", "a"), (r"\u0040", "@"), ("b", "b")][..]),
            (r"\n\/\q", &[(r"\n", "\n"), (r"\/", "/"), (r"\q", "q")]),
            (r"\ud83d\ude00", &[(r"\ud83d\ude00", "😀")]),
            (r"\ud83dx", &[(r"\ud83d", "\u{fffd}"), ("x", "x")]),
            (r"\ud83d\n", &[(r"\ud83d", "\u{fffd}"), (r"\n", "\n")]),
            (r"\ud83d\u0041", &[(r"\ud83d", "\u{fffd}"), (r"\u0041", "A")]),
            (r"\ud83d\ud83d\ude00", &[(r"\ud83d", "\u{fffd}"), (r"\ud83d\ude00", "😀")]),
            (r"\ude00", &[(r"\ude00", "\u{fffd}")]),
            (r"\u0z", &[("\\", "\\"), ("u", "u"), ("0", "0"), ("z", "z")]),
            (r"\ud83d\u0", &[(r"\ud83d\u0", "\u{fffd}")]),
            (r"\ud83d\uz", &[(r"\ud83d", "\u{fffd}"), ("\\", "\\"), ("u", "u"), ("z", "z")]),
            ("\\", &[("\\", "\u{fffd}")]),
        ] {
            let read = read(text);
            let read: Vec<(&str, &str)> = read.iter().map(|(r, t)| (&**r, &**t)).collect();
            assert_eq!(read, expected, "{text}");
        }
    }
}
