//! Text that others chose, on its way to a terminal.

/// `text` with control characters, and those that change the direction of writing, escaped: a
/// terminal obeys the first and shows the second nowhere.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let directs = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || directs {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_seen_is_left() {
        assert_eq!(printable("größe 'a' \"b\" \\"), "größe 'a' \"b\" \\");
        assert_eq!(
            printable("a\u{1b}[2J\r\n\u{9b}\u{202e}b"),
            "a\\u{1b}[2J\\r\\n\\u{9b}\\u{202e}b"
        );
    }
}
