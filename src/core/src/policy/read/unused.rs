//! What is left when everything else is read: things that nobody can use.

use super::super::Rule;
use super::catalogue::Catalogue;
use super::codes;
use super::fields::{Field, Object};
use super::identity::Sources;
use super::redact::Shown;
use crate::diag::{Diagnostics, Path};

/// Reports operations nobody can call, scopes nobody asks for, and a policy that refuses everything.
pub(super) fn report(
    policy: &Object<'_>,
    sources: &Sources,
    catalogue: &Catalogue,
    rules: &[Rule],
    granted: &[(&str, Field<'_>)],
    shown: &[Shown<'_>],
    out: &mut Diagnostics,
) {
    if policy.get("surfaces").is_none() && policy.get("operations").is_none() {
        out.warning(codes::UNREACHABLE, &Path::root(), "this policy knows no operation, so every request is refused")
            .help("add `surfaces` with the packs of the services behind the proxy, or `operations` of your own");
        return;
    }
    let needed: Vec<Vec<String>> =
        (0..catalogue.operations.len()).filter_map(|id| catalogue.scopes(id)).collect();
    if !sources.any && !needed.is_empty() {
        out.error(
            codes::NO_IDENTITY,
            policy.path(),
            "no identity is accepted, so nobody can call anything",
        )
        .help("add `identity.issuers` with the issuer of your tokens");
    }
    let mut asked: Vec<&str> = needed.iter().flatten().map(String::as_str).collect();
    for rule in rules {
        asked.extend(rule.require.iter().map(String::as_str));
        let scoped = rule.models.iter().chain(&rule.tools).flatten();
        asked.extend(scoped.map(|scoped| scoped.scope.as_str()));
    }
    let approvals = catalogue.operations.iter().filter_map(|d| d.operation.approval.as_ref());
    asked.extend(approvals.map(|approval| approval.scope.as_str()));
    asked.extend(shown.iter().map(|(scope, _)| *scope));
    for (scope, field) in granted {
        if asked.contains(scope) {
            continue;
        }
        let finding = out.warning(
            codes::UNUSED_SCOPE,
            field.path(),
            format!("no operation or rule asks for the scope `{scope}`"),
        );
        match crate::diag::closest(scope, asked.iter().copied()) {
            Some(known) => finding.help(format!("did you mean `{known}`?")),
            None => finding.help("list the scopes of operations with `scopewarden ops`"),
        }
    }
}
