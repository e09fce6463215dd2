//! Which entry of a catalogue a method and a path name.
//!
//! A trie over segments. At each segment a literal is tried first, then `{id}:verb`, `{id:int}`,
//! `{id}`, and last `{tail...}`; when a choice leads nowhere, or to a path without the method, the
//! next one is tried. So a literal path without `DELETE` leaves `DELETE` to the template beside it,
//! as Starlette does. The work for one request depends on the request's segments and on how many
//! templates share their literals, not on the size of the catalogue; one walk never visits a node
//! twice, and there are two at most.
//!
//! A path that servers route differently finds nothing:
//! - `07` or `+7` where `{id:int}` would take it: many servers read it as 7, others leave it to the
//!   template beside.
//! - a slash at the end that the template does not have, or lacks, when another template has it:
//!   `/files/` is `/files` to a server that is lenient about it, and the empty tail of
//!   `/files/{path...}` to one that is not.

mod overlap;

use std::collections::BTreeMap;

pub use overlap::Overlap;

use super::template::{Segment, is_int, like_int};
use super::{CanonicalPath, Method, Template};

/// What was inserted into a [`Matcher`].
#[derive(Clone, Debug)]
pub struct Route<T> {
    /// The method; `HEAD` is its own method and never stands for `GET`.
    pub method: Method,
    /// The template.
    pub template: Template,
    /// What the catalogue says about it.
    pub value: T,
}

/// Finds the route of a request.
#[derive(Clone, Debug)]
pub struct Matcher<T> {
    routes: Vec<Route<T>>,
    nodes: Vec<Node>,
}

/// Index into `Matcher::nodes`; 0 is the root.
type NodeId = usize;
/// Index into `Matcher::routes`.
type RouteId = usize;

#[derive(Clone, Debug, Default)]
struct Node {
    literals: BTreeMap<Box<str>, NodeId>,
    verbs: BTreeMap<Box<str>, NodeId>,
    int: Option<NodeId>,
    param: Option<NodeId>,
    tail: Option<NodeId>,
    /// Routes that end here, in the order of insertion; the first of a method is found.
    ends: Vec<End>,
}

#[derive(Clone, Copy, Debug)]
struct End {
    method: Method,
    route: RouteId,
    /// Whether the template ends in a slash; `None` for a tail, which takes the path's own.
    slash: Option<bool>,
}

/// Path parameters of a match: names from the template, decoded values from the path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params<'m, 'p>(Vec<(&'m str, &'p str)>);

impl<'m, 'p> Params<'m, 'p> {
    /// All parameters, in the order of the path.
    pub fn pairs(&self) -> &[(&'m str, &'p str)] {
        &self.0
    }
}

impl<T> Default for Matcher<T> {
    fn default() -> Self {
        Self { routes: Vec::new(), nodes: vec![Node::default()] }
    }
}

impl<T> FromIterator<(Method, Template, T)> for Matcher<T> {
    fn from_iter<I: IntoIterator<Item = (Method, Template, T)>>(routes: I) -> Self {
        let mut matcher = Self::default();
        for (method, template, value) in routes {
            matcher.insert(method, template, value);
        }
        matcher
    }
}

impl<T> Matcher<T> {
    /// Adds a route. Of two with one method and shape the first is found; [`Self::overlaps`] tells.
    pub fn insert(&mut self, method: Method, template: Template, value: T) {
        let mut at = 0;
        for segment in template.segments() {
            at = self.child(at, segment);
        }
        let route = self.routes.len();
        let tail = matches!(template.segments().last(), Some(Segment::Tail(_)));
        let slash = (!tail).then(|| template.trailing_slash());
        if let Some(node) = self.nodes.get_mut(at) {
            node.ends.push(End { method, route, slash });
        }
        self.routes.push(Route { method, template, value });
    }

    /// The most specific route for `method` and `path`, and the path's parameters; nothing when
    /// servers differ in which route that is.
    pub fn find<'m, 'p>(
        &'m self,
        method: Method,
        path: &'p CanonicalPath,
    ) -> Option<(&'m T, Params<'m, 'p>)> {
        let mut search = Search::new(&self.nodes, method, path);
        let end = search.walk(0, path.rest())?;
        if search.loose_int {
            return None;
        }
        if path.trailing_slash() || end.slash == Some(true) {
            let mut strict = Search::new(&self.nodes, method, path);
            strict.slash = Some(path.trailing_slash());
            if strict.walk(0, path.rest()).is_some_and(|other| other.route != end.route) {
                return None;
            }
        }
        let route = self.routes.get(end.route)?;
        let pairs = route.template.params().zip(search.captures).collect();
        Some((&route.value, Params(pairs)))
    }

    /// All routes, in the order of insertion.
    pub fn routes(&self) -> &[Route<T>] {
        &self.routes
    }

    fn child(&mut self, at: NodeId, segment: &Segment) -> NodeId {
        let next = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let child = match segment {
            Segment::Literal(text) => *node.literals.entry(text.as_str().into()).or_insert(next),
            Segment::Verb { verb, .. } => *node.verbs.entry(verb.as_str().into()).or_insert(next),
            Segment::Int(_) => *node.int.get_or_insert(next),
            Segment::Param(_) => *node.param.get_or_insert(next),
            Segment::Tail(_) => *node.tail.get_or_insert(next),
        };
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }
}

impl Node {
    /// The route that ends here; with `slash`, one that has or lacks it.
    fn end(&self, method: Method, slash: Option<bool>) -> Option<End> {
        let fits = |end: &&End| match (slash, end.slash) {
            (Some(wanted), Some(own)) => wanted == own,
            _ => true,
        };
        self.ends.iter().filter(fits).find(|end| end.method == method).copied()
    }

    /// The child for `{..}:verb` that takes `segment`, with the parameter's value.
    fn verb<'p>(&self, segment: &'p str) -> Option<(NodeId, &'p str)> {
        let (value, verb) = segment.rsplit_once(':')?;
        let child = self.verbs.get(verb).filter(|_| !value.is_empty())?;
        Some((*child, value))
    }
}

/// One walk through the trie.
struct Search<'m, 'p> {
    nodes: &'m [Node],
    method: Method,
    path: &'p CanonicalPath,
    /// Only templates with, or without, a slash at the end, as a strict server sees them.
    slash: Option<bool>,
    captures: Vec<&'p str>,
    /// `{id:int}` was taken by another spelling of a number.
    loose_int: bool,
    visited: usize,
}

impl<'m, 'p> Search<'m, 'p> {
    const fn new(nodes: &'m [Node], method: Method, path: &'p CanonicalPath) -> Self {
        Self {
            nodes,
            method,
            path,
            slash: None,
            captures: Vec::new(),
            loose_int: false,
            visited: 0,
        }
    }

    /// Depth is bounded by the number of segments ([`crate::limits::MAX_SEGMENTS`]).
    fn walk(&mut self, at: NodeId, rest: Option<&'p str>) -> Option<End> {
        self.visited = self.visited.saturating_add(1);
        let node = self.nodes.get(at)?;
        let Some(rest) = rest else {
            return node.end(self.method, self.slash).or_else(|| self.empty_tail(node));
        };
        let (segment, next) = match rest.split_once('/') {
            Some((segment, next)) => (segment, Some(next)),
            None => (rest, None),
        };
        if let Some(&child) = node.literals.get(segment)
            && let Some(end) = self.walk(child, next)
        {
            return Some(end);
        }
        if let Some((child, value)) = node.verb(segment)
            && let Some(end) = self.capture(child, value, next)
        {
            return Some(end);
        }
        if let Some(child) = node.int.filter(|_| like_int(segment))
            && let Some(end) = self.capture(child, segment, next)
        {
            self.loose_int |= !is_int(segment);
            return Some(end);
        }
        if let Some(child) = node.param
            && let Some(end) = self.capture(child, segment, next)
        {
            return Some(end);
        }
        self.capture(node.tail?, self.path.with_slash(rest), None)
    }

    /// What strict servers make of a slash at the end: a tail of no segments.
    fn empty_tail(&self, node: &Node) -> Option<End> {
        let tail = node.tail.filter(|_| self.slash == Some(true))?;
        self.nodes.get(tail)?.end(self.method, None)
    }

    fn capture(&mut self, child: NodeId, value: &'p str, next: Option<&'p str>) -> Option<End> {
        self.captures.push(value);
        let found = self.walk(child, next);
        if found.is_none() {
            self.captures.pop();
        }
        found
    }
}

#[cfg(test)]
mod tests;
