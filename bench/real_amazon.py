"""`--amazon URL`: the reading parts against any SP-API address instead of the fake, which nobody there can control.

What one seller has had since yesterday's midnight UTC is loaded into a PostgreSQL of the bench's own, and read by the
clients that only read. Credentials come from the environment alone: a command line is for everybody to see.
"""

from __future__ import annotations

import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from bench.access import Access, asked_of_a_peer
from bench.figures import Figure
from bench.load import run_worker
from bench.peer_clients import CLIENTS
from bench.peer_environments import python_of, said_by
from bench.servers import running_warehouse
from include.clock import utc_now
from include.local_stack.progress import Progress
from include.warehouse.connection import connect

PART = "amazon"
DAYS = 1
NEEDED = ("BENCH_CLIENT_ID", "BENCH_CLIENT_SECRET", "BENCH_REFRESH_TOKEN")
LWA_URL = "https://api.amazon.com"


def measure(progress: Progress, endpoint: str) -> list[Figure]:
    """Load and read one seller since yesterday's midnight UTC, once, for a call or two of the seller's twenty each.

    Args:
        progress: Is told how far it is.
        endpoint: The Selling Partner API's address, without a path.

    Raises:
        SystemExit: A credential is missing from the environment; says which.
    """
    if missing := [name for name in NEEDED if not os.environ.get(name)]:
        raise SystemExit(f"Set {', '.join(missing)} in the environment.")
    with tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as name:
        folder = Path(name)
        with running_warehouse(folder / "postgres") as (_, dsn):
            access = Access(
                warehouse_dsn=dsn,
                lwa_url=os.environ.get("BENCH_LWA_URL", LWA_URL).rstrip("/"),
                endpoint=endpoint.rstrip("/"),
                rate_scale=1.0,
                client_id=os.environ["BENCH_CLIENT_ID"],
                client_secret=os.environ["BENCH_CLIENT_SECRET"],
                refresh_token=os.environ["BENCH_REFRESH_TOKEN"],
                first_day=(utc_now() - timedelta(days=DAYS)).toordinal(),
                country=os.environ.get("BENCH_COUNTRY", "DE"),
            )
            progress.say("  this project")
            spent = run_worker("bench.load_worker", folder, access, f"file://{folder / 'raw'}")
            spent["orders"] = _loaded(dsn)
            figures = _figures("this project, to the tables", spent, spent["process_wall_s"])
    for peer in CLIENTS:
        python = python_of(progress, peer.name)
        progress.say(f"  {peer.label}")
        begun_s = time.monotonic()
        spent = said_by(python, "peer.py", asked_of_a_peer(access) | peer.asked, peer.module, "read")
        figures += _figures(f"{peer.label}, only reads", spent, time.monotonic() - begun_s)
    return figures


def _loaded(dsn: str) -> float:
    with connect(dsn) as connection:
        row = connection.execute("SELECT count(*)::float FROM amazon.orders").fetchone()
    return float(str(row[0])) if row else 0.0


def _figures(name: str, spent: dict[str, float], wall_s: float) -> list[Figure]:
    return [
        Figure(PART, f"{name}, orders", "", [spent["orders"]]),
        Figure(PART, f"{name}, whole process, CPU", "s", [spent["process_cpu_s"]]),
        Figure(PART, f"{name}, whole process, wall", "s", [wall_s]),
        Figure(PART, f"{name}, peak memory", "MiB", [spent["peak_mib"]]),
    ]
