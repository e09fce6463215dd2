//! Findings as GitHub workflow commands.

use std::io::{self, Write};

use super::{Checked, Finding, Place, severity_name};
use crate::source::Source;

/// `::error file=..,line=..,col=..,endColumn=..,title=..::message`, one line each.
pub(super) fn write(out: &mut dyn Write, checked: &[Checked<'_>]) -> io::Result<()> {
    for (source, findings) in checked {
        for finding in findings {
            writeln!(out, "{}", command(source, finding))?;
        }
    }
    Ok(())
}

fn command(source: &Source, finding: &Finding) -> String {
    let mut properties = format!("file={}", property(&source.name));
    if let Some(span) = &finding.span {
        let Place { line, column, end_column } = Place::of(&source.text, span);
        properties.push_str(&format!(",line={line},col={column},endColumn={end_column}"));
    }
    let title = property(finding.code);
    let mut text = finding.message.clone();
    if let Some(path) = &finding.path {
        text = format!("{path}: {text}");
    }
    if let Some(help) = &finding.help {
        text.push_str("\nhelp: ");
        text.push_str(help);
    }
    format!("::{} {properties},title={title}::{}", severity_name(finding.severity), data(&text))
}

/// Escapes what the runner reads as the end of a command.
pub(crate) fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes what the runner reads as the end of a property, too.
pub(crate) fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
