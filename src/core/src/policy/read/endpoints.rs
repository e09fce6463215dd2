//! From the catalogue to the matcher: overlaps, `HEAD`, and what each endpoint reads from a body.

use std::collections::BTreeSet;

use super::super::{
    Condition, Endpoint, EndpointId, FactSource, OperationId, Plan, PointerId, RpcMethod, Rule,
};
use super::catalogue::{Catalogue, Route};
use super::codes;
use crate::diag::Diagnostics;
use crate::operation::{Matcher, Method, Tier};

/// Builds the matcher, and reports requests that could mean two operations.
pub(super) fn matcher(catalogue: &Catalogue, out: &mut Diagnostics) -> Matcher<EndpointId> {
    report_overlaps(catalogue, out);
    let mut matcher = Matcher::default();
    for route in &catalogue.routes {
        matcher.insert(route.method, route.template.clone(), route.endpoint);
        // A HEAD is a GET without the body of its answer (RFC 9110 section 9.3.2).
        let is_own_head =
            |r: &Route| r.method == Method::Head && r.template.same_shape(&route.template);
        if route.method == Method::Get && !catalogue.routes.iter().any(is_own_head) {
            matcher.insert(Method::Head, route.template.clone(), route.endpoint);
        }
    }
    matcher
}

/// Reports methods and paths that two operations share although they need different things of a
/// caller.
///
/// Within a pack, overlaps are reviewed. Where one mount is inside another, the inner one is meant.
fn report_overlaps(catalogue: &Catalogue, out: &mut Diagnostics) {
    let by_route: Matcher<&Route> =
        catalogue.routes.iter().map(|r| (r.method, r.template.clone(), r)).collect();
    let mut reported = Vec::new();
    for overlap in by_route.overlaps() {
        let (winner, loser) = (overlap.winner.value, overlap.loser.value);
        let place = |route: &Route| catalogue.endpoints.get(route.endpoint).map(|e| &e.place);
        let (Some(a), Some(b)) = (place(winner), place(loser)) else { continue };
        let nested = winner.mount > loser.mount;
        let equal = needs(catalogue, winner.endpoint) == needs(catalogue, loser.endpoint);
        if winner.endpoint == loser.endpoint || a == b || (!overlap.duplicate && (nested || equal))
        {
            continue;
        }
        let in_order = winner.endpoint <= loser.endpoint;
        let (first, later) = if in_order { (winner, loser) } else { (loser, winner) };
        let (Some(first_place), Some(later_place)) = (place(first), place(later)) else { continue };
        // One finding per pair of places: two packs on one mount overlap in many operations.
        if reported.contains(&(first_place, later_place)) {
            continue;
        }
        reported.push((first_place, later_place));
        let message = format!(
            "`{} {}` of {} and `{}` of {} (`{first_place}`) match the same requests{}",
            later.method,
            later.template,
            title(catalogue, later.endpoint),
            first.template,
            title(catalogue, first.endpoint),
            if overlap.duplicate { "" } else { ", and need different scopes or tiers" },
        );
        out.error(codes::OVERLAP, later_place, message).help(
            "mount them on different paths; to change a pack's operation, write a rule about it",
        );
    }
}

/// What a caller needs for each operation of an endpoint.
fn needs(catalogue: &Catalogue, endpoint: EndpointId) -> Vec<(Option<Vec<String>>, Tier)> {
    let operations = operations(catalogue, endpoint).into_iter();
    let need = |id| Some((catalogue.scopes(id), catalogue.operations.get(id)?.operation.tier));
    operations.filter_map(need).collect()
}

/// `` `acme.files.list` ``, or the endpoint of JSON-RPC calls.
fn title(catalogue: &Catalogue, endpoint: EndpointId) -> String {
    match catalogue.endpoints.get(endpoint).map(|draft| &draft.endpoint) {
        None => String::new(),
        Some(Endpoint::Plain { base, .. }) => {
            let draft = catalogue.operations.get(*base);
            format!("`{}`", draft.map(|d| d.operation.id.as_str()).unwrap_or_default())
        }
        Some(Endpoint::JsonRpc { surface, .. }) => {
            let surface = catalogue.surfaces.get(*surface);
            format!("a JSON-RPC call of `{}`", surface.map(|s| s.name.as_str()).unwrap_or_default())
        }
    }
}

/// Every operation that a request at the endpoint can turn out to be.
fn operations(catalogue: &Catalogue, endpoint: EndpointId) -> Vec<OperationId> {
    match catalogue.endpoints.get(endpoint).map(|draft| &draft.endpoint) {
        Some(Endpoint::Plain { base, variants, .. }) => {
            std::iter::once(*base).chain(variants.iter().map(|v| v.operation)).collect()
        }
        Some(Endpoint::JsonRpc { methods, response, .. }) => {
            let named = |m: &RpcMethod| {
                std::iter::once(m.base)
                    .chain(m.variants.iter().map(|v| v.operation))
                    .collect::<Vec<_>>()
            };
            methods.values().flat_map(named).chain(*response).collect()
        }
        None => Vec::new(),
    }
}

/// Fills the plan of every endpoint with what its operations and their rules read.
pub(super) fn plan(catalogue: &mut Catalogue, rules: &[Rule]) {
    for id in 0..catalogue.endpoints.len() {
        let mut read = Read::default();
        for operation in operations(catalogue, id) {
            read.operation(catalogue, operation, rules);
        }
        match catalogue.endpoints.get(id).map(|draft| &draft.endpoint) {
            Some(Endpoint::Plain { variants, .. }) => {
                read.needed.extend(variants.iter().map(|variant| variant.pointer));
            }
            Some(Endpoint::JsonRpc { methods, .. }) => {
                let variants = methods.values().flat_map(|method| &method.variants);
                read.needed.extend(variants.map(|variant| variant.pointer));
            }
            None => {}
        }
        let mut filled = Plan::default();
        for pointer in read.needed.union(&read.bound) {
            if let Some(written) = catalogue.pointers.get(*pointer) {
                filled.add(*pointer, written);
            }
        }
        match catalogue.endpoints.get_mut(id).map(|draft| &mut draft.endpoint) {
            Some(Endpoint::Plain { plan, body_required, .. }) => {
                *plan = filled;
                *body_required = !read.needed.is_empty();
            }
            Some(Endpoint::JsonRpc { plan, .. }) => *plan = filled,
            None => {}
        }
    }
}

/// The pointers that an endpoint reads.
#[derive(Default)]
struct Read {
    /// By facts, variants and rules.
    needed: BTreeSet<PointerId>,
    /// By the surface's bindings, which only look whether something is there.
    bound: BTreeSet<PointerId>,
}

impl Read {
    /// Adds what an operation and its rules read.
    fn operation(&mut self, catalogue: &Catalogue, operation: OperationId, rules: &[Rule]) {
        let Some(draft) = catalogue.operations.get(operation) else { return };
        let operation = &draft.operation;
        self.needed.extend(operation.facts.iter().filter_map(|(_, source)| match source {
            FactSource::Body(pointer) => Some(*pointer),
            FactSource::Path(_) | FactSource::Query(_) => None,
        }));
        self.bound.extend(operation.bindings.iter().filter_map(|binding| binding.body));
        for rule in operation.rules.iter().filter_map(|id| rules.get(*id)) {
            self.needed.extend(rule.arguments.iter().map(|argument| argument.pointer));
            self.needed.extend(rule.bindings.iter().filter_map(|binding| binding.body));
            self.needed.extend(rule.conditions.iter().filter_map(|condition| match condition {
                Condition::Body { pointer, .. } => Some(*pointer),
                Condition::Header { .. } | Condition::Query { .. } => None,
            }));
        }
    }
}
