//! Runs cases.

use scopewarden_core::decide::Decision as Judged;
use scopewarden_core::exchange::again;
use scopewarden_core::policy::Policy;
use scopewarden_core::reason::Reason;

use super::file::{Case, Decision, File};
use crate::exit::Failure;

/// What became of a case.
#[derive(Debug)]
pub(super) struct Ran {
    /// Its file.
    pub(super) file: String,
    /// Its line there.
    pub(super) line: usize,
    /// Its name.
    pub(super) name: String,
    /// What is not as expected; nothing when the test passed.
    pub(super) differences: Vec<Difference>,
    /// Why the policy decided so.
    pub(super) why: Option<String>,
}

/// Something that is not as expected.
#[derive(Debug)]
pub(super) struct Difference {
    /// `decision`, `reason`, ..
    pub(super) what: &'static str,
    pub(super) expected: String,
    pub(super) actual: String,
}

impl Difference {
    /// `decision: expected deny, was allow`
    pub(super) fn line(&self) -> String {
        format!("{}: expected {}, was {}", self.what, self.expected, self.actual)
    }
}

/// Runs all cases of a file.
pub(super) fn run(file: &File, policy: &Policy) -> Result<Vec<Ran>, Failure> {
    file.cases.iter().map(|(line, case)| one(file, *line, case, policy)).collect()
}

fn one(file: &File, line: usize, case: &Case, policy: &Policy) -> Result<Ran, Failure> {
    let known = file.request(policy, case)?;
    let judged = again(policy, known);
    let operation = judged.operation.and_then(|id| policy.operations.get(id));
    let (decision, denial) = match &judged.judgement.decision {
        Judged::Allow => (Decision::Allow, None),
        Judged::Hold(_) => (Decision::Hold, None),
        Judged::Deny(denial) => (Decision::Deny, Some(denial)),
    };
    let reason = match (decision, denial) {
        (_, Some(denial)) => denial.reason.code(),
        (Decision::Hold, None) => Reason::ApprovalRequired.code(),
        _ => "ok",
    };
    let none = "none";
    let pairs = [
        ("decision", Some(case.expect.decision.name()), decision.name()),
        ("reason", case.expect.reason.as_deref(), reason),
        ("operation", case.expect.operation.as_deref(), operation.map_or(none, |o| &o.id)),
        ("tier", case.expect.tier.as_deref(), operation.map_or(none, |o| o.tier.as_str())),
        (
            "rule",
            case.expect.rule.as_deref(),
            denial.and_then(|d| d.rule.as_deref()).unwrap_or(none),
        ),
    ];
    let differs = |(what, expected, actual): (&'static str, Option<&str>, &str)| {
        let expected = expected.filter(|expected| *expected != actual)?;
        Some(Difference { what, expected: expected.to_owned(), actual: actual.to_owned() })
    };
    Ok(Ran {
        file: file.name.clone(),
        line,
        name: case.name.clone(),
        differences: pairs.into_iter().filter_map(differs).collect(),
        why: denial.map(|denial| denial.message.clone()),
    })
}
