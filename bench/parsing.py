"""`parse`: what `bench/parse.py` measures, as figures."""

from __future__ import annotations

from bench import parse
from bench.figures import Figure
from include.local_stack.progress import Progress

PART = "parse"


def measure(progress: Progress) -> list[Figure]:
    """Measure the DAG file with a thousand sellers."""
    progress.say(f"  {parse.SELLERS:,} sellers, {parse.REPETITIONS} times each")
    return [_figure(name, spent) for name, spent in parse.measure().items()]


def _figure(name: str, spent: dict[str, float]) -> Figure:
    # Its summary holds no more than these three, and their median is the median.
    values = [spent["least_s"], spent["median_s"], spent["most_s"]]
    return Figure(PART, parse.WORDS[name], "s", values, parse.GOALS_S.get(name))
