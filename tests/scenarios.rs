//! Every scenario through core itself, with every chunking of its body, and through the compiled filter.
#![expect(clippy::panic, reason = "a test: stopping is how it reports")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use scopewarden_core::policy::Policy;
use scopewarden_core::reason::Reason;
use scopewarden_testkit::scenario::native::{self, Chunking};
use scopewarden_testkit::scenario::{self, Suite};
use scopewarden_tests::{files, root};

/// A moment for all natively run scenarios, in seconds since the Unix epoch.
const NOW: u64 = 1_795_500_000;

/// Reasons that no scenario can reach, and where they are tested.
const ELSEWHERE: [Reason; 12] = [
    // Scenarios have no sink of records: src/core/src/exchange/tests/notes.rs, tests/e2e/test_audit.py.
    Reason::AuditUnavailable,
    // Scenarios have their keys inline. Outages of an issuer: src/core/src/exchange/tests.rs, tests/e2e/test_keys.py.
    Reason::KeysUnavailable,
    // A bug, and no request leads to one: `a_policy_that_broke_refuses`, below.
    Reason::InternalError,
    // Scenarios have no approval service: src/core/src/exchange/tests/approvals.rs, tests/e2e/test_approvals.py.
    Reason::ApprovalPending,
    Reason::ApprovalDenied,
    Reason::ApprovalExpired,
    Reason::ApprovalLimit,
    Reason::ApprovalUnavailable,
    Reason::ApprovalInvalid,
    Reason::ApprovalOutdated,
    // Scenarios end with the request. Responses: tests/redaction.rs, tests/e2e/test_redaction.py.
    Reason::ResponseBlocked,
    Reason::ResponseUnmaskable,
];

fn suites() -> Vec<(PathBuf, Suite)> {
    let folder = root().join("tests/scenarios");
    let paths =
        files(&folder, "yaml").into_iter().filter(|p| !p.starts_with(folder.join("policies")));
    paths
        .map(|path| (path.clone(), scenario::load(&path).unwrap_or_else(|e| panic!("{e}"))))
        .collect()
}

fn policy(path: &std::path::Path, suite: &Suite) -> Arc<Policy> {
    match Policy::compile(&suite.policy) {
        Ok((policy, _)) => Arc::new(policy),
        Err(found) => {
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            panic!("{}:\n{}", path.display(), found.join("\n"))
        }
    }
}

#[test]
fn native() {
    let mut failures = Vec::new();
    let mut cases = 0;
    for (path, suite) in suites() {
        let policy = policy(&path, &suite);
        for case in &suite.cases {
            for chunking in Chunking::ALL {
                cases += 1;
                let outcome = native::run(&policy, &suite, case, chunking, NOW).unwrap();
                for difference in case.expect.check(&outcome) {
                    failures.push(format!(
                        "{} / {} ({chunking:?}): {difference}",
                        path.display(),
                        case.name
                    ));
                }
            }
        }
    }
    assert!(cases > 0);
    assert!(
        failures.is_empty(),
        "{} differences in {cases} runs:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// The compiled filter decides as core does. One chunking: what chunks do to core is known from the native run.
#[test]
fn wasm() {
    let guest = scopewarden_tests::wasm::link().unwrap();
    let mut failures = Vec::new();
    for (path, suite) in suites() {
        let mut proxy = scopewarden_tests::wasm::start(&guest, &suite)
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for case in &suite.cases {
            match scopewarden_tests::wasm::run(&mut proxy, &suite, case, Chunking::ThenEnd) {
                Ok(outcome) => {
                    for difference in case.expect.check(&outcome) {
                        failures.push(format!("{} / {}: {difference}", path.display(), case.name));
                    }
                }
                Err(why) => failures.push(format!("{} / {why}", path.display())),
            }
        }
    }
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_scenario_policies_trust_the_scenario_key() {
    let key = scenario::jwks()["keys"][0]["x"].as_str().unwrap().to_owned();
    for path in files(&root().join("tests/scenarios/policies"), "yaml") {
        assert!(std::fs::read_to_string(&path).unwrap().contains(&key), "{}", path.display());
    }
}

#[test]
fn every_reason_is_reached() {
    let suites = suites();
    let expected: BTreeSet<&str> = suites
        .iter()
        .flat_map(|(_, suite)| &suite.cases)
        .filter_map(|case| case.expect.reason.as_deref())
        .collect();
    let missing: Vec<_> = Reason::ALL
        .iter()
        .filter(|reason| expected.contains(reason.code()) == ELSEWHERE.contains(reason))
        .map(|reason| reason.code())
        .collect();
    assert!(
        missing.is_empty(),
        "expected by no scenario, or listed as such although one does: {missing:?}"
    );
}

/// A tag that is misspelt would quietly take a case out of a run.
#[test]
fn tags_are_known() {
    let known = ["envoy", "envoy-first", "normalised"];
    for (path, suite) in suites() {
        let tags = suite.tags.iter().chain(suite.cases.iter().flat_map(|case| &case.tags));
        let unknown: Vec<_> = tags.filter(|tag| !known.contains(&tag.as_str())).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", path.display());
    }
}

/// A bug that loses a part of the policy must not open it.
#[test]
fn a_policy_that_broke_refuses() {
    let suites = suites();
    let (path, suite) = suites.iter().find(|(p, _)| p.ends_with("operations/openai.yaml")).unwrap();
    let prompt = suite.cases.iter().find(|c| c.name == "a prompt for an admitted model").unwrap();
    let breakages: [fn(&mut Policy); 2] = [|p| p.rules.clear(), |p| p.operations.clear()];
    for breakage in breakages {
        let mut policy = Arc::into_inner(policy(path, suite)).unwrap();
        breakage(&mut policy);
        let outcome = native::run(&Arc::new(policy), suite, prompt, Chunking::Whole, NOW).unwrap();
        assert!(!outcome.forwarded);
        assert_eq!(outcome.record["reason"], Reason::InternalError.code());
        assert_eq!(outcome.refusal.unwrap().status, 503);
    }
}
