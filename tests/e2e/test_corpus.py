"""The bypass corpus, one test for each id of the catalogue at each door: `pytest -k "corpus and P14"`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from conftest import closing
from corpus.case import DOORS
from corpus.cases import cases, of
from corpus.catalogue import IDS
from corpus.oracle import FULL, LOW, NOBODY, wrongs
from corpus.run import World
from corpus.upstream import Ran
from harness.envoy import wait_for

#: Ids that were run at a door.
done: set[tuple[str, str]] = set()


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    with closing(World(tmp_path_factory.mktemp("corpus"))) as it:
        yield it
        assert it.envoy.alive() and it.envoy.stat("wasm.scopewarden.vm_reload_success") == 0, it.envoy.log()[-4000:]


def test_every_way_of_the_catalogue_has_its_cases():
    counts = Counter(case.id for case in cases())
    assert set(counts) == set(IDS)
    assert counts.total() >= 1500, "the corpus only grows"
    twice = [name for name, times in Counter(case.full_id for case in cases()).items() if times > 1]
    assert not twice, "a name says which case it is"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("id", IDS)
def test_a_way_past_the_gateway(world, id, door):
    if id == "K2":
        wait_for(lambda: world.issuers.fetches["rotating"] >= world.rotated_after, "the new keys", 20)
    failures = []
    for case in of(id):
        for protocol in case.protocols:
            verdict = world.run(case, door, protocol)
            failures += [f"{case.full_id}, {protocol}: WRONG ALLOW: {why}" for why in verdict.wrong]
            expected = case.expected(door, protocol)
            if verdict.outcome not in expected.split(" | "):
                failures.append(f"{case.full_id}, {protocol}: expected `{expected}`, got `{verdict.outcome}`")
    done.add((id, door))
    assert not failures, f"{IDS[id]}:\n" + "\n".join(failures)


def test_without_the_filter_they_get_past(world, capsys):
    """The check of the check: where nothing guards, the oracle finds wrong allows, in every chapter of the catalogue."""
    found: Counter[str] = Counter()
    for case in cases():
        found[case.id[0]] += bool(world.run(case, "open", case.protocols[0]).wrong)
    assert found.keys() >= {id[0] for id in IDS} and all(found[id[0]] > 0 for id in IDS), found
    assert found.total() > len(cases()) / 4
    if len(done) == len(IDS) * len(DOORS):
        with capsys.disabled():
            print(f"\nbypass corpus: {len(cases())} cases", *(f"{door}: {tally}" for door, tally in world.tallies.items()), sep="\n  ")


def ran(route: str, *headers: tuple[bytes, bytes], **seen: object) -> Ran:
    return Ran(route, b"/", list(headers), seen)


@pytest.mark.parametrize(
    "caller, it, expected",
    [
        (LOW, ran("sessions.read", id="1"), None),
        (NOBODY, ran("public.read", name="a"), None),
        (LOW, ran("admin.read"), "lacks `corpus:admin`"),
        (NOBODY, ran("sessions.read", id="1"), "lacks `corpus:sessions`"),
        (FULL, ran("internal.debug"), "nobody may run"),
        (LOW, ran("chat.create", model="large"), "lacks `corpus:chat:large`"),
        (FULL, ran("chat.create", model="huge"), "nobody may run"),
        (LOW, ran("mcp", method="tools/call", tool="create_issue", arguments={"repo": "sandbox"}), "lacks `corpus:tool:write`"),
        (FULL, ran("mcp", method="tools/call", tool="create_issue", arguments={"repo": "x"}), "arguments were read as"),
        (FULL, ran("mcp", method="tools/run", tool="get_issue", arguments=None), "nobody may run"),
        (LOW, ran("teams.list", user_id="full@example.com"), "`user_id` was read as"),
        (LOW, ran("teams.create", user_id="low@example.com", body_user_id="full@example.com"), "`user_id` was read as"),
        (LOW, ran("teams.list", user_id=None), "`user_id` was read as"),
        (LOW, ran("reports.list", views=["everything"]), "`view` was read as"),
        (LOW, ran("vault.read", roles=["user", "admin"]), "`x-role` was read as"),
        (LOW, ran("orders.create", amount=1000), "the amount was read as"),
        (LOW, ran("sessions.read", (b"x-original-url", b"/admin")), "`x-original-url` arrived"),
        (LOW, ran("sessions.read", (b"authorization", b"Bearer x")), "credential was passed on"),
    ],
)  # fmt: skip
def test_the_oracle_sees(caller, it, expected):
    found = list(wrongs(caller, it, "bare"))
    assert found == [] if expected is None else any(expected in why for why in found), found
