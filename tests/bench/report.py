"""Figures as a table for people and as flat JSON for programs."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Figure:
    """Measured values of one thing; the median is the figure, the smallest and the largest are its spread."""

    name: str
    values: list[float]
    unit: str
    #: The largest value that is good; `None` where nothing was promised.
    target: float | None = None
    #: The target is the smallest value that is good instead.
    at_least: bool = False

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    def flat(self) -> dict:
        rounded = {"value": self.value, "min": min(self.values), "max": max(self.values)}
        return {
            **{key: round(value, 4) for key, value in rounded.items()},
            "unit": self.unit, "target": self.target, "met": self.met,
        }


def write(figures: list[Figure], path: Path) -> None:
    path.write_text(json.dumps({figure.name: figure.flat() for figure in figures}, indent=1) + "\n")
    print(table(figures))
    print(f"\nwritten to {path}")


def table(figures: list[Figure]) -> str:
    verdicts = {True: "met", False: "missed", None: ""}
    rows = [("figure", "median", "min..max", "unit", "target", "")]
    for figure in sorted(figures, key=lambda f: f.target is None):
        rows.append((
            figure.name, _short(figure.value), f"{_short(min(figure.values))}..{_short(max(figure.values))}", figure.unit,
            "" if figure.target is None else f"{'≥' if figure.at_least else '≤'} {_short(figure.target)}", verdicts[figure.met],
        ))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
