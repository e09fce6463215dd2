//! A policy document as a person wrote it: text, tree, and where each piece of the tree is.

mod json;
mod scalar;
mod secret;
mod tree;
mod yaml;

use std::io::Read as _;
use std::ops::Range;

use scopewarden_core::diag::{Diagnostic, Path, Severity, Step};
use scopewarden_core::limits;
use scopewarden_core::node::Node;

pub use tree::{Member, Shape, Tree};

use crate::report::{Finding, Related};

/// A document, read.
#[derive(Debug)]
pub struct Source {
    /// The name that reports show: a path, or `<stdin>`.
    pub name: String,
    /// The text, without a byte order mark, and with asterisks where a secret of the policy is.
    pub text: String,
    /// The tree with its places; `None` when the text could not be read as one.
    pub tree: Option<Tree>,
    /// What kept the text from being read.
    pub problems: Vec<Finding>,
}

impl Source {
    /// Reads `name` from disk, or from standard input when it is `-`.
    ///
    /// # Errors
    /// A sentence that names the file and the operating system's reason.
    pub fn open(name: &str) -> Result<Self, String> {
        let bytes = read_input(name, limits::MAX_POLICY_BYTES)?;
        let shown = if name == "-" { "<stdin>" } else { name };
        Self::from_bytes(shown, &bytes)
    }

    /// Reads bytes that came from `name`.
    ///
    /// # Errors
    /// A sentence when they are not text.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|e| {
            format!(
                "`{name}` is not UTF-8 text: the byte at offset {} is not part of any character",
                e.valid_up_to()
            )
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        // What starts with a brace and reads as JSON is JSON; all else is YAML, whose messages are
        // then the better ones for a person.
        let is_json = name.ends_with(".json")
            || (text.trim_start().starts_with('{')
                && serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok());
        let read = if is_json { json::read(&text) } else { yaml::read(&text) };
        let (tree, problems) = match read {
            Ok(tree) => (Some(tree), Vec::new()),
            Err(problems) => (None, problems.into_iter().map(Problem::into_finding).collect()),
        };
        let text = secret::hidden(text, tree.as_ref());
        Ok(Self { name: name.to_owned(), text, tree, problems })
    }

    /// The document as core reads it.
    pub fn node(&self) -> Option<Node> {
        self.tree.as_ref().map(Tree::to_node)
    }

    /// Puts a place in the text to each of core's findings.
    pub fn locate(&self, diagnostics: Vec<Diagnostic>) -> Vec<Finding> {
        diagnostics
            .into_iter()
            .map(|d| Finding {
                span: self.span(&d.path, d.code),
                severity: d.severity,
                code: d.code,
                path: (!d.path.steps().is_empty()).then(|| d.path.to_string()),
                message: d.message,
                help: d.help,
                related: None,
            })
            .collect()
    }

    /// The bytes a finding is about. A finding about a name points at the name; one about a value
    /// points at a scalar whole, and at the name or first line of anything larger.
    fn span(&self, path: &Path, code: &str) -> Option<Range<usize>> {
        let mut tree = self.tree.as_ref()?;
        let mut key = None;
        for step in path.steps() {
            let next = match step {
                Step::Key(name) => tree.member(name).map(|m| (Some(m.name_span.clone()), &m.value)),
                Step::Index(index) => tree.element(*index).map(|t| (None, t)),
            };
            // A path that goes on below what was written is about the last piece that was.
            let Some((name_span, value)) = next else { break };
            (key, tree) = (name_span, value);
        }
        let about_name = code.starts_with("unknown-key") || code.starts_with("duplicate-key");
        match (&tree.shape, key) {
            (_, Some(key)) if about_name => Some(key),
            (Shape::Scalar(Node::Null), Some(key)) => Some(key),
            (Shape::Scalar(_), _) => Some(tree.span.clone()),
            (_, Some(key)) => Some(key),
            (_, None) => Some(self.first_line(tree.span.clone())),
        }
    }

    /// The part of `span` on its first line.
    fn first_line(&self, span: Range<usize>) -> Range<usize> {
        let line = self.text.get(span.clone()).and_then(|t| t.lines().next()).unwrap_or("");
        span.start..span.start.saturating_add(line.trim_end().len())
    }
}

/// Something that keeps a text from being read as a tree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub code: &'static str,
    pub span: Range<usize>,
    pub message: String,
    pub help: Option<String>,
    pub related: Option<(Range<usize>, &'static str)>,
}

impl Problem {
    fn new(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, span, message: message.into(), help: None, related: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn twice(name: &str, span: Range<usize>, first: Range<usize>) -> Self {
        let mut problem =
            Self::new("duplicate-key", span, format!("`{name}` appears twice in one object"))
                .help("remove one of the two, or merge them");
        problem.related = Some((first, "first here"));
        problem
    }

    fn into_finding(self) -> Finding {
        Finding {
            severity: Severity::Error,
            code: self.code,
            path: None,
            span: Some(self.span),
            message: self.message,
            help: self.help,
            related: self.related.map(|(span, label)| Related { span, label }),
        }
    }
}

/// Reads a file, or standard input for `-`, up to `limit` bytes.
///
/// # Errors
/// A sentence that names the file and what is wrong with it.
pub fn read_input(name: &str, limit: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let cap = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = if name == "-" {
        std::io::stdin().lock().take(cap).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(name).and_then(|file| file.take(cap).read_to_end(&mut bytes))
    };
    match read {
        Err(e) => Err(format!("cannot read `{name}`: {}", os_reason(&e))),
        Ok(_) if bytes.len() > limit => Err(format!("`{name}` is larger than {limit} bytes")),
        Ok(_) => Ok(bytes),
    }
}

/// The operating system's reason in this program's style: lower case, without an error number.
pub fn os_reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map(|c| c.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests;
