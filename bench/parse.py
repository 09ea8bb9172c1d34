"""What parsing costs with a thousand sellers: all of them, as the DAG processor does it, and one, as a task does it.

Airflow parses in forks of a long-lived process: the DAG processor's manager, LocalExecutor's workers. So does this: a
helper process imports what those have imported and freezes its garbage collector as they do; then every measurement is
a fork of it, in which nothing of the project has been imported yet. Byte code is compiled before the first clock
starts. `python bench/parse.py` prints a table; `measure` is for `make bench`.
"""

from __future__ import annotations

import gc
import importlib
import json
import multiprocessing
import os
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Durations = dict[str, float]

ROOT = Path(__file__).resolve().parent.parent
DAG_FILE = ROOT / "dags" / "amazon_orders.py"
SELLERS = 1000
REPETITIONS = 7
# The last of the file, so that stopping early would not help; nothing stops early, because a file is right or wrong.
WANTED_DAG = f"amazon_orders__seller_{SELLERS - 1:04}"
SCHEDULER_HAS = (
    "airflow.sdk",
    "airflow.jobs.scheduler_job_runner",
    "airflow.executors.local_executor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.dag_processing.processor",
)
TRADE = (
    ("eu", "[DE, FR, IT, ES]", "Europe/Berlin"),
    ("na", "[US, CA]", "America/New_York"),
    ("fe", "[JP]", "Asia/Tokyo"),
    ("eu", "[UK, IE]", "Europe/London"),
)
GOALS_S = {"parse_all": 2.0, "parse_one": 0.1}
WORDS = {
    "execute_all": "all sellers, the DAG file alone",
    "parse_all": "all sellers, as a DagBag",
    "serialize_all": "all sellers, serialised after that",
    "execute_one": "one seller, the DAG file alone",
    "parse_one": "one seller, as a DagBag",
    "cold_one": "one seller, a new Python that imports Airflow first",
}


def write_sellers(path: Path, count: int) -> None:
    """Write a sellers.yaml of `count` right entries, as a person would type them."""
    lines = ["sellers:"]
    for number in range(count):
        region, marketplaces, zone = TRADE[number % len(TRADE)]
        name = f"seller_{number:04}"
        lines += [
            f"  - id: {name}",
            f"    name: Seller {number:04} GmbH & Co",
            f"    region: {region}",
            f"    marketplaces: {marketplaces}",
            "    contacts:",
            f"      - orders@{name.replace('_', '-')}.example",
            f"      - accounting@{name.replace('_', '-')}.example",
            "    language: de",
            f"    timezone: {zone}",
            "    start_date: 2026-01-01",
            "",
        ]
    path.write_text("\n".join(lines), encoding="utf-8")


def measure() -> dict[str, dict[str, float]]:
    """Measure everything, which takes one to two minutes.

    Returns:
        By the names in `WORDS`: `median_s`, `least_s` and `most_s` of `REPETITIONS` measurements.
    """
    with tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as folder:
        sellers_file = Path(folder) / "sellers.yaml"
        write_sellers(sellers_file, SELLERS)
        environ = _environ(Path(folder), sellers_file)
        durations = json.loads(_run("helper", environ).splitlines()[-1])
        durations |= _repeated(lambda: {"cold_one": _duration_s(_run, "cold", environ)})
    return {name: _summary(durations[name]) for name in WORDS}


def _environ(folder: Path, sellers_file: Path) -> dict[str, str]:
    """Nobody's own Airflow, and byte code as an installation has it, in a place that goes away again."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "SELLERS_FILE": str(sellers_file),
    }


def _run(role: str, environ: dict[str, str]) -> str:
    command = [sys.executable, "-P", __file__, role]
    return subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout


def _helper() -> None:
    """Be the process that Airflow forks: first a scheduler's, for tasks, then the DAG processor's."""
    _import(SCHEDULER_HAS)
    durations = _repeated(lambda: _in_a_fork(lambda: {"execute_one": _executed_s(WANTED_DAG)}))
    durations |= _repeated(lambda: _in_a_fork(lambda: {"parse_one": _parsed_s(WANTED_DAG)}))
    _import(importlib.import_module("airflow.utils.file").iter_airflow_imports(str(DAG_FILE)))
    durations |= _repeated(lambda: _in_a_fork(lambda: {"execute_all": _executed_s(None)}))
    durations |= _repeated(lambda: _in_a_fork(_parsed_and_serialized_s))
    sys.stdout.write(json.dumps(durations) + "\n")


def _import(names: Iterable[str]) -> None:
    """Import what is there before Airflow forks, and leave it out of the forks' garbage collections."""
    for name in names:
        importlib.import_module(name)
    gc.freeze()


def _in_a_fork(work: Callable[[], Durations]) -> Durations:
    """Do the work in a child of its own, so that it leaves no module behind."""
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=lambda: sender.send(work()))
    child.start()
    sender.close()  # so that a child that fails is an error here, not a wait without end
    durations: Durations = receiver.recv()
    child.join()
    return durations


def _repeated(work: Callable[[], Durations]) -> dict[str, list[float]]:
    """Repeat the work; the first time, which compiles byte code and fills the disk's cache, does not count."""
    work()
    rounds = [work() for _ in range(REPETITIONS)]
    return {name: [durations[name] for durations in rounds] for name in rounds[0]}


def _duration_s(work: Callable[..., Any], *arguments: Any) -> float:
    start_s = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start_s


def _name_dag(dag_id: str | None) -> None:
    """Name the DAG as a task's process does; `airflow.sdk.get_parsing_context` reads it."""
    if dag_id is not None:
        os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = dag_id


def _executed_s(dag_id: str | None) -> float:
    _name_dag(dag_id)
    return _duration_s(runpy.run_path, str(DAG_FILE))


def _parsed(dag_id: str | None) -> Any:
    """Fill a DagBag from the file, as Airflow's task runner and DAG processor do."""
    _name_dag(dag_id)
    dagbag = importlib.import_module("airflow.dag_processing.dagbag")
    bag = dagbag.BundleDagBag(DAG_FILE, load_op_links=False, bundle_path=DAG_FILE.parent, bundle_name="dags-folder")
    expected = SELLERS if dag_id is None else 1
    right = [dag for dag in bag.dags.values() if "misconfigured" not in dag.tags]
    if bag.import_errors or len(right) != expected:
        raise SystemExit(f"{len(right)} right DAGs instead of {expected}: {bag.import_errors}")
    return bag


def _parsed_s(dag_id: str | None) -> float:
    return _duration_s(_parsed, dag_id)


def _parsed_and_serialized_s() -> Durations:
    """Parse all, and serialise each DAG, which is what the DAG processor does with them next."""
    serialize = importlib.import_module("airflow.serialization.serialized_objects").DagSerialization.to_dict
    start_s = time.perf_counter()
    bag = _parsed(None)
    parsed_s = time.perf_counter() - start_s
    return {"parse_all": parsed_s, "serialize_all": _duration_s(lambda: [serialize(dag) for dag in bag.dags.values()])}


def _summary(durations: list[float]) -> dict[str, float]:
    return {"median_s": statistics.median(durations), "least_s": min(durations), "most_s": max(durations)}


def main() -> None:
    """Print the table."""
    lines = [f"{SELLERS} sellers, {REPETITIONS} times each", f"{'':52}   median    least     most     goal"]
    for name, figures in measure().items():
        cells = [*figures.values(), *([GOALS_S[name]] if name in GOALS_S else [])]
        lines.append(f"{WORDS[name]:52}" + "".join(f"{seconds:7.3f} s" for seconds in cells))
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    {"helper": _helper, "cold": lambda: _parsed(WANTED_DAG)}.get("".join(sys.argv[1:]), main)()
