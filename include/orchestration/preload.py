"""What every task imports and reads, once in whom tasks are forked from: the scheduler, or a Celery worker.

Airflow reads this through `airflow_local_settings` in each of its processes; the api-server learns here to keep many
secrets, and in all others nothing is done. Nothing opens a socket or starts a thread: both would not survive the fork.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Final

from include.errors import SettingsError
from include.orchestration.many_secrets import look_for_secrets_as_plain_text
from include.settings import PROJECT_ROOT, load_settings

DAG_FILE: Final = PROJECT_ROOT / "dags" / "amazon_orders.py"
# Airflow's way to tell a DAG file which DAG is wanted.
WANTED_DAG: Final = "_AIRFLOW_PARSING_CONTEXT_DAG_ID"
MODULES: Final = (
    "airflow.dag_processing.bundles.local",
    "airflow.dag_processing.bundles.manager",
    "airflow.dag_processing.dagbag",
    "airflow.providers.standard.operators.empty",
    "airflow.sdk",
    "airflow.sdk.api.client",
    "airflow.sdk.definitions.asset.metadata",
    "airflow.sdk.execution_time.cache",
    "airflow.sdk.execution_time.comms",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.listener",
    "include.orchestration.dag_parts",
    "include.orchestration.next_run",
    "include.orchestration.seller_tasks",
    "include.orchestration.stretch_params",
    "include.reconnect.lazy_app",
    "include.sellers.registry",
    "jinja2.ext",
    "netrc",
    "upath.implementations.local",
)


# Half a second of imports each, in every task, where pages or Connections are kept at AWS.
FOR_S3: Final = ("s3fs", "upath.implementations.cloud")
FOR_SECRETS_MANAGER: Final = ("airflow.providers.amazon.aws.secrets.secrets_manager", "boto3")


def preload() -> None:
    """Import what tasks need, and do once what each does first: read the sellers' file and build a DAG of it."""
    modules = {name: import_module(name) for name in (*MODULES, *_of_aws())}
    modules["airflow.sdk.listener"].get_listener_manager()
    _keep_decoder(modules["airflow.sdk.execution_time.comms"])
    # A file that nobody can read is told by every task.
    with suppress(SettingsError):
        sellers = modules["include.sellers.registry"].load_sellers(load_settings().sellers_file)
        if sellers:
            _build_dag(modules["airflow.dag_processing.dagbag"], sellers[0].dag_id)


def _keep_decoder(comms: ModuleType) -> None:
    # Airflow 3.3.2 makes this one twice in every task, a fifth of a task's CPU. It holds nothing of a task's own.
    make, made = comms.TypeAdapter, comms.TypeAdapter(comms.ToTask)
    comms.TypeAdapter = lambda kind: made if kind is comms.ToTask else make(kind)  # type: ignore[attr-defined]


def _build_dag(dagbag: ModuleType, dag_id: str) -> None:
    # What Airflow keeps of its first DAG (checked types, patterns, expressions) is a third of what one costs.
    os.environ[WANTED_DAG] = dag_id
    try:
        dagbag.DagBag(dag_folder=DAG_FILE, safe_mode=False)
    finally:
        del os.environ[WANTED_DAG]


def _of_aws() -> tuple[str, ...]:
    from include.orchestration.absent_connections import reads_secrets_manager  # noqa: PLC0415 - the scheduler alone

    for_pages: tuple[str, ...] = ()
    # A setting that nobody can read is told by every task.
    with suppress(SettingsError):
        for_pages = FOR_S3 if load_settings().raw_url.startswith(("s3://", "s3a://")) else ()
    return for_pages + (FOR_SECRETS_MANAGER if reads_secrets_manager() else ())


if "api-server" in sys.argv[:3]:
    look_for_secrets_as_plain_text()
if "scheduler" in sys.argv[:3] or sys.argv[1:3] == ["celery", "worker"]:
    preload()
