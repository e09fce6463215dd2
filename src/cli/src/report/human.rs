//! Findings as rustc shows them.

use std::io::{self, Write};
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use scopewarden_core::diag::Severity;

use super::{Checked, Finding, count};
use crate::source::Source;
use crate::text::printable;

/// Every finding with its source line, and the sum of them.
///
/// Styled; the stream that this ends in takes the colours out where they do not belong.
pub(super) fn write(out: &mut dyn Write, checked: &[Checked<'_>]) -> io::Result<()> {
    let renderer = Renderer::styled();
    for (source, findings) in checked {
        for finding in findings {
            writeln!(out, "{}\n", renderer.render(&[group(source, finding)]))?;
        }
    }
    let errors = count(checked, Severity::Error);
    let warnings = count(checked, Severity::Warning);
    writeln!(out, "{}, {}", plural(errors, "error"), plural(warnings, "warning"))
}

fn group<'a>(source: &'a Source, finding: &'a Finding) -> Group<'a> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(&*finding.message).id(finding.code);
    let group = match &finding.span {
        None => title.element(Origin::path(&*source.name)),
        Some(span) => {
            let primary = AnnotationKind::Primary
                .span(visible(&source.text, span))
                .label(finding.path.as_deref().map(printable));
            let mut snippet =
                Snippet::source(&*source.text).path(&*source.name).annotation(primary);
            if let Some(related) = &finding.related {
                let span = visible(&source.text, &related.span);
                snippet =
                    snippet.annotation(AnnotationKind::Context.span(span).label(related.label));
            }
            title.element(snippet)
        }
    };
    match &finding.help {
        Some(help) => group.element(Level::HELP.message(&**help)),
        None => group,
    }
}

/// The span without what follows its first line.
fn visible(text: &str, span: &Range<usize>) -> Range<usize> {
    let inside = text.get(span.clone()).unwrap_or("");
    let line = inside.split('\n').next().unwrap_or("").trim_end();
    span.start.min(text.len())..span.start.saturating_add(line.len()).min(text.len())
}

fn plural(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
