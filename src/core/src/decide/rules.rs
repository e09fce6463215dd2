//! One rule against one call. A part that cannot be evaluated refuses.

use super::{Call, Denial, Grants, fact};
use crate::body::Fact;
use crate::policy::{Admit, Argument, Binding, Condition, Glob, Policy, Rule, ScopedGlobs};
use crate::reason::Reason;

/// Checks every part of `rule`.
pub(super) fn check(policy: &Policy, call: &Call<'_>, rule: &Rule) -> Result<(), Denial> {
    parts(policy, call, rule).map_err(|mut denial| {
        denial.rule = Some(rule.id.clone());
        denial
    })
}

#[inline(never)]
fn parts(policy: &Policy, call: &Call<'_>, rule: &Rule) -> Result<(), Denial> {
    let grants = Grants::new(policy, call.principal);
    grants.require(&rule.require, &format!("`{}`", call.operation.id))?;
    if let Some(models) = &rule.models {
        check_name(&grants, call, "model", models, Reason::ModelNotAllowed)?;
    }
    if let Some(tools) = &rule.tools {
        check_name(&grants, call, "tool", tools, Reason::ToolNotAllowed)?;
    }
    for argument in &rule.arguments {
        check_argument(call, argument)?;
    }
    for binding in &rule.bindings {
        check_binding(call, binding)?;
    }
    for condition in &rule.conditions {
        check_condition(call, condition)?;
    }
    Ok(())
}

/// The caller must hold a scope whose globs admit the fact `what`.
fn check_name(
    grants: &Grants<'_>,
    call: &Call<'_>,
    what: &str,
    scoped: &[ScopedGlobs],
    reason: Reason,
) -> Result<(), Denial> {
    let Some(name) = fact(call, what).and_then(|value| value.as_text()) else {
        return Err(Denial::new(
            Reason::FieldInvalid,
            format!("`{}` is judged by its {what}, and the request names none", call.operation.id),
        ));
    };
    let admitting = || scoped.iter().filter(|s| s.globs.iter().any(|g| g.matches(name)));
    if admitting().any(|s| grants.hold(&s.scope)) {
        return Ok(());
    }
    let wanted: Vec<String> = admitting().map(|s| s.scope.clone()).collect();
    let shown = shown(name);
    let message = if wanted.is_empty() {
        format!("no scope of this policy admits the {what} `{shown}`")
    } else {
        format!("the {what} `{shown}` needs the scope {}", any_of(&wanted))
    };
    let mut denial = Denial::new(reason, message);
    denial.scopes_wanted = wanted;
    Err(denial)
}

fn check_argument(call: &Call<'_>, argument: &Argument) -> Result<(), Denial> {
    let Some(tool) = fact(call, "tool").and_then(|value| value.as_text()) else {
        return Err(Denial::new(Reason::FieldInvalid, "the call names no tool"));
    };
    if !argument.tool.matches(tool) {
        return Ok(());
    }
    if all_admitted(call, argument.pointer, &argument.admits) {
        return Ok(());
    }
    Err(Denial::new(
        Reason::ArgumentNotAllowed,
        format!(
            "the argument `{}` of the tool `{}` is missing or not one that the policy admits",
            argument.written,
            shown(tool)
        ),
    ))
}

/// A caller-chosen parameter must say who the caller is, wherever it appears.
pub(super) fn check_binding(call: &Call<'_>, binding: &Binding) -> Result<(), Denial> {
    let name = &binding.parameter;
    let query = call.query.map_err(|reason| Denial::new(reason, "the query cannot be read"))?;
    let in_query = query.one(name).map_err(|reason| {
        Denial::new(reason, format!("the query parameter `{name}` appears more than once"))
    })?;
    let in_body: Vec<&Fact> =
        binding.body.map(|pointer| call.facts.all(pointer).collect()).unwrap_or_default();
    let in_path = call.params.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    if in_query.is_none() && in_path.is_none() && in_body.is_empty() {
        return if binding.required {
            Err(Denial::new(
                Reason::ParameterNotBound,
                format!("the parameter `{name}` is missing"),
            ))
        } else {
            Ok(())
        };
    }
    let claim = call.principal.and_then(|p| match binding.claim.as_str() {
        "sub" => Some(p.subject.as_str()),
        other => p.claims.get(other).map(String::as_str),
    });
    let Some(claim) = claim else {
        return Err(Denial::new(
            Reason::ParameterNotBound,
            format!(
                "`{name}` must equal the claim `{}`, which the caller's proof does not have",
                binding.claim
            ),
        ));
    };
    let matches = in_query.is_none_or(|value| value == claim)
        && in_path.is_none_or(|value| value == claim)
        && in_body.iter().all(|value| value.as_text() == Some(claim));
    if matches {
        return Ok(());
    }
    Err(Denial::new(
        Reason::ParameterNotBound,
        format!("`{name}` must equal the caller's claim `{}`", binding.claim),
    ))
}

fn check_condition(call: &Call<'_>, condition: &Condition) -> Result<(), Denial> {
    match condition {
        Condition::Header { name, admits } => {
            let value = call.headers.one(name).map_err(|_| {
                Denial::new(
                    Reason::HeaderAmbiguous,
                    format!("the header `{name}` appears more than once"),
                )
            })?;
            let value = value.and_then(|v| std::str::from_utf8(v).ok());
            admitted(value, admits).then_some(()).ok_or_else(|| failed("header", name))
        }
        Condition::Query { name, admits } => {
            let query =
                call.query.map_err(|reason| Denial::new(reason, "the query cannot be read"))?;
            let value = query.one(name).map_err(|reason| {
                Denial::new(reason, format!("the query parameter `{name}` appears more than once"))
            })?;
            admitted(value, admits).then_some(()).ok_or_else(|| failed("query parameter", name))
        }
        Condition::Body { pointer, admits, written } => all_admitted(call, *pointer, admits)
            .then_some(())
            .ok_or_else(|| failed("body member", written)),
    }
}

fn failed(what: &str, name: &str) -> Denial {
    Denial::new(
        Reason::ConditionFailed,
        format!("the {what} `{name}` is missing or not one that the policy admits"),
    )
}

fn admitted(value: Option<&str>, admits: &[Glob]) -> bool {
    value.is_some_and(|v| admits.iter().any(|glob| glob.matches(v)))
}

/// Whether there is a value at `pointer`, and every value there is admitted.
fn all_admitted(call: &Call<'_>, pointer: usize, admits: &[Admit]) -> bool {
    let mut met = false;
    for value in call.facts.all(pointer) {
        met = true;
        if !admits.iter().any(|admit| admit_matches(admit, value)) {
            return false;
        }
    }
    met
}

fn admit_matches(admit: &Admit, value: &Fact) -> bool {
    match (admit, value) {
        (Admit::Text(glob), Fact::Text(text)) => glob.matches(text),
        (Admit::Integer(wanted), Fact::Integer(found)) => wanted == found,
        (Admit::Bool(wanted), Fact::Bool(found)) => wanted == found,
        _ => false,
    }
}

fn any_of(scopes: &[String]) -> String {
    scopes.iter().map(|s| format!("`{s}`")).collect::<Vec<_>>().join(" or ")
}

/// A caller-chosen name, short enough and plain enough to repeat.
fn shown(name: &str) -> String {
    const LONGEST: usize = 80;
    let cut: String =
        name.chars().take(LONGEST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if name.chars().nth(LONGEST).is_some() { format!("{cut}…") } else { cut }
}
