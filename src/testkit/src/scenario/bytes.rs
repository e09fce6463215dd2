//! Bytes in YAML strings.

/// The bytes of a string in which `\xNN` stands for one byte, `\\` for a backslash, and `\{COUNT TEXT}` for a text repeated.
///
/// # Errors
/// A sentence about the escape that is not one.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.extend_from_slice(plain.as_bytes());
        let Some((bytes, after)) =
            backslash(escape).or_else(|| byte(escape)).or_else(|| run(escape))
        else {
            return Err(format!(
                "`{text}` has a backslash that starts neither `\\xNN` nor `\\\\` nor `\\{{COUNT TEXT}}`"
            ));
        };
        out.extend_from_slice(&bytes);
        rest = after;
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

fn backslash(escape: &str) -> Option<(Vec<u8>, &str)> {
    escape.strip_prefix('\\').map(|after| (vec![b'\\'], after))
}

fn byte(escape: &str) -> Option<(Vec<u8>, &str)> {
    let (hex, after) = escape.strip_prefix('x')?.split_at_checked(2)?;
    Some((vec![u8::from_str_radix(hex, 16).ok()?], after))
}

fn run(escape: &str) -> Option<(Vec<u8>, &str)> {
    let (run, after) = escape.strip_prefix('{')?.split_once('}')?;
    let (count, text) = run.split_once(' ')?;
    Some((text.repeat(count.parse().ok()?).into_bytes(), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(unescape(r"a\xff\\b\x00").unwrap(), b"a\xff\\b\x00");
        assert_eq!(unescape(r"a\{3 [}b\{0 x}\{2  }").unwrap(), b"a[[[b  ");
        for bad in [r"\n", r"\x1", r"\xzz", r"\", r"\{3 a", r"\{a}", r"\{-1 a}"] {
            assert!(unescape(bad).is_err(), "{bad}");
        }
    }
}
