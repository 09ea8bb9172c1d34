"""`load`: what it costs to bring orders from Amazon into the tables, without Airflow; a fresh process every time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.access import Access
from bench.figures import Figure
from bench.loaded import items_of, require_all_loaded
from bench.machine import tree_cpu_s
from bench.servers import Servers, running_servers
from include.local_stack.progress import Progress
from include.settings import PROJECT_ROOT
from include.warehouse.connection import connect

PART = "load"
SIZES = (10_000, 100_000)
REPETITIONS = 3
# Nobody is held back by quota: this part is about cost.
RATE_SCALE = 1e6
UNIT_ORDERS = 10_000
WORK_GOAL_CPU_S = 0.8
POSTGRES_GOAL_CPU_S = 0.4
MEMORY_GOAL_MIB = 200.0
MEMORY_GROWTH_GOAL = 1.1
# Of figures that the README shows too.
WORK, POSTGRES = f"work, CPU per {UNIT_ORDERS:,}", f"PostgreSQL, CPU per {UNIT_ORDERS:,}"
PEAK = "peak memory"
Spent = dict[str, float]


def measure(progress: Progress, sizes: Sequence[int] = SIZES, repetitions: int = REPETITIONS) -> list[Figure]:
    """Measure each size.

    Raises:
        WrongTablesError: What was loaded is not what was written.
    """
    figures: list[Figure] = []
    peaks: dict[int, Figure] = {}
    with tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as folder:
        for orders in sizes:
            with running_servers(Path(folder), orders, RATE_SCALE) as servers:
                if orders == sizes[0]:
                    # Compiles byte code and fills the disk's cache; does not count.
                    load_once(servers, orders)
                spent = [_told(progress, orders, load_once(servers, orders)) for _ in range(repetitions)]
                found = _figures(orders, spent)
                peaks[orders] = found[-1]
                figures += found
    smallest, largest = min(sizes), max(sizes)
    growth = peaks[largest].median / peaks[smallest].median
    return [*figures, Figure(PART, growth_name(largest, smallest), "x", [growth], MEMORY_GROWTH_GOAL)]


def size_name(orders: int) -> str:
    """How figures of so many orders begin."""
    return f"{orders:,} orders ({items_of(orders):,} lines)"


def growth_name(largest: int, smallest: int) -> str:
    """What compares the memory of two sizes."""
    return f"{PEAK} of {largest:,} orders over that of {smallest:,}"


def load_once(servers: Servers, orders: int) -> Spent:
    """Load everything into empty tables in a fresh process, check the tables, return what was spent.

    Returns:
        As `load_worker` says, and `postgres_cpu_s` of all the server's processes.
    """
    servers.empty()
    before_s = tree_cpu_s(servers.postmaster_pid)
    with tempfile.TemporaryDirectory(prefix="raw-", dir=servers.folder) as raw:
        spent = run_worker("bench.load_worker", servers.folder, servers.access, f"file://{raw}")
    spent["postgres_cpu_s"] = tree_cpu_s(servers.postmaster_pid) - before_s
    with connect(servers.access.warehouse_dsn) as connection:
        require_all_loaded(connection, orders)
    return spent


def run_worker(module: str, folder: Path, access: Access, *arguments: str) -> Spent:
    """Run a worker module, its byte code in this folder.

    Returns:
        What it says it spent, and `process_wall_s`, its start included.
    """
    # An installation has its byte code; a place in the bench's own folder goes away with it.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    kept["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    begun_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        input=json.dumps(asdict(access)),
        stdout=subprocess.PIPE,
        text=True,
        env=kept,
        cwd=PROJECT_ROOT,
        check=True,
    )
    spent: Spent = json.loads(done.stdout.splitlines()[-1])
    return spent | {"process_wall_s": time.monotonic() - begun_s}


def _told(progress: Progress, orders: int, spent: Spent) -> Spent:
    said = ", ".join(f"{name} {value:.2f}" for name, value in spent.items())
    progress.say(f"  {orders:,} orders: {said}")
    return spent


def _figures(orders: int, spent: Sequence[Spent]) -> list[Figure]:
    size = size_name(orders)
    units = orders / UNIT_ORDERS
    work = [one["work_cpu_s"] / units for one in spent]
    postgres = [one["postgres_cpu_s"] / units for one in spent]
    return [
        Figure(PART, f"{size}, {WORK}", "s", work, WORK_GOAL_CPU_S),
        Figure(PART, f"{size}, {POSTGRES}", "s", postgres, POSTGRES_GOAL_CPU_S),
        Figure(PART, f"{size}, whole process with imports, CPU", "s", [one["process_cpu_s"] for one in spent]),
        Figure(PART, f"{size}, first call to loaded, wall", "s", [one["wall_s"] for one in spent]),
        Figure(PART, f"{size}, {PEAK}", "MiB", [one["peak_mib"] for one in spent], MEMORY_GOAL_MIB),
    ]
