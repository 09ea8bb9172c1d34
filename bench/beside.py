"""`beside`: what orders cost the product to load, beside clients that only read, each in its own environment.

The clients keep nothing and write nothing. `airbyte` has the one that loads too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.access import asked_of_a_peer
from bench.figures import Figure
from bench.load import RATE_SCALE, Spent, load_once
from bench.peer_clients import AMZN_SP_API_AS_SHIPPED, CLIENTS, Peer
from bench.peer_environments import python_of, said_by
from bench.servers import Servers, running_servers
from include.local_stack.progress import Progress

PART = "beside"
ORDERS = 10_000
# What the official client leaks grows with the square of the orders: ten thousand as shipped take a quarter of an hour.
ORDERS_AS_SHIPPED = 1_000
REPETITIONS = 3
READER_GOAL = 1.5
OVER_READERS = "CPU over the fastest that only reads"


def measure(progress: Progress, orders: int = ORDERS, repetitions: int = REPETITIONS) -> list[Figure]:
    """Load with the product, read with the others, in turn.

    Raises:
        WrongTablesError: What was loaded is not what was written.
        RuntimeError: A peer read another number of orders.
    """
    with tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as name:
        folder = Path(name)
        for peer in CLIENTS:
            python_of(progress, peer.name)
        with running_servers(folder, orders, RATE_SCALE) as servers:
            # Compiles byte code, as installing did for the others; does not count.
            load_once(servers, orders)
            rounds = [_round(progress, servers, orders) for _ in range(repetitions)]
        with running_servers(folder, ORDERS_AS_SHIPPED, RATE_SCALE) as servers:
            shipped = [_read(progress, servers, AMZN_SP_API_AS_SHIPPED, ORDERS_AS_SHIPPED) for _ in range(repetitions)]
    return [
        *_figures(f"{orders:,} orders", rounds),
        *_of(f"{ORDERS_AS_SHIPPED:,} orders, amzn-sp-api as shipped, only reads", shipped),
    ]


def _round(progress: Progress, servers: Servers, orders: int) -> dict[str, Spent]:
    spent = {"this project, to the tables": load_once(servers, orders)}
    for peer in CLIENTS:
        servers.empty()
        spent[f"{peer.label}, only reads"] = _read(progress, servers, peer, orders)
    progress.say("  " + ", ".join(f"{name} {one['process_cpu_s']:.2f} s" for name, one in spent.items()))
    return spent


def _figures(size: str, rounds: Sequence[dict[str, Spent]]) -> list[Figure]:
    ours, *others = rounds[0]
    ratios = [one[ours]["process_cpu_s"] / min(one[name]["process_cpu_s"] for name in others) for one in rounds]
    figures = [figure for name in rounds[0] for figure in _of(f"{size}, {name}", [one[name] for one in rounds])]
    return [*figures, Figure(PART, f"{size}, {OVER_READERS}", "x", ratios, READER_GOAL)]


def _of(name: str, spent: Sequence[Spent]) -> list[Figure]:
    return [
        Figure(PART, f"{name}, whole process, CPU", "s", [one["process_cpu_s"] for one in spent]),
        Figure(PART, f"{name}, peak memory", "MiB", [one["peak_mib"] for one in spent]),
    ]


def _read(progress: Progress, servers: Servers, peer: Peer, orders: int) -> Spent:
    asked = asked_of_a_peer(servers.access) | peer.asked
    spent: Spent = said_by(python_of(progress, peer.name), "peer.py", asked, peer.module, "read")
    if spent["orders"] != orders:
        raise RuntimeError(f"{peer.label} read {spent['orders']:.0f} orders instead of {orders}.")
    return spent
