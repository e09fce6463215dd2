"""What the other files ask of the service on SQLite, asked of it on PostgreSQL."""

from __future__ import annotations

import pytest

from conftest import closing, held_policy, running, start_service
from harness.config import Setup
from test_service import (
    test_a_call_waits_until_it_is_approved_and_is_made_once,
    test_a_denied_client_is_told_why,
    test_an_unchanged_client_is_approved_between_its_retries,
    test_breaking_the_glass_takes_a_scope_and_a_reason_and_is_recorded,
    test_two_people_are_two_people,
)
from test_service_attacks import (
    test_a1_a_used_approval_is_not_used_again,
    test_a3_separation_of_duties,
    test_a6_a_caller_cannot_say_that_it_is_approved,
    test_a9_a_caller_that_is_gone_uses_nothing_up,
    test_a9_one_of_two_callers_leaves,
    test_an_approval_releases_no_other_call,
)
from test_service_sets import (
    name,
    test_a_denial_is_about_the_whole_set,
    test_a_set_is_its_callers_own,
    test_one_decision_releases_both_in_order,
    test_the_second_step_waits_for_the_first,
)

__all__ = [
    "name", "test_a1_a_used_approval_is_not_used_again", "test_a3_separation_of_duties",
    "test_a6_a_caller_cannot_say_that_it_is_approved", "test_a9_a_caller_that_is_gone_uses_nothing_up",
    "test_a9_one_of_two_callers_leaves", "test_a_call_waits_until_it_is_approved_and_is_made_once",
    "test_a_denial_is_about_the_whole_set", "test_a_denied_client_is_told_why", "test_a_set_is_its_callers_own",
    "test_an_approval_releases_no_other_call", "test_an_unchanged_client_is_approved_between_its_retries",
    "test_breaking_the_glass_takes_a_scope_and_a_reason_and_is_recorded", "test_one_decision_releases_both_in_order",
    "test_the_second_step_waits_for_the_first", "test_two_people_are_two_people",
]


@pytest.fixture(scope="module")
def service(tmp_path_factory, issuer, databases):
    with closing(start_service(tmp_path_factory.mktemp("service"), issuer, databases.fresh("postgres"))) as it:
        yield it
        assert it.alive(), it.log()[-4000:]


@pytest.fixture(scope="module")
def held(tmp_path_factory, issuer, upstream, service):
    with running(issuer, Setup(held_policy(service), upstream.port, issuer.port, approvals=service.questions), tmp_path_factory.mktemp("held")) as envoy:
        yield envoy
