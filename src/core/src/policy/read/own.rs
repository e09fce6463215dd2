//! `operations`: what the policy's own services can do.

use super::super::{Endpoint, Plan, Surface};
use super::catalogue::{Catalogue, Entry, Route};
use super::codes;
use super::fields::{Field, Object};
use super::{kinds, scope};
use crate::diag::Diagnostics;
use crate::operation::{
    BodyKind, Fact, FactName, Method, Pointer, Protocol, Source, Template, Tier,
};

/// The surface of own operations.
const OWN_SURFACE: &str = "rest";

/// Reads `operations` into the catalogue.
pub(super) fn read(policy: &Object<'_>, catalogue: &mut Catalogue, out: &mut Diagnostics) {
    let Some(list) = policy.get("operations") else { return };
    let surface = catalogue.surfaces.len();
    catalogue.surfaces.push(Surface {
        name: OWN_SURFACE.to_owned(),
        protocol: Protocol::Rest,
        mounts: vec!["/".to_owned()],
        server: None,
        challenge: false,
    });
    for field in list.some_list(out) {
        let Some(written) = operation(&field, catalogue, out) else { continue };
        let id = catalogue.operation(Entry {
            id: written.id,
            surface,
            tier: written.tier,
            scope: written.scope,
            body: written.body,
            facts: &written.facts,
            bindings: &[],
            base: None,
            rpc: false,
        });
        let endpoint = Endpoint::Plain {
            base: id,
            variants: Vec::new(),
            plan: Plan::default(),
            body_required: false,
        };
        let endpoint = catalogue.endpoint(endpoint, field.path());
        catalogue.routes.push(Route {
            method: written.method,
            template: written.template,
            endpoint,
            mount: 0,
        });
    }
}

/// An operation as written.
struct Written {
    id: String,
    method: Method,
    template: Template,
    scope: Option<String>,
    tier: Tier,
    body: BodyKind,
    facts: Vec<Fact>,
}

fn operation(field: &Field<'_>, catalogue: &Catalogue, out: &mut Diagnostics) -> Option<Written> {
    let object = field.object(&kinds::OPERATION, out)?;
    let id = object.need("id", out).and_then(|f| id(&f, catalogue, out));
    let methods: Vec<(&str, Method)> = Method::ALL.into_iter().map(|m| (m.as_str(), m)).collect();
    let method = object.need("method", out).and_then(|f| f.choice(&methods, out));
    let template = object.need("path", out).and_then(|f| path(&f, out));
    let scope = access(&object, out);
    let tiers: Vec<(&str, Tier)> = Tier::ALL.into_iter().map(|t| (t.as_str(), t)).collect();
    let tier = object.need("tier", out).and_then(|f| f.choice(&tiers, out));
    let (method, template) = (method?, template?);
    let facts = facts(&object, &template, out);
    let body = body(&object, method, &facts, out);
    Some(Written { id: id?, method, template, scope: scope?, tier: tier?, body: body?, facts })
}

/// `acme.keys.rotate`.
fn id(field: &Field<'_>, catalogue: &Catalogue, out: &mut Diagnostics) -> Option<String> {
    let text = field.text(out)?;
    let word = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|b| b == b'_' || b == b'-' || b.is_ascii_alphanumeric())
    };
    if !text.split('.').all(word) {
        out.error(codes::INVALID_VALUE, field.path(), format!("`{text}` is not an operation id"))
            .help(
                "write words of letters, digits, `_` and `-`, joined by dots: `acme.keys.rotate`",
            );
        return None;
    }
    if catalogue.ids().any(|known| known == text) {
        out.error(codes::DUPLICATE, field.path(), format!("there is another operation `{text}`"))
            .help("give this one an id of its own; to change a pack's operation, write a rule");
        return None;
    }
    Some(text.to_owned())
}

fn path(field: &Field<'_>, out: &mut Diagnostics) -> Option<Template> {
    match Template::parse(field.text(out)?) {
        Ok(template) => Some(template),
        Err(message) => {
            out.error(codes::INVALID_PATH, field.path(), message);
            None
        }
    }
}

/// `scope: ...`, or `public: true`: exactly one of the two, so that nothing is public by omission.
#[expect(
    clippy::option_option,
    reason = "the outer one is an error, the inner one a public operation"
)]
fn access(object: &Object<'_>, out: &mut Diagnostics) -> Option<Option<String>> {
    let scope = object.get("scope");
    let public = object.get("public").and_then(|f| Some((f.boolean(out)?, f)));
    match (scope, public) {
        (Some(_), Some((true, public))) => {
            out.error(codes::CONFLICT, public.path(), "a public operation with a scope")
                .help("remove `scope` if everybody may call it without a token, else `public`");
            None
        }
        (Some(scope), _) => scope::read(&scope, out).map(|s| Some(s.to_owned())),
        (None, Some((true, _))) => Some(None),
        (None, _) => {
            out.error(codes::MISSING_KEY, object.path(), "`scope` is missing")
                .help("name the scope that callers need, or write `public: true`");
            None
        }
    }
}

fn facts(object: &Object<'_>, template: &Template, out: &mut Diagnostics) -> Vec<Fact> {
    let mut facts = Vec::new();
    for name in FactName::ALL {
        let Some(field) = object.get(name.as_str()) else { continue };
        let Some(text) = field.text(out) else { continue };
        if let Some(source) = source(text, template, &field, out) {
            facts.push(Fact { name: *name, source });
        }
    }
    facts
}

/// `/model` in the body, `{model}` in the path, `?model` in the query.
fn source(
    text: &str,
    template: &Template,
    field: &Field<'_>,
    out: &mut Diagnostics,
) -> Option<Source> {
    if let Some(name) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
        if template.params().any(|param| param == name) {
            return Some(Source::Path(name.to_owned()));
        }
        out.error(
            codes::INVALID_VALUE,
            field.path(),
            format!("the path has no parameter `{name}`"),
        );
        return None;
    }
    if let Some(name) = text.strip_prefix('?').filter(|name| !name.is_empty()) {
        return Some(Source::Query(name.to_owned()));
    }
    match Pointer::parse(text) {
        Ok(pointer) => Some(Source::Body(pointer)),
        Err(message) => {
            out.error(codes::INVALID_POINTER, field.path(), message)
                .help("write `/model` for a body member, `{model}` for a path parameter, `?model` for the query");
            None
        }
    }
}

fn body(
    object: &Object<'_>,
    method: Method,
    facts: &[Fact],
    out: &mut Diagnostics,
) -> Option<BodyKind> {
    let reads = facts.iter().any(|fact| matches!(fact.source, Source::Body(_)));
    let sends = matches!(method, Method::Post | Method::Put | Method::Patch);
    let Some(field) = object.get("body") else {
        return Some(if reads {
            BodyKind::Json
        } else if sends {
            BodyKind::Opaque
        } else {
            BodyKind::None
        });
    };
    let kinds = [BodyKind::Json, BodyKind::Multipart, BodyKind::Opaque, BodyKind::None];
    let known: Vec<(&str, BodyKind)> = kinds.into_iter().map(|b| (b.as_str(), b)).collect();
    let body = field.choice(&known, out)?;
    if reads && body != BodyKind::Json {
        out.error(
            codes::CONFLICT,
            field.path(),
            format!("the body is `{}`, and this operation reads it as JSON", body.as_str()),
        )
        .help("write `body: json`, or leave it out");
        return None;
    }
    Some(body)
}
