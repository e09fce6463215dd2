//! YAML text to a [`Tree`]: one document, no tags, no merge keys, bounded aliases.

use std::collections::BTreeMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use scopewarden_core::limits;
use scopewarden_core::node::Node;

use super::Problem;
use super::scalar;
use super::tree::{Member, Shape, Tree};

/// Most values in one document after aliases are expanded.
const MAX_VALUES: usize = 100_000;

/// Reads one YAML document.
pub(super) fn read(text: &str) -> Result<Tree, Vec<Problem>> {
    let mut builder = Builder::new(text);
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                // What follows a syntax error is read by guesswork: report what is certain.
                let problem = builder.syntax(&error);
                builder.problems.push(problem);
                return Err(builder.problems);
            }
        };
        if let Err(fatal) = builder.event(event, span) {
            builder.problems.push(fatal);
            return Err(builder.problems);
        }
    }
    builder.finish()
}

/// A collection that is still open.
struct Open {
    start: usize,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Tree>),
    Object { members: Vec<Member>, names: BTreeMap<String, Range<usize>>, pending: Option<Pending> },
}

/// A member's name that waits for its value.
struct Pending {
    name: String,
    span: Range<usize>,
    /// Named before: the value is read and dropped.
    twice: bool,
}

struct Builder<'t> {
    text: &'t str,
    /// Byte offset of every character, since the parser counts characters.
    offsets: Vec<usize>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Tree>,
    root: Option<Tree>,
    documents: usize,
    values: usize,
    problems: Vec<Problem>,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            offsets: text.char_indices().map(|(offset, _)| offset).collect(),
            open: Vec::new(),
            anchors: BTreeMap::new(),
            root: None,
            documents: 0,
            values: 0,
            problems: Vec::new(),
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let span = self.offset(span.start.index())..self.offset(span.end.index());
        match event {
            Event::DocumentStart(_) => {
                self.documents = self.documents.saturating_add(1);
                if self.documents > 1 {
                    return Err(Problem::new(
                        "yaml-documents",
                        self.line_at(span.start),
                        "a second document starts here",
                    )
                    .help("a policy is one document; put each policy in a file of its own"));
                }
                Ok(())
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span)?;
                if self.expects_name() {
                    return self.name(text.into_owned(), style, span);
                }
                let node = match style {
                    ScalarStyle::Plain => scalar::plain(&text).unwrap_or_else(|(message, help)| {
                        self.problems
                            .push(Problem::new("yaml-number", span.clone(), message).help(help));
                        Node::Null
                    }),
                    _ => Node::String(text.into_owned()),
                };
                let tree = Tree { span: span.clone(), shape: Shape::Scalar(node) };
                self.value(tree, anchor, span)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span)?;
                self.start(span, anchor, Content::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span)?;
                let content =
                    Content::Object { members: Vec::new(), names: BTreeMap::new(), pending: None };
                self.start(span, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let shape = match open.content {
                    Content::List(items) => Shape::List(items),
                    Content::Object { members, .. } => Shape::Object(members),
                };
                let tree = Tree { span: open.start..span.end.max(open.start), shape };
                self.value(tree, open.anchor, span)
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => Ok(()),
        }
    }

    fn alias(&mut self, anchor: usize, span: Range<usize>) -> Result<(), Problem> {
        if self.expects_name() {
            return Err(Problem::new("yaml-key", span, "a name cannot be an alias")
                .help("write the name out"));
        }
        let Some(tree) = self.anchors.get(&anchor) else {
            let message = "this alias is inside the value it stands for";
            return Err(Problem::new("yaml-alias", span, message).help("write the value out"));
        };
        let tree = tree.clone();
        self.count(tree.size(), &span)?;
        if self.open.len().saturating_add(tree.depth()) > limits::MAX_JSON_DEPTH {
            return Err(too_deep(span));
        }
        self.value(tree, 0, span)
    }

    fn start(
        &mut self,
        span: Range<usize>,
        anchor: usize,
        content: Content,
    ) -> Result<(), Problem> {
        if self.expects_name() {
            return Err(Problem::new("yaml-key", span, "a name cannot be a list or an object")
                .help("quote the name, or remove the `?`, `[` or `{` before it"));
        }
        if self.open.len() >= limits::MAX_JSON_DEPTH {
            return Err(too_deep(span));
        }
        self.open.push(Open { start: span.start, anchor, content });
        Ok(())
    }

    fn expects_name(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open { content: Content::Object { pending: None, .. }, .. })
        )
    }

    fn name(
        &mut self,
        name: String,
        style: ScalarStyle,
        span: Range<usize>,
    ) -> Result<(), Problem> {
        if name == "<<" && style == ScalarStyle::Plain {
            return Err(Problem::new("yaml-merge", span, "merge keys (`<<`) are not supported")
                .help("they are not part of YAML 1.2; write the members out, or alias the whole value"));
        }
        let Some(Open { content: Content::Object { names, pending, .. }, .. }) =
            self.open.last_mut()
        else {
            return Ok(());
        };
        let first = names.get(&name).cloned();
        let twice = first.is_some();
        if let Some(first) = first {
            self.problems.push(Problem::twice(&name, span.clone(), first));
        } else {
            names.insert(name.clone(), span.clone());
        }
        *pending = Some(Pending { name, span, twice });
        Ok(())
    }

    /// Puts a complete value where it belongs.
    fn value(&mut self, tree: Tree, anchor: usize, at: Range<usize>) -> Result<(), Problem> {
        self.count(1, &at)?;
        if anchor != 0 {
            self.anchors.insert(anchor, tree.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            Some(Content::List(items)) => items.push(tree),
            Some(Content::Object { members, pending, .. }) => {
                if let Some(Pending { name, span, twice: false }) = pending.take() {
                    members.push(Member { name, name_span: span, value: tree });
                }
            }
            None => self.root = Some(tree),
        }
        Ok(())
    }

    fn count(&mut self, added: usize, at: &Range<usize>) -> Result<(), Problem> {
        self.values = self.values.saturating_add(added);
        if self.values > MAX_VALUES {
            let message = format!("more than {MAX_VALUES} values, counting what aliases stand for");
            return Err(Problem::new("yaml-size", at.clone(), message));
        }
        Ok(())
    }

    fn refuse_tag(&self, tagged: bool, span: &Range<usize>) -> Result<(), Problem> {
        if !tagged {
            return Ok(());
        }
        Err(Problem::new("yaml-tag", span.clone(), "tags (`!`) are not supported")
            .help("quote a value to make it a string"))
    }

    fn finish(self) -> Result<Tree, Vec<Problem>> {
        match self.root {
            _ if !self.problems.is_empty() => Err(self.problems),
            Some(tree) => Ok(tree),
            None => Err(vec![
                Problem::new("yaml-empty", 0..0, "the document is empty")
                    .help("a policy starts with `policy:` and its name"),
            ]),
        }
    }

    fn syntax(&self, error: &ScanError) -> Problem {
        let at = self.offset(error.marker().index());
        let indent = self.line_before(at);
        if indent.contains('\t') && indent.trim().is_empty() {
            let start = at.saturating_sub(indent.len());
            let tab = start.saturating_add(indent.find('\t').unwrap_or(0));
            return Problem::new("yaml-tab", tab..tab.saturating_add(1), "a tab indents this line")
                .help("YAML is indented with spaces");
        }
        let end = self
            .text
            .get(at..)
            .and_then(|rest| rest.chars().next())
            .map_or(at, |c| if c == '\n' { at } else { at.saturating_add(c.len_utf8()) });
        Problem::new("yaml-syntax", at..end, error.info().to_owned())
    }

    /// Byte offset of the character at `index`.
    fn offset(&self, index: usize) -> usize {
        self.offsets.get(index).copied().unwrap_or(self.text.len())
    }

    /// What is on the line of `at` before it, blanks at `at` included.
    fn line_before(&self, at: usize) -> &'t str {
        let start =
            self.text.get(..at).and_then(|t| t.rfind('\n')).map_or(0, |n| n.saturating_add(1));
        let rest = self.text.get(at..).unwrap_or("");
        let blanks = rest.len().saturating_sub(rest.trim_start_matches([' ', '\t']).len());
        self.text.get(start..at.saturating_add(blanks)).unwrap_or("")
    }

    /// The line at `at`, from `at` on.
    fn line_at(&self, at: usize) -> Range<usize> {
        let line = self.text.get(at..).and_then(|t| t.lines().next()).unwrap_or("");
        at..at.saturating_add(line.len())
    }
}

fn too_deep(span: Range<usize>) -> Problem {
    Problem::new(
        "yaml-depth",
        span,
        format!("nested deeper than {} levels", limits::MAX_JSON_DEPTH),
    )
}
