"""`reschedules`: 2,300 orders at Amazon's real rate, in Airflow; what waiting without a worker adds to the limits.

The shop's orders are of the last hours and the seller's tables begin a day ago, so that one slice holds them all: 23
full pages, as few as there can be.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from bench.dag_runs import RunSpent, airflow_rows, require_truth, run_to_the_end
from bench.figures import Figure
from bench.limits import GOAL, least_calls, optimum_s
from bench.shop_orders import write_orders_file
from bench.stack import bench_stack
from include.clock import utc_now
from include.local_stack.progress import Progress
from include.local_stack.stack import Stack
from include.sellers.registry import Seller
from include.spapi.operations import SEARCH_ORDERS
from include.warehouse.connection import connect

PART = "reschedules"
ORDERS = 2_300
RATE_SCALE = 1.0
SPREAD_DAYS = 0.5
RESCHEDULES = """
SELECT count(*) FROM task_reschedule r JOIN task_instance t ON r.ti_id = t.id
WHERE t.dag_id = %s AND t.task_id = 'extract_orders'
"""
CALLS = """
SELECT min(w.opened_utc), max(p.extracted_utc)
FROM ops.extraction_window w JOIN ops.landed_page p USING (window_id) WHERE w.seller_id = %s
"""


def measure(progress: Progress, orders: int = ORDERS, rate_scale: float = RATE_SCALE) -> list[Figure]:
    """Run the seller's DAG once, which takes ten minutes.

    Raises:
        WrongTablesError: What was loaded is not what was written.
    """
    with tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as name:
        folder = Path(name)
        write_orders_file(folder / "orders.ndjson", orders, end_utc=utc_now() - timedelta(hours=1), days=SPREAD_DAYS)
        files = {"waiting": folder / "orders.ndjson"}
        with _first_window_of_a_day(), bench_stack(folder, files, rate_scale, progress) as (stack, (seller,)):
            progress.say(f"  one run, {optimum_s(orders, rate_scale):.0f} s at best")
            spent = run_to_the_end(stack, seller)
            require_truth(stack, seller, orders)
            return _figures(stack, seller, spent, orders, optimum_s(orders, rate_scale))


@contextmanager
def _first_window_of_a_day() -> Iterator[None]:
    """Let the tables of a seller without a start date begin a day ago; the stack's processes inherit it."""
    before = os.environ.get("FIRST_WINDOW_DAYS", "")
    os.environ["FIRST_WINDOW_DAYS"] = "1"
    try:
        yield
    finally:
        os.environ["FIRST_WINDOW_DAYS"] = before


def _figures(stack: Stack, seller: Seller, spent: RunSpent, orders: int, best_s: float) -> list[Figure]:
    with connect(stack.loader_dsn) as connection:
        row = connection.execute(CALLS, (seller.seller_id,)).fetchone()
    asked_utc, answered_utc = cast("tuple[datetime, datetime]", row)
    last_call_s = (answered_utc - asked_utc).total_seconds()
    ((reschedules,),) = airflow_rows(stack, RESCHEDULES, seller.dag_id)
    counted = stack.amazon.calls() if stack.amazon else {}
    calls = {status: count for (operation, _, status), count in counted.items() if operation == SEARCH_ORDERS.name}
    name = f"{orders:,} orders"
    return [
        Figure(PART, f"{name}, optimum of the last call, wall", "s", [best_s]),
        Figure(PART, f"{name}, last call, wall", "s", [last_call_s]),
        Figure(PART, f"{name}, last call over optimum", "x", [last_call_s / best_s], GOAL),
        Figure(PART, f"{name}, trigger to done, wall", "s", [spent.wall_s]),
        Figure(PART, f"{name}, trigger to done over optimum", "x", [spent.wall_s / best_s], GOAL),
        Figure(PART, f"{name}, visits of extract_orders", "", [reschedules + spent.runs]),
        Figure(PART, f"{name}, DAG runs", "", [spent.runs]),
        Figure(PART, f"{name}, calls ({least_calls(orders)} full pages)", "", [sum(calls.values())]),
        Figure(PART, f"{name}, refused with 429", "", [calls.get(429, 0)]),
        Figure(PART, f"{name}, Airflow's processes, CPU", "s", [spent.airflow_cpu_s]),
    ]
