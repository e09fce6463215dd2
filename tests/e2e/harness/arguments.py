"""Arguments as make passes them on: `NAME=value`."""

from __future__ import annotations


def given(arguments: list[str], **defaults):
    """The values in the order of their defaults, each of its default's type."""
    values = dict(argument.split("=", 1) for argument in arguments)
    if unknown := values.keys() - defaults.keys():
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(defaults)}")
    return [type(default)(values.get(name, default)) for name, default in defaults.items()]
