"""`runs`: a whole DAG run of 10,000 orders in Airflow, for three sellers one after the other."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from bench.dag_runs import RunSpent, require_truth, run_to_the_end
from bench.figures import Figure
from bench.shop_orders import write_orders_file
from bench.stack import bench_stack
from include.clock import utc_now
from include.local_stack.progress import Progress

PART = "runs"
ORDERS = 10_000
SELLERS = 3
SPREAD_DAYS = 20
# As `make run` has it.
RATE_SCALE = 1000.0


def measure(progress: Progress, orders: int = ORDERS, sellers: int = SELLERS) -> list[Figure]:
    """Run each seller's DAG once, with all runs that follow.

    Raises:
        WrongTablesError: What was loaded is not what was written.
    """
    midnight_utc = (utc_now() - timedelta(hours=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    with tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as name:
        folder = Path(name)
        file = folder / "orders.ndjson"
        write_orders_file(file, orders, end_utc=midnight_utc, days=SPREAD_DAYS)
        files = {f"seller_{number}": file for number in range(sellers)}
        start_date = (midnight_utc - timedelta(days=SPREAD_DAYS)).date().isoformat()
        spent: list[RunSpent] = []
        with bench_stack(folder, files, RATE_SCALE, progress, start_date=start_date) as (stack, found):
            for seller in found:
                spent.append(run_to_the_end(stack, seller))
                require_truth(stack, seller, orders)
                progress.say(f"  {seller.seller_id}: {spent[-1]}")
    return _figures(f"{orders:,} orders", spent)


def _figures(size: str, spent: list[RunSpent]) -> list[Figure]:
    return [
        Figure(PART, f"{size}, trigger to done, wall", "s", [one.wall_s for one in spent]),
        Figure(PART, f"{size}, DAG runs", "", [one.runs for one in spent]),
        Figure(PART, f"{size}, Airflow's processes, CPU", "s", [one.airflow_cpu_s for one in spent]),
        Figure(PART, f"{size}, PostgreSQL (both databases), CPU", "s", [one.postgres_cpu_s for one in spent]),
        Figure(PART, f"{size}, largest process under the scheduler", "MiB", [one.task_peak_mib for one in spent]),
    ]
