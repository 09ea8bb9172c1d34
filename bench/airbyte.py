"""`airbyte`: what orders with their items cost PyAirbyte into DuckDB and the product into PostgreSQL, in turn.

PyAirbyte's connector asks Orders API v0, an answer an order for its items, which the bench serves itself; its own brake
is off. What its process and its connector's spend counts, and for the product its process's and PostgreSQL's: DuckDB
works inside PyAirbyte's process. How long a few take as shipped, brake on, is a figure of `limits`.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.load import RATE_SCALE, Spent, load_once
from bench.loaded import WrongTablesError, items_of
from bench.peer_environments import PEERS, python_of, said_by
from bench.servers import Servers, running_servers
from bench.v0_amazon import CREDENTIALS, V0Amazon, serving_v0
from include.local_stack.progress import Progress

PART = "airbyte"
ORDERS = 10_000
REPETITIONS = 3
GOAL = 100.0
OVER_OURS = "PyAirbyte's CPU over ours"
LOADER, CONNECTOR = "pyairbyte", "airbyte-source-amazon-seller-partner"


def measure(progress: Progress, orders: int = ORDERS, repetitions: int = REPETITIONS) -> list[Figure]:
    """Load with both, in turn.

    Raises:
        WrongTablesError: Either loaded something else than was written.
    """
    for peer in (LOADER, CONNECTOR):
        python_of(progress, peer)
    with (
        tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as folder,
        running_servers(Path(folder), orders, RATE_SCALE) as servers,
        serving_v0(servers.orders_file) as amazon,
    ):
        # Compiles byte code; does not count.
        load_once(servers, orders)
        rounds = [_round(progress, servers, amazon, orders) for _ in range(repetitions)]
    return figures_of(f"{orders:,} orders", rounds)


def _round(progress: Progress, servers: Servers, amazon: V0Amazon, orders: int) -> tuple[Spent, Spent]:
    ours = load_once(servers, orders)
    theirs = load_by_airbyte(progress, amazon, orders, servers.access.first_day, no_budget=True)
    progress.say(f"  {_cpu_s(ours):.2f} CPU s, PyAirbyte {theirs['process_cpu_s']:.2f} CPU s")
    return ours, theirs


def load_by_airbyte(
    progress: Progress, amazon: V0Amazon, orders: int, first_day: int, *, no_budget: bool
) -> dict[str, float]:
    """Load everything by PyAirbyte into a DuckDB of its own.

    Returns:
        CPU, memory, counts, as its loader says them; `wall_s` with its start.

    Raises:
        WrongTablesError: It loaded another number of orders or items.
    """
    loader, connector = python_of(progress, LOADER), python_of(progress, CONNECTOR)
    amazon.forget_calls()
    begun_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="airbyte-") as folder:
        executable = Path(folder) / "connector"
        executable.write_text(f'#!/bin/sh\nexec "{connector}" "{PEERS / "airbyte_connector.py"}" "$@"\n')
        executable.chmod(0o755)
        asked = {"folder": folder, "executable": str(executable), "config": airbyte_config(first_day)}
        env = {**os.environ, "AMAZON_URL": amazon.base_url, "AIRBYTE_LOGGING_ROOT": folder}
        spent: dict[str, float] = said_by(
            loader, "pyairbyte_loader.py", asked, env={**env, "NO_BUDGET": "1"} if no_budget else env
        )
    spent["wall_s"] = time.monotonic() - begun_s
    if (spent["orders"], spent["items"]) != (orders, items_of(orders)):
        raise WrongTablesError(f"PyAirbyte loaded {spent['orders']} orders with {spent['items']} items.")
    return spent


def airbyte_config(first_day: int) -> dict[str, Any]:
    """The connector's configuration."""
    return {
        "aws_environment": "PRODUCTION",
        "region": "DE",
        "account_type": "Seller",
        "lwa_app_id": CREDENTIALS["client_id"],
        "lwa_client_secret": CREDENTIALS["client_secret"],
        "refresh_token": CREDENTIALS["refresh_token"],
        "replication_start_date": f"{datetime.fromordinal(first_day):%Y-%m-%dT%H:%M:%SZ}",
    }


def _cpu_s(ours: Spent) -> float:
    return ours["process_cpu_s"] + ours["postgres_cpu_s"]


def figures_of(size: str, rounds: Sequence[tuple[Spent, Spent]]) -> list[Figure]:
    """What rounds of both, ours and theirs, come to."""
    ours, theirs = [one for one, _ in rounds], [other for _, other in rounds]
    product, peer = f"{size}, this project to PostgreSQL", f"{size}, PyAirbyte to DuckDB"
    connectors = [one["connector_cpu_s"] for one in theirs]
    ratios = [other["process_cpu_s"] / _cpu_s(one) for one, other in rounds]
    return [
        Figure(PART, f"{product}, process and PostgreSQL, CPU", "s", [_cpu_s(one) for one in ours]),
        Figure(PART, f"{product}, peak memory of the process", "MiB", [one["peak_mib"] for one in ours]),
        Figure(PART, f"{product}, wall", "s", [one["process_wall_s"] for one in ours]),
        Figure(PART, f"{peer}, both its processes, CPU", "s", [one["process_cpu_s"] for one in theirs]),
        Figure(PART, f"{peer}, of which its connector, CPU", "s", connectors),
        Figure(PART, f"{peer}, peak memory of the larger process", "MiB", [one["peak_mib"] for one in theirs]),
        Figure(PART, f"{peer}, wall", "s", [one["wall_s"] for one in theirs]),
        Figure(PART, f"{size}, {OVER_OURS}", "x", ratios, GOAL, at_least=True),
    ]
