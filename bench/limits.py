"""`limits`: how close the product comes to what Amazon's limits allow, scaled so that it takes a minute.

A seller whose tables are to begin twenty days ago, of whom nothing is known: the first slice is a day and tells the
density, the others aim at 17 pages each. So the bucket's optimum, full pages alone, is not quite within reach: each
slice ends with a page that is not full. Waits are slept through in this process; what Airflow adds to them is measured
by `reschedules`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from bench.access import open_client, run_to_the_end
from bench.figures import Figure
from bench.loaded import require_all_loaded
from bench.servers import Servers, running_servers
from include.local_stack.progress import Progress
from include.spapi.client import Reply, SellingPartnerClient
from include.spapi.operations import SEARCH_ORDERS, Operation
from include.spapi.orders import MOST_ORDERS_PER_PAGE
from include.warehouse.connection import connect

PART = "limits"
ORDERS = 10_000
REPETITIONS = 3
RATE_SCALE = 200.0
GOAL = 1.05


@dataclass(slots=True)
class TimedClient:
    """The seller's client, with the instants of its first question and its last answer, in seconds of one clock."""

    client: SellingPartnerClient
    asked_s: list[float] = field(default_factory=list)
    answered_s: list[float] = field(default_factory=list)

    def get(self, operation: Operation, query: Mapping[str, str], *, come_back_for: int = 1) -> Reply:
        """Ask, as the client does."""
        self.asked_s.append(time.monotonic())
        reply = self.client.get(operation, query, come_back_for=come_back_for)
        self.answered_s.append(time.monotonic())
        return reply

    def quota_left(self, operation: Operation) -> float:
        """Tell what the client tells."""
        return self.client.quota_left(operation)

    def seconds_per_call(self, operation: Operation) -> float:
        """Tell what the client tells."""
        return self.client.seconds_per_call(operation)


def least_calls(orders: int) -> int:
    """Calls that so many orders need when every page is full."""
    return ceil(orders / MOST_ORDERS_PER_PAGE)


def optimum_s(orders: int, rate_scale: float) -> float:
    """When the last of these calls can be made after the first, by a bucket that is full at the start."""
    return (least_calls(orders) - SEARCH_ORDERS.burst) / (SEARCH_ORDERS.rate_per_s * rate_scale)


def measure(
    progress: Progress, orders: int = ORDERS, repetitions: int = REPETITIONS, rate_scale: float = RATE_SCALE
) -> list[Figure]:
    """Load the orders under limits, several times.

    Raises:
        WrongTablesError: What was loaded is not what was written.
    """
    best_s = optimum_s(orders, rate_scale)
    progress.say(f"  {orders:,} orders at {rate_scale:g} times Amazon's rate; {best_s:.0f} s at best")
    with (
        tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as folder,
        running_servers(Path(folder), orders, rate_scale) as servers,
    ):
        rounds = [_round(progress, servers, orders, number) for number in range(repetitions)]
    name = f"{orders:,} orders at {rate_scale:g} times the rate"
    last_s = [one["last_call_s"] for one in rounds]
    return [
        Figure(PART, f"{name}, optimum of the last call, wall", "s", [best_s]),
        Figure(PART, f"{name}, last call, wall", "s", last_s),
        Figure(PART, f"{name}, last call over optimum", "x", [value / best_s for value in last_s], GOAL),
        Figure(PART, f"{name}, everything loaded, wall", "s", [one["loaded_s"] for one in rounds]),
        Figure(PART, f"{name}, calls ({least_calls(orders)} full pages)", "", [one["calls"] for one in rounds]),
        Figure(PART, f"{name}, refused with 429", "", [one["refused"] for one in rounds]),
    ]


def _round(progress: Progress, servers: Servers, orders: int, number: int) -> dict[str, float]:
    servers.empty()
    settings = servers.access.settings(f"file://{servers.folder / f'raw_{number}'}")
    with connect(servers.access.warehouse_dsn) as connection:
        timed = TimedClient(open_client(servers.access, settings, connection))
        runs = run_to_the_end(servers.access.seller(), timed, connection, settings)  # type: ignore[arg-type]
        loaded_s = time.monotonic()
        require_all_loaded(connection, orders)
    begun_s, last_s = timed.asked_s[0], timed.answered_s[-1]
    calls = {status: n for (name, _, status), n in servers.amazon.calls().items() if name == SEARCH_ORDERS.name}
    found = {
        "last_call_s": last_s - begun_s,
        "loaded_s": loaded_s - begun_s,
        "calls": sum(calls.values()),
        "refused": calls.get(429, 0),
        "runs": runs,
    }
    progress.say("  " + ", ".join(f"{name} {value:.1f}" for name, value in found.items()))
    return found
