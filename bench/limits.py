"""`limits`: how close the product and its peers come to what Amazon's limits allow, in scaled time.

A seller whose tables are to begin twenty days ago, of whom nothing is known: the first page tells how many orders there
are. What the burst pays for is read at once; else slices aim at 17 pages each, so that the bucket's optimum, full pages
alone, is not quite within reach: each ends with a page that is not full. Waits are slept through in this process; what
Airflow adds to them is measured by `reschedules`.

Of 10,000 orders the last call is compared with the optimum. What fits into the burst has an optimum of nothing, so that
seconds are compared: a client's own, and its waits as long as they are at Amazon. PyAirbyte asks v0, whose burst holds
thirty orders with their items as well.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from typing import NamedTuple

from bench.access import CountedSleep, asked_of_a_peer, open_client, run_to_the_end
from bench.airbyte import load_by_airbyte
from bench.figures import Figure
from bench.loaded import require_all_loaded
from bench.peer_clients import AMZN_SELLING_PARTNER, AMZN_SP_API_MENDED, PYTHON_AMAZON_SP_API, Peer
from bench.peer_environments import python_of, said_by
from bench.servers import Servers, running_servers
from bench.v0_amazon import serving_v0
from include.local_stack.progress import Progress
from include.spapi.client import Reply, SellingPartnerClient
from include.spapi.operations import SEARCH_ORDERS, Operation
from include.spapi.orders import MOST_ORDERS_PER_PAGE
from include.warehouse.connection import connect

PART = "limits"
LARGE = 10_000
LARGE_SCALE = 400.0
# Of these no call has to wait. Scaled less: a client's own seconds must not become minutes of a bucket's refilling.
SMALL = (30, 2_000)
SMALL_SCALE = 20.0
REPETITIONS = 3
GOAL = 1.05
PRODUCT = "this project"
OVER_OPTIMUM = "last answer over optimum"
# Its own brake on; the official client as shipped would be measured by its leak, not by its waits.
PEERS = (PYTHON_AMAZON_SP_API, replace(AMZN_SELLING_PARTNER, asked={"brake": True}), AMZN_SP_API_MENDED)


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


class Reached(NamedTuple):
    """How one client got through.

    Attributes:
        orders: How many it read.
        last_s: From its first question to its last answer, in scaled time.
        pace_s: The same, waits as long as at Amazon and its own seconds as they are.
        calls: How often it asked.
        refused: How often of these in vain.
    """

    orders: int
    last_s: float
    pace_s: float
    calls: int
    refused: int


class Case(NamedTuple):
    """So many orders at so many times Amazon's rate, for these clients."""

    orders: int
    scale: float
    clients: Sequence[Peer | str]


def cases(small: Sequence[int], large: int, large_scale: float) -> list[Case]:
    """Who is brought under which limits."""
    giving_up = [peer for peer in PEERS if not peer.asked.get("brake")]
    patient = [PRODUCT, *(peer for peer in PEERS if peer.asked.get("brake"))]
    return [
        *(Case(orders, SMALL_SCALE, [PRODUCT, *PEERS]) for orders in small),
        # Whoever gives up does so at the first refusals; scaled more, its own seconds would fill the bucket.
        Case(large, SMALL_SCALE, giving_up),
        Case(large, large_scale, patient),
    ]


def measure(
    progress: Progress,
    large: int = LARGE,
    small: Sequence[int] = SMALL,
    repetitions: int = REPETITIONS,
    large_scale: float = LARGE_SCALE,
) -> list[Figure]:
    """Read and load under limits, several times.

    Raises:
        WrongTablesError: What was loaded is not what was written.
    """
    for peer in PEERS:
        python_of(progress, peer.name)
    figures: list[Figure] = []
    for orders, scale, clients in cases(small, large, large_scale):
        with (
            tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as folder,
            running_servers(Path(folder), orders, scale) as servers,
        ):
            for client in clients:
                rounds = [_reach(progress, servers, client, orders) for _ in range(repetitions)]
                progress.say(f"  {orders:,} orders, {_name(client)}: {rounds[0]}")
                figures += figures_of(orders, scale, _name(client), rounds)
            if orders == min(small):
                figures += _airbyte(progress, servers, orders)
    return figures


def size_name(orders: int, scale: float, name: str) -> str:
    """How figures of a client begin that reads so many orders in scaled time."""
    return f"{orders:,} orders at {scale:g} times the rate, {name}"


def _name(client: Peer | str) -> str:
    return client if isinstance(client, str) else client.label


def _reach(progress: Progress, servers: Servers, client: Peer | str, orders: int) -> Reached:
    return _product(servers, orders) if isinstance(client, str) else _peer(progress, servers, client)


def figures_of(orders: int, scale: float, name: str, rounds: Sequence[Reached]) -> list[Figure]:
    """What so many rounds of one client come to."""
    size = size_name(orders, scale, name)
    calls = [
        Figure(PART, f"{size}, calls ({least_calls(orders)} full pages)", "", [one.calls for one in rounds]),
        Figure(PART, f"{size}, of these refused", "", [one.refused for one in rounds]),
    ]
    if any(one.orders < orders for one in rounds):
        read = Figure(PART, f"{size}, gave up having read orders", "", [one.orders for one in rounds])
        gave_up = Figure(PART, f"{size}, gave up after, at Amazon's pace", "s", [one.pace_s for one in rounds])
        return [read, gave_up, *calls]
    best_s = optimum_s(orders, scale)
    if best_s <= 0:
        return [Figure(PART, f"{size}, last answer, at Amazon's pace", "s", [one.pace_s for one in rounds]), *calls]
    ratios = [one.last_s / best_s for one in rounds]
    return [Figure(PART, f"{size}, {OVER_OPTIMUM}", "x", ratios, GOAL if name == PRODUCT else None), *calls]


def _product(servers: Servers, orders: int) -> Reached:
    servers.empty()
    sleep = CountedSleep()
    with (
        tempfile.TemporaryDirectory(prefix="raw-", dir=servers.folder) as raw,
        connect(servers.access.warehouse_dsn) as connection,
    ):
        settings = servers.access.settings(f"file://{raw}")
        timed = TimedClient(open_client(servers.access, settings, connection, sleep))
        run_to_the_end(servers.access.seller(), timed, connection, settings, sleep)  # type: ignore[arg-type]
        require_all_loaded(connection, orders)
    return _reached(servers, orders, timed.answered_s[-1] - timed.asked_s[0], sleep.slept_s)


def _peer(progress: Progress, servers: Servers, peer: Peer) -> Reached:
    servers.empty()
    scale = servers.access.rate_scale
    asked = asked_of_a_peer(servers.access) | peer.asked | {"shortened": scale}
    said = said_by(python_of(progress, peer.name), "peer.py", asked, peer.module, "wait")
    return _reached(servers, said["orders"], said["real_s"], said["waits_s"] / scale)


def _reached(servers: Servers, orders: int, last_s: float, slept_s: float) -> Reached:
    """Sum up; waits after the last answer are none of it."""
    calls = {status: n for (name, _, status), n in servers.amazon.calls().items() if name == SEARCH_ORDERS.name}
    slept_s = min(slept_s, last_s)
    pace_s = last_s - slept_s + slept_s * servers.access.rate_scale
    return Reached(orders, last_s, pace_s, sum(calls.values()), calls.get(429, 0))


def _airbyte(progress: Progress, servers: Servers, orders: int) -> list[Figure]:
    """As shipped, in real time, once."""
    with serving_v0(servers.orders_file) as amazon:
        spent = load_by_airbyte(progress, amazon, orders, servers.access.first_day, no_budget=False)
    name = f"{orders:,} orders, PyAirbyte as shipped, to its tables"
    return [
        Figure(PART, f"{name}, last call after the first", "s", [amazon.asked_s[-1] - amazon.asked_s[0]]),
        Figure(PART, f"{name}, all of it", "s", [spent["wall_s"]]),
        Figure(PART, f"{name}, calls", "", [len(amazon.asked_s)]),
    ]
