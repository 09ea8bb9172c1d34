"""`growth`, `million`: does time and memory grow with the work? From 100 orders to a million, from one seller to 200.

10,000 and 100,000 orders are measured by `load`, a thousand sellers by `night`; what is measured here joins them in the
plots. Sellers are whole nights in Airflow, a stack of its own each.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import night
from bench.figures import Figure
from bench.load import RATE_SCALE, Spent, load_once
from bench.servers import running_servers
from include.local_stack.progress import Progress

PART, MILLION_PART = "growth", "million"
ORDERS = (100, 1_000)
MILLION = 1_000_000
SELLERS = (1, 20, 200)
REPETITIONS = 3


def measure(
    progress: Progress,
    orders: Sequence[int] = ORDERS,
    sellers: Sequence[int] = SELLERS,
    repetitions: int = REPETITIONS,
) -> list[Figure]:
    """Load each number of orders several times, run each number of sellers once.

    Raises:
        WrongTablesError: What was loaded is not what was written.
    """
    figures: list[Figure] = []
    for count in orders:
        figures += _loaded(progress, PART, count, repetitions)
    for count in sellers:
        progress.say(f"  {count} sellers")
        found = night.measure(progress, count)
        # Its goals are promised for a thousand.
        figures += [dataclasses.replace(figure, part=PART, goal=None) for figure in found]
    return figures


def measure_million(progress: Progress, orders: int = MILLION) -> list[Figure]:
    """Load a million once.

    Raises:
        WrongTablesError: What was loaded is not what was written.
    """
    return _loaded(progress, MILLION_PART, orders, 1)


def _loaded(progress: Progress, part: str, orders: int, repetitions: int) -> list[Figure]:
    with (
        tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as folder,
        running_servers(Path(folder), orders, RATE_SCALE) as servers,
    ):
        if repetitions > 1:
            # Compiles byte code, which among a million orders is nothing.
            load_once(servers, orders)
        spent: list[Spent] = [load_once(servers, orders) for _ in range(repetitions)]
    progress.say(f"  {orders:,} orders: {spent[0]}")
    return [
        Figure(
            part, f"{orders:,} orders, whole process with imports, CPU", "s", [one["process_cpu_s"] for one in spent]
        ),
        Figure(part, f"{orders:,} orders, PostgreSQL, CPU", "s", [one["postgres_cpu_s"] for one in spent]),
        Figure(part, f"{orders:,} orders, first call to loaded, wall", "s", [one["wall_s"] for one in spent]),
        Figure(part, f"{orders:,} orders, peak memory", "MiB", [one["peak_mib"] for one in spent]),
    ]
