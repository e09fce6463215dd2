//! What tests found: for people, for GitHub, and as JUnit.

use std::fmt::Write as _;
use std::io::{self, Write};

use clap::builder::styling::{AnsiColor, Style};

use super::run::Ran;
use crate::report::github::{data, property};
use crate::text::printable;

/// A line for each test, and what is not as expected.
pub(super) fn human(ran: &[Ran], verbose: bool, out: &mut dyn Write) -> io::Result<()> {
    let colour = |colour: AnsiColor| Style::new().bold().fg_color(Some(colour.into()));
    let (green, red) = (colour(AnsiColor::Green), colour(AnsiColor::Red));
    for test in ran {
        if test.differences.is_empty() {
            if verbose {
                writeln!(out, "{green}ok{green:#}    {}", printable(&test.name))?;
            }
            continue;
        }
        writeln!(out, "{red}FAIL{red:#}  {}", printable(&test.name))?;
        writeln!(out, "      --> {}:{}", printable(&test.file), test.line)?;
        for difference in &test.differences {
            writeln!(out, "      {}", printable(&difference.line()))?;
        }
        if let Some(why) = &test.why {
            writeln!(out, "      = {}", printable(why))?;
        }
    }
    let failed = failed(ran);
    let tests = if ran.len() == 1 { "1 test".to_owned() } else { format!("{} tests", ran.len()) };
    match failed {
        0 => writeln!(out, "{tests}, {green}all passed{green:#}"),
        failed => writeln!(out, "{tests}, {red}{failed} failed{red:#}"),
    }
}

/// How many failed.
pub(super) fn failed(ran: &[Ran]) -> usize {
    ran.iter().filter(|test| !test.differences.is_empty()).count()
}

/// An annotation for each test that failed.
pub(super) fn github(ran: &[Ran], out: &mut dyn Write) -> io::Result<()> {
    for test in ran.iter().filter(|test| !test.differences.is_empty()) {
        let (file, title) = (property(&test.file), property(&test.name));
        let text = data(&message(test));
        writeln!(out, "::error file={file},line={},title={title}::{text}", test.line)?;
    }
    Ok(())
}

/// Everything about a test that failed.
fn message(test: &Ran) -> String {
    let lines = test.differences.iter().map(super::run::Difference::line);
    lines.chain(test.why.clone()).collect::<Vec<_>>().join("\n")
}

/// A document in JUnit's form: a suite for each file.
pub(super) fn junit(ran: &[Ran]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites tests=\"{}\" failures=\"{}\">", ran.len(), failed(ran));
    for suite in ran.chunk_by(|a, b| a.file == b.file) {
        let name = suite.first().map_or("", |test| test.file.as_str());
        let (name, tests, failures) = (xml(name), suite.len(), failed(suite));
        let _ = writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">"
        );
        for test in suite {
            let (case, line) = (xml(&test.name), test.line);
            let head = format!(
                "    <testcase classname=\"{name}\" name=\"{case}\" file=\"{name}\" line=\"{line}\""
            );
            if test.differences.is_empty() {
                let _ = writeln!(out, "{head}/>");
            } else {
                let text = xml(&message(test));
                let first = xml(&test
                    .differences
                    .first()
                    .map(super::run::Difference::line)
                    .unwrap_or_default());
                let _ = writeln!(
                    out,
                    "{head}>\n      <failure message=\"{first}\">{text}</failure>\n    </testcase>"
                );
            }
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Text that XML 1.0 can hold: what it cannot becomes U+FFFD.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() && c < ' ' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::run::{Difference, Ran};
    use super::*;

    fn ran(name: &str, failed: bool) -> Ran {
        let difference = Difference {
            what: "decision",
            expected: "allow".to_owned(),
            actual: "deny".to_owned(),
        };
        Ran {
            file: "a,b.yaml".to_owned(),
            line: 3,
            name: name.to_owned(),
            differences: failed.then_some(difference).into_iter().collect(),
            why: failed.then(|| "`a` < \"b\"".to_owned()),
        }
    }

    #[test]
    fn names_cannot_break_out() {
        let xml = junit(&[ran("a \"<b>\" & \u{1b}[1m\n", true)]);
        assert!(xml.contains("name=\"a &quot;&lt;b&gt;&quot; &amp; \u{fffd}[1m&#10;\""), "{xml}");
        assert!(xml.contains("failures=\"1\">"), "{xml}");
        let mut out = Vec::new();
        github(&[ran("x\n::error::y", true), ran("fine", false)], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.starts_with("::error file=a%2Cb.yaml,line=3,title=x%0A%3A%3Aerror%3A%3Ay::"));
    }
}
