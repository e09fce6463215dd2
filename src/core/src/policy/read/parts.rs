//! The parts of a rule: what a call must have.

use super::super::{Admit, Argument, Condition, FactSource, Glob, PointerId, ScopedGlobs};
use super::catalogue::{Draft, Pointers};
use super::codes;
use super::fields::{Field, Object, whole};
use super::scope;
use crate::diag::Diagnostics;
use crate::http::NEVER_FORWARDED;
use crate::node::Node;
use crate::operation::{FactName, Pointer};

/// The parts of one rule, as far as they do not depend on the operation.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub require: Vec<String>,
    pub models: Option<Vec<ScopedGlobs>>,
    pub tools: Option<Vec<ScopedGlobs>>,
    arguments: Vec<(Glob, Pointer, Vec<Admit>)>,
    headers: Vec<(String, Vec<Glob>)>,
    query: Vec<(String, Vec<Glob>)>,
    body: Vec<(Pointer, Vec<Admit>)>,
}

impl Parts {
    pub fn read(rule: &Object<'_>, out: &mut Diagnostics) -> Self {
        let tools = rule.get("tools").map(|f| scoped(&f, out));
        let arguments = rule.get("arguments").map(|f| arguments(&f, tools.as_deref(), out));
        Self {
            require: rule.get("require").map(|f| scopes(&f, out)).unwrap_or_default(),
            models: rule.get("models").map(|f| scoped(&f, out)),
            tools,
            arguments: arguments.unwrap_or_default(),
            headers: rule.get("headers").map(|f| headers(&f, out)).unwrap_or_default(),
            query: rule.get("query").map(|f| query(&f, out)).unwrap_or_default(),
            body: rule.get("body").map(|f| values_by_pointer(&f, out)).unwrap_or_default(),
        }
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.require.is_empty()
            && self.models.is_none()
            && self.tools.is_none()
            && self.arguments.is_empty()
            && self.headers.is_empty()
            && self.query.is_empty()
            && self.body.is_empty()
    }

    /// Conditions on arguments, for an operation whose arguments are at `above`.
    pub fn arguments(&self, above: Option<PointerId>, pointers: &mut Pointers) -> Vec<Argument> {
        let Some(above) = above else { return Vec::new() };
        let argument = |(tool, below, admits): &(Glob, Pointer, Vec<Admit>)| {
            Some(Argument {
                tool: tool.clone(),
                pointer: pointers.join(above, below)?,
                written: below.to_string(),
                admits: admits.clone(),
            })
        };
        self.arguments.iter().filter_map(argument).collect()
    }

    /// Conditions on headers, query and body.
    pub fn conditions(&self, pointers: &mut Pointers) -> Vec<Condition> {
        let headers = self.headers.iter().cloned();
        let headers = headers.map(|(name, admits)| Condition::Header { name, admits });
        let query = self.query.iter().cloned();
        let query = query.map(|(name, admits)| Condition::Query { name, admits });
        let body = self.body.iter().map(|(pointer, admits)| Condition::Body {
            pointer: pointers.intern(pointer),
            written: pointer.to_string(),
            admits: admits.clone(),
        });
        headers.chain(query).chain(body).collect()
    }
}

/// Where the arguments of a tool call are in the body.
pub(super) fn arguments_of(draft: &Draft) -> Option<PointerId> {
    match draft.fact(FactName::Arguments) {
        Some(FactSource::Body(pointer)) => Some(*pointer),
        _ => None,
    }
}

fn scopes(field: &Field<'_>, out: &mut Diagnostics) -> Vec<String> {
    let mut scopes = Vec::new();
    for item in field.some_list(out) {
        let Some(scope) = scope::read(&item, out) else { continue };
        let seen: Vec<&str> = scopes.iter().map(String::as_str).collect();
        item.refuse_twice(scope, &seen, out);
        scopes.push(scope.to_owned());
    }
    scopes
}

/// `{scope: [names it admits]}`.
fn scoped(field: &Field<'_>, out: &mut Diagnostics) -> Vec<ScopedGlobs> {
    let mut admitted = Vec::new();
    for (scope, names) in field.map(out) {
        let valid = scope::check(&names, scope, out);
        let globs = globs(&names, out);
        if valid {
            admitted.push(ScopedGlobs { scope: scope.to_owned(), globs });
        }
    }
    admitted
}

fn globs(field: &Field<'_>, out: &mut Diagnostics) -> Vec<Glob> {
    field.texts(out).into_iter().map(Glob::new).collect()
}

/// `{tool: {pointer: [values]}}`.
fn arguments(
    field: &Field<'_>,
    tools: Option<&[ScopedGlobs]>,
    out: &mut Diagnostics,
) -> Vec<(Glob, Pointer, Vec<Admit>)> {
    let mut arguments = Vec::new();
    for (name, pointers) in field.map(out) {
        let tool = Glob::new(name);
        let admitted = |tools: &[ScopedGlobs]| {
            tools.iter().flat_map(|t| &t.globs).any(|glob| glob.meets(&tool))
        };
        if tools.is_some_and(|tools| !tools.is_empty() && !admitted(tools)) {
            out.error(
                codes::NEVER_MATCHES,
                pointers.path(),
                format!("`tools` of this rule admits no tool `{name}`, so its arguments are never looked at"),
            )
            .help("admit the tool under a scope in `tools`, or remove it here");
        }
        for (pointer, admits) in values_by_pointer(&pointers, out) {
            arguments.push((tool.clone(), pointer, admits));
        }
    }
    arguments
}

/// `{pointer: [values]}`.
fn values_by_pointer(field: &Field<'_>, out: &mut Diagnostics) -> Vec<(Pointer, Vec<Admit>)> {
    let mut conditions = Vec::new();
    for (text, values) in field.map(out) {
        let admits = values.some_list(out).iter().filter_map(|item| admit(item, out)).collect();
        if let Some(pointer) = pointer(text, &values, out) {
            conditions.push((pointer, admits));
        }
    }
    conditions
}

/// The JSON pointer `text`, which stands at `field`.
///
/// One element of an array cannot be picked: which one it is would be the caller's choice.
fn pointer(text: &str, field: &Field<'_>, out: &mut Diagnostics) -> Option<Pointer> {
    match Pointer::parse(text) {
        Err(message) => {
            out.error(codes::INVALID_POINTER, field.path(), message);
            None
        }
        Ok(pointer) => {
            let number =
                |step: &String| !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit());
            if pointer.steps().iter().any(number) {
                out.error(
                    codes::INVALID_POINTER,
                    field.path(),
                    format!("`{text}` picks one element of an array"),
                )
                .help("write `*` for every element");
                return None;
            }
            Some(pointer)
        }
    }
}

fn admit(field: &Field<'_>, out: &mut Diagnostics) -> Option<Admit> {
    match field.node() {
        Node::String(text) => Some(Admit::Text(Glob::new(text))),
        Node::Bool(value) => Some(Admit::Bool(*value)),
        node => match whole(node) {
            Some(number) => Some(Admit::Integer(number)),
            None => {
                field.wrong_type("a string, a whole number, `true` or `false`", out);
                None
            }
        },
    }
}

/// Headers that decide who calls or where a request goes, which scopes and operations judge.
const JUDGED_ELSEWHERE: [&str; 2] = ["authorization", "host"];

fn headers(field: &Field<'_>, out: &mut Diagnostics) -> Vec<(String, Vec<Glob>)> {
    let mut headers: Vec<(String, Vec<Glob>)> = Vec::new();
    for (written, admits) in field.map(out) {
        let name = written.to_ascii_lowercase();
        let globs = globs(&admits, out);
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(token) {
            let finding = out.error(
                codes::INVALID_VALUE,
                admits.path(),
                format!("`{written}` is not a header's name"),
            );
            if name.starts_with(':') {
                finding.help("method and path are named by the operation");
            }
        } else if JUDGED_ELSEWHERE.iter().chain(&NEVER_FORWARDED).any(|other| *other == name) {
            out.error(
                codes::NEVER_MATCHES,
                admits.path(),
                format!("a condition on the header `{name}` cannot be relied on"),
            )
            .help(if NEVER_FORWARDED.contains(&name.as_str()) {
                "this filter removes it, since some servers read another path or method from it"
            } else {
                "tokens are judged by scopes, and hosts by the proxy's routes"
            });
        } else if headers.iter().any(|(other, _)| *other == name) {
            out.error(
                codes::DUPLICATE,
                admits.path(),
                format!("the header `{name}` is listed twice"),
            )
            .help("case does not matter in header names; write it once, with all its values");
        } else {
            headers.push((name, globs));
        }
    }
    headers
}

fn query(field: &Field<'_>, out: &mut Diagnostics) -> Vec<(String, Vec<Glob>)> {
    let conditions = field.map(out).into_iter();
    conditions.map(|(name, admits)| (name.to_owned(), globs(&admits, out))).collect()
}
