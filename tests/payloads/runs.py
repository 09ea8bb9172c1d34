"""A seller's runs as Airflow makes them: come back when the quota is there, load, and go on while there is more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from include.errors import NotYetError
from include.orders.extract import ExtractResult
from include.orders.load import LoadResult
from tests.payloads.clocks import HandClock

# More is no catching up but a loop.
MOST_VISITS = 60


class Run(NamedTuple):
    """One run: what it extracted and loaded, and the instants it was told to come back at."""

    extracted: ExtractResult
    loaded: LoadResult
    waits_utc: list[datetime]


def run_to_the_end(
    extract: Callable[[datetime], ExtractResult],
    load: Callable[[], LoadResult],
    clock: HandClock,
    *,
    most_visits: int = MOST_VISITS,
) -> list[Run]:
    """Run until nothing is left to ask for; a wait for quota only moves the clock.

    Args:
        extract: One visit of a run that began at this instant.
        load: What follows when the visits are over.
        clock: Tells when a run begins.
        most_visits: More is a loop.
    """
    runs: list[Run] = []
    begun_utc, waits_utc = clock(), []
    for _ in range(most_visits):
        try:
            extracted = extract(begun_utc)
        except NotYetError as wait:
            waits_utc.append(wait.until_utc)
            clock.instant = max(clock(), wait.until_utc)
            continue
        runs.append(Run(extracted, load(), waits_utc))
        if not extracted.more:
            return runs
        # A run is counted by what landed since it began, and the next begins later.
        clock.advance(seconds=1)
        begun_utc, waits_utc = clock(), []
    raise AssertionError(f"no end in sight after {len(runs)} runs; the last one: {runs[-1:]}")


def orders_in(runs: list[Run]) -> tuple[int, int]:
    """Orders extracted and loaded by all runs together."""
    return sum(run.extracted.orders for run in runs), sum(run.loaded.orders for run in runs)
