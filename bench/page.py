"""`page`: the operators' list of a thousand sellers under fifty readers, through Airflow's own api-server.

Alone, and while the sellers' public pages in the same server get rubbish. The readers are a process of their own, on
the same processors. In the closed loop each asks again at once; people reload every two seconds.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.api_server import ApiServer, running_api_server
from bench.figures import Figure
from bench.machine import peak_memory_mib, tree_cpu_s
from bench.page_state import write_state
from bench.programs import running, tell
from bench.stack import write_sellers
from include.clock import utc_now
from include.local_stack.progress import Progress
from include.notifications.lookout import beat
from include.settings import PROJECT_ROOT
from include.warehouse.connection import connect

PART = "page"
SELLERS = 1000
ORDERS_A_DAY = 8
READERS = 50
REPETITIONS = 3
LAST_S = 15.0
PEOPLES_PAUSE_S = 2.0
GOAL_S = 0.150
PEOPLE = f"each reloads {PEOPLES_PAUSE_S:.0f} s later"
SELLERS_PAGES = "/seller-consent"
RUBBISH_PER_S = 200


def measure(progress: Progress) -> list[Figure]:
    """Let them read.

    Raises:
        RuntimeError: An answer was no page.
    """
    with tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as name:
        folder = Path(name)
        write_sellers(folder / "sellers.yaml", [f"seller_{number}" for number in range(SELLERS)])
        with running_api_server(folder, folder / "sellers.yaml", PUBLIC_BASE_URL=f"{{url}}{SELLERS_PAGES}") as server:
            write_state(server.warehouse_dsn, SELLERS, ORDERS_A_DAY)
            with connect(server.warehouse_dsn) as warehouse:
                beat(warehouse, now_utc=utc_now())
            progress.say("  a thousand sellers stand in the tables")
            # Whoever comes first after a start pays for its imports.
            _read(server, readers=2, pause_s=0.0, last_s=5.0)
            closed = [_told(_read(server, pause_s=0.0), progress) for _ in range(REPETITIONS)]
            people = [_told(_read(server, pause_s=PEOPLES_PAUSE_S), progress) for _ in range(REPETITIONS)]
            beside = [_told(_read_beside_rubbish(server), progress) for _ in range(REPETITIONS)]
            figures = _figures("each asks again at once", closed, GOAL_S)
            figures += _figures(PEOPLE, people, GOAL_S)
            figures += _figures(f"{PEOPLE}, beside {RUBBISH_PER_S} requests of rubbish a second", beside)
            figures += _rubbish_figures([met["rubbish"] for met in beside])
            return [*figures, Figure(PART, "the api-server, peak memory", "MiB", [peak_memory_mib(server.pid)])]


def _read_beside_rubbish(server: ApiServer) -> dict[str, Any]:
    job = {"url": server.url + SELLERS_PAGES, "per_s": RUBBISH_PER_S, "last_s": LAST_S}
    with running([sys.executable, "-m", "bench.rubbish"], cwd=PROJECT_ROOT) as thrower:
        tell(thrower, json.dumps(job))
        met = _read(server, pause_s=PEOPLES_PAUSE_S)
        thrown, _ = thrower.communicate(timeout=120)
    return {**met, "rubbish": json.loads(thrown)}


def _read(server: ApiServer, *, readers: int = READERS, pause_s: float, last_s: float = LAST_S) -> dict[str, Any]:
    job = {
        "url": f"{server.url}/seller-orders/",
        "token": server.token(),
        "readers": readers,
        "pause_s": pause_s,
        "last_s": last_s,
    }
    before_s = tree_cpu_s(server.pid), tree_cpu_s(server.postgres.pid or 0)
    command = [sys.executable, "-m", "bench.page_readers"]
    # The token goes by standard input: everybody on the machine can read a command line.
    told = json.dumps(job).encode()
    done = subprocess.run(command, input=told, cwd=PROJECT_ROOT, check=True, capture_output=True, timeout=last_s + 120)
    met: dict[str, Any] = json.loads(done.stdout)
    met["server_cpu_s"] = tree_cpu_s(server.pid) - before_s[0]
    met["postgres_cpu_s"] = tree_cpu_s(server.postgres.pid or 0) - before_s[1]
    if met["errors"]:
        raise RuntimeError(f"{len(met['errors'])} of {len(met['seconds'])} answers were no page: {met['errors'][:3]}")
    return met


def _told(met: dict[str, Any], progress: Progress) -> dict[str, Any]:
    count, median_s = len(met["seconds"]), statistics.median(met["seconds"])
    cpu = ", ".join(f"{name} {met[name] / count * 1000:.1f} ms" for name in ("server_cpu_s", "postgres_cpu_s", "cpu_s"))
    progress.say(
        f"  {count} answers of {statistics.mean(met['bytes']):,.0f} bytes, median {median_s:.3f} s; {cpu} each"
    )
    return met


def _figures(way: str, rounds: list[dict[str, Any]], goal_s: float | None = None) -> list[Figure]:
    size = f"{SELLERS:,} sellers, {READERS} readers, {way}"
    rates = [len(met["seconds"]) / met["last_s"] for met in rounds]
    return [
        Figure(PART, f"{size}, median", "s", [statistics.median(met["seconds"]) for met in rounds], goal_s),
        Figure(PART, f"{size}, 95 of 100 within", "s", [_p95(met["seconds"]) for met in rounds]),
        Figure(PART, f"{size}, requests a second", "", rates),
        Figure(PART, f"{size}, the api-server's CPU", "s/s", [met["server_cpu_s"] / met["last_s"] for met in rounds]),
        Figure(PART, f"{size}, PostgreSQL's CPU", "s/s", [met["postgres_cpu_s"] / met["last_s"] for met in rounds]),
    ]


def _rubbish_figures(thrown: list[dict[str, Any]]) -> list[Figure]:
    what = f"{RUBBISH_PER_S} requests of rubbish a second from a crowd"
    broken = [sum(n for status, n in one["statuses"].items() if not 0 <= int(status) < 500) for one in thrown]
    return [
        Figure(PART, f"{what}, sent", "/s", [one["per_s"] for one in thrown]),
        Figure(PART, f"{what}, answered by a server error or not at all", "", broken, 0),
        Figure(PART, f"{what}, median answer", "s", [statistics.median(one["seconds"]) for one in thrown]),
        Figure(PART, f"{what}, 95 of 100 within", "s", [_p95(one["seconds"]) for one in thrown]),
    ]


def _p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]
