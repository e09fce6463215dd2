//! `rules`: what narrows the operations, or names their scope.

use std::collections::BTreeSet;

use super::super::{Binding, Mode, OperationId, PointerId, Rule, RuleId};
use super::catalogue::{Catalogue, Draft};
use super::claims::Claims;
use super::codes;
use super::fields::{Field, Object};
use super::identity::Sources;
use super::parts::{self, Parts};
use super::select::select;
use super::{MODES, kinds, scope};
use crate::diag::{Diagnostics, Path};
use crate::operation::{BodyKind, FactName, Protocol};

/// A rule whose operations are known.
struct Named<'n> {
    object: Object<'n>,
    id: String,
    mode: Mode,
    operations: BTreeSet<OperationId>,
}

/// Reads `rules`, changing the catalogue's operations.
pub(super) fn read(
    policy: &Object<'_>,
    sources: &Sources,
    claims: &mut Claims,
    catalogue: &mut Catalogue,
    out: &mut Diagnostics,
) -> Vec<Rule> {
    let mut named = Vec::new();
    let mut ids: Vec<String> = Vec::new();
    for field in policy.get("rules").map(|f| f.list(out)).unwrap_or_default() {
        if let Some(rule) = name(&field, &mut ids, catalogue, out) {
            named.push(rule);
        }
    }
    // Whether an operation is public decides what a rule can ask, so scopes come first.
    replace_scopes(&named, catalogue, out);
    let mut rules = Vec::new();
    for rule in named {
        compile(rule, sources, claims, catalogue, &mut rules, out);
    }
    rules
}

fn name<'n>(
    field: &Field<'n>,
    ids: &mut Vec<String>,
    catalogue: &Catalogue,
    out: &mut Diagnostics,
) -> Option<Named<'n>> {
    let object = field.object(&kinds::RULE, out)?;
    let id = match object.get("id") {
        Some(field) => {
            let id = field.text(out)?.to_owned();
            if ids.contains(&id) {
                out.error(
                    codes::DUPLICATE,
                    field.path(),
                    format!("another rule has the id `{id}`"),
                );
            }
            id
        }
        None => field.path().to_string(),
    };
    ids.push(id.clone());
    let mode = object.get("mode").map_or(Some(Mode::Enforce), |f| f.choice(&MODES, out));
    if mode == Some(Mode::Shadow)
        && let Some(field) = object.get("mode")
    {
        out.warning(
            codes::SHADOW,
            field.path(),
            "this rule records what it would refuse, and refuses nothing",
        )
        .help("remove `mode: shadow` once the records show what you expect");
    }
    let on = object.need("operation", out)?;
    let operations = select(&on, object.get("server").as_ref(), catalogue, out);
    let says =
        ["scope", "require", "models", "tools", "arguments", "bind", "headers", "query", "body"];
    if says.iter().all(|key| object.get(key).is_none()) {
        out.error(codes::EMPTY, field.path(), "this rule asks for nothing")
            .help("add `require`, `models`, `tools`, `arguments`, `bind`, `headers`, `query`, `body` or `scope`");
    }
    Some(Named { object, id, mode: mode?, operations })
}

/// Applies every `scope`, which takes the place of the pack's.
fn replace_scopes(rules: &[Named<'_>], catalogue: &mut Catalogue, out: &mut Diagnostics) {
    let mut replaced: Vec<(OperationId, &str, Path)> = Vec::new();
    for rule in rules {
        let Some(field) = rule.object.get("scope") else { continue };
        let Some(scope) = scope::read(&field, out) else { continue };
        if rule.mode == Mode::Shadow {
            out.error(
                codes::CONFLICT,
                field.path(),
                "a shadow rule cannot name the scope of an operation",
            )
            .help("use `require`, which a shadow rule only records");
            continue;
        }
        let mut told = false;
        for id in &rule.operations {
            let Some(draft) = catalogue.operations.get_mut(*id) else { continue };
            match replaced.iter().find(|(other, _, _)| other == id) {
                Some((_, other, place)) if *other != scope && !told => {
                    let operation = &draft.operation.id;
                    out.error(
                        codes::CONFLICT,
                        field.path(),
                        format!("`{operation}` has the scope `{other}` by `{place}` already"),
                    )
                    .help("name the scope of an operation once; add further ones with `require`");
                    told = true;
                }
                _ => {
                    draft.scope = Some(scope.to_owned());
                    replaced.push((*id, scope, field.path().clone()));
                }
            }
        }
    }
}

/// Compiles the parts of a rule and attaches it to its operations and their variants.
fn compile(
    named: Named<'_>,
    sources: &Sources,
    claims: &mut Claims,
    catalogue: &mut Catalogue,
    rules: &mut Vec<Rule>,
    out: &mut Diagnostics,
) {
    let mut operations: BTreeSet<OperationId> = BTreeSet::new();
    operations.extend(named.operations.iter().flat_map(|id| catalogue.family(*id)));
    let object = &named.object;
    let parts = Parts::read(object, out);
    let bind = object.get("bind").map(|f| (claims.bindings(&f, sources, out), f));
    check_operations(object, &operations, catalogue, out);
    if let Some((_, field)) = &bind {
        read_bodies(field, &operations, catalogue, out);
    }
    let bindings = bind.map(|(bindings, _)| bindings).unwrap_or_default();
    if parts.is_empty() && bindings.is_empty() {
        return;
    }
    // What a rule reads depends on the operation: where its arguments are, whether its body is JSON.
    let mut compiled: Vec<((Option<PointerId>, bool), RuleId)> = Vec::new();
    for id in operations {
        let Some(draft) = catalogue.operations.get(id) else { continue };
        let reads = (parts::arguments_of(draft), reads_json(draft));
        let rule = match compiled.iter().find(|(other, _)| *other == reads) {
            Some((_, rule)) => *rule,
            None => {
                let (arguments, json) = reads;
                let pointers = &mut catalogue.pointers;
                let binding = |(parameter, claim): &(String, String)| Binding {
                    parameter: parameter.clone(),
                    body: if json { pointers.member(parameter) } else { None },
                    claim: claim.clone(),
                    required: true,
                };
                let bindings = bindings.iter().map(binding).collect();
                compiled.push((reads, rules.len()));
                rules.push(Rule {
                    id: named.id.clone(),
                    mode: named.mode,
                    require: parts.require.clone(),
                    models: parts.models.clone(),
                    tools: parts.tools.clone(),
                    arguments: parts.arguments(arguments, &mut catalogue.pointers),
                    bindings,
                    conditions: parts.conditions(&mut catalogue.pointers),
                });
                rules.len().saturating_sub(1)
            }
        };
        if let Some(draft) = catalogue.operations.get_mut(id) {
            draft.operation.rules.push(rule);
        }
    }
}

/// Whether a bound parameter can be looked for in the body's top level.
fn reads_json(draft: &Draft) -> bool {
    draft.operation.body == BodyKind::Json && !draft.rpc
}

/// What a part of a rule needs of every operation that it is about.
struct Need {
    key: &'static str,
    holds: fn(&Draft) -> bool,
    lacks: &'static str,
    help: &'static str,
}

const NEEDS: [Need; 8] = [
    Need {
        key: "models",
        holds: |draft| draft.fact(FactName::Model).is_some(),
        lacks: "names no model",
        help: "list operations that have one, such as `openai.chat.completions.create`",
    },
    Need {
        key: "tools",
        holds: |draft| draft.fact(FactName::Tool).is_some(),
        lacks: "calls no tool",
        help: "list operations that do, such as `mcp.tools.call`",
    },
    Need {
        key: "arguments",
        holds: |draft| parts::arguments_of(draft).is_some() && draft.fact(FactName::Tool).is_some(),
        lacks: "has no tool arguments",
        help: "list operations that do, such as `mcp.tools.call`",
    },
    Need {
        key: "body",
        holds: |draft| draft.operation.body == BodyKind::Json,
        lacks: "has no JSON body",
        help: "list operations that have one, or set `body: json` for your own",
    },
    needs_caller("require"),
    needs_caller("models"),
    needs_caller("tools"),
    needs_caller("bind"),
];

const fn needs_caller(key: &'static str) -> Need {
    Need {
        key,
        holds: |draft| draft.scope.is_some() || draft.base.is_some(),
        lacks: "is public and has no caller",
        help: "give it a scope with `scope`, or take it out of `operation`",
    }
}

/// Reports the parts that would refuse every call of some operation.
fn check_operations(
    object: &Object<'_>,
    operations: &BTreeSet<OperationId>,
    catalogue: &Catalogue,
    out: &mut Diagnostics,
) {
    for Need { key, holds, lacks, help } in NEEDS {
        let Some(field) = object.get(key) else { continue };
        let drafts = operations.iter().filter_map(|id| catalogue.operations.get(*id));
        let mut lacking = Names::default();
        drafts.filter(|draft| !holds(draft)).for_each(|draft| lacking.add(&draft.operation.id));
        if let Some(subject) = lacking.subject() {
            out.error(
                codes::NEVER_MATCHES,
                field.path(),
                format!("{subject} {lacks}, so `{key}` would refuse every call"),
            )
            .help(help);
        }
    }
}

/// Operation ids that a finding is about, each once.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn add(&mut self, id: &str) {
        if !self.0.iter().any(|other| other == id) {
            self.0.push(id.to_owned());
        }
    }

    /// `` `a` ``, or `` `a` (and 3 more) ``; `None` when there are none.
    fn subject(&self) -> Option<String> {
        let (first, rest) = self.0.split_first()?;
        Some(match rest.len() {
            0 => format!("`{first}`"),
            more => format!("`{first}` (and {more} more)"),
        })
    }
}

/// A bound parameter is looked for in the body, which therefore has to be JSON.
fn read_bodies(
    field: &Field<'_>,
    operations: &BTreeSet<OperationId>,
    catalogue: &mut Catalogue,
    out: &mut Diagnostics,
) {
    let mut blind: Vec<((&str, &str), Names)> = Vec::new();
    for id in operations {
        let Some(draft) = catalogue.operations.get_mut(*id) else { continue };
        let surface = catalogue.surfaces.get(draft.operation.surface);
        let binary = surface.is_some_and(|surface| surface.protocol == Protocol::Grpc);
        let why = match draft.operation.body {
            BodyKind::Opaque if !binary => {
                draft.operation.body = BodyKind::Json;
                continue;
            }
            BodyKind::Json if draft.rpc => (
                "is a JSON-RPC message, in which a parameter has no fixed place",
                "use `arguments`, or `body` with the parameter's JSON pointer",
            ),
            BodyKind::Opaque => ("has a binary body, which is not read", TAKE_OUT),
            BodyKind::Multipart => ("has a multipart body, which is not read", TAKE_OUT),
            BodyKind::Json | BodyKind::None => continue,
        };
        if !blind.iter().any(|(other, _)| *other == why) {
            blind.push((why, Names::default()));
        }
        if let Some((_, names)) = blind.iter_mut().find(|(other, _)| *other == why) {
            names.add(&draft.operation.id);
        }
    }
    for ((why, help), names) in blind {
        if let Some(subject) = names.subject() {
            out.error(codes::BODY_NOT_READ, field.path(), format!("{subject} {why}")).help(help);
        }
    }
}

const TAKE_OUT: &str = "take it out of `operation`; a parameter in such a body would not be seen";
