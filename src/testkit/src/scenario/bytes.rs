//! Bytes in YAML strings.

/// The bytes of a string in which `\xNN` stands for one byte and `\\` for a backslash.
///
/// # Errors
/// A sentence about the escape that is not one.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.extend_from_slice(plain.as_bytes());
        if let Some(after) = escape.strip_prefix('\\') {
            out.push(b'\\');
            rest = after;
            continue;
        }
        let digits = escape.strip_prefix('x').and_then(|e| e.split_at_checked(2));
        let byte = digits.and_then(|(hex, after)| Some((u8::from_str_radix(hex, 16).ok()?, after)));
        let Some((byte, after)) = byte else {
            return Err(format!("`{text}` has a backslash that starts neither `\\xNN` nor `\\\\`"));
        };
        out.push(byte);
        rest = after;
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(unescape(r"a\xff\\b\x00").unwrap(), b"a\xff\\b\x00");
        for bad in [r"\n", r"\x1", r"\xzz", r"\"] {
            assert!(unescape(bad).is_err(), "{bad}");
        }
    }
}
