"""What people hear when a run fails: who, what, once, and that it is over; by whole runs of the DAGs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from include.fake_amazon import literal
from include.fake_amazon.server import RunningFake
from include.local_stack.mail_client import MailSinkClient
from include.warehouse.connection import Connection

pytestmark = pytest.mark.airflow

Run = Callable[..., tuple[str, dict[str, str]]]
Watch = Callable[[], dict[str, str]]
SELLER, OPERATORS = ("anna@acme.example",), ("operators@orders.example",)


def _status(warehouse: Connection) -> tuple[Any, ...]:
    return warehouse.execute("SELECT status, amazon_said, generation FROM ops.seller_authorization").fetchone()


def _incidents(warehouse: Connection) -> list[tuple[Any, ...]]:
    return warehouse.execute("SELECT error_class, closed_utc IS NULL FROM ops.incident ORDER BY incident_id").fetchall()


def _fail(amazon: RunningFake, operation: str, answer: Any, times: int = 1) -> None:
    amazon.client.fail_next(operation, times=times, **answer._asdict())


def _failure(dag_id: str = "amazon_orders__acme") -> dict[str, Any]:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(XComModel).where(XComModel.key == "failure", XComModel.dag_id == dag_id)
        return session.scalars(query.order_by(XComModel.timestamp.desc())).first().value


def test_a_seller_who_revokes_gets_one_mail_with_a_link_however_often_the_run_fails(
    run: Run, amazon: RunningFake, mails: MailSinkClient, warehouse: Connection
):
    assert run()[1]["notify_reconnect"] == "skipped"
    amazon.client.revoke("acme")
    for _night in range(2):
        state, tasks = run()
        assert (state, tasks["validate_authorization"], tasks["notify_reconnect"]) == ("failed", "failed", "success")
    (mail,) = mails.mails()
    assert mail.to == SELLER
    assert "Acme" in mail.subject
    assert set(re.findall(r'href="(http[^"]*)"', mail.html)) == set(
        re.findall(r"https://orders\.example/\S+", mail.text)
    )
    status, said, generation = _status(warehouse)
    assert (status, generation) == ("reauthorization_required", 1)
    assert said.startswith("The request has an invalid grant parameter : refresh_token")
    assert _incidents(warehouse) == [("ReauthorizationRequiredError", True)]


def test_the_failed_tasks_facts_cross_xcom_and_no_token_does(run: Run, amazon: RunningFake, mails: MailSinkClient):
    amazon.client.revoke("acme")
    run()
    facts = _failure()
    assert facts["error_class"] == "ReauthorizationRequiredError"
    assert (facts["code"], facts["task"]) == ("invalid_grant", "amazon_orders__acme / validate_authorization")
    assert facts["request_id"]
    assert "/dags/amazon_orders__acme/runs/" in facts["log_url"]
    assert "Atz" not in str(facts)


def test_a_seller_who_authorizes_again_is_told_that_it_works_and_the_incident_ends(
    run: Run, watch: Watch, amazon: RunningFake, mails: MailSinkClient, connections, warehouse: Connection
):
    run()
    amazon.client.revoke("acme")
    run()
    connections()
    assert run()[0] == "success"
    states = watch()
    assert (states["send_owed"], states["run_again"]) == ("success", "skipped")
    refused, reconnected = mails.mails()
    assert (refused.to, reconnected.to) == (SELLER, SELLER)
    assert "Acme" in reconnected.text
    assert _status(warehouse) == ("connected", "", 2)
    assert _incidents(warehouse) == [("ReauthorizationRequiredError", False)]


def test_an_old_client_secret_is_for_the_operators_and_no_sellers_mail(
    run: Run, amazon: RunningFake, mails: MailSinkClient, warehouse: Connection
):
    amazon.client.expire_client_secret()
    for _night in range(2):
        run()
    (mail,) = mails.mails()
    assert mail.to == OPERATORS
    assert "ApplicationCredentialsError" in mail.subject
    assert "amazon_application" in mail.text
    assert _status(warehouse)[0] == "application_credentials"
    amazon.client.renew_client_secret()
    assert run()[0] == "success"
    assert _status(warehouse)[0] == "connected"
    assert _incidents(warehouse) == [("ApplicationCredentialsError", False)]


def test_a_denial_names_its_candidates_to_the_operators_and_ends_with_the_next_load(
    run: Run, amazon: RunningFake, mails: MailSinkClient, warehouse: Connection
):
    _fail(amazon, "searchOrders", literal.ACCESS_DENIED)
    assert run()[1]["extract_orders"] == "failed"
    (mail,) = mails.mails()
    assert mail.to == OPERATORS
    assert all(word in mail.text for word in ("role", "marketplace", "account", "Amazon"))
    assert _status(warehouse)[0] == "access_denied"
    assert run()[0] == "success"
    assert _status(warehouse)[0] == "connected"
    assert _incidents(warehouse) == [("AccessDeniedError", False)]


def test_a_night_of_outages_tells_nobody_at_once(
    run: Run, amazon: RunningFake, mails: MailSinkClient, monkeypatch: pytest.MonkeyPatch, warehouse: Connection
):
    monkeypatch.setattr("include.orchestration.seller_tasks.PATIENCE_IN_TASK_S", 0.0)
    monkeypatch.setattr("include.orchestration.coming_back.OUTAGE_PATIENCE", timedelta(0))
    _fail(amazon, "lwa.refresh_token", literal.LWA_SERVER_ERROR)
    state, tasks = run()
    assert (state, tasks["notify_reconnect"]) == ("failed", "success")
    assert (mails.mails(), _incidents(warehouse)) == ([], [])


def test_a_task_that_ends_without_a_word_is_unknown_and_for_the_operators(
    run: Run, amazon: RunningFake, mails: MailSinkClient, monkeypatch: pytest.MonkeyPatch, warehouse: Connection
):
    # As after kill -9: no callback was called.
    monkeypatch.setattr("include.orchestration.failure_callback._facts_of", lambda _error: 1 / 0)
    amazon.client.revoke("acme")
    run()
    (mail,) = mails.mails()
    assert (mail.to, _incidents(warehouse)) == (OPERATORS, [("unknown", True)])
    assert "/dags/amazon_orders__acme/runs/" in mail.text


def test_a_mail_server_that_is_down_loses_nothing_and_the_watch_sends(
    run: Run, watch: Watch, amazon: RunningFake, mails: MailSinkClient, monkeypatch: pytest.MonkeyPatch
):
    amazon.client.revoke("acme")
    with monkeypatch.context() as down:
        down.setenv("AIRFLOW_CONN_SMTP_DEFAULT", '{"conn_type": "smtp", "host": "127.0.0.1", "port": 1}')
        assert run()[1]["notify_reconnect"] == "failed"
    assert mails.mails() == []
    assert watch()["send_owed"] == "success"
    assert [mail.to for mail in mails.mails()] == [SELLER]


def test_a_misconfigured_entry_tells_the_operators(
    run: Run, dag_bag, sellers_file, mails: MailSinkClient, warehouse: Connection
):
    path = sellers_file()
    path.write_text(path.read_text().replace("region: eu", "region: europe"))
    assert run()[0] == "failed"
    (mail,) = mails.mails()
    assert mail.to == OPERATORS
    assert "region is 'europe'" in mail.text or "SettingsError" in mail.text


def test_a_renewed_seller_whom_amazon_denies_is_the_operators_and_is_told_when_orders_flow(
    run: Run, watch: Watch, amazon: RunningFake, mails: MailSinkClient, connections, warehouse: Connection
):
    run()
    amazon.client.revoke("acme")
    run()
    connections()
    _fail(amazon, "getMarketplaceParticipations", literal.ACCESS_DENIED)
    assert run()[0] == "failed"
    assert _status(warehouse)[::2] == ("access_denied", 2)
    assert [mail.to for mail in mails.mails()] == [SELLER, OPERATORS]
    warehouse.execute("UPDATE ops.incident SET opened_utc = opened_utc - interval '4 days'")
    watch()
    assert [mail.to for mail in mails.mails()] == [SELLER, OPERATORS]
    assert run()[0] == "success"
    watch()
    assert [mail.to for mail in mails.mails()] == [SELLER, OPERATORS, SELLER]
    assert _status(warehouse) == ("connected", "", 2)
