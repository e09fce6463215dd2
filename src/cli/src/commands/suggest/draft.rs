//! A policy that allows what was seen, and of the rest as little as a policy can tell apart.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use scopewarden_core::node::Node;
use scopewarden_core::policy::{Endpoint, Operation, Policy};

use super::seen::{Names, Seen};
use crate::text::printable;
use crate::yaml_out;

/// A scope that nobody is given.
const NOBODY: &str = "scopewarden:not-seen";
/// Most names in a list; more become patterns by what they begin with.
const MOST_NAMES: usize = 24;

/// The policy `base` with rules that narrow it, as YAML.
pub(super) fn draft(base: &Node, policy: &Policy, seen: &Seen, all_surfaces: bool) -> String {
    let mut out = head(seen);
    let Node::Object(members) = base else { return out };
    let mut rules = Vec::new();
    let mut rest = Vec::new();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("rules", Node::Array(written)) => rules = written.clone(),
            ("surfaces", Node::Array(surfaces)) if !all_surfaces => {
                let used = surfaces.iter().filter(|surface| is_used(surface, seen));
                rest.push((name.clone(), Node::Array(used.cloned().collect())));
            }
            _ => rest.push((name.clone(), value.clone())),
        }
    }
    out.push_str(&yaml_out::block(&Node::Object(rest), 0));
    out.push_str("rules:\n");
    for rule in rules {
        out.push_str(&yaml_out::block(&Node::Array(vec![rule]), 2));
    }
    let families = Families::of(policy);
    for rule in names(policy, seen, &families) {
        out.push_str(&rule);
    }
    out.push_str(&closed(policy, seen, &families));
    if out.ends_with("rules:\n") {
        out.truncate(out.len().saturating_sub("rules:\n".len()));
    }
    out
}

fn head(seen: &Seen) -> String {
    let mut out = String::new();
    let requests =
        if seen.allowed == 1 { "1 request" } else { &format!("{} requests", seen.allowed) };
    let _ = writeln!(out, "# Drafted from {requests} that were allowed,");
    let _ = writeln!(out, "# from {} to {}.", printable(&seen.first), printable(&seen.last));
    if seen.refused > 0 {
        let _ = writeln!(out, "# What was refused then is not considered ({}).", seen.refused);
    }
    out.push_str("#\n");
    for (operation, of) in &seen.operations {
        let _ = writeln!(out, "# {}: {}", printable(operation), by(of.count, &of.callers));
    }
    out
}

/// `5 times, by bob (4), dave (1)`
fn by(count: u64, callers: &BTreeMap<String, u64>) -> String {
    const MOST: usize = 5;
    let mut often: Vec<_> = callers.iter().collect();
    often.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
    let mut listed: Vec<String> = often
        .iter()
        .take(MOST)
        .map(|(name, count)| format!("{} ({count})", printable(name)))
        .collect();
    if often.len() > MOST {
        listed.push(format!("and {} more", often.len().saturating_sub(MOST)));
    }
    if let (1, Some((name, _))) = (count, often.first()) {
        return format!("once, by {}", printable(name));
    }
    format!("{count} times, by {}", listed.join(", "))
}

fn is_used(surface: &Node, seen: &Seen) -> bool {
    let Node::Object(members) = surface else { return true };
    let text = |name: &str| {
        members.iter().find(|(n, _)| n == name).and_then(|(_, value)| match value {
            Node::String(text) => Some(text.clone()),
            _ => None,
        })
    };
    text("use").is_none_or(|name| seen.surfaces.contains(&(name, text("server"))))
}

/// Which operations are variants of which: what a rule says of one, it says of its variants.
struct Families(BTreeMap<String, BTreeSet<String>>);

impl Families {
    fn of(policy: &Policy) -> Self {
        let mut variants: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let name = |id: usize| policy.operations.get(id).map(|o| o.id.clone()).unwrap_or_default();
        for endpoint in &policy.endpoints {
            let bases = match endpoint {
                Endpoint::Plain { base, variants, .. } => vec![(*base, variants)],
                Endpoint::JsonRpc { methods, .. } => {
                    methods.values().map(|method| (method.base, &method.variants)).collect()
                }
            };
            for (base, of) in bases {
                let all = variants.entry(name(base)).or_default();
                all.extend(of.iter().map(|variant| name(variant.operation)));
            }
        }
        Self(variants)
    }

    fn variants<'a>(&'a self, base: &str) -> impl Iterator<Item = &'a String> {
        self.0.get(base).into_iter().flatten()
    }
}

/// A rule for the models, and one for the tools, of every operation of which they are known.
fn names(policy: &Policy, seen: &Seen, families: &Families) -> Vec<String> {
    let mut rules = Vec::new();
    for (id, of) in &seen.operations {
        let Some(operation) = policy.operations.iter().find(|o| o.id == *id) else { continue };
        let mut models = of.models.clone();
        let mut tools = of.tools.clone();
        for variant in families.variants(id).filter_map(|variant| seen.operations.get(variant)) {
            models.join(&variant.models);
            for (server, names) in &variant.tools {
                tools.entry(server.clone()).or_default().join(names);
            }
        }
        rules.extend(named(operation, "model", "models", None, &models));
        for (server, names) in &tools {
            rules.extend(named(operation, "tool", "tools", server.as_deref(), names));
        }
    }
    rules
}

fn named(
    operation: &Operation,
    fact: &str,
    part: &str,
    server: Option<&str>,
    names: &Names,
) -> Option<String> {
    let scope = operation.scopes.as_ref()?.first()?;
    let has = operation.facts.iter().any(|(name, _)| name == fact);
    if !has || names.without > 0 || names.names.is_empty() {
        return None;
    }
    let text = |text: &str| Node::String(text.to_owned());
    let mut rule = vec![("operation".to_owned(), text(&operation.id))];
    rule.extend(server.map(|server| ("server".to_owned(), text(server))));
    let list = patterns(&names.names).iter().map(|name| text(name)).collect();
    rule.push((part.to_owned(), Node::Object(vec![(scope.clone(), Node::Array(list))])));
    let mut out = String::new();
    for (name, count) in names.names.iter().take(MOST_NAMES) {
        let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
        let _ = writeln!(out, "  # {}: {times}", printable(name));
    }
    out.push_str(&yaml_out::block(&Node::Array(vec![Node::Object(rule)]), 2));
    Some(out)
}

/// The names; of very many, patterns by their first part.
fn patterns(names: &BTreeMap<String, u64>) -> BTreeSet<String> {
    if names.len() <= MOST_NAMES {
        return names.keys().cloned().collect();
    }
    let first = |name: &String| match name.find(['-', '_', ':', '/', '.']) {
        Some(end) => format!("{}*", name.get(..=end).unwrap_or_default()),
        None => name.clone(),
    };
    names.keys().map(first).collect()
}

/// A rule that closes what the callers' scopes open and nobody used.
fn closed(policy: &Policy, seen: &Seen, families: &Families) -> String {
    let is_seen = |id: &str| {
        seen.operations.contains_key(id)
            || families.variants(id).any(|variant| seen.operations.contains_key(variant))
    };
    let is_mounted = |operation: &Operation| {
        policy.surfaces.get(operation.surface).is_none_or(|surface| {
            surface.name == "rest"
                || seen.surfaces.contains(&(surface.name.clone(), surface.server.clone()))
        })
    };
    let open = policy.operations.iter().filter(|operation| {
        let held =
            operation.scopes.as_ref().is_some_and(|s| s.iter().all(|s| seen.held.contains(s)));
        held && is_mounted(operation) && !is_seen(&operation.id)
    });
    let ids: BTreeSet<&str> = open.map(|operation| operation.id.as_str()).collect();
    if ids.is_empty() {
        return String::new();
    }
    let list = |items: Vec<String>| Node::Array(items.into_iter().map(Node::String).collect());
    let rule = Node::Object(vec![
        ("id".to_owned(), Node::String("not-seen".to_owned())),
        ("operation".to_owned(), list(ids.into_iter().map(str::to_owned).collect())),
        ("require".to_owned(), list(vec![NOBODY.to_owned()])),
    ]);
    let rule = yaml_out::block(&Node::Array(vec![rule]), 2);
    format!(
        "  # Scopes that callers held open these, and nobody used them. Take off the list what shall be possible.\n{rule}"
    )
}
