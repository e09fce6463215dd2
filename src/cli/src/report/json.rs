//! Findings as one JSON array.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{Checked, Place, severity_name};

/// An array of objects; what is not known is `null`.
pub(super) fn write(out: &mut dyn Write, checked: &[Checked<'_>]) -> io::Result<()> {
    let mut all = Vec::new();
    for (source, findings) in checked {
        for finding in findings {
            let place = finding.span.as_ref().map(|span| Place::of(&source.text, span));
            all.push(json!({
                "severity": severity_name(finding.severity),
                "code": finding.code,
                "file": source.name,
                "line": place.map(|p| p.line),
                "column": place.map(|p| p.column),
                "end_column": place.map(|p| p.end_column),
                "path": finding.path,
                "message": finding.message,
                "help": finding.help,
            }));
        }
    }
    writeln!(out, "{:#}", Value::Array(all))
}
