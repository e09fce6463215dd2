//! What is wrong with a document, shown: to a person, to a program, to a pull request.

pub(crate) mod github;
mod human;
mod json;

use std::io::{self, Write};
use std::ops::Range;

use scopewarden_core::diag::Severity;

use crate::source::Source;

/// One thing that is wrong with a document, with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Error or warning.
    pub severity: Severity,
    /// A stable name, such as `unknown-key`.
    pub code: &'static str,
    /// The place in the tree, such as `rules[3].scope`; `None` for the whole document.
    pub path: Option<String>,
    /// The place in the text, in bytes.
    pub span: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Another place that has to do with it.
    pub related: Option<Related>,
}

/// A second place that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Its bytes.
    pub span: Range<usize>,
    /// What is there.
    pub label: &'static str,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Source lines and carets, for people.
    #[default]
    Human,
    /// One JSON array, for programs.
    Json,
    /// GitHub workflow commands, which mark the lines of a pull request.
    Github,
}

/// One document and what was found in it.
pub type Checked<'s> = (&'s Source, Vec<Finding>);

/// Writes the findings of some documents.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(out: &mut dyn Write, format: Format, checked: &[Checked<'_>]) -> io::Result<()> {
    match format {
        Format::Human => human::write(out, checked),
        Format::Json => json::write(out, checked),
        Format::Github => github::write(out, checked),
    }
}

/// How many findings of `severity` there are.
pub fn count(checked: &[Checked<'_>], severity: Severity) -> usize {
    checked.iter().flat_map(|(_, findings)| findings).filter(|f| f.severity == severity).count()
}

const fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// Line and columns of a span, counted from 1 in characters; a span ends on its first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
    end_column: usize,
}

impl Place {
    fn of(text: &str, span: &Range<usize>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.matches('\n').count().saturating_add(1);
        let start_of_line = before.rfind('\n').map_or(0, |n| n.saturating_add(1));
        let column = before.get(start_of_line..).unwrap_or("").chars().count().saturating_add(1);
        let inside = text.get(span.clone()).unwrap_or("").split('\n').next().unwrap_or("");
        Self { line, column, end_column: column.saturating_add(inside.chars().count()) }
    }
}

#[cfg(test)]
mod tests;
