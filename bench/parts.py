"""The parts of the bench by name, in the order in which they are measured and shown."""

from __future__ import annotations

from collections.abc import Callable

from bench import airbyte, beside, gaps, growth, limits, load, night, page, parsing, reports, reschedules, runs, trouble
from bench.figures import Figure
from include.local_stack.progress import Progress

PARTS: dict[str, Callable[[Progress], list[Figure]]] = {
    "load": load.measure,
    "beside": beside.measure,
    "airbyte": airbyte.measure,
    "limits": limits.measure,
    "trouble": trouble.measure,
    "gaps": gaps.measure,
    "report": reports.measure,
    "growth": growth.measure,
    "page": page.measure,
    "parse": parsing.measure,
    "runs": runs.measure,
    "night": night.measure,
    "million": growth.measure_million,
    "long_gap": gaps.measure_long,
    "reschedules": reschedules.measure,
}
# The long ones: a thousand sellers; a million orders; a gap of a hundred thousand; Amazon's real rates.
NOT_BY_DEFAULT = ("night", "million", "long_gap", "reschedules")
