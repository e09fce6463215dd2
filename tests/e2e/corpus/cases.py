"""Every case, in the order of the catalogue's chapters. The keys come last: their issuer has rotated by then."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from . import bodies, credentials, framing, heads, paths, queries
from .case import Case


@cache
def cases() -> tuple[Case, ...]:
    return tuple(_all())


def _all() -> Iterator[Case]:
    for chapter in (paths, queries, heads, framing, bodies, credentials):
        yield from chapter.cases()


@cache
def of(id: str) -> tuple[Case, ...]:
    return tuple(case for case in cases() if case.id == id)
