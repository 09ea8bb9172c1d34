"""The process of one try of one task: the real body, under the hand-moved clock, with an ear at its named points.

Preloaded in a fork server, so a try costs a fork. The clock is put in place before anything of the product is imported.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.chaos.clock import FileClock
from tests.chaos.points import Point, hold_at
from tests.chaos.tries import Job

CLOCK = FileClock(Path(os.environ["CHAOS_CLOCK"]))
time.sleep = CLOCK.sleep

import include.clock  # noqa: E402

include.clock.utc_now = CLOCK

from airflow.sdk import RetryDecision  # noqa: E402
from airflow.sdk.exceptions import AirflowRescheduleException  # noqa: E402

from include.authorization import consent_state  # noqa: E402
from include.authorization.consent_state import Purpose  # noqa: E402
from include.authorization.status import read_authorization  # noqa: E402
from include.consent.completion import confirm, receive  # noqa: E402
from include.consent.means import make_means  # noqa: E402
from include.orchestration import notification_tasks, seller_tasks  # noqa: E402
from include.orchestration.connections import application_credentials  # noqa: E402
from include.orchestration.failure_callback import push_failure  # noqa: E402
from include.orchestration.retry_policy import AmazonRetryPolicy  # noqa: E402
from include.settings import load_consent_settings, load_notification_settings, load_settings  # noqa: E402
from include.warehouse.connection import connect  # noqa: E402

# Airflow's first look for a Connection imports half of it, s3fs and the mail hook the rest: once, not in each fork.
application_credentials()
importlib.import_module("s3fs")
importlib.import_module("include.orchestration.post_office")
importlib.import_module("upath.implementations.local")
# What a fork touches is copied, and the collector touches everything.
gc.collect()
gc.freeze()
STEPS = ("validate_authorization", "extract_orders", "load_orders")


class TaskInstance:
    """As much of Airflow's as the product's callbacks ask for."""

    def __init__(self, facts: dict[str, Any], task_id: str) -> None:
        self.dag_id = f"amazon_orders__{facts.get('seller_id')}"
        self.task_id = task_id
        self.run_id = facts.get("run_id", "")
        self.log_url = f"http://127.0.0.1:8080/dags/{self.dag_id}/runs/{self.run_id}/tasks/{task_id}"
        self.xcoms: dict[str, Any] = facts.get("xcoms", {})
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep it for the scheduler."""
        self.pushed[key] = json.loads(json.dumps(value))

    def xcom_pull(self, task_ids: list[str], key: str) -> list[Any]:
        """What the steps have left."""
        return [self.xcoms.get(task_id) for task_id in task_ids] if key == "failure" else []


def main(job: Job, line: Connection, output: Connection) -> None:
    """Do it and say how it ended, as a tuple: done, wait, failed."""
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    os.environ.update(job.environment)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, force=True, format="%(name)s %(levelname)s %(message)s")
    hold_at(set(job.points), job.raw_root, lambda point: _stand(line, point))
    task = TaskInstance(job.facts, job.task)
    try:
        value = BODIES[job.task](job.facts, task)
        line.send(("done", json.loads(json.dumps(value, default=str))))
    except AirflowRescheduleException as wait:
        line.send(("wait", wait.reschedule_date))
    except Exception as error:  # noqa: BLE001 - as Airflow does
        traceback.print_exc()
        decision = AmazonRetryPolicy().evaluate(error, 1, 5)
        is_final = job.is_last_try or decision.action.value == "fail"
        if is_final and job.task in STEPS:
            push_failure({"exception": error, "ti": task})
        line.send(("failed", type(error).__name__, None if is_final else _delay_s(decision), task.pushed))


def _stand(line: Connection, point: Point) -> None:
    """Wait at a point for the word to go on, which may be that there is room for so many more bytes a file."""
    line.send(("point", point))
    word, value = line.recv()
    if word == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (value, resource.RLIM_INFINITY))


def _delay_s(decision: RetryDecision) -> float:
    return decision.retry_delay.total_seconds() if decision.retry_delay else -1.0


def _extract(facts: dict[str, Any], _: TaskInstance) -> Any:
    begun_utc = datetime.fromisoformat(facts["begun_utc"])
    return seller_tasks.extract(
        facts["seller_id"], run_id=facts["run_id"], begun_utc=begun_utc, params=facts.get("conf", {})
    )


def _notify(facts: dict[str, Any], task: TaskInstance) -> Any:
    return notification_tasks.notify(facts["seller_id"], {"ti": task}, list(STEPS))


def _watch(facts: dict[str, Any], task: TaskInstance) -> Any:
    """The watch's tasks one after the other in one process, each failing for itself: a quarter of the forks."""
    ended: dict[str, Any] = {}
    for name in ("look_out", "ask_again", "finish_consents", "send_owed"):
        try:
            ended[name] = BODIES[name](facts, task)
        except Exception:  # noqa: BLE001 - each task of the watch fails for itself
            traceback.print_exc()
    return ended


def _begin_consent(facts: dict[str, Any], _: TaskInstance) -> Any:
    with connect(load_settings().warehouse_dsn) as connection:
        issued = consent_state.issue(
            connection,
            seller_id=facts["seller_id"],
            purpose=Purpose.RECONNECT,
            generation=read_authorization(connection, facts["seller_id"]).generation,
            language="en",
            now_utc=CLOCK(),
        )
    return [issued.state, issued.browser]


def _come_back(facts: dict[str, Any], _: TaskInstance) -> Any:
    means = make_means(load_settings(), load_notification_settings(), load_consent_settings(), now=CLOCK)
    with connect(means.settings.warehouse_dsn) as connection:
        consent = consent_state.consume(
            connection,
            facts["state"],
            facts["browser"],
            selling_partner_id=facts["selling_partner_id"],
            now_utc=CLOCK(),
        )
        return receive(connection, consent, facts["code"], means).outcome.value


def _confirm(_: dict[str, Any], __: TaskInstance) -> Any:
    means = make_means(load_settings(), load_notification_settings(), load_consent_settings(), now=CLOCK)
    with connect(means.settings.warehouse_dsn) as connection:
        waiting = consent_state.waiting(connection)
        return [confirm(connection, one.consent_id, means, by="operator").outcome.value for one in waiting]


BODIES: dict[str, Callable[[dict[str, Any], TaskInstance], Any]] = {
    "validate_authorization": lambda facts, _: seller_tasks.validate(facts["seller_id"]),
    "extract_orders": _extract,
    "load_orders": lambda facts, _: seller_tasks.load(facts["seller_id"]),
    "notify_reconnect": _notify,
    "look_out": lambda *_: notification_tasks.look_out(),
    "ask_again": lambda *_: notification_tasks.ask_again(),
    "finish_consents": lambda *_: notification_tasks.finish_consents(),
    "send_owed": lambda *_: notification_tasks.send(),
    "watch": _watch,
    "begin_consent": _begin_consent,
    "come_back": _come_back,
    "confirm": _confirm,
}
