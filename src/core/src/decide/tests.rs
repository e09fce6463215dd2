mod parts;

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::body;
use crate::identity::Proof;
use crate::node::Node;

fn policy() -> Policy {
    let document = json!({
        "policy": "p",
        "identity": {"mtls": {"trust_domains": ["example.org"]}},
        "roles": {"ops": {"groups": ["spiffe://example.org/ops"], "scopes": ["autogen:model:delete", "extra"]}},
        "surfaces": [{"use": "openai", "mount": "/v1"}],
        "rules": [
            {"operation": "openai.models.delete", "require": ["extra"]},
            {"operation": "openai.models.delete", "models": {"extra": ["old-*"]}},
        ],
        "approvals": {"require": [{"tier": ["admin"], "approvers": 2, "scope": "approve", "hold": "1s", "ttl": "5m"}]},
    });
    let document = Node::from_json(document.to_string().as_bytes()).unwrap();
    Policy::compile(&document).unwrap().0
}

fn principal(scopes: &[&str], groups: &[&str]) -> Principal {
    let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>();
    Principal {
        issuer: "i".into(),
        subject: "s".into(),
        scopes: set(scopes),
        groups: set(groups),
        actors: Vec::new(),
        claims: std::collections::BTreeMap::default(),
        proof: Proof::Mtls,
        expires: None,
    }
}

fn judge_delete(policy: &Policy, principal: Option<&Principal>, model: &str) -> Judgement {
    let operation = policy.operations.iter().find(|o| o.id == "openai.models.delete").unwrap();
    let (headers, query, facts) = (Headers::new(), Query::default(), body::Facts::default());
    let params = [("model".to_owned(), model.to_owned())];
    decide(
        policy,
        &Call {
            operation,
            principal,
            headers: &headers,
            query: Ok(&query),
            params: &params,
            facts: &facts,
        },
    )
}

fn denial(judgement: Judgement) -> Denial {
    match judgement.decision {
        Decision::Deny(denial) => denial,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nobody_is_refused_before_anything_is_compared() {
    let policy = policy();
    assert_eq!(denial(judge_delete(&policy, None, "old-1")).reason, Reason::IdentityMissing);
}

#[test]
fn every_part_has_to_hold() {
    let policy = policy();
    let judge =
        |scopes: &[&str], model| judge_delete(&policy, Some(&principal(scopes, &[])), model);

    let missing = denial(judge(&["extra"], "old-1"));
    assert_eq!((missing.reason, missing.rule), (Reason::ScopeMissing, None));
    assert_eq!(missing.scopes_wanted, ["autogen:model:delete"]);

    let narrowed = denial(judge(&["autogen:model:delete"], "old-1"));
    assert_eq!(
        (narrowed.reason, narrowed.rule.as_deref()),
        (Reason::ScopeMissing, Some("rules[0]"))
    );

    let model = denial(judge(&["autogen:model:delete", "extra"], "new-1"));
    assert_eq!((model.reason, model.rule.as_deref()), (Reason::ModelNotAllowed, Some("rules[1]")));
}

#[test]
fn what_holds_may_still_need_a_second_person() {
    let policy = policy();
    for caller in [
        principal(&["autogen:model:delete", "extra"], &[]),
        principal(&[], &["spiffe://example.org/ops"]),
    ] {
        let Decision::Hold(approval) = judge_delete(&policy, Some(&caller), "old-1").decision
        else {
            panic!()
        };
        assert_eq!((approval.approvers, approval.hold_ms, approval.ttl_ms), (2, 1000, 300_000));
    }
}

#[test]
fn a_role_gives_only_its_own_scopes() {
    let policy = policy();
    let caller = principal(&["extra"], &["spiffe://example.org/opsx", "ops"]);
    assert_eq!(denial(judge_delete(&policy, Some(&caller), "old-1")).reason, Reason::ScopeMissing);
    let grants_of = |p: &Principal| Grants::new(&policy, Some(p)).all().len();
    assert_eq!(grants_of(&caller), 1);
    assert_eq!(grants_of(&principal(&["extra"], &["spiffe://example.org/ops"])), 2);
}

#[test]
fn names_that_callers_choose_are_repeated_short_and_plain() {
    let policy = policy();
    let caller = principal(&[], &["spiffe://example.org/ops"]);
    let message =
        denial(judge_delete(&policy, Some(&caller), &format!("a\n{}", "b".repeat(500)))).message;
    assert!(!message.contains('\n') && message.chars().count() < 160, "{message}");
}

#[test]
fn a_bound_parameter_equals_the_claim_wherever_it_is() {
    let document = json!({
        "policy": "p",
        "identity": {"mtls": {"trust_domains": ["example.org"]}},
        "operations": [
            {"id": "acme.show", "method": "GET", "path": "/users/{user}", "scope": "read", "tier": "read"},
        ],
        "rules": [{"operation": "acme.show", "bind": {"user": "sub"}}],
    });
    let policy =
        Policy::compile(&Node::from_json(document.to_string().as_bytes()).unwrap()).unwrap().0;
    let judge = |path: Option<&str>, query: &[u8]| {
        let (headers, facts) = (Headers::new(), body::Facts::default());
        let query = Query::parse(query).unwrap();
        let params: Vec<_> =
            path.map(|user| ("user".to_owned(), user.to_owned())).into_iter().collect();
        let principal = principal(&["read"], &[]);
        let call = Call {
            operation: &policy.operations[0],
            principal: Some(&principal),
            headers: &headers,
            query: Ok(&query),
            params: &params,
            facts: &facts,
        };
        match decide(&policy, &call).decision {
            Decision::Deny(denial) => Some(denial.reason),
            _ => None,
        }
    };
    assert_eq!(judge(Some("s"), b""), None);
    assert_eq!(judge(Some("s"), b"user=s"), None);
    assert_eq!(judge(None, b"user=s"), None);
    for (path, query) in [(Some("t"), "user=s"), (Some("s"), "user=t"), (Some("t"), ""), (None, "")]
    {
        assert_eq!(
            judge(path, query.as_bytes()),
            Some(Reason::ParameterNotBound),
            "{path:?} {query}"
        );
    }
}
