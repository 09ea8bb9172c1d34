"""A run of a seller's DAG with all that follow it: what it cost Airflow and PostgreSQL, and are the tables right?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg

from bench.loaded import WrongTablesError, items_of
from bench.machine import peak_memory_mib, tree_cpu_s
from include.clock import utc_now
from include.local_stack.airflow_processes import PROCESSES, SCHEDULER
from include.local_stack.sessions import read_record
from include.local_stack.stack import Stack
from include.local_stack.truth import compare_with_truth
from include.local_stack.waiting import wait_until
from include.sellers.registry import Seller
from include.warehouse.connection import connect

# The unscaled reschedules wait for ten minutes; twice that is no waiting any more.
LONGEST_RUN_S = 1200.0
POLL_S = 0.5
RUNS = "SELECT state, end_date FROM dag_run WHERE dag_id = %s"


@dataclass(frozen=True, slots=True)
class RunSpent:
    """What a run cost, those that followed it included.

    Attributes:
        runs: How many there were.
        wall_s: From the trigger to the end of the last one.
        airflow_cpu_s: All Airflow processes, those that ended meanwhile included, idling included.
        postgres_cpu_s: All of PostgreSQL's, which holds the warehouse and Airflow's own database.
        task_peak_mib: The largest process under the scheduler, memory it shares with the scheduler included.
    """

    runs: int
    wall_s: float
    airflow_cpu_s: float
    postgres_cpu_s: float
    task_peak_mib: float


def run_to_the_end(stack: Stack, seller: Seller) -> RunSpent:
    """Trigger the seller's DAG, wait until no run of it is queued or running, return what that cost.

    Raises:
        RuntimeError: A run failed, or there is no end.
    """
    airflow_pids, postgres_pid = pids(stack)
    before = [sum(map(tree_cpu_s, airflow_pids.values())), tree_cpu_s(postgres_pid)]
    begun_utc, begun_s = utc_now(), time.monotonic()
    stack.airflow.trigger_run(seller.dag_id, f"bench__{begun_utc:%Y-%m-%dT%H:%M:%SZ}")
    peaks_mib = [0.0]

    def at_rest() -> bool:
        stack.supervisor.check()
        peaks_mib.append(_largest_mib(airflow_pids[SCHEDULER]))
        # A run starts its successor before it ends itself, so there is no moment without one in between.
        return all(state in ("success", "failed") for state, _ in airflow_rows(stack, RUNS, seller.dag_id))

    if not wait_until(at_rest, LONGEST_RUN_S, interval_s=POLL_S):
        raise RuntimeError(f"{seller.dag_id} has no end after {time.monotonic() - begun_s:.0f} s.")
    after = [sum(map(tree_cpu_s, airflow_pids.values())), tree_cpu_s(postgres_pid)]
    runs = airflow_rows(stack, RUNS, seller.dag_id)
    if any(state != "success" for state, _ in runs):
        raise RuntimeError(f"A run of {seller.dag_id} failed.")
    wall_s = (max(ended_utc for _, ended_utc in runs) - begun_utc).total_seconds()
    airflow_s, postgres_s = (late - early for late, early in zip(after, before, strict=True))
    return RunSpent(len(runs), wall_s, airflow_s, postgres_s, max(peaks_mib))


def require_truth(stack: Stack, seller: Seller, orders: int) -> None:
    """Compare the seller's tables with the fake Amazon.

    Raises:
        WrongTablesError: They differ, or hold another number of orders than were written.
    """
    with connect(stack.loader_dsn) as connection:
        found = compare_with_truth(connection, stack.amazon, seller.seller_id)
    if not found.equal or (found.orders, found.items) != (orders, items_of(orders)):
        raise WrongTablesError(f"The tables of {seller.seller_id} are not what was written: {found}.")


def airflow_rows(stack: Stack, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask Airflow's own database, because its API costs the CPU that is measured."""
    with psycopg.connect(stack.postgres.dsn("airflow"), autocommit=True) as connection:
        return connection.execute(query, values).fetchall()


def pids(stack: Stack) -> tuple[dict[str, int], int]:
    """Return the process ids of Airflow's processes by name, and PostgreSQL's."""
    if stack.postgres.pid is None:
        raise RuntimeError("PostgreSQL has ended.")
    recorded = read_record(stack.supervisor.record_file)
    return {one.name: one.pid for one in recorded if one.name in PROCESSES}, stack.postgres.pid


def _largest_mib(pid: int) -> float:
    peaks_mib = [0.0]
    for process in psutil.Process(pid).children(recursive=True):
        try:
            peaks_mib.append(peak_memory_mib(process.pid))
        except (OSError, ValueError):
            continue
    return max(peaks_mib)
