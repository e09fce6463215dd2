//! Every scenario through core itself, with every chunking of its body.

use std::path::PathBuf;
use std::sync::Arc;

use scopewarden_core::policy::Policy;
use scopewarden_testkit::scenario::native::{self, Chunking};
use scopewarden_testkit::scenario::{self, Suite};
use scopewarden_tests::{files, root};

/// A moment for all natively run scenarios, in seconds since the Unix epoch.
const NOW: u64 = 1_795_500_000;

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
