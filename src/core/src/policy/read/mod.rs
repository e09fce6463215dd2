//! From the document to the compiled policy, reporting every error at once.
//!
//! ```text
//! identity ─► roles ─┐
//! surfaces ─► operations ─► rules ─► approvals ─► redact ─► audit ─► endpoints
//!            (catalogue: what can be called, before and after rules)
//! ```

mod approvals;
mod audit;
mod catalogue;
mod claims;
mod codes;
mod endpoints;
mod fields;
mod identity;
mod kinds;
mod own;
mod parts;
mod redact;
mod roles;
mod rules;
mod scope;
mod seen;
mod select;
mod surfaces;
mod unused;

pub use codes::CODES;

use super::{Endpoint, Mode, Operation, OperationId, Policy, hash};
use crate::diag::{Diagnostic, Diagnostics, Path, Step};
use crate::limits;
use crate::node::Node;
use catalogue::Catalogue;
use claims::Claims;
use fields::{Field, Object};
use identity::Sources;
use seen::Callers;

/// Smallest body cap, in bytes: less would refuse every request that is judged by its body.
const LEAST_BODY_BYTES: usize = 1024;
const MODES: [(&str, Mode); 2] = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];

impl Policy {
    /// Compiles a policy document. On success the findings are warnings, in the document's order.
    ///
    /// # Errors
    /// Everything that is wrong with the document, in its order, warnings among it.
    pub fn compile(document: &Node) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut out = Diagnostics::default();
        let policy = Field::root(document)
            .object(&kinds::POLICY, &mut out)
            .and_then(|object| compile(&object, document, &mut out));
        let refused = out.has_errors();
        let mut findings = out.into_vec();
        findings.sort_by_cached_key(|finding| position(document, &finding.path));
        match policy {
            Some(policy) if !refused => Ok((policy, findings)),
            _ => Err(findings),
        }
    }
}

/// Where `path` is in the document: the number of the member or element at each step.
fn position(document: &Node, path: &Path) -> Vec<usize> {
    let mut at = Some(document);
    let mut position = Vec::new();
    for step in path.steps() {
        let (index, next) = match (at, step) {
            (Some(Node::Object(members)), Step::Key(key)) => {
                let index = members.iter().position(|(name, _)| name == key);
                (index, index.and_then(|n| members.get(n)).map(|(_, node)| node))
            }
            (Some(Node::Array(items)), Step::Index(index)) => (Some(*index), items.get(*index)),
            _ => (None, None),
        };
        position.push(index.unwrap_or(usize::MAX));
        at = next;
    }
    position
}

/// Reads every section whatever the others hold; `None` when the policy has no name.
fn compile(object: &Object<'_>, document: &Node, out: &mut Diagnostics) -> Option<Policy> {
    let name = object.need("policy", out).and_then(|f| f.text(out));
    let mode = mode(object, out);
    let mut identity = identity::read(object, out);
    let sources = Sources::of(object);
    let mut granted = Vec::new();
    let group_scopes = roles::read(object, &sources, &mut granted, out);

    let mut catalogue = Catalogue::default();
    let mut claims = Claims::default();
    surfaces::read(object, &sources, &mut claims, &mut catalogue, out);
    own::read(object, &mut catalogue, out);
    let rules = rules::read(object, &sources, &mut claims, &mut catalogue, out);
    let approvals = approvals::read(object, &mut catalogue, out);
    let mut shown = Vec::new();
    let redact = redact::read(object, &catalogue, &mut shown, out);
    let audit = audit::read(object, redact.as_ref(), out);
    let max_body_bytes = body_limit(object, out);
    let forward_authorization = forward_authorization(object, out);

    let matcher = endpoints::matcher(&catalogue, out);
    endpoints::plan(&mut catalogue, &rules);
    unused::report(object, &sources, &catalogue, &rules, &granted, &shown, out);
    let callers = Callers {
        mode,
        sources: &sources,
        granted: &granted,
        catalogue: &catalogue,
        rules: &rules,
    };
    seen::report(redact.as_ref(), &shown, &callers, out);

    for issuer in &mut identity.issuers {
        issuer.claims = claims.names();
    }
    if let Some(source) = &mut identity.jwt_authn {
        source.claims = claims.names();
    }
    let scopes: Vec<_> = (0..catalogue.operations.len()).map(|id| catalogue.scopes(id)).collect();
    let operations = catalogue.operations.into_iter().zip(scopes).map(|(draft, scopes)| {
        let mut operation = draft.operation;
        operation.scopes = scopes;
        operation
    });
    let operations: Vec<Operation> = operations.collect();
    let endpoints: Vec<Endpoint> =
        catalogue.endpoints.into_iter().map(|draft| draft.endpoint).collect();
    let needs_approval =
        |id: OperationId| operations.get(id).is_some_and(|operation| operation.approval.is_some());
    let approvable = (0..).zip(&endpoints);
    let approvable =
        approvable.filter(|(_, e)| e.operations().any(needs_approval)).map(|(id, _)| id);
    Some(Policy {
        approvable: approvable.collect(),
        name: name?.to_owned(),
        hash: hash::hash(document),
        mode,
        identity,
        group_scopes,
        surfaces: catalogue.surfaces,
        operations,
        rules,
        pointers: catalogue.pointers.into_list(),
        endpoints,
        matcher,
        approvals,
        redact,
        audit,
        max_body_bytes,
        forward_authorization,
    })
}

fn mode(policy: &Object<'_>, out: &mut Diagnostics) -> Mode {
    let Some(field) = policy.get("mode") else { return Mode::Enforce };
    let mode = field.choice(&MODES, out).unwrap_or(Mode::Enforce);
    if mode == Mode::Shadow {
        out.warning(
            codes::SHADOW,
            field.path(),
            "this policy records what it would refuse, and refuses nothing",
        )
        .help("write `mode: enforce` once the records show what you expect");
    }
    mode
}

/// `limits.body`.
fn body_limit(policy: &Object<'_>, out: &mut Diagnostics) -> usize {
    let default = limits::DEFAULT_BODY_BYTES;
    let Some(limits) = policy.get("limits").and_then(|f| f.object(&kinds::LIMITS, out)) else {
        return default;
    };
    let Some(field) = limits.get("body") else { return default };
    field.size(LEAST_BODY_BYTES, limits::MAX_BODY_BYTES, out).unwrap_or(default)
}

/// `forward.authorization`.
fn forward_authorization(policy: &Object<'_>, out: &mut Diagnostics) -> bool {
    let object = policy.get("forward").and_then(|f| f.object(&kinds::FORWARD, out));
    let field = object.and_then(|forward| forward.get("authorization"));
    field.and_then(|f| f.choice(&[("keep", true), ("remove", false)], out)).unwrap_or(false)
}

#[cfg(test)]
mod tests;
