//! What a plain YAML scalar means: the 1.2 core schema, less what JSON cannot hold.

use scopewarden_core::node::Node;

/// Largest magnitude at which every integer is a double of its own.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Resolves a plain (unquoted) scalar.
///
/// # Errors
/// A message and a help line, for numbers that would not arrive as written.
pub fn plain(text: &str) -> Result<Node, (String, &'static str)> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Node::Null),
        "true" | "True" | "TRUE" => return Ok(Node::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Node::Bool(false)),
        _ => {}
    }
    if is_infinity_or_nan(text) {
        return Err((
            format!("`{text}` is not a number that a policy can hold"),
            "quote it when it is meant as text",
        ));
    }
    let Some(number) = number(text) else { return Ok(Node::String(text.to_owned())) };
    if !number.is_finite() || number.abs() > MAX_EXACT {
        return Err((
            format!("the number `{text}` is too large to be kept exactly"),
            "quote it when it is meant as text",
        ));
    }
    Ok(Node::Number(number))
}

/// The number a scalar spells, if it spells one.
fn number(text: &str) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "values above 2^53 are refused by the caller, and a u64 rounds to above it"
    )]
    let radix = |digits: &str, base| u64::from_str_radix(digits, base).ok().map(|n| n as f64);
    if let Some(hex) = text.strip_prefix("0x") {
        return hex.bytes().all(|b| b.is_ascii_hexdigit()).then(|| radix(hex, 16)).flatten();
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return octal
            .bytes()
            .all(|b| (b'0'..=b'7').contains(&b))
            .then(|| radix(octal, 8))
            .flatten();
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_ok =
        digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent_ok = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['-', '+']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    (mantissa_ok && exponent_ok).then(|| text.parse().ok()).flatten()
}

fn is_infinity_or_nan(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_schema() {
        let string = |s: &str| Ok(Node::String(s.to_owned()));
        for (text, expected) in [
            ("", Ok(Node::Null)),
            ("~", Ok(Node::Null)),
            ("Null", Ok(Node::Null)),
            ("nULL", string("nULL")),
            ("True", Ok(Node::Bool(true))),
            ("FALSE", Ok(Node::Bool(false))),
            ("on", string("on")),
            ("yes", string("yes")),
            ("12", Ok(Node::Number(12.0))),
            ("-12", Ok(Node::Number(-12.0))),
            ("+12", Ok(Node::Number(12.0))),
            ("012", Ok(Node::Number(12.0))),
            ("0x1F", Ok(Node::Number(31.0))),
            ("0o17", Ok(Node::Number(15.0))),
            ("0o18", string("0o18")),
            ("0x", string("0x")),
            ("0x+1", string("0x+1")),
            ("1.5", Ok(Node::Number(1.5))),
            (".5", Ok(Node::Number(0.5))),
            ("5.", Ok(Node::Number(5.0))),
            (".", string(".")),
            ("-", string("-")),
            ("1e3", Ok(Node::Number(1000.0))),
            ("1e", string("1e")),
            ("1_000", string("1_000")),
            ("30s", string("30s")),
            ("infinity", string("infinity")),
            ("9007199254740992", Ok(Node::Number(MAX_EXACT))),
        ] {
            assert_eq!(plain(text), expected, "{text}");
        }
        for text in ["9007199254740994", "1e400", "0xffffffffffffffff", ".inf", "-.INF", ".nan"] {
            assert!(plain(text).is_err(), "{text}");
        }
    }
}
