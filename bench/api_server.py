"""Airflow's own api-server with the plugin in it, as `make run` starts it, beside nothing but PostgreSQL."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from include.airflow_gateway.gateway import AirflowGateway
from include.errors import ContractError, TransientError
from include.local_stack.airflow_processes import AIRFLOW, PROCESSES, UI_USER, airflow_environment, write_ui_login
from include.local_stack.passwords import load_or_make_passwords
from include.local_stack.ports import on_free_ports
from include.local_stack.postgres import PostgresServer, ensure_database, ensure_role, find_binaries
from include.local_stack.processes import Supervisor
from include.local_stack.waiting import wait_until
from include.settings import PROJECT_ROOT
from include.warehouse.migrate import migrate

API_SERVER = "airflow-api-server"
PATIENCE_S = 180.0


@dataclass(frozen=True, slots=True)
class ApiServer:
    """The running server and the ways into it.

    Attributes:
        url: Its address.
        password: Of the user `admin`.
        warehouse_dsn: The warehouse as its owner.
        airflow: Its API, as `admin`.
        postgres: The server of both databases.
        supervisor: Its process; whatever else is to run beside may be added.
        environment: What it was started with.
        pid: Of its process.
    """

    url: str
    password: str
    warehouse_dsn: str
    airflow: AirflowGateway
    postgres: PostgresServer
    supervisor: Supervisor
    environment: Mapping[str, str]
    pid: int

    def token(self) -> str:
        """Sign in as a person does; the cookie `_token` holds it."""
        login = {"username": UI_USER, "password": self.password}
        answer = requests.post(f"{self.url}/auth/token", json=login, timeout=PATIENCE_S)
        answer.raise_for_status()
        return str(answer.json()["access_token"])


@contextmanager
def running_api_server(folder: Path, sellers_file: Path, **product: str) -> Iterator[ApiServer]:
    """Start it with the DAGs of a sellers' file in its database; end it with the block.

    Args:
        folder: For everything it writes.
        sellers_file: Whose DAGs there are.
        product: More of the product's variables; `{url}` in one stands for the server's own address.

    Raises:
        RuntimeError: It does not answer.
    """
    settings = on_free_ports(folder / "run", fake_amazon=False)
    settings.run_dir.mkdir(parents=True)
    passwords, url = load_or_make_passwords(settings.run_dir), f"http://127.0.0.1:{settings.ui_port}"
    with ExitStack() as ending:
        data = settings.run_dir / "postgres"
        postgres = PostgresServer(data, find_binaries(), settings.warehouse_port, passwords.superuser)
        ending.enter_context(postgres)
        supervisor = ending.enter_context(Supervisor(settings.run_dir))
        ensure_role(postgres, "analyst", passwords.analyst)
        ensure_database(postgres, "warehouse", "loader", passwords.loader, readers=["analyst"])
        ensure_database(postgres, "airflow", "airflow", passwords.airflow)
        warehouse_dsn = postgres.dsn("warehouse", user="loader", password=passwords.loader)
        migrate(warehouse_dsn)
        given = {
            "WAREHOUSE_DSN": warehouse_dsn,
            "SELLERS_FILE": str(sellers_file),
            "SECRET_KEY": passwords.secret_key,
            "AIRFLOW_API_URL": url,
            "AIRFLOW_API_USER": UI_USER,
            "AIRFLOW_API_PASSWORD": passwords.ui,
        }
        environment = airflow_environment(
            settings,
            passwords,
            metadata_dsn=postgres.dsn("airflow", user="airflow", password=passwords.airflow),
            inherited={**os.environ, **given, **{name: text.format(url=url) for name, text in product.items()}},
        )
        write_ui_login(settings.run_dir / "airflow", passwords)
        for command in (("db", "migrate"), ("dags", "reserialize")):
            subprocess.run([*AIRFLOW, *command], env=environment, check=True, capture_output=True)
        pid = supervisor.start(API_SERVER, PROCESSES[API_SERVER], env=environment, cwd=PROJECT_ROOT)
        airflow = AirflowGateway(url, UI_USER, passwords.ui)
        if not wait_until(lambda: _answers(airflow, supervisor), PATIENCE_S):
            raise RuntimeError(f"The api-server does not answer; {supervisor.log_file(API_SERVER)} says more.")
        yield ApiServer(url, passwords.ui, warehouse_dsn, airflow, postgres, supervisor, environment, pid)


def _answers(airflow: AirflowGateway, supervisor: Supervisor) -> bool:
    supervisor.check()
    try:
        return airflow.health().get("metadatabase") == "healthy"
    except (TransientError, ContractError):
        return False
