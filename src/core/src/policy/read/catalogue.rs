//! The operations of a policy while it is compiled: what packs and own operations say, before rules.

use std::collections::BTreeMap;

use super::super::{
    Binding, Endpoint, EndpointId, FactSource, Operation, OperationId, PointerId, Surface,
    SurfaceId,
};
use crate::diag::Path;
use crate::operation::{BodyKind, Fact, FactName, Method, Pointer, Source, Template, Tier};

/// Everything that can be called, so far.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    pub surfaces: Vec<Surface>,
    pub operations: Vec<Draft>,
    pub endpoints: Vec<DraftEndpoint>,
    pub routes: Vec<Route>,
    pub pointers: Pointers,
    /// Packs that a surface names. One whose surface has an error keeps its operations known.
    pub packs: Vec<String>,
}

/// An operation before its scopes are settled.
#[derive(Debug)]
pub(super) struct Draft {
    pub operation: Operation,
    /// Its own scope; `None` when it is public.
    pub scope: Option<String>,
    /// The operation it is a variant of, whose scopes it needs as well.
    pub base: Option<OperationId>,
    /// Named by a JSON-RPC body.
    pub rpc: bool,
}

/// A method and a path that lead to an endpoint.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub method: Method,
    pub template: Template,
    pub endpoint: EndpointId,
    /// How many segments of the template are the mount's.
    pub mount: usize,
}

/// An endpoint, and where it comes from.
#[derive(Debug)]
pub(super) struct DraftEndpoint {
    pub endpoint: Endpoint,
    pub place: Path,
}

/// Every pointer that is read, each once.
#[derive(Debug, Default)]
pub(super) struct Pointers {
    list: Vec<Pointer>,
    ids: BTreeMap<Pointer, PointerId>,
}

/// What an operation is made of.
#[derive(Debug)]
pub(super) struct Entry<'e> {
    pub id: String,
    pub surface: SurfaceId,
    pub tier: Tier,
    pub scope: Option<String>,
    pub body: BodyKind,
    pub facts: &'e [Fact],
    pub bindings: &'e [(String, String)],
    pub base: Option<OperationId>,
    pub rpc: bool,
}

impl Catalogue {
    /// Adds an operation, unless the surface has one that differs in nothing: aliases share it.
    pub fn operation(&mut self, entry: Entry<'_>) -> OperationId {
        let facts = entry.facts.iter().map(|fact| self.fact(fact)).collect();
        let json = entry.body == BodyKind::Json && !entry.rpc;
        let bindings = entry.bindings.iter().map(|(parameter, claim)| Binding {
            parameter: parameter.clone(),
            body: if json { self.pointers.member(parameter) } else { None },
            claim: claim.clone(),
            required: false,
        });
        let operation = Operation {
            bindings: bindings.collect(),
            id: entry.id,
            surface: entry.surface,
            tier: entry.tier,
            scopes: None,
            body: entry.body,
            facts,
            rules: Vec::new(),
            approval: None,
        };
        let alias = self.operations.iter().position(|draft| {
            let other = &draft.operation;
            other.id == operation.id
                && other.surface == operation.surface
                && other.body == operation.body
                && other.facts == operation.facts
                && draft.base == entry.base
        });
        alias.unwrap_or_else(|| {
            self.operations.push(Draft {
                operation,
                scope: entry.scope,
                base: entry.base,
                rpc: entry.rpc,
            });
            self.operations.len().saturating_sub(1)
        })
    }

    /// Adds an endpoint.
    pub fn endpoint(&mut self, endpoint: Endpoint, place: &Path) -> EndpointId {
        self.endpoints.push(DraftEndpoint { endpoint, place: place.clone() });
        self.endpoints.len().saturating_sub(1)
    }

    /// The ids of all operations, aliases and mounts once each.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.operations.iter().map(|draft| draft.operation.id.as_str())
    }

    /// `operation` itself and its variants.
    pub fn family(&self, operation: OperationId) -> impl Iterator<Item = OperationId> {
        let variants = self.operations.iter().enumerate();
        let variants = variants.filter(move |(_, d)| d.base == Some(operation)).map(|(id, _)| id);
        std::iter::once(operation).chain(variants)
    }

    /// Every scope the operation needs; `None` for a public one.
    pub fn scopes(&self, operation: OperationId) -> Option<Vec<String>> {
        let draft = self.operations.get(operation)?;
        let base =
            draft.base.and_then(|base| self.operations.get(base)).and_then(|b| b.scope.as_ref());
        let mut scopes: Vec<String> =
            base.into_iter().chain(draft.scope.as_ref()).cloned().collect();
        scopes.dedup();
        if scopes.is_empty() { None } else { Some(scopes) }
    }

    fn fact(&mut self, fact: &Fact) -> (String, FactSource) {
        let source = match &fact.source {
            Source::Body(pointer) => FactSource::Body(self.pointers.intern(pointer)),
            Source::Path(name) => FactSource::Path(name.clone()),
            Source::Query(name) => FactSource::Query(name.clone()),
        };
        (fact.name.as_str().to_owned(), source)
    }
}

impl Draft {
    /// Where the operation's fact `name` is found.
    pub fn fact(&self, name: FactName) -> Option<&FactSource> {
        self.operation.facts.iter().find(|(n, _)| n == name.as_str()).map(|(_, source)| source)
    }
}

impl Pointers {
    /// The id of `pointer`.
    pub fn intern(&mut self, pointer: &Pointer) -> PointerId {
        if let Some(id) = self.ids.get(pointer) {
            return *id;
        }
        let id = self.list.len();
        self.list.push(pointer.clone());
        self.ids.insert(pointer.clone(), id);
        id
    }

    /// The id of the top-level member `name`.
    pub fn member(&mut self, name: &str) -> Option<PointerId> {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        Pointer::parse(&format!("/{escaped}")).ok().map(|pointer| self.intern(&pointer))
    }

    /// The id of `below`, which is relative to `above`.
    pub fn join(&mut self, above: PointerId, below: &Pointer) -> Option<PointerId> {
        let joined = self.get(above)?.join(below);
        Some(self.intern(&joined))
    }

    /// The pointer of that id.
    pub fn get(&self, id: PointerId) -> Option<&Pointer> {
        self.list.get(id)
    }

    /// All of them, by id.
    pub fn into_list(self) -> Vec<Pointer> {
        self.list
    }
}
