"""The watch as Airflow sees it and runs it: when, in which order, and what it starts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from include.errors import TransportError
from include.local_stack.mail_client import MailSinkClient
from include.warehouse.connection import Connection

pytestmark = pytest.mark.airflow

Run = Callable[..., tuple[str, dict[str, str]]]
Watch = Callable[[], dict[str, str]]


def _runs_of_acme() -> int:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    with create_session() as session:
        query = select(func.count()).select_from(DagRun).where(DagRun.dag_id == "amazon_orders__acme")
        return session.scalar(query)


def test_it_runs_every_quarter_of_an_hour_one_at_a_time_and_sends_whatever_became_of_the_rest(dag_bag):
    dag = dag_bag().dags["authorization_watch"]
    assert (dag.timetable.expression, dag.catchup, dag.max_active_runs) == ("*/15 * * * *", False, 1)
    assert dag.is_paused_upon_creation is False
    assert dag.get_task("send_owed").upstream_task_ids == {"look_out", "ask_again", "finish_consents"}
    assert dag.get_task("send_owed").trigger_rule == "all_done"
    assert dag.get_task("run_again").upstream_task_ids == {"ask_again"}
    assert all(task.retries == 0 for task in dag.tasks)


def test_with_nothing_to_do_it_notes_that_it_looked(run: Run, watch: Watch, warehouse: Connection):
    assert watch() == {
        "look_out": "success",
        "ask_again": "success",
        "finish_consents": "success",
        "send_owed": "success",
        "run_again": "skipped",
    }
    ((name, beat_utc),) = warehouse.execute("SELECT name, beat_utc FROM ops.heartbeat").fetchall()
    assert name == "authorization_watch"
    assert datetime.now(UTC) - beat_utc < timedelta(minutes=1)


def test_a_seller_whom_amazon_accepts_again_runs_at_once(run: Run, watch: Watch, monkeypatch: pytest.MonkeyPatch):
    run()
    before = _runs_of_acme()
    monkeypatch.setattr("include.orchestration.notification_tasks.ask_again", lambda: ["amazon_orders__acme"])
    assert watch()["run_again"] == "success"
    assert _runs_of_acme() == before + 1


def test_data_that_stay_away_are_told_to_the_operators_once_whatever_the_cause(
    run: Run, watch: Watch, mails: MailSinkClient, warehouse: Connection
):
    run()
    warehouse.execute("UPDATE ops.watermark SET complete_through_utc = now() - interval '27 hours'")
    watch()
    watch()
    (mail,) = mails.mails()
    assert mail.to == ("operators@orders.example",)
    assert "late" in mail.subject
    assert "is the DAG paused" in mail.text


def test_a_seller_is_warned_before_the_year_is_over(
    run: Run, watch: Watch, mails: MailSinkClient, warehouse: Connection, monkeypatch: pytest.MonkeyPatch
):
    from include.authorization.__main__ import main

    run()
    assert main(["authorized", "acme", "--on", str((datetime.now(UTC) - timedelta(days=352)).date())]) == 0
    watch()
    watch()
    (mail,) = mails.mails()
    assert mail.to == ("anna@acme.example",)
    assert warehouse.execute("SELECT status FROM ops.seller_authorization").fetchone() == ("expires_soon",)
    assert warehouse.execute("SELECT kind FROM ops.outbox").fetchall() == [("expires_14",)]


def test_the_client_secret_warns_from_the_day_in_its_connection(
    run: Run, watch: Watch, mails: MailSinkClient, connections, monkeypatch: pytest.MonkeyPatch
):
    import json
    import os

    application = json.loads(os.environ["AIRFLOW_CONN_AMAZON_APPLICATION"])
    made_on = (datetime.now(UTC) - timedelta(days=170)).date()
    application["extra"] = {"made_on": str(made_on)}
    monkeypatch.setenv("AIRFLOW_CONN_AMAZON_APPLICATION", json.dumps(application))
    watch()
    (mail,) = mails.mails()
    assert mail.to == ("operators@orders.example",)
    assert "ClientSecretExpires" in mail.subject or "client secret" in mail.subject
    assert "ends in 9 days" in mail.text or "ends in 10 days" in mail.text


def test_a_store_of_connections_that_is_away_silences_neither_the_watch_nor_a_warning_that_stands(
    run: Run, watch: Watch, connections, monkeypatch: pytest.MonkeyPatch, warehouse: Connection
):
    import json
    import os

    application = json.loads(os.environ["AIRFLOW_CONN_AMAZON_APPLICATION"])
    application["extra"] = {"made_on": str((datetime.now(UTC) - timedelta(days=170)).date())}
    monkeypatch.setenv("AIRFLOW_CONN_AMAZON_APPLICATION", json.dumps(application))
    watch()
    warehouse.execute("DELETE FROM ops.heartbeat")

    def away(*_: object) -> None:
        raise TransportError("AWS Secrets Manager does not answer.")

    monkeypatch.setattr("include.orchestration.notification_tasks.client_secret_made_on", away)
    assert watch()["look_out"] == "success"
    assert warehouse.execute("SELECT count(*) FROM ops.heartbeat").fetchone() == (1,)
    standing = "SELECT error_class FROM ops.incident WHERE closed_utc IS NULL"
    assert warehouse.execute(standing).fetchall() == [("ClientSecretExpires",)]


def test_a_sellers_file_that_cannot_be_read_is_told_and_stops_no_watch(
    run: Run, watch: Watch, mails: MailSinkClient, sellers_file, warehouse: Connection
):
    sellers_file("sellers:\n  - id: [acme\n  name: x\n")
    states = watch()
    assert set(states.values()) == {"success", "skipped"}
    (mail,) = mails.mails()
    assert mail.to == ("operators@orders.example",)
    assert "line 3" in mail.text
    sellers_file()
    watch()
    assert warehouse.execute("SELECT count(*) FROM ops.incident WHERE closed_utc IS NULL").fetchone() == (0,)


def test_no_seller_of_the_real_amazon_is_mailed_a_link_to_this_machine(
    run: Run, watch: Watch, amazon, mails: MailSinkClient, monkeypatch: pytest.MonkeyPatch
):
    amazon.client.revoke("acme")
    monkeypatch.setenv("MAIL_FROM", "")
    run()
    monkeypatch.setenv("MAIL_FROM", "orders@orders.example")
    monkeypatch.setenv("PUBLIC_BASE_URL", "http://127.0.0.1:8092")
    with monkeypatch.context() as real:
        real.setenv("LWA_TOKEN_URL", "https://api.amazon.com/auth/o2/token")
        real.setenv("RATE_SCALE", "1")
        real.setenv("SPAPI_ENDPOINT_EU", "")
        assert watch()["send_owed"] == "success"
        assert mails.mails() == []
    watch()
    assert len(mails.mails()) == 1
