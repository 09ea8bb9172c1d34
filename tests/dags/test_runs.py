"""Whole runs of a seller's DAG, task by task in Airflow's own process model, against the fake Amazon."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from include.fake_amazon.server import RunningFake, serve_in_thread
from include.warehouse.connection import Connection

pytestmark = pytest.mark.airflow

Run = Callable[[], tuple[str, dict[str, str]]]


@pytest.fixture(scope="module")
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
def run(
    airflow_database, amazon, connections, dag_bag, sellers_file, warehouse_dsn, tmp_path, monkeypatch
) -> Callable[[], tuple[str, dict[str, str]]]:
    """Run acme's DAG once; returns the run's state and each task's."""
    sellers_file()
    connections()
    monkeypatch.setenv("WAREHOUSE_DSN", warehouse_dsn)
    monkeypatch.setenv("RAW_URL", (tmp_path / "raw").as_uri())
    monkeypatch.setenv("LWA_TOKEN_URL", amazon.lwa_token_url)
    for region in ("eu", "na", "fe"):
        monkeypatch.setenv(f"SPAPI_ENDPOINT_{region.upper()}", amazon.spapi_endpoint(region))
    monkeypatch.setenv("RATE_SCALE", "1000")

    def once() -> tuple[str, dict[str, str]]:
        dag_run = dag_bag().dags["amazon_orders__acme"].test()
        return str(dag_run.state), {task.task_id: str(task.state) for task in dag_run.get_task_instances()}

    return once


def _watermark(warehouse: Connection) -> datetime:
    return warehouse.execute("SELECT complete_through_utc FROM ops.watermark WHERE seller_id = 'acme'").fetchone()[0]


def test_a_run_loads_what_amazon_holds_as_of_the_watermark(run: Run, amazon: RunningFake, warehouse: Connection):
    state, _ = run()
    assert state == "success"
    truth = amazon.client.truth("acme", as_of_utc=_watermark(warehouse))["orders"]
    loaded = warehouse.execute("SELECT order_id FROM amazon.orders WHERE seller_id = 'acme'").fetchall()
    assert {order_id for (order_id,) in loaded} == {order["order_id"] for order in truth}
    assert len(loaded) > 50


def test_a_revoked_seller_fails_in_the_first_task_and_nothing_is_asked_or_loaded(
    run: Run, amazon: RunningFake, warehouse: Connection, caplog: pytest.LogCaptureFixture
):
    amazon.client.revoke("acme")
    state, tasks = run()
    assert state == "failed"
    assert tasks["validate_authorization"] == "failed"
    assert tasks["load_orders"] == "upstream_failed"
    assert warehouse.execute("SELECT count(*) FROM ops.extraction_window").fetchone() == (0,)
    assert not [operation for operation, _, _ in amazon.client.calls() if operation == "searchOrders"]


def test_a_marketplace_the_seller_does_not_take_part_in_is_a_warning_by_name(
    run: Run, amazon: RunningFake, caplog: pytest.LogCaptureFixture
):
    amazon.client.ensure_shop("acme", region="eu", marketplaces=["DE"])
    with caplog.at_level(logging.WARNING):
        state, _ = run()
    assert state == "success"
    assert "acme does not take part in marketplace FR" in caplog.text


def test_a_connection_of_another_region_is_refused_by_name(run: Run, connections, capfd: pytest.CaptureFixture[str]):
    connections(region="na")
    state, tasks = run()
    assert (state, tasks["validate_authorization"]) == ("failed", "failed")
    assert "region is eu in sellers.yaml, but na in the Connection amazon_seller_acme" in capfd.readouterr().out


def test_a_missing_connection_is_named(run: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    monkeypatch.delenv("AIRFLOW_CONN_AMAZON_SELLER_ACME")
    state, _ = run()
    assert state == "failed"
    assert "There is no Connection amazon_seller_acme." in capfd.readouterr().out


def test_only_counts_and_instants_cross_xcom(run: Run, warehouse: Connection):
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    run()
    with create_session() as session:
        values = {row.task_id: row.value for row in session.scalars(select(XComModel))}
    orders = warehouse.execute("SELECT count(*) FROM amazon.orders").fetchone()[0]
    assert values["validate_authorization"] == {"participating": ["DE", "FR"], "absent": []}
    assert values["extract_orders"] == {"pages": 1 + (orders - 1) // 100, "orders": orders}
    assert set(values["load_orders"]) == {"rows", "items", "watermark"}
