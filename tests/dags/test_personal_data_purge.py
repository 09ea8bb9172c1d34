"""Personal data in whole runs of Airflow: in their tables, in no log, XCom, mail or file, gone after the purge."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from include.clock import format_utc, utc_now
from include.fake_amazon.server import RunningFake
from include.local_stack.mail_client import MailSinkClient
from include.warehouse.connection import Connection
from tests.dags.conftest import SELLERS
from tests.payloads.people import WORDS, an_order_of_a_person
from tests.payloads.search import files, found, rows

pytestmark = pytest.mark.airflow

Run = Callable[..., tuple[str, dict[str, str]]]
GUARDED = {"amazon_pii.buyers", "amazon_pii.recipients"}


@pytest.fixture
def wanted(sellers_file, environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """acme wants personal data, and there is a key."""
    sellers_file(SELLERS + "    personal_data: yes\n")
    monkeypatch.setenv("PERSONAL_DATA_KEY", Fernet.generate_key().decode())


@pytest.fixture
def purge(dag_bag, run: Run) -> Callable[[], dict[str, str]]:
    """Run the purge once; returns each task's state."""

    def once() -> dict[str, str]:
        dag = dag_bag().dags["personal_data_purge"]
        for task in dag.tasks:
            task.retries = 0
        return {task.task_id: str(task.state) for task in dag.test().get_task_instances()}

    return once


@pytest.fixture
def places(
    warehouse_dsn: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Callable[..., set[str]]:
    """Every table of both databases, page, file, mail and log in which one of the words can be read."""
    caplog.set_level(logging.DEBUG)
    printed: list[str] = []

    def look(words: tuple[str, ...] = WORDS) -> set[str]:
        printed.extend(capfd.readouterr())
        home = Path(os.environ["AIRFLOW_HOME"])
        everything = [
            *rows(warehouse_dsn),
            *(_rows_of_airflow(home / "airflow.db")),
            *files(tmp_path),
            *((name, text) for name, text in files(home) if not name.endswith(".db")),
            ("log", caplog.text),
            ("output", "".join(printed)),
        ]
        names = {name for name, _ in everything}
        assert {"ops.landed_page", "airflow xcom", "airflow task_instance"} <= names
        assert any(name.endswith(".json.gz") for name in names)
        return {place.rpartition(": ")[0] for place in found(everything, words)}

    return look


def _rows_of_airflow(database: Path) -> Iterator[tuple[str, str]]:
    with sqlite3.connect(database) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                yield f"airflow {table}", repr(row)


def _plant(amazon: RunningFake) -> None:
    since = utc_now() - timedelta(hours=3)
    order = an_order_of_a_person(
        createdTime=format_utc(since), updated=format_utc(since), fulfillment={"fulfillmentStatus": "UNSHIPPED"}
    )
    amazon.client.add_orders("acme", [order])


def test_it_runs_every_night_before_the_sellers_and_its_tasks_do_not_wait_for_each_other(dag_bag):
    dag = dag_bag().dags["personal_data_purge"]
    assert (dag.timetable.expression, dag.catchup, dag.max_active_runs) == ("40 0 * * *", False, 1)
    assert dag.is_paused_upon_creation is False
    assert {task.task_id: task.upstream_task_ids for task in dag.tasks} == {
        "delete_due": set(),
        "delete_of_ended": set(),
    }
    assert "When a task is red" in dag.doc_md


def test_with_nothing_to_delete_it_does_nothing(purge, run: Run, warehouse: Connection):
    assert purge() == {"delete_due": "success", "delete_of_ended": "success"}
    assert warehouse.execute("SELECT count(*) FROM ops.personal_data_deletion").fetchone() == (0,)


def test_in_a_whole_run_they_are_in_their_tables_and_nowhere_else_and_the_purge_leaves_nothing(
    wanted: None,
    run: Run,
    purge,
    mails: MailSinkClient,
    amazon: RunningFake,
    warehouse: Connection,
    places: Callable[..., set[str]],
):
    _plant(amazon)
    assert run()[0] == "success"
    # The fake's own invented buyers, all of them, and the planted one.
    orders, buyers = (
        warehouse.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("amazon.orders", "amazon_pii.buyers")
    )
    assert orders >= buyers > 10
    assert places() == GUARDED
    people = warehouse.execute(
        "SELECT name, address_line_1, phone FROM amazon_pii.recipients WHERE address_line_1 IS NOT NULL LIMIT 200"
    ).fetchall()
    assert places(tuple({word for person in people for word in person if word and len(word) > 12})) == GUARDED

    amazon.client.revoke("acme")
    assert run()[0] == "failed"
    assert len(mails.mails()) == 1
    assert places() == GUARDED

    warehouse.execute("UPDATE amazon_pii.buyers SET delete_after_utc = now() + interval '23 hours'")
    warehouse.execute("UPDATE amazon_pii.recipients SET delete_after_utc = now() + interval '23 hours'")
    assert set(purge().values()) == {"success"}
    assert places() == set()
    protocol = warehouse.execute("SELECT seller_id, reason, buyers FROM ops.personal_data_deletion").fetchall()
    assert protocol == [("acme", "due", buyers)]


def test_of_a_seller_whose_authorization_ended_a_month_ago_nothing_is_left(
    wanted: None,
    run: Run,
    purge,
    mails: MailSinkClient,
    amazon: RunningFake,
    warehouse: Connection,
    places: Callable[..., set[str]],
):
    _plant(amazon)
    assert run()[0] == "success"
    amazon.client.revoke("acme")
    run()
    status = warehouse.execute("SELECT status FROM ops.seller_authorization").fetchone()
    assert status in {("verifying",), ("reauthorization_required",)}
    warehouse.execute("UPDATE ops.seller_authorization SET last_good_utc = now() - interval '28 days 23 hours'")
    purge()
    assert places() == GUARDED
    warehouse.execute("UPDATE ops.seller_authorization SET last_good_utc = now() - interval '29 days 1 hour'")
    purge()
    assert places() == set()
    reasons = warehouse.execute("SELECT DISTINCT reason FROM ops.personal_data_deletion ORDER BY 1").fetchall()
    assert ("authorization_ended",) in reasons


def test_without_a_key_the_first_task_says_so_and_amazon_is_asked_nothing(
    wanted: None, run: Run, amazon: RunningFake, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.delenv("PERSONAL_DATA_KEY")
    state, tasks = run()
    assert (state, tasks["validate_authorization"]) == ("failed", "failed")
    assert "personal_data: yes, but PERSONAL_DATA_KEY is not set" in capfd.readouterr().out
    assert not amazon.client.calls()


def test_with_a_sellers_file_that_cannot_be_read_what_is_due_goes_all_the_same(
    wanted: None, run: Run, purge, sellers_file, warehouse: Connection
):
    run()
    warehouse.execute("UPDATE amazon_pii.buyers SET delete_after_utc = now()")
    sellers_file("sellers:\n  - id: [acme\n  name: x\n")
    assert purge()["delete_due"] == "success"
    assert warehouse.execute("SELECT count(*) FROM amazon_pii.buyers").fetchone() == (0,)
    assert warehouse.execute("SELECT count(*) FROM amazon_pii.recipients").fetchone()[0] > 0
