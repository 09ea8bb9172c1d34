"""`night`: a thousand sellers' runs at once in Airflow with LocalExecutor, extraction and loading included.

All runs are triggered through the API as fast as it takes them. Every seller has the orders of one day, and tables that
begin with it. Memory is the proportional share (PSS) of Airflow's processes, so that what forks share counts once.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import psutil

from bench.dag_runs import airflow_rows, pids, run_to_the_end
from bench.figures import Figure
from bench.loaded import WrongTablesError
from bench.night_cpu import NOT_AIRFLOW, spent_by_kind_s
from bench.shop_orders import write_orders_file
from bench.stack import bench_stack
from include.clock import utc_now
from include.local_stack.progress import Progress
from include.local_stack.stack import Stack
from include.local_stack.waiting import wait_until
from include.sellers.registry import Seller
from include.warehouse.connection import connect

PART = "night"
SELLERS = 1000
ORDERS = 30
RATE_SCALE = 1000.0
GOAL_S = 480.0
MEMORY_GOAL_MIB = 2048.0
LONGEST_S = 3600.0
# Adding up the memory of thirty processes costs a third of a second.
POLL_S = 10.0
TRIGGERS_AT_ONCE = 4
RUN_ID = "bench__night"
RUNS = f"SELECT dag_id, state, end_date FROM dag_run WHERE run_id = '{RUN_ID}'"  # noqa: S608 - our own word
TASKS = f"""
SELECT task_id, count(*), avg(duration) FROM task_instance WHERE pid IS NOT NULL AND run_id = '{RUN_ID}'
GROUP BY 1 ORDER BY 1
"""  # noqa: S608


def measure(progress: Progress, sellers: int = SELLERS, orders: int = ORDERS) -> list[Figure]:
    """Run every seller's DAG once.

    Raises:
        RuntimeError: A run failed, or there is no end.
        WrongTablesError: Orders are missing.
    """
    midnight_utc = (utc_now() - timedelta(hours=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    with tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as name:
        folder = Path(name)
        file = folder / "orders.ndjson"
        write_orders_file(file, orders, end_utc=midnight_utc, days=1)
        files = {f"seller_{number}": file for number in range(sellers + 1)}
        start_date = (midnight_utc - timedelta(days=1)).date().isoformat()
        with bench_stack(folder, files, RATE_SCALE, progress, start_date=start_date) as (stack, found):
            # The api-server makes its routes at the first task's first call, once in its life: ten seconds of CPU.
            run_to_the_end(stack, found[0])
            return _night(stack, found[1:], orders, progress)


def _night(stack: Stack, sellers: list[Seller], orders: int, progress: Progress) -> list[Figure]:
    airflow_pids, _ = pids(stack)
    before_s = spent_by_kind_s(stack)
    begun_utc, peaks_mib = utc_now(), [0.0]
    with ThreadPoolExecutor(TRIGGERS_AT_ONCE) as pool:
        list(pool.map(lambda seller: stack.airflow.trigger_run(seller.dag_id, RUN_ID), sellers))
    progress.say(f"  all triggered after {(utc_now() - begun_utc).total_seconds():.0f} s")
    _say_cpu(progress, before_s, stack)

    def at_rest() -> bool:
        stack.supervisor.check()
        peaks_mib.append(sum(map(_shared_mib, airflow_pids.values())))
        return all(state in ("success", "failed") for _, state, _ in airflow_rows(stack, RUNS))

    if not wait_until(at_rest, LONGEST_S, interval_s=POLL_S):
        raise RuntimeError(f"There is no end after {LONGEST_S:.0f} s.")
    spent_s = _say_cpu(progress, before_s, stack)
    starts = 0
    for task_id, count, mean_s in airflow_rows(stack, TASKS):
        starts += count
        progress.say(f"  {task_id}: {count} tasks, {mean_s:.2f} s each")
    runs = airflow_rows(stack, RUNS)
    if failed := [dag_id for dag_id, state, _ in runs if state != "success"]:
        raise RuntimeError(f"{len(failed)} runs failed, {failed[0]}'s among them.")
    _require_all_loaded(stack, (len(sellers) + 1) * orders)
    wall_s = _seconds(begun_utc, max(ended_utc for _, _, ended_utc in runs))
    # Promised for a thousand; fewer say nothing about it.
    goal_s = GOAL_S if len(sellers) >= SELLERS else None
    size = f"{len(sellers):,} seller{'s' if len(sellers) > 1 else ''} with {orders} orders each"
    return [
        Figure(PART, f"{size}, first trigger to last run done, wall", "s", [wall_s], goal_s),
        Figure(PART, f"{size}, DAG runs", "", [len(runs)]),
        Figure(PART, f"{size}, task processes a run", "", [starts / len(runs)]),
        Figure(PART, f"{size}, Airflow's processes, CPU a run", "s", [_airflows(spent_s) / len(runs)]),
        *(Figure(PART, f"{size}, {kind}, CPU a run", "s", [value / len(runs)]) for kind, value in spent_s.items()),
        Figure(PART, f"{size}, Airflow's processes, peak memory", "MiB", [max(peaks_mib)], MEMORY_GOAL_MIB),
    ]


def _require_all_loaded(stack: Stack, orders: int) -> None:
    with connect(stack.loader_dsn) as connection:
        row = connection.execute("SELECT count(*) FROM amazon.orders").fetchone()
    if row != (orders,):
        raise WrongTablesError(f"The tables hold {row} orders instead of {orders}.")


def _say_cpu(progress: Progress, before_s: dict[str, float], stack: Stack) -> dict[str, float]:
    spent_s = {kind: value - before_s[kind] for kind, value in spent_by_kind_s(stack).items()}
    progress.say("  CPU: " + ", ".join(f"{kind} {value:.1f} s" for kind, value in spent_s.items()))
    return spent_s


def _airflows(spent_s: dict[str, float]) -> float:
    return sum(value for kind, value in spent_s.items() if kind not in NOT_AIRFLOW)


def _seconds(begun_utc: datetime, ended_utc: datetime) -> float:
    return (ended_utc - begun_utc).total_seconds()


def _shared_mib(pid: int) -> float:
    total = 0.0
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        try:
            total += process.memory_full_info().pss / 1024**2
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total
