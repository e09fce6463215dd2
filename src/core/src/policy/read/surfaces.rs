//! `surfaces`: packs on mounts.

use std::collections::BTreeMap;

use super::super::{
    Endpoint, EndpointId, OperationId, Plan, RpcMethod, Surface, SurfaceId, Variant,
};
use super::catalogue::{Catalogue, Entry, Route};
use super::claims::Claims;
use super::codes;
use super::fields::{Field, Object, list};
use super::identity::Sources;
use super::{kinds, scope};
use crate::diag::{Diagnostics, Path, closest};
use crate::operation::{
    BUILTIN_NAMES, BodyKind, Entry as PackEntry, Method, Pack, Protocol, Segment, Target, Template,
};

/// A surface as written.
struct Written<'n> {
    pack: Pack,
    mounts: Vec<Template>,
    server: Option<&'n str>,
    scope_prefix: Option<&'n str>,
    bind: Vec<(String, String)>,
    challenge: bool,
    place: Path,
}

/// Reads `surfaces` into the catalogue.
pub(super) fn read<'n>(
    policy: &Object<'n>,
    sources: &Sources,
    claims: &mut Claims,
    catalogue: &mut Catalogue,
    out: &mut Diagnostics,
) {
    let mut servers: Vec<(String, Option<&'n str>)> = Vec::new();
    for field in policy.get("surfaces").map(|f| f.some_list(out)).unwrap_or_default() {
        let Some(written) = surface(&field, sources, claims, catalogue, out) else { continue };
        let key = (written.pack.name.clone(), written.server);
        if servers.contains(&key) {
            let name = &written.pack.name;
            out.error(
                codes::DUPLICATE,
                field.path(),
                match written.server {
                    Some(server) => {
                        format!("another surface uses `{name}` with the server `{server}`")
                    }
                    None => format!("another surface uses `{name}`"),
                },
            )
            .help("give each a `server` name of its own, or list several paths under one `mount`");
        }
        servers.push(key);
        mount(&written, catalogue);
    }
}

fn surface<'n>(
    field: &Field<'n>,
    sources: &Sources,
    claims: &mut Claims,
    catalogue: &mut Catalogue,
    out: &mut Diagnostics,
) -> Option<Written<'n>> {
    let object = field.object(&kinds::SURFACE, out)?;
    let pack = object.need("use", out).and_then(|f| pack(&f, out));
    if let Some(pack) = &pack {
        catalogue.packs.push(pack.name.clone());
    }
    let mounts =
        object.need("mount", out).map(|f| mounts(&f, pack.as_ref(), out)).unwrap_or_default();
    let server = object.get("server").and_then(|f| f.text(out));
    let scope_prefix = object.get("scope_prefix").and_then(|f| scope::read(&f, out));
    let bind = object.get("bind").map(|f| (claims.bindings(&f, sources, out), f));
    let challenge = object.get("challenge").and_then(|f| Some((f.boolean(out)?, f)));
    let pack = pack?;
    if let Some((true, field)) = &challenge
        && pack.jsonrpc.is_empty()
    {
        out.warning(
            codes::UNREACHABLE,
            field.path(),
            format!("`challenge` has no effect: `{}` has no JSON-RPC endpoint", pack.name),
        )
        .help("remove it; a missing token is answered with 401 anyway");
    }
    if let Some((bound, field)) = &bind {
        check_bodies(&pack, bound, field, out);
    }
    Some(Written {
        pack,
        mounts,
        server,
        scope_prefix,
        bind: bind.map(|(bound, _)| bound).unwrap_or_default(),
        challenge: challenge.is_some_and(|(value, _)| value),
        place: field.path().clone(),
    })
}

fn pack(field: &Field<'_>, out: &mut Diagnostics) -> Option<Pack> {
    let name = field.text(out)?;
    let pack = Pack::builtin(name);
    if pack.is_none() {
        let finding =
            out.error(codes::UNKNOWN_PACK, field.path(), format!("there is no pack `{name}`"));
        match closest(name, BUILTIN_NAMES.iter().copied()) {
            Some(known) => finding.help(format!("did you mean `{known}`?")),
            None => finding.help(format!("the packs are {}", list(BUILTIN_NAMES, "and"))),
        }
    }
    pack
}

fn mounts(field: &Field<'_>, pack: Option<&Pack>, out: &mut Diagnostics) -> Vec<Template> {
    let mut mounts: Vec<Template> = Vec::new();
    for item in field.one_or_more(out) {
        let Some(text) = item.text(out) else { continue };
        let mount = match Template::parse(text) {
            Ok(mount) => mount,
            Err(message) => {
                out.error(codes::INVALID_PATH, item.path(), message);
                continue;
            }
        };
        if mount.segments().iter().any(|s| !matches!(s, Segment::Literal(_))) {
            out.error(
                codes::INVALID_PATH,
                item.path(),
                format!("the mount `{text}` has a parameter"),
            )
            .help("a mount is literal text, such as `/v1`");
            continue;
        }
        if text.len() > 1 && text.ends_with('/') {
            out.error(
                codes::INVALID_PATH,
                item.path(),
                format!("the mount `{text}` ends with `/`"),
            )
            .help(format!("write `{}`", text.trim_end_matches('/')));
            continue;
        }
        if mounts.iter().any(|other| other.same_shape(&mount)) {
            out.error(codes::DUPLICATE, item.path(), format!("the mount `{text}` is listed twice"));
            continue;
        }
        if let Some(pack) = pack
            && let Some(message) = templates(pack).find_map(|t| t.under(&mount).err())
        {
            out.error(codes::INVALID_PATH, item.path(), message);
            continue;
        }
        mounts.push(mount);
    }
    mounts
}

fn templates(pack: &Pack) -> impl Iterator<Item = &Template> {
    let entries = pack.entries.iter().filter_map(|entry| match &entry.target {
        Target::Http(_, template) => Some(template),
        _ => None,
    });
    entries.chain(pack.jsonrpc.iter().map(|(_, template)| template))
}

/// Tells where a bound parameter is not looked for, so that nobody relies on it.
fn check_bodies(pack: &Pack, bound: &[(String, String)], field: &Field<'_>, out: &mut Diagnostics) {
    let Some((parameter, _)) = bound.first() else { return };
    if pack.protocol == Protocol::Grpc {
        out.error(
            codes::BODY_NOT_READ,
            field.path(),
            format!(
                "`{}` has binary messages, in which `{parameter}` cannot be looked for",
                pack.name
            ),
        )
        .help("remove `bind` from this surface");
        return;
    }
    let multipart = pack.entries.iter().filter(|entry| entry.body == BodyKind::Multipart);
    let mut blind: Vec<String> = multipart.map(|entry| pack.full_id(entry)).collect();
    blind.dedup();
    if let Some(first) = blind.first() {
        let more = match blind.len().saturating_sub(1) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        out.warning(
            codes::BODY_NOT_READ,
            field.path(),
            format!("`{parameter}` is not looked for in the multipart bodies of `{first}`{more}"),
        );
    }
    if !pack.jsonrpc.is_empty() {
        out.warning(
            codes::BODY_NOT_READ,
            field.path(),
            format!("`{parameter}` is not looked for inside JSON-RPC messages"),
        )
        .help("use a rule with `arguments` or `body` for what a JSON-RPC message says");
    }
}

/// Adds the operations of a pack.
fn mount(written: &Written<'_>, catalogue: &mut Catalogue) {
    let pack = &written.pack;
    let surface: SurfaceId = catalogue.surfaces.len();
    catalogue.surfaces.push(Surface {
        name: pack.name.clone(),
        protocol: pack.protocol,
        mounts: written.mounts.iter().map(ToString::to_string).collect(),
        server: written.server.map(str::to_owned),
        challenge: written.challenge,
    });
    let mut mounting =
        Mounting { written, surface, places: Vec::new(), methods: BTreeMap::new(), response: None };
    for entry in &pack.entries {
        mounting.add(entry, catalogue);
    }
    if pack.jsonrpc.is_empty() {
        return;
    }
    let Mounting { methods, response, .. } = mounting;
    let endpoint = Endpoint::JsonRpc { surface, methods, response, plan: Plan::default() };
    let id = catalogue.endpoint(endpoint, &written.place);
    for (method, template) in &pack.jsonrpc {
        written.route(*method, template, id, catalogue);
    }
}

/// A pack while its entries are added.
struct Mounting<'w> {
    written: &'w Written<'w>,
    surface: SurfaceId,
    /// The endpoint of each method and template, for the variants that follow.
    places: Vec<(&'w Target, EndpointId)>,
    methods: BTreeMap<String, RpcMethod>,
    response: Option<OperationId>,
}

impl<'w> Mounting<'w> {
    fn add(&mut self, entry: &'w PackEntry, catalogue: &mut Catalogue) {
        let base = entry.when.as_ref().and_then(|_| self.base(&entry.target, catalogue));
        let operation = self.operation(entry, base, catalogue);
        if let Some(when) = &entry.when {
            let pointer = catalogue.pointers.intern(&when.pointer);
            let variant = Variant { pointer, equals: when.equals.clone(), operation };
            if let Some(variants) = self.variants(&entry.target, catalogue) {
                variants.push(variant);
            }
            return;
        }
        match &entry.target {
            Target::Rpc(method) => {
                self.methods
                    .insert(method.clone(), RpcMethod { base: operation, variants: Vec::new() });
            }
            Target::RpcResponse => self.response = Some(operation),
            Target::Http(method, template) => {
                let endpoint = Endpoint::Plain {
                    base: operation,
                    variants: Vec::new(),
                    plan: Plan::default(),
                    body_required: false,
                };
                let id = catalogue.endpoint(endpoint, &self.written.place);
                self.places.push((&entry.target, id));
                self.written.route(*method, template, id, catalogue);
            }
        }
    }

    fn operation(
        &self,
        entry: &PackEntry,
        base: Option<OperationId>,
        catalogue: &mut Catalogue,
    ) -> OperationId {
        let written = self.written;
        let binary = written.pack.protocol == Protocol::Grpc;
        // Bound parameters are looked for in the body, which has to be JSON for that.
        let body = match entry.body {
            BodyKind::Opaque if !written.bind.is_empty() && !binary => BodyKind::Json,
            body => body,
        };
        catalogue.operation(Entry {
            id: written.pack.full_id(entry),
            surface: self.surface,
            tier: entry.tier,
            scope: entry.access.scope().map(|s| prefixed(s, written.scope_prefix)),
            body,
            facts: &entry.facts,
            bindings: &written.bind,
            base,
            rpc: !matches!(entry.target, Target::Http(..)),
        })
    }

    /// The operation that a variant with this target is a variant of.
    fn base(&self, target: &Target, catalogue: &Catalogue) -> Option<OperationId> {
        if let Target::Rpc(method) = target {
            return self.methods.get(method).map(|method| method.base);
        }
        match &catalogue.endpoints.get(self.place(target)?)?.endpoint {
            Endpoint::Plain { base, .. } => Some(*base),
            Endpoint::JsonRpc { .. } => None,
        }
    }

    fn variants<'c>(
        &'c mut self,
        target: &Target,
        catalogue: &'c mut Catalogue,
    ) -> Option<&'c mut Vec<Variant>> {
        if let Target::Rpc(method) = target {
            return self.methods.get_mut(method).map(|method| &mut method.variants);
        }
        match &mut catalogue.endpoints.get_mut(self.place(target)?)?.endpoint {
            Endpoint::Plain { variants, .. } => Some(variants),
            Endpoint::JsonRpc { .. } => None,
        }
    }

    fn place(&self, target: &Target) -> Option<EndpointId> {
        let same = |other: &Target| match (target, other) {
            (Target::Http(m, t), Target::Http(n, u)) => m == n && t.same_shape(u),
            _ => false,
        };
        self.places.iter().find(|(other, _)| same(other)).map(|(_, id)| *id)
    }
}

impl Written<'_> {
    /// Leads a method and a path below every mount to an endpoint.
    fn route(
        &self,
        method: Method,
        template: &Template,
        endpoint: EndpointId,
        catalogue: &mut Catalogue,
    ) {
        for mount in &self.mounts {
            if let Ok(template) = template.under(mount) {
                let mount = mount.segments().len();
                catalogue.routes.push(Route { method, template, endpoint, mount });
            }
        }
    }
}

/// The scope with its first part replaced: `autogen:model:read` with `acme` is `acme:model:read`.
fn prefixed(scope: &str, prefix: Option<&str>) -> String {
    match (prefix, scope.split_once(':')) {
        (None, _) => scope.to_owned(),
        (Some(prefix), Some((_, rest))) => format!("{prefix}:{rest}"),
        (Some(prefix), None) => format!("{prefix}:{scope}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_replace_the_first_part() {
        assert_eq!(prefixed("autogen:model:read", Some("acme")), "acme:model:read");
        assert_eq!(prefixed("mcp:tool:call", Some("mcp:github")), "mcp:github:tool:call");
        assert_eq!(prefixed("mcp:tool:call", None), "mcp:tool:call");
    }
}
