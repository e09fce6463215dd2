//! Rules: each one can only narrow what the packs and scopes allow.

use super::{Glob, Mode, PointerId};

/// A rule as compiled. Every part that is present must hold.
#[derive(Debug)]
pub struct Rule {
    /// `id:` as written, or `rules[3]`.
    pub id: String,
    /// A shadow rule is evaluated and recorded, and never refuses.
    pub mode: Mode,
    /// Scopes the caller must hold besides the operation's own.
    pub require: Vec<String>,
    /// The caller must hold a scope that admits the request's `model`.
    pub models: Option<Vec<ScopedGlobs>>,
    /// The caller must hold a scope that admits the called `tool`.
    pub tools: Option<Vec<ScopedGlobs>>,
    /// What arguments of certain tools must be.
    pub arguments: Vec<Argument>,
    /// Parameters that must be present and equal a claim.
    pub bindings: Vec<Binding>,
    /// What headers, query parameters and body members must be.
    pub conditions: Vec<Condition>,
}

/// A scope and the names it admits.
#[derive(Clone, Debug)]
pub struct ScopedGlobs {
    /// The scope.
    pub scope: String,
    /// The names.
    pub globs: Vec<Glob>,
}

/// What an argument of a tool call must be.
#[derive(Debug)]
pub struct Argument {
    /// Tools this is about.
    pub tool: Glob,
    /// The argument, within the whole body.
    pub pointer: PointerId,
    /// The pointer as the policy wrote it, relative to the arguments.
    pub written: String,
    /// The values it admits; the argument must be present.
    pub admits: Vec<Admit>,
}

/// A value that a condition admits. Types are strict: `"5"` is not `5`.
#[derive(Clone, Debug, PartialEq)]
pub enum Admit {
    /// A string that matches.
    Text(Glob),
    /// This integer.
    Integer(i64),
    /// This boolean.
    Bool(bool),
}

/// A caller-chosen parameter that must say who the caller is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The parameter's name: a query or path parameter, and a top-level member of a JSON body.
    pub parameter: String,
    /// The body member `/parameter`, when the operation's body is JSON.
    pub body: Option<PointerId>,
    /// The claim it must equal: `sub`, or a name in [`Principal::claims`](crate::identity::Principal).
    pub claim: String,
    /// Whether it must appear in at least one of these places.
    pub required: bool,
}

/// What a part of the request must be.
#[derive(Debug)]
pub enum Condition {
    /// A header that must appear exactly once and match.
    Header {
        /// Name in lower case.
        name: String,
        /// The values it admits.
        admits: Vec<Glob>,
    },
    /// A query parameter that must appear exactly once and match.
    Query {
        /// Name after decoding.
        name: String,
        /// The values it admits.
        admits: Vec<Glob>,
    },
    /// A body member that must be present and match; with `*`, every value met must match.
    Body {
        /// Where.
        pointer: PointerId,
        /// The pointer as the policy wrote it.
        written: String,
        /// The values it admits.
        admits: Vec<Admit>,
    },
}
