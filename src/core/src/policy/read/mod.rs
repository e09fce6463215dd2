//! From the document to the compiled policy, reporting every error at once.
//!
//! ```text
//! identity ─► roles ─┐
//! surfaces ─► operations ─► rules ─► approvals ─► endpoints
//!            (catalogue: what can be called, before and after rules)
//! ```

mod approvals;
mod catalogue;
mod claims;
mod codes;
mod endpoints;
mod fields;
mod identity;
mod kinds;
mod own;
mod parts;
mod roles;
mod rules;
mod scope;
mod select;
mod surfaces;
mod unused;

pub use codes::CODES;

use super::{Mode, Policy, hash};
use crate::diag::{Diagnostic, Diagnostics};
use crate::limits;
use crate::node::Node;
use crate::time::parse_size;
use catalogue::Catalogue;
use claims::Claims;
use fields::{Field, Object};
use identity::Sources;

const MODES: [(&str, Mode); 2] = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];

impl Policy {
    /// Compiles a policy document. On success the findings are warnings.
    ///
    /// # Errors
    /// Everything that is wrong with the document, in the order of its sections, warnings among it.
    pub fn compile(document: &Node) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut out = Diagnostics::default();
        let policy = Field::root(document)
            .object(&kinds::POLICY, &mut out)
            .and_then(|object| compile(&object, document, &mut out));
        match policy {
            Some(policy) if !out.has_errors() => Ok((policy, out.into_vec())),
            _ => Err(out.into_vec()),
        }
    }
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
    approvals::read(object, &mut catalogue, out);
    let max_body_bytes = body_limit(object, out);
    let forward_authorization = forward_authorization(object, out);

    let matcher = endpoints::matcher(&catalogue, out);
    endpoints::plan(&mut catalogue, &rules);
    unused::report(object, &sources, &catalogue, &rules, &granted, out);

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
    Some(Policy {
        name: name?.to_owned(),
        hash: hash::hash(document),
        mode,
        identity,
        group_scopes,
        surfaces: catalogue.surfaces,
        operations: operations.collect(),
        rules,
        pointers: catalogue.pointers.into_list(),
        endpoints: catalogue.endpoints.into_iter().map(|draft| draft.endpoint).collect(),
        matcher,
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
    let size = match field.node() {
        Node::Number(_) => field.integer(1, i64::MAX, out).and_then(|n| u64::try_from(n).ok()),
        _ => field.text(out).and_then(|text| match parse_size(text) {
            Ok(size) => Some(size),
            Err(message) => {
                out.error(codes::INVALID_VALUE, field.path(), message);
                None
            }
        }),
    };
    let Some(size) = size else { return default };
    match usize::try_from(size) {
        Ok(size) if (1024..=limits::MAX_BODY_BYTES).contains(&size) => size,
        _ => {
            out.error(
                codes::OUT_OF_RANGE,
                field.path(),
                "the body limit is not between 1KiB and 64MiB",
            );
            default
        }
    }
}

/// `forward.authorization`.
fn forward_authorization(policy: &Object<'_>, out: &mut Diagnostics) -> bool {
    let object = policy.get("forward").and_then(|f| f.object(&kinds::FORWARD, out));
    let field = object.and_then(|forward| forward.get("authorization"));
    field.and_then(|f| f.choice(&[("keep", true), ("remove", false)], out)).unwrap_or(false)
}

#[cfg(test)]
mod tests;
