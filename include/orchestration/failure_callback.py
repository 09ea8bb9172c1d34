"""What a failed task leaves for `notify_reconnect`: class and facts of its error, fit to be kept, by XCom.

Airflow calls this in the worker before the task counts as failed, so what depends on the failure finds it. A process
that was killed calls nothing; the missing facts then mean "unknown".
"""

from __future__ import annotations

from typing import Any

from include.clock import format_utc, utc_now
from include.errors import SellerOrdersError
from include.notifications.failures import Failure
from include.notifications.meanings import UNKNOWN, class_of

XCOM_KEY = "failure"


def push_failure(context: Any) -> None:
    """Airflow's `on_failure_callback`; may be called twice."""
    error = context.get("exception")
    if error is None:
        # The worker was lost, and the DAG processor calls: nothing is known, and a push from there never ends.
        return
    task = context["ti"]
    facts = {
        **_facts_of(error),
        "task": f"{task.dag_id} / {task.task_id}",
        "log_url": task.log_url,
        "failed_utc": format_utc(utc_now()),
    }
    task.xcom_push(key=XCOM_KEY, value=facts)


def read_failure(context: Any, task_ids: list[str]) -> Failure:
    """Return what the first failed of these tasks left, or a failure whose class is unknown."""
    task = context["ti"]
    for facts in task.xcom_pull(task_ids=task_ids, key=XCOM_KEY) or []:
        if facts:
            return Failure(**{name: facts[name] for name in facts if name != "failed_utc"})
    return Failure(error_class=UNKNOWN, task=f"{task.dag_id}, run {task.run_id}", log_url=_run_url(task))


def _facts_of(error: BaseException) -> dict[str, Any]:
    if not isinstance(error, SellerOrdersError):
        # Its text may hold anything; the log has it, masked.
        return {"error_class": class_of(error)}
    return {
        "error_class": class_of(error),
        "code": error.code,
        "amazon_said": error.amazon_said,
        "request_id": error.request_id,
        "remedy": error.remedy,
        "generation": error.generation,
    }


def _run_url(task: Any) -> str:
    return str(task.log_url).partition("/tasks/")[0]
