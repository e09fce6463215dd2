//! Text that others wrote, so that it looks like what it is.
//!
//! A caller chooses paths, bodies and names. Characters that show nothing, or that change the order of what stands around
//! them, would let one call look like another; here each of them is written out.

use std::fmt::{self, Display, Write as _};

use askama::filters::HtmlSafe;

/// HTML that shows a text completely: escaped, and with what cannot be seen written out and marked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visible(String);

impl Visible {
    /// Text in a line.
    pub fn line(text: &str) -> Self {
        Self::of(text, false)
    }

    /// Text whose line breaks are its layout.
    pub fn block(text: &str) -> Self {
        Self::of(text, true)
    }

    /// A sentence, in which names stand between backticks.
    pub fn prose(text: &str) -> Self {
        let mut html = String::with_capacity(text.len());
        for (n, part) in text.split('`').enumerate() {
            let Self(part) = Self::line(part);
            match n % 2 {
                0 => html.push_str(&part),
                _ => html.extend(["<code>", &part, "</code>"]),
            }
        }
        Self(html)
    }

    fn of(text: &str, lines: bool) -> Self {
        let mut html = String::with_capacity(text.len());
        for c in text.chars() {
            let code = u32::from(c);
            match c {
                '&' => html.push_str("&amp;"),
                '<' => html.push_str("&lt;"),
                '>' => html.push_str("&gt;"),
                '"' => html.push_str("&quot;"),
                '\'' => html.push_str("&#39;"),
                '\n' if lines => html.push('\n'),
                c if is_hidden(c) => {
                    // Writing to a string does not fail.
                    let _ = write!(
                        html,
                        "<span class=\"hidden\" title=\"U+{code:04X}\">\\u{{{code:x}}}</span>"
                    );
                }
                c => html.push(c),
            }
        }
        Self(html)
    }

    /// Whether there is nothing to show.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Display for Visible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything in it was escaped when it was made.
impl HtmlSafe for Visible {}

/// Whether `c` cannot be seen, cannot be told from a space, or changes how its neighbours are drawn.
pub const fn is_hidden(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        // Spaces that are none, and joiners.
        | '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{1680}' | '\u{180b}'..='\u{180f}'
        | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{3000}'
        // Letters that draw nothing.
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
        // Variations, byte order marks, annotations, replacements.
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffd}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        // For private use: what they show depends on the machine.
        | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}'
        // Tags, and what is reserved beside them.
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let html = Visible::line("<b a=\"1\" b='2'>&amp;</b>").to_string();
        assert_eq!(html, "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;amp;&lt;/b&gt;");
    }

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        let shown = |c: char| Visible::line(&c.to_string()).to_string();
        for (c, title) in [
            ('\u{202e}', "U+202E"),
            ('\u{200b}', "U+200B"),
            ('\u{2066}', "U+2066"),
            ('\u{feff}', "U+FEFF"),
            ('\u{7}', "U+0007"),
            ('\u{9b}', "U+009B"),
            ('\u{a0}', "U+00A0"),
            ('\u{ad}', "U+00AD"),
            ('\u{3164}', "U+3164"),
            ('\u{fe0f}', "U+FE0F"),
            ('\u{e0041}', "U+E0041"),
            ('\n', "U+000A"),
        ] {
            let code = u32::from(c);
            let wanted = format!("<span class=\"hidden\" title=\"{title}\">\\u{{{code:x}}}</span>");
            assert_eq!(shown(c), wanted);
        }
    }

    #[test]
    fn every_format_character_of_unicode_is_written_out() {
        // General category Cf, as Unicode 16 has it, beside the tags.
        let format = ['\u{ad}', '\u{61c}', '\u{180e}', '\u{feff}'].into_iter();
        let ranges = ['\u{200b}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2060}'..='\u{2064}']
            .into_iter()
            .chain(['\u{2066}'..='\u{206f}', '\u{fff9}'..='\u{fffb}', '\u{1d173}'..='\u{1d17a}']);
        assert!(format.chain(ranges.flatten()).all(is_hidden));
    }

    #[test]
    fn letters_of_every_script_stay() {
        let text = "Größe 例 مرحبا שלום עם नमस्ते 🙂 a\u{301}";
        assert_eq!(Visible::line(text).to_string(), text);
    }

    #[test]
    fn names_in_sentences_are_code() {
        let html = Visible::prose("it takes `<x>`, not `y").to_string();
        assert_eq!(html, "it takes <code>&lt;x&gt;</code>, not <code>y</code>");
    }

    #[test]
    fn a_block_keeps_its_lines_only() {
        assert_eq!(Visible::block("a\n  b").to_string(), "a\n  b");
        assert!(Visible::block("a\r\n").to_string().contains("\\u{d}"));
    }
}
