//! Every transition from every state, and who may decide.

use scopewarden_core::time::UnixMillis;

use super::*;
use crate::fixtures::*;

/// An approval that stands so, and when.
fn standing(status: Status) -> (Approval, UnixMillis) {
    let pending = approval(1);
    let rules = Rules { people: &People::default(), break_glass: None };
    let decided = |decision| pending.decide(&decision, &approver("bo"), rules, NOW).unwrap().0;
    let later = NOW.plus(TTL_MS);
    match status {
        Status::Pending => (pending, NOW),
        Status::Approved => (decided(yes()), NOW),
        Status::Denied => (decided(no()), NOW),
        Status::Used => (decided(yes()).use_up("n", NOW).unwrap().0, NOW),
        Status::Expired => (pending, later),
        Status::Abandoned => (pending.leave("n", NOW).unwrap().0, NOW.plus(120_000)),
    }
}

const ALL: [Status; 6] = [
    Status::Pending,
    Status::Approved,
    Status::Denied,
    Status::Used,
    Status::Expired,
    Status::Abandoned,
];

/// What each state lets happen: approve, deny, use, leave, lapse; and whether an identical call finds it.
#[test]
fn transitions() {
    use Status::{Abandoned, Approved, Denied, Expired, Pending, Used};
    type Row = (
        Status,
        Option<Status>,
        Option<Status>,
        Option<Status>,
        Option<Status>,
        Option<Status>,
        bool,
    );
    let table: [Row; 6] = [
        (Pending, Some(Approved), Some(Denied), None, Some(Pending), None, true),
        (Approved, None, None, Some(Used), Some(Approved), None, true),
        (Denied, None, None, None, None, None, true),
        (Used, None, None, None, None, None, false),
        (Expired, None, None, None, None, Some(Expired), false),
        (Abandoned, None, None, None, None, Some(Abandoned), false),
    ];
    let people = People::default();
    let rules = Rules { people: &people, break_glass: None };
    for (status, approve, deny, used, leave, lapse, open) in table {
        let (approval, now) = standing(status);
        assert_eq!(approval.status(now), status);
        let after = |next: Option<(Approval, Event)>| {
            next.map(|(next, _)| {
                assert_eq!(next.version, approval.version.saturating_add(1), "{status:?}");
                next.state.status
            })
        };
        let bo = approver("bo");
        assert_eq!(
            after(approval.decide(&yes(), &bo, rules, now).ok()),
            approve,
            "approve {status:?}"
        );
        assert_eq!(after(approval.decide(&no(), &bo, rules, now).ok()), deny, "deny {status:?}");
        assert_eq!(after(approval.use_up("other", now).ok()), used, "use {status:?}");
        assert_eq!(after(approval.leave("other", now)), leave, "leave {status:?}");
        assert_eq!(after(approval.lapse(now)), lapse, "lapse {status:?}");
        assert_eq!(approval.is_open(now), open, "open {status:?}");
    }
    assert_eq!(
        ALL.map(|s| s.name()),
        ["pending", "approved", "denied", "used", "expired", "abandoned"]
    );
}

#[test]
fn a4_time_ends_what_is_open() {
    let at = |ms: u64| NOW.plus(ms);
    for (status, before, after) in [
        (Status::Pending, Status::Pending, Status::Expired),
        (Status::Approved, Status::Approved, Status::Expired),
        (Status::Denied, Status::Denied, Status::Denied),
        (Status::Used, Status::Used, Status::Used),
    ] {
        let (approval, _) = standing(status);
        assert_eq!(approval.status(at(TTL_MS - 1)), before);
        assert_eq!(approval.status(at(TTL_MS)), after);
        assert!(!approval.is_open(at(TTL_MS)), "{status:?}");
    }
    let (denied, _) = standing(Status::Denied);
    let (closed, event) = denied.lapse(at(TTL_MS)).unwrap();
    assert_eq!(
        (closed.state.status, event),
        (Status::Denied, Event::Expired),
        "a denial stays one"
    );
}

#[test]
fn a9_a_caller_who_left_may_come_back_for_a_while() {
    let left = approval(1).leave("n", NOW).unwrap().0;
    assert_eq!(left.status(NOW.plus(119_999)), Status::Pending);
    assert_eq!(left.status(NOW.plus(120_000)), Status::Abandoned);
    let back = left.come_back(NOW.plus(60_000)).unwrap().0;
    assert_eq!(back.status(NOW.plus(120_000)), Status::Pending);
    assert!(back.come_back(NOW).is_none(), "nobody was missing");
}

#[test]
fn a9_it_is_never_used_for_a_caller_who_left() {
    let left = approval(1).leave("n", NOW).unwrap().0;
    let people = People::default();
    let rules = Rules { people: &people, break_glass: None };
    let approved = left.decide(&yes(), &approver("bo"), rules, NOW).unwrap().0;
    assert_eq!(approved.use_up("n", NOW), Err(Unusable::Gone));
    assert!(approved.use_up("another", NOW).is_ok());
}

#[test]
fn a3_nobody_decides_what_they_asked_for() {
    let other =
        |issuer: &str, subject: &str| Person { issuer: issuer.into(), subject: subject.into() };
    let people = People::new([
        vec![person("ana"), other("https://corp.test/", "ana.m")],
        vec![other("https://corp.test/", "ana.m"), other("https://hr.test/", "4711")],
        vec![person("agent"), person("owner-of-agent")],
    ]);
    let rules = Rules { people: &people, break_glass: Some("glass") };
    let actor = |name: &str| Refusal::Actor(name.into());
    for (who, refusal) in [
        (person("ana"), Refusal::Requester),
        (other("https://corp.test/", "ana.m"), Refusal::Requester),
        (other("https://hr.test/", "4711"), Refusal::Requester),
        (person("agent"), actor("agent")),
        (person("owner-of-agent"), actor("agent")),
    ] {
        // Whatever else they may do: there is no exemption.
        let scopes = [SCOPE, "glass", "admin"].map(str::to_owned).into();
        let approver = Approver { person: who, name: None, scopes, machine: None };
        let glass = Decision::BreakGlass { reason: "it burns".into() };
        for decision in [yes(), no(), glass] {
            let refused = approval(1).decide(&decision, &approver, rules, NOW).unwrap_err();
            assert_eq!(refused, refusal, "{approver:?}");
        }
    }
    // The same text from another issuer is somebody else.
    let namesake = Approver { person: other("https://other.test/", "ana"), ..approver("x") };
    assert!(approval(1).decide(&yes(), &namesake, rules, NOW).is_ok());
}

#[test]
fn a3_machines_do_not_decide() {
    let people = People::default();
    let rules = Rules { people: &people, break_glass: None };
    let machine =
        Approver { machine: Some("this token belongs to a service account"), ..approver("bot") };
    let refused = approval(1).decide(&yes(), &machine, rules, NOW).unwrap_err();
    assert!(refused.to_string().contains("only people decide"), "{refused}");
}

#[test]
fn it_takes_the_scope_and_so_many_people() {
    let people = People::new([vec![person("bo"), person("bo-admin")]]);
    let rules = Rules { people: &people, break_glass: None };
    let nobody = Approver { scopes: ["acme:approve:not".to_owned()].into(), ..approver("cy") };
    let refused = approval(2).decide(&yes(), &nobody, rules, NOW).unwrap_err();
    assert_eq!(refused, Refusal::Scope(SCOPE.into()));

    let (one, event) = approval(2).decide(&yes(), &approver("bo"), rules, NOW).unwrap();
    assert!(matches!(event, Event::Supported { .. }));
    assert_eq!((one.status(NOW), one.missing()), (Status::Pending, 1));
    for same in ["bo", "bo-admin"] {
        assert_eq!(one.decide(&yes(), &approver(same), rules, NOW).unwrap_err(), Refusal::Twice);
    }
    let (two, event) = one.decide(&yes(), &approver("cy"), rules, NOW).unwrap();
    assert!(matches!(event, Event::Approved { .. }));
    assert_eq!(two.status(NOW), Status::Approved);
    assert!(one.decide(&no(), &approver("bo"), rules, NOW).is_ok(), "a mind may be changed to no");
}

#[test]
fn breaking_the_glass_takes_its_scope_and_a_reason() {
    let people = People::default();
    let rules = |scope| Rules { people: &people, break_glass: scope };
    let glass = |reason: &str| Decision::BreakGlass { reason: reason.into() };
    let on_call = Approver { scopes: ["glass".to_owned()].into(), ..approver("bo") };
    let ask = approval(3);
    let refused = |decision, approver: Approver, scope| {
        ask.decide(&decision, &approver, rules(scope), NOW).unwrap_err()
    };
    assert_eq!(refused(glass("x"), on_call.clone(), None), Refusal::NoBreakGlass);
    for (reason, approver, refusal) in [
        ("x", approver("bo"), Refusal::Scope("glass".into())),
        (" ", on_call.clone(), Refusal::ReasonMissing),
        (&*"x".repeat(501), on_call.clone(), Refusal::ReasonTooLong),
    ] {
        assert_eq!(refused(glass(reason), approver, Some("glass")), refusal);
    }
    let (broken, event) =
        ask.decide(&glass("it burns"), &on_call, rules(Some("glass")), NOW).unwrap();
    assert_eq!(broken.status(NOW), Status::Approved);
    assert!(event.vote().unwrap().break_glass);
}

#[test]
fn a_denial_needs_words() {
    let people = People::default();
    let rules = Rules { people: &people, break_glass: None };
    let decide = |reason: &str| {
        approval(1).decide(&Decision::Deny { reason: reason.into() }, &approver("bo"), rules, NOW)
    };
    assert_eq!(decide(" \n").unwrap_err(), Refusal::ReasonMissing);
    assert!(decide(&"é".repeat(500)).is_ok());
    assert_eq!(decide(&"é".repeat(501)).unwrap_err(), Refusal::ReasonTooLong);
}

mod sets {
    use scopewarden_core::approval::Preview;

    use super::*;

    fn member(n: u32, status: Status) -> Approval {
        let (mut approval, _) =
            Approval::open(format!("apr_{n}"), "rec".into(), step(n, 3), Preview::default(), NOW);
        approval.state.status = status;
        approval
    }

    #[test]
    fn steps_are_used_in_order() {
        use Status::{Approved, Denied, Pending, Used};
        for (first, second, turns) in [
            (Approved, Approved, [Turn::Now, Turn::Later, Turn::Later]),
            (Used, Approved, [Turn::Now, Turn::Now, Turn::Later]),
            (Used, Used, [Turn::Now, Turn::Now, Turn::Now]),
            (Denied, Used, [Turn::Now, Turn::Later, Turn::Later]),
            (Pending, Approved, [Turn::Now, Turn::Later, Turn::Later]),
        ] {
            let members = [member(1, first), member(2, second), member(3, Approved)];
            let found = [1, 2, 3].map(|n| members[n - 1].turn(&members));
            assert_eq!(found, turns, "{first:?} {second:?}");
        }
    }

    #[test]
    fn a_step_that_was_used_is_spent_for_every_other_call() {
        let members = [member(1, Status::Used), member(2, Status::Approved)];
        let again = Approval { id: "apr_again".into(), ..member(1, Status::Pending) };
        assert_eq!(again.turn(&members), Turn::Spent);
    }

    #[test]
    fn a_set_is_decided_when_all_of_it_is_there() {
        let all = [1, 2, 3].map(|n| member(n, Status::Pending));
        assert_eq!(complete(&all, NOW), Ok(()));
        assert_eq!(complete(&all[..2], NOW), Err(Refusal::SetIncomplete(2, 3)));
        assert_eq!(complete(&all, NOW.plus(TTL_MS)), Err(Refusal::SetIncomplete(0, 3)));
        assert_eq!(complete(&[approval(1)], NOW), Ok(()), "most calls are no step");
    }

    #[test]
    fn steps_of_different_callers_never_meet() {
        let key = |change: fn(&mut Approval)| {
            let mut approval = member(1, Status::Pending);
            change(&mut approval);
            approval.set_key()
        };
        let mine = key(|_| ());
        assert_ne!(mine, key(|a| a.call.principal.subject = "eve".into()));
        assert_ne!(mine, key(|a| a.call.principal.issuer = "https://other.test/".into()));
        assert_ne!(mine, key(|a| a.call.policy = "other".into()));
        assert_ne!(mine, key(|a| a.call.set.as_mut().unwrap().of = 4));
        assert_eq!(approval(1).set_key(), "");
    }
}

/// Whatever happens in whatever order: an approval is used once at most, only after enough people said yes, never for a caller who
/// left, and what is over stays so.
mod histories {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Approve(u8),
        Deny(u8),
        Glass(u8),
        Use(u8),
        Leave(u8),
        Return,
        Lapse,
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..6_u8).prop_map(Step::Approve),
            1 => (0..6_u8).prop_map(Step::Deny),
            1 => (0..6_u8).prop_map(Step::Glass),
            3 => (0..4_u8).prop_map(Step::Use),
            1 => (0..4_u8).prop_map(Step::Leave),
            1 => Just(Step::Return),
            1 => Just(Step::Lapse),
            2 => (0..200_000_u64).prop_map(Step::Wait),
        ]
    }

    /// Person 0 asked, 1 acts for them, 2 and 3 are one; nobody but 5 may break the glass.
    fn who(n: u8) -> Approver {
        let name = ["ana", "agent", "bo", "bo-admin", "cy", "dee"][usize::from(n)];
        let mut approver = approver(name);
        if n == 5 {
            approver.scopes.insert("glass".into());
        }
        approver
    }

    proptest! {
        #[test]
        fn keep_the_promises(wanted in 1..4_u32, steps in prop::collection::vec(step(), 0..60)) {
            let people = People::new([vec![person("bo"), person("bo-admin")]]);
            let rules = Rules { people: &people, break_glass: Some("glass") };
            let mut approval = approval(wanted);
            let mut now = NOW;
            for step in steps {
                let before = approval.status(now);
                let next = match &step {
                    Step::Approve(n) => approval.decide(&yes(), &who(*n), rules, now).ok(),
                    Step::Deny(n) => approval.decide(&no(), &who(*n), rules, now).ok(),
                    Step::Glass(n) => {
                        let glass = Decision::BreakGlass { reason: "it burns".into() };
                        approval.decide(&glass, &who(*n), rules, now).ok()
                    }
                    Step::Use(n) => approval.use_up(&format!("nonce-{n}"), now).ok(),
                    Step::Leave(n) => approval.leave(&format!("nonce-{n}"), now),
                    Step::Return => approval.come_back(now),
                    Step::Lapse => approval.lapse(now),
                    Step::Wait(ms) => {
                        now = now.plus(*ms);
                        None
                    }
                };
                if let Some((next, _)) = next {
                    prop_assert_eq!(next.version, approval.version.saturating_add(1));
                    if next.state.status == Status::Used {
                        prop_assert_eq!(before, Status::Approved);
                    }
                    if matches!(before, Status::Used | Status::Expired | Status::Abandoned | Status::Denied) {
                        let stays = matches!(step, Step::Lapse) && next.status(now) == before;
                        prop_assert!(stays, "{:?} after {:?}", step, before);
                    }
                    approval = next;
                }
                let state = &approval.state;
                if matches!(state.status, Status::Approved | Status::Used) {
                    let glass = state.votes.iter().any(|v| v.break_glass);
                    let voters: std::collections::BTreeSet<_> =
                        state.votes.iter().map(|v| v.person.subject.replace("-admin", "")).collect();
                    prop_assert!(glass || voters.len() >= wanted as usize);
                    prop_assert!(!voters.contains("ana") && !voters.contains("agent"));
                }
                if let Some(nonce) = &state.nonce {
                    prop_assert!(state.status == Status::Used);
                    prop_assert!(!state.gone.contains(nonce));
                }
            }
        }
    }
}
