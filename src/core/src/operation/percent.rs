//! Percent-decoding (RFC 3986, 2.1), once and strictly.

/// Decodes every `%XX` in `raw`, and `+` to a space when `form` is set.
///
/// `None` when a `%` is not followed by two hexadecimal digits: decoders disagree about those.
pub(super) fn decode(raw: &[u8], form: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(&byte) = bytes.next() {
        out.push(match byte {
            b'%' => hex(*bytes.next()?)? << 4 | hex(*bytes.next()?)?,
            b'+' if form => b' ',
            _ => byte,
        });
    }
    Some(out)
}

/// Whether `text` still holds something a second decoding would change.
pub(super) fn has_escape(text: &[u8]) -> bool {
    text.windows(3).any(
        |w| matches!(w, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()),
    )
}

/// Whether `c` can end a line or a string somewhere: C0 and C1 controls, DEL, and the two Unicode
/// line separators.
pub(super) fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_once_and_refuses_half_escapes() {
        assert_eq!(decode(b"a%2Fb%2fc", false).as_deref(), Some(&b"a/b/c"[..]));
        assert_eq!(decode(b"%252f", false).as_deref(), Some(&b"%2f"[..]));
        assert_eq!(decode(b"a+b", false).as_deref(), Some(&b"a+b"[..]));
        assert_eq!(decode(b"a+b%2B", true).as_deref(), Some(&b"a b+"[..]));
        for bad in [&b"%"[..], b"%4", b"%zz", b"a%", b"%4g", b"%+1", b"%%41"] {
            assert_eq!(decode(bad, false), None, "{bad:?}");
        }
    }
}
