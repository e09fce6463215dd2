//! Which routes can match the same request.

use super::{Matcher, Node, NodeId, Route, RouteId, is_int};

/// Two routes that some method and path match both.
#[derive(Debug)]
pub struct Overlap<'m, T> {
    /// The one that is found: the more specific, or the first inserted of two of one shape.
    pub winner: &'m Route<T>,
    /// The one that is passed over.
    pub loser: &'m Route<T>,
    /// Both have the same shape, so the loser is never found; otherwise it is passed over only
    /// where the two meet, as `/runs/{id}` is at `/runs/active`.
    pub duplicate: bool,
}

impl<T> Matcher<T> {
    /// Every pair of routes that can match the same method and path.
    pub fn overlaps(&self) -> Vec<Overlap<'_, T>> {
        let mut finder = Finder { nodes: &self.nodes, found: Vec::new() };
        finder.same(0);
        let pair = |(winner, loser, duplicate)| {
            Some(Overlap {
                winner: self.routes.get(winner)?,
                loser: self.routes.get(loser)?,
                duplicate,
            })
        };
        finder.found.into_iter().filter_map(pair).collect()
    }
}

/// Walks two positions of the trie at once, along segments that both can take.
struct Finder<'m> {
    nodes: &'m [Node],
    found: Vec<(RouteId, RouteId, bool)>,
}

impl Finder<'_> {
    /// Pairs below one node, reached by the same template so far.
    fn same(&mut self, at: NodeId) {
        let Some(node) = self.nodes.get(at) else { return };
        for (n, loser) in node.ends.iter().enumerate() {
            let first = node.ends.iter().take(n).find(|end| end.method == loser.method);
            if let Some(winner) = first {
                self.found.push((winner.route, loser.route, true));
            }
        }
        for child in node.children() {
            self.same(child);
        }
        for (text, &literal) in &node.literals {
            for variable in node.variables(text) {
                self.cross(literal, variable);
            }
        }
        for &verb in node.verbs.values() {
            if let Some(param) = node.param {
                self.cross(verb, param);
            }
        }
        if let (Some(int), Some(param)) = (node.int, node.param) {
            self.cross(int, param);
        }
        if let Some(tail) = node.tail {
            for child in node.children().filter(|child| *child != tail) {
                self.below(child, tail, true);
            }
        }
    }

    /// Pairs below two nodes whose templates differ, `high` being tried first.
    fn cross(&mut self, high: NodeId, low: NodeId) {
        let (Some(a), Some(b)) = (self.nodes.get(high), self.nodes.get(low)) else { return };
        self.ends(high, low);
        for (text, &child) in &a.literals {
            for other in b.literals.get(text).copied().into_iter().chain(b.variables(text)) {
                self.cross(child, other);
            }
        }
        for (text, &child) in &b.literals {
            for other in a.variables(text) {
                self.cross(other, child);
            }
        }
        for (verb, &child) in &a.verbs {
            for other in b.verbs.get(verb).copied().into_iter().chain(b.param) {
                self.cross(child, other);
            }
        }
        for &other in b.verbs.values() {
            if let Some(child) = a.param {
                self.cross(child, other);
            }
        }
        for child in [a.int, a.param].into_iter().flatten() {
            for other in [b.int, b.param].into_iter().flatten() {
                self.cross(child, other);
            }
        }
        if let Some(tail) = b.tail {
            for child in a.children() {
                self.below(child, tail, true);
            }
        }
        if let Some(tail) = a.tail {
            for child in b.children().filter(|child| Some(*child) != b.tail) {
                self.below(child, tail, false);
            }
        }
    }

    /// Pairs of everything from `at` down with `tail`.
    fn below(&mut self, at: NodeId, tail: NodeId, tail_loses: bool) {
        let Some(node) = self.nodes.get(at) else { return };
        if tail_loses {
            self.ends(at, tail);
        } else {
            self.ends(tail, at);
        }
        for child in node.children() {
            self.below(child, tail, tail_loses);
        }
    }

    /// Pairs of one method that end at two different nodes. Duplicates at one node are told once,
    /// by the pair at that node.
    fn ends(&mut self, high: NodeId, low: NodeId) {
        let (Some(a), Some(b)) = (self.nodes.get(high), self.nodes.get(low)) else { return };
        for winner in &a.ends {
            for loser in b.ends.iter().filter(|end| end.method == winner.method) {
                self.found.push((winner.route, loser.route, false));
            }
        }
    }
}

impl Node {
    fn children(&self) -> impl Iterator<Item = NodeId> {
        let literals = self.literals.values().copied();
        let verbs = self.verbs.values().copied();
        literals.chain(verbs).chain(self.int).chain(self.param).chain(self.tail)
    }

    /// The one-segment variables that take the literal `text`.
    fn variables(&self, text: &str) -> impl Iterator<Item = NodeId> {
        let verb = self.verb(text).map(|(child, _)| child);
        let int = self.int.filter(|_| is_int(text));
        verb.into_iter().chain(int).chain(self.param)
    }
}
