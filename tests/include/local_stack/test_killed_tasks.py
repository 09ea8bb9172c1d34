"""A task that was killed on its last try calls nothing, or its callback runs elsewhere, late and twice: who is told?

Only a real scheduler shows that. One stack for all, with the project's own DAGs, whose tasks are not repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from include.clock import utc_now
from include.local_stack import stack as stack_module
from include.local_stack.airflow_processes import SCHEDULER, airflow_environment
from include.local_stack.connections import create_absent_connections, create_absent_mail_connection
from include.local_stack.ports import on_free_ports
from include.local_stack.progress import Progress
from include.local_stack.runs import FINISHED, paused_sellers, run_sellers
from include.local_stack.sessions import read_record
from include.local_stack.stack import Stack, running_stack
from include.local_stack.waiting import wait_until
from include.sellers.registry import Seller, load_sellers
from include.settings import PROJECT_ROOT, load_settings
from include.warehouse.connection import connect

pytestmark = [pytest.mark.airflow, pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(600)]

PATIENCE_S = 120.0
# Longer than anything here takes: the task is killed while Amazon thinks.
LATENCY_S = 25.0
CALLBACKS_WITHIN_S = 40.0
RUN_ID = "killed"
OPERATORS = ("operators@seller-orders.example",)
# Short, so that nobody waits five minutes, and long enough for a slow machine's healthy tasks.
HEARTBEAT = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
}
SELLER = """
  - id: {seller_id}
    name: {seller_id}
    region: eu
    marketplaces: [DE]
    contacts: [owner@{seller_id}.example]
    language: en
    timezone: UTC
    run_at: "{night:%H:%M}"
"""
# The DAG file as it is, but for the tries: Airflow's last one is its first.
DAG_FILE = """# Airflow reads no file that does not say so.
import runpy

from include.orchestration import dag_parts

defaults = dag_parts.task_defaults
dag_parts.task_defaults = lambda settings: {{**defaults(settings), "retries": 0}}
runpy.run_path({path!r})
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sellers whose night is half a day away, and their DAG file."""
    folder = tmp_path_factory.mktemp("killed")
    night = utc_now() + timedelta(hours=12)
    entries = [SELLER.format(seller_id=seller_id, night=night) for seller_id in ("task_killed", "worker_lost")]
    (folder / "sellers.yaml").write_text("sellers:" + "".join(entries))
    (folder / "dags").mkdir()
    dag_file = DAG_FILE.format(path=str(PROJECT_ROOT / "dags" / "amazon_orders.py"))
    (folder / "dags" / "orders_once.py").write_text(dag_file)
    return folder


@pytest.fixture(scope="module")
def sellers(folder: Path) -> dict[str, Seller]:
    entries = load_sellers(folder / "sellers.yaml")
    return {entry.seller_id: entry for entry in entries if isinstance(entry, Seller)}


@pytest.fixture(scope="module")
def stack(folder: Path, sellers: dict[str, Seller]) -> Iterator[Stack]:
    settings = on_free_ports(folder / "run")

    def environment(*arguments: Any, **named: Any) -> dict[str, str]:
        changed = {**HEARTBEAT, "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags")}
        return {**airflow_environment(*arguments, **named), **changed}

    product = load_settings({"SELLERS_FILE": str(folder / "sellers.yaml")})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack_module, "airflow_environment", environment)
        with running_stack(settings, product, Progress()) as stack:
            create_absent_mail_connection(stack.airflow, settings.smtp_port)
            create_absent_connections(stack.airflow, stack.amazon, list(sellers.values()))
            assert not paused_sellers(stack, list(sellers.values()))
            yield stack


def _processes_of_the_task(stack: Stack) -> tuple[psutil.Process, psutil.Process]:
    """The only working worker of Airflow's executor, and the task that it supervises."""
    (scheduler,) = [p.pid for p in read_record(stack.supervisor.record_file) if p.name == SCHEDULER]

    def at_work() -> list[tuple[psutil.Process, psutil.Process]]:
        return [(worker, task) for worker in psutil.Process(scheduler).children() for task in worker.children()]

    # The last task of the run before may not have gone yet.
    assert wait_until(lambda: len(at_work()) == 1, PATIENCE_S)
    ((worker, task),) = at_work()
    return worker, task


def _kill_the_task(stack: Stack) -> None:
    _, task = _processes_of_the_task(stack)
    task.kill()


def _kill_the_worker_with_its_task(stack: Stack) -> None:
    worker, task = _processes_of_the_task(stack)
    worker.kill()
    task.kill()


def _run_until_amazon_is_asked(stack: Stack, seller: Seller) -> None:
    stack.amazon.fail_next("searchOrders", shop_id=seller.seller_id, latency_s=LATENCY_S)
    stack.airflow.trigger_run(seller.dag_id, RUN_ID)
    assert wait_until(lambda: not stack.amazon.faults(), PATIENCE_S), "Amazon was never asked"


def _callbacks(stack: Stack) -> int:
    """How often Airflow's DAG processor has called back for a task."""
    logs = (stack.settings.run_dir / "airflow" / "logs" / "dag_processor").rglob("*.log")
    return sum(log.read_text().count("Executing Task callback") for log in logs)


def _incidents(stack: Stack, seller: Seller) -> list[tuple[Any, ...]]:
    with connect(stack.loader_dsn) as connection:
        query = "SELECT error_class, closed_utc IS NULL FROM ops.incident WHERE seller_id = %s ORDER BY incident_id"
        return connection.execute(query, (seller.seller_id,)).fetchall()


@pytest.mark.parametrize(
    ("seller_id", "kill", "callbacks"),
    [("task_killed", _kill_the_task, 0), ("worker_lost", _kill_the_worker_with_its_task, 2)],
    ids=["task killed", "task killed and its worker too"],
)
def test_one_mail_to_the_operators_and_none_to_the_seller(
    stack: Stack, sellers: dict[str, Seller], seller_id: str, kill: Callable[[Stack], None], callbacks: int
):
    seller = sellers[seller_id]
    stack.mails.empty()
    callbacks += _callbacks(stack)
    _run_until_amazon_is_asked(stack, seller)
    kill(stack)
    assert wait_until(lambda: stack.airflow.run(seller.dag_id, RUN_ID)["state"] in FINISHED, PATIENCE_S, interval_s=0.5)
    # The second comes only where the first has not held the DAG processor up, which would kill it after 50 s.
    assert wait_until(lambda: _callbacks(stack) == callbacks, CALLBACKS_WITHIN_S)

    assert stack.airflow.run(seller.dag_id, RUN_ID)["state"] == "failed"
    assert stack.airflow.task_states(seller.dag_id, RUN_ID) == {
        "validate_authorization": "success",
        "extract_orders": "failed",
        "load_orders": "upstream_failed",
        "complete": "upstream_failed",
        "next_run": "upstream_failed",
        "notify_reconnect": "success",
    }
    assert _incidents(stack, seller) == [("unknown", True)]
    (mail,) = stack.mails.mails()
    assert mail.to == OPERATORS
    assert f"/dags/{seller.dag_id}/runs/{RUN_ID}" in mail.text


def test_the_next_night_loads_and_ends_the_incidents(stack: Stack, sellers: dict[str, Seller]):
    outcomes = run_sellers(stack, list(sellers.values()), Progress())
    assert [outcome.state for outcome in outcomes] == ["success", "success"]
    assert not [row for seller in sellers.values() for row in _incidents(stack, seller) if row[1]]
