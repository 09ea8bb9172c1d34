"""`report`: what a landed report of 10,000 orders costs to load, and how much of that is reading it by pandas."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from bench.access import Access
from bench.figures import Figure
from bench.load import Spent, run_worker
from bench.loaded import WrongTablesError
from bench.machine import tree_cpu_s
from bench.servers import empty_tables, running_warehouse
from bench.shop_orders import write_orders_file
from include.clock import utc_now
from include.fake_amazon.flat_file import flat_file
from include.fake_amazon.order_files import read_order_file
from include.local_stack.progress import Progress

PART = "report"
ORDERS = 10_000
DAYS = 30
REPETITIONS = 3


def measure(progress: Progress, orders: int = ORDERS, repetitions: int = REPETITIONS) -> list[Figure]:
    """Load the same report several times into empty tables.

    Raises:
        WrongTablesError: Orders are missing.
    """
    spent: list[Spent] = []
    with tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as name:
        folder = Path(name)
        file = folder / "orders.ndjson"
        write_orders_file(file, orders, end_utc=utc_now() - timedelta(hours=1), days=DAYS)
        report = folder / "report.txt"
        report.write_text(flat_file("eu", read_order_file(file)), encoding="utf-8")
        with running_warehouse(folder / "postgres") as (postgres, dsn):
            access = Access(dsn, "", "", 1.0, "", "", "", utc_now().toordinal() - DAYS)
            for _ in range(repetitions + 1):
                empty_tables(postgres)
                before_s = tree_cpu_s(postgres.pid or 0)
                one = run_worker("bench.report_worker", folder, access, str(report))
                one["postgres_cpu_s"] = tree_cpu_s(postgres.pid or 0) - before_s
                if one["orders"] != orders:
                    raise WrongTablesError(f"The report's {orders} orders became {one['orders']:.0f}.")
                spent.append(one)
            # The first compiled byte code.
            del spent[0]
    progress.say(f"  {orders:,} orders: {spent[0]}")
    return _figures(f"report of {orders:,} orders", spent)


def _figures(name: str, spent: Sequence[Spent]) -> list[Figure]:
    shares = [100 * one["reading_cpu_s"] / one["load_cpu_s"] for one in spent]
    return [
        Figure(PART, f"{name}, whole load, CPU", "s", [one["load_cpu_s"] for one in spent]),
        Figure(PART, f"{name}, of which reading by pandas, CPU", "s", [one["reading_cpu_s"] for one in spent]),
        Figure(PART, f"{name}, of which importing pandas, CPU", "s", [one["import_cpu_s"] for one in spent]),
        Figure(PART, f"{name}, share of reading by pandas", "%", shares),
        Figure(PART, f"{name}, PostgreSQL, CPU", "s", [one["postgres_cpu_s"] for one in spent]),
        Figure(PART, f"{name}, peak memory", "MiB", [one["peak_mib"] for one in spent]),
    ]
