"""What a measurement gave: its values, its goal, and both as a line of the table and as an entry of results.json."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

HEADINGS = ("measurement", "value", "spread", "goal", "met")
# After the point, in results.json: below are the clocks' own steps.
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity.

    Attributes:
        part: The part of the bench that it belongs to.
        name: What was measured, in words.
        unit: Of the values; "" for a plain number.
        values: One a repetition.
        goal: What the median may be at most; None where nothing is promised.
        at_least: The goal is what the median has to reach instead.
    """

    part: str
    name: str
    unit: str
    values: Sequence[float]
    goal: float | None = None
    at_least: bool = False

    @property
    def median(self) -> float:
        """The value that stands for all."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if self.goal is None:
            return None
        return self.median >= self.goal if self.at_least else self.median <= self.goal

    @property
    def spread(self) -> str:
        """Least and most in words."""
        return f"{shown(min(self.values))} to {shown(max(self.values))}" if len(self.values) > 1 else "once"

    @property
    def bound(self) -> str:
        """The goal in words; "" without one."""
        return "" if self.goal is None else f"{'>=' if self.at_least else '<='} {shown(self.goal)}"

    def document(self) -> dict[str, Any]:
        """Return the entry of results.json, under its part."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": round(self.median, DIGITS),
            "least": round(min(self.values), DIGITS),
            "most": round(max(self.values), DIGITS),
            "values": [round(value, DIGITS) for value in self.values],
            "goal": self.goal,
            "at_least": self.at_least,
            "met": self.met,
        }

    def cells(self) -> tuple[str, ...]:
        """Return the line of the table, under `HEADINGS`."""
        met = {True: "yes", False: "NO", None: ""}[self.met]
        value = f"{shown(self.median)} {self.unit}".rstrip()
        return f"{self.part}: {self.name}", value, self.spread, self.bound, met


def shown(value: float) -> str:
    """Write a number with as many digits as a reader can use."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 3 if abs(value) < 2 else 2 if abs(value) < 10 else 1
    return f"{value:.{digits}f}"


def table(figures: Sequence[Figure]) -> list[str]:
    """Return the lines of the table, headings first."""
    rows = [HEADINGS, *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
