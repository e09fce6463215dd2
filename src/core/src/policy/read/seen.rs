//! Who `visible_to` shows something to, when that is nobody or everybody.

use super::super::{Mode, OperationId, Rule};
use super::catalogue::Catalogue;
use super::codes;
use super::fields::Field;
use super::identity::Sources;
use super::redact::Shown;
use crate::diag::Diagnostics;
use crate::redact::Redaction;

/// What is known of callers once everything else is read.
#[derive(Debug)]
pub(super) struct Callers<'a, 'n> {
    pub mode: Mode,
    pub sources: &'a Sources,
    /// Scopes that roles grant.
    pub granted: &'a [(&'n str, Field<'n>)],
    pub catalogue: &'a Catalogue,
    pub rules: &'a [Rule],
}

/// Reports each `visible_to` by which nothing is told apart.
pub(super) fn report(
    redact: Option<&Redaction>,
    shown: &[Shown<'_>],
    callers: &Callers<'_, '_>,
    out: &mut Diagnostics,
) {
    for (scope, field) in shown {
        if callers.none_holds(scope) {
            out.warning(
                codes::UNREACHABLE,
                field.path(),
                format!("nobody can hold the scope `{scope}`: no role grants it, and there are no tokens that could carry it"),
            )
            .help("grant it in `roles`, or remove `visible_to`");
        } else if redact.is_some_and(|redact| callers.none_is_known(redact)) {
            out.warning(
                codes::UNREACHABLE,
                field.path(),
                "all masked operations are public and their callers are not known, so nobody sees more",
            )
            .help("give the operations a scope, or remove `visible_to`");
        } else if redact.is_some_and(|redact| callers.all_hold(scope, redact)) {
            out.warning(
                codes::UNREACHABLE,
                field.path(),
                format!("every caller of the masked operations holds the scope `{scope}`, so nothing is masked here"),
            )
            .help("choose a scope that only those hold who may see it");
        }
    }
}

impl Callers<'_, '_> {
    /// A token may carry any scope.
    fn none_holds(&self, scope: &str) -> bool {
        !self.sources.tokens && !self.granted.iter().any(|(granted, _)| *granted == scope)
    }

    /// A token that is sent to a public operation is not looked at, unless the body can make it another operation.
    fn none_is_known(&self, redact: &Redaction) -> bool {
        redact.operations().all(|id| {
            let draft = self.catalogue.operations.get(id);
            draft.is_some_and(|draft| !draft.rpc)
                && self.catalogue.family(id).count() == 1
                && self.catalogue.scopes(id).is_none()
        })
    }

    fn all_hold(&self, scope: &str, redact: &Redaction) -> bool {
        self.mode == Mode::Enforce && redact.operations().all(|id| self.needed(scope, id))
    }

    /// Whether nobody gets an answer from the operation without the scope.
    fn needed(&self, scope: &str, id: OperationId) -> bool {
        let own = self.catalogue.scopes(id);
        let draft = self.catalogue.operations.get(id);
        let rules = draft.into_iter().flat_map(|draft| &draft.operation.rules);
        let mut rules = rules.filter_map(|rule| self.rules.get(*rule));
        own.is_some_and(|scopes| scopes.iter().any(|own| own == scope))
            || rules.any(|rule| {
                rule.mode == Mode::Enforce && rule.require.iter().any(|own| own == scope)
            })
    }
}
