"""Airflow on one machine: the environment its processes share, and the commands that start them.

The values differ from Airflow's defaults where trial showed a reason; the reason stands beside each.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from include.local_stack.aws import SECRETS_BACKEND
from include.local_stack.passwords import Passwords
from include.settings import PROJECT_ROOT, StackSettings

AIRFLOW = (sys.executable, "-m", "airflow")
# The scheduler runs on this machine, so the UI reads task logs from disk and nobody needs its log server, which
# would listen on every address. A triggerer is not started: nothing defers.
SCHEDULER = "airflow-scheduler"
PROCESSES = {
    "airflow-api-server": (*AIRFLOW, "api-server"),
    "airflow-dag-processor": (*AIRFLOW, "dag-processor"),
    SCHEDULER: (*AIRFLOW, "scheduler", "--skip-serve-logs"),
}
UI_USER = "admin"
# Airflow's folder of DAGs, which notices an edit of sellers.yaml too.
DAG_BUNDLES = json.dumps(
    [{"name": "dags-folder", "classpath": "include.orchestration.dag_folder.DagFolder", "kwargs": {}}]
)


def airflow_environment(
    settings: StackSettings, passwords: Passwords, *, metadata_dsn: str, inherited: Mapping[str, str]
) -> dict[str, str]:
    """Return the whole environment of an Airflow process.

    Args:
        settings: Ports and folders.
        passwords: Keys and the UI's login.
        metadata_dsn: libpq URL of Airflow's own database.
        inherited: What the processes get besides, the product's settings among it; Airflow's own variables in it
            are left out, so that a person's other Airflow cannot reach into this one.
    """
    home = settings.run_dir / "airflow"
    base_url = f"http://127.0.0.1:{settings.ui_port}"
    # A person's Airflow settings stay out; AIRFLOW_API_… are ours and say how tasks reach this one.
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.startswith("AIRFLOW") or name.startswith("AIRFLOW_API_")
    }
    return {
        **kept,
        **(SECRETS_BACKEND if settings.aws else {}),
        "PYTHONUNBUFFERED": "1",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "12",  # 32, the default, is 32 processes; at 8 slots wait for the scheduler
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CORE__FERNET_KEY": passwords.fernet_key,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{UI_USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "simple_auth_passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{base_url}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata_dsn.replace("postgresql://", "postgresql+psycopg2://", 1),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(settings.ui_port),
        "AIRFLOW__API__BASE_URL": base_url,
        "AIRFLOW__API__SECRET_KEY": passwords.api_secret_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": passwords.jwt_secret,
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",  # 1 s, the default, is a second lost at every task
        "AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY": "64",  # at 16, the default, slots wait for the scheduler
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",  # at 5, a busy laptop loses tasks as they start
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # at 5, the default, half of all task slots hang 5 s
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": DAG_BUNDLES,
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",  # at 300 an edit of sellers.yaml shows after five minutes
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",  # at 30 a thousand DAGs keep a processor busy
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",  # there is one DAG file
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def write_ui_login(home: Path, passwords: Passwords) -> None:
    """Store the UI's login where Airflow's simple auth manager looks for it, readable by its owner alone."""
    home.mkdir(parents=True, exist_ok=True)
    file = home / "simple_auth_passwords.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps({UI_USER: passwords.ui}))


def write_local_settings(home: Path) -> None:
    """Let every Airflow process load `include.orchestration.preload`, which the scheduler alone acts on."""
    folder = home / "config"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "airflow_local_settings.py").write_text("import include.orchestration.preload\n")
