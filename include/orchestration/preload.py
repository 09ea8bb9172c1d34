"""What every task imports, imported once by the scheduler: LocalExecutor forks its workers and tasks from it.

Airflow reads this through `airflow_local_settings` in each of its processes; in all others it does nothing. Nothing
here opens a socket or starts a thread: both would not survive the fork.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final

MODULES: Final = (
    "airflow.dag_processing.bundles.local",
    "airflow.dag_processing.bundles.manager",
    "airflow.dag_processing.dagbag",
    "airflow.providers.standard.operators.empty",
    "airflow.sdk",
    "airflow.sdk.api.client",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "include.orchestration.dag_parts",
    "include.orchestration.next_run",
    "include.orchestration.seller_tasks",
    "include.orchestration.stretch_params",
    "include.reconnect.lazy_app",
    "include.sellers.registry",
    "upath.implementations.local",
)


def preload() -> None:
    """Import what tasks need."""
    for name in MODULES:
        import_module(name)


if "scheduler" in sys.argv[:3]:
    preload()
