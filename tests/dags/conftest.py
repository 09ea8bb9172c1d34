"""Airflow for tests: a database of its own, and DAG files parsed as the DAG processor parses them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.fake_amazon.server import RunningFake, serve_in_thread
from include.local_stack.mail_client import MailSinkClient
from tests.payloads.mail_sink import mail_sink

Run = Callable[..., tuple[str, dict[str, str]]]

SELLERS = """
sellers:
  - id: acme
    name: Acme
    region: eu
    marketplaces: [DE, FR]
    contacts: [anna@acme.example]
    language: de
    timezone: Europe/Berlin
    run_at: "03:15"
    start_date: 2026-10-01
"""


@pytest.fixture
def sellers_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write a sellers.yaml and make it the one that counts."""

    def write(text: str = SELLERS) -> Path:
        path = tmp_path / "sellers.yaml"
        path.write_text(text)
        monkeypatch.setenv("SELLERS_FILE", str(path))
        return path

    return write


@pytest.fixture
def dag_bag(project_root: Path):
    """Parse the DAG folder anew at each call."""
    from airflow.dag_processing.dagbag import DagBag

    return lambda: DagBag(dag_folder=project_root / "dags")


@pytest.fixture(scope="session")
def airflow_database() -> None:
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture
def amazon() -> Iterator[RunningFake]:
    with serve_in_thread() as fake:
        fake.client.ensure_shop("acme", region="eu", marketplaces=["DE", "FR"], orders_per_day=3)
        yield fake


@pytest.fixture
def connections(amazon: RunningFake, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put both Connections where Airflow looks for them; arguments replace fields of the seller's."""

    def put(**changes: str) -> None:
        application, authorization = amazon.client.application(), amazon.client.authorize("acme")
        seller = {"refresh_token": authorization.refresh_token, "region": "eu"} | changes
        monkeypatch.setenv(
            "AIRFLOW_CONN_AMAZON_APPLICATION",
            json.dumps(
                {
                    "conn_type": "amazon_sp_application",
                    "login": application.client_id,
                    "password": application.client_secret,
                }
            ),
        )
        monkeypatch.setenv(
            "AIRFLOW_CONN_AMAZON_SELLER_ACME",
            json.dumps(
                {
                    "conn_type": "amazon_sp_seller",
                    "login": authorization.selling_partner_id,
                    "password": seller["refresh_token"],
                    "extra": {"region": seller["region"]},
                }
            ),
        )

    return put


@pytest.fixture
def environment(amazon, connections, sellers_file, warehouse_dsn, tmp_path, monkeypatch) -> None:
    """What the tasks find in their environment: acme alone, the fake Amazon, this test's warehouse and landing."""
    sellers_file()
    connections()
    monkeypatch.setenv("WAREHOUSE_DSN", warehouse_dsn)
    monkeypatch.setenv("RAW_URL", (tmp_path / "raw").as_uri())
    monkeypatch.setenv("LWA_TOKEN_URL", amazon.lwa_token_url)
    for region in ("eu", "na", "fe"):
        monkeypatch.setenv(f"SPAPI_ENDPOINT_{region.upper()}", amazon.spapi_endpoint(region))
    monkeypatch.setenv("RATE_SCALE", "1000")
    monkeypatch.setenv("SECRET_KEY", "of this test")


@pytest.fixture
def run(airflow_database, environment, dag_bag) -> Run:
    """Run acme's DAG once, keywords as its conf; returns the run's state and each task's."""

    def once(**conf: str) -> tuple[str, dict[str, str]]:
        dag = dag_bag().dags["amazon_orders__acme"]
        for task in dag.tasks:
            # A test that fails should say so, not wait for the next try.
            task.retries = 0
        dag_run = dag.test(run_conf=conf or None)
        return str(dag_run.state), {task.task_id: str(task.state) for task in dag_run.get_task_instances()}

    return once


@pytest.fixture
def mails(environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailSinkClient]:
    """A mail server that keeps what it is given, as the one of Airflow's Connection."""
    with mail_sink(tmp_path / "mails") as (url, smtp_port):
        _use_mail_server(monkeypatch, smtp_port)
        yield MailSinkClient(url)


def _use_mail_server(monkeypatch: pytest.MonkeyPatch, smtp_port: int) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_SMTP_DEFAULT",
        json.dumps(
            {
                "conn_type": "smtp",
                "host": "127.0.0.1",
                "port": smtp_port,
                "extra": {"disable_ssl": True, "disable_tls": True, "timeout": 10},
            }
        ),
    )
    monkeypatch.setenv("MAIL_FROM", "Seller Orders <orders@orders.example>")
    monkeypatch.setenv("OPERATOR_CONTACTS", "operators@orders.example")
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://orders.example")


@pytest.fixture
def watch(airflow_database, mails: MailSinkClient, dag_bag) -> Callable[[], dict[str, str]]:
    """Run the watch once; returns each task's state."""

    def once() -> dict[str, str]:
        dag_run = dag_bag().dags["authorization_watch"].test()
        return {task.task_id: str(task.state) for task in dag_run.get_task_instances()}

    return once
