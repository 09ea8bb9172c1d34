"""Whole runs of a seller's DAG, task by task in Airflow's own process model, against the fake Amazon."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from include.fake_amazon.server import RunningFake
from include.warehouse.connection import Connection

pytestmark = pytest.mark.airflow

Run = Callable[..., tuple[str, dict[str, str]]]


def _watermark(warehouse: Connection) -> datetime:
    return warehouse.execute("SELECT complete_through_utc FROM ops.watermark WHERE seller_id = 'acme'").fetchone()[0]


def test_a_run_loads_what_amazon_holds_as_of_the_watermark(run: Run, amazon: RunningFake, warehouse: Connection):
    state, tasks = run()
    assert (state, tasks["complete"], tasks["next_run"]) == ("success", "success", "skipped")
    truth = amazon.client.truth("acme", as_of_utc=_watermark(warehouse))["orders"]
    loaded = warehouse.execute("SELECT order_id FROM amazon.orders WHERE seller_id = 'acme'").fetchall()
    assert {order_id for (order_id,) in loaded} == {order["order_id"] for order in truth}
    assert len(loaded) > 50


def test_when_nothing_is_left_the_next_run_is_skipped_without_a_process_of_its_own(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    from include.orchestration.next_run import NextRun

    def started(*_: Any) -> None:
        raise AssertionError("next_run was started")

    monkeypatch.setattr(NextRun, "execute", started)
    state, tasks = run()
    assert (state, tasks["next_run"]) == ("success", "skipped")


def test_a_revoked_seller_fails_in_the_first_task_and_nothing_is_asked_or_loaded(
    run: Run, amazon: RunningFake, warehouse: Connection, caplog: pytest.LogCaptureFixture
):
    amazon.client.revoke("acme")
    state, tasks = run()
    assert state == "failed"
    assert tasks["validate_authorization"] == "failed"
    assert {tasks[task_id] for task_id in ("load_orders", "complete", "next_run")} == {"upstream_failed"}
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
    run()
    values = _xcom()
    orders = warehouse.execute("SELECT count(*) FROM amazon.orders").fetchone()[0]
    pages, landed = warehouse.execute("SELECT count(*), sum(orders)::int FROM ops.landed_page").fetchone()
    assert values["validate_authorization"] == {"participating": ["DE", "FR"], "absent": []}
    assert values["extract_orders"] == {"pages": pages, "orders": landed, "more": False, "conf": {}}
    loaded = values["load_orders"]
    assert set(loaded) == {"rows", "items", "rejected", "late_finds", "watermark"}
    assert (loaded["rejected"], loaded["late_finds"]) == (0, 0)
    assert loaded["rows"] >= orders
    assert datetime.fromisoformat(loaded["watermark"]) == _watermark(warehouse)


def test_the_asset_tells_rows_rejected_orders_and_the_watermark(run: Run, amazon: RunningFake, warehouse: Connection):
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    broken = {"orderId": "303-0000001-0000001", "orderItems": None}
    amazon.client.add_broken_order("acme", broken, at_utc=datetime.now(UTC) - timedelta(hours=1))
    run()
    with create_session() as session:
        events = select(AssetEvent.extra).join(AssetModel, AssetModel.id == AssetEvent.asset_id)
        extra = session.scalars(
            events.where(AssetModel.name == "amazon_orders/acme").order_by(AssetEvent.id.desc())
        ).first()
    loaded = _xcom()["load_orders"]
    assert extra == {name: loaded[name] for name in ("rows", "rejected", "watermark")}
    assert (extra["rejected"], extra["watermark"]) == (1, loaded["watermark"])


def test_a_run_with_a_stretch_reads_it_again_and_leaves_the_watermark(run: Run, warehouse: Connection):
    run()
    before = _watermark(warehouse)
    content = "SELECT order_id, last_updated_utc, currency_code FROM amazon.orders ORDER BY 1"
    known = warehouse.execute(content).fetchall()
    start, end = warehouse.execute(
        "SELECT min(last_updated_utc), percentile_disc(0.5) WITHIN GROUP (ORDER BY last_updated_utc) FROM amazon.orders"
    ).fetchone()
    spoilt = warehouse.execute(
        "UPDATE amazon.orders SET currency_code = '' WHERE last_updated_utc <= %s", (end,)
    ).rowcount
    state, tasks = run(from_utc=start.isoformat(), to_utc=end.isoformat())
    assert (state, tasks["next_run"]) == ("success", "skipped")
    assert warehouse.execute(content).fetchall() == known
    assert _watermark(warehouse) == before
    assert _xcom()["load_orders"]["rows"] >= spoilt > 10
    requested = warehouse.execute(
        "SELECT min(window_start_utc), max(window_end_utc) FROM ops.extraction_window WHERE purpose = 'requested'"
    ).fetchone()
    assert requested == (start, end)


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"from_utc": "yesterday"}, "from_utc is 'yesterday'; expected an instant with its offset"),
        ({"from_utc": "2026-10-01 00:00"}, "from_utc is '2026-10-01 00:00'; expected an instant with its offset"),
        ({"to_utc": "2026-10-01T00:00:00Z"}, "from_utc is ''; expected an instant with its offset"),
        (
            {"from_utc": "2026-10-02T00:00:00Z", "to_utc": "2026-10-01T00:00:00Z"},
            "from_utc 2026-10-02T00:00:00Z and to_utc 2026-10-01T00:00:00Z are no stretch of the past",
        ),
        ({"from_utc": "2099-10-02T00:00:00Z"}, "from_utc 2099-10-02T00:00:00Z and to_utc"),
    ],
    ids=["a word", "no offset", "an end alone", "backwards", "the future"],
)
def test_a_stretch_that_is_none_fails_the_extraction_with_a_sentence_that_names_it(
    run: Run,
    amazon: RunningFake,
    warehouse: Connection,
    capfd: pytest.CaptureFixture[str],
    conf: dict[str, str],
    said: str,
):
    state, tasks = run(**conf)
    assert (state, tasks["extract_orders"], tasks["load_orders"]) == ("failed", "failed", "upstream_failed")
    assert said in capfd.readouterr().out
    assert warehouse.execute("SELECT count(*) FROM ops.extraction_window").fetchone() == (0,)
    assert not [operation for operation, _, _ in amazon.client.calls() if operation == "searchOrders"]


@pytest.mark.parametrize("requested", [False, True], ids=["what is new", "a requested stretch"])
def test_a_run_that_has_had_its_pages_starts_the_next_one_which_goes_on_where_it_ended(
    run: Run, warehouse: Connection, monkeypatch: pytest.MonkeyPatch, requested: bool
):
    stretch = {"from_utc": "2026-09-01T00:00:00Z", "to_utc": "2026-10-20T00:00:00Z"} if requested else {}
    monkeypatch.setenv("MOST_PAGES_PER_RUN", "1")
    state, tasks = run(**stretch)
    assert (state, tasks["complete"], tasks["next_run"]) == ("success", "success", "success")
    extracted = _xcom()["extract_orders"]
    assert (extracted["pages"], extracted["more"]) == (1, True)
    started = _newest_run()
    assert (started.state, started.conf) == ("queued", extracted["conf"])
    assert {name: text for name, text in started.conf.items() if name != "request_id"} == stretch
    run(**started.conf)
    bounds = warehouse.execute(
        "SELECT window_start_utc, window_end_utc FROM ops.extraction_window ORDER BY window_id"
    ).fetchall()
    assert len(bounds) == 2
    assert bounds[1][0] == bounds[0][1]


def _emptied_bucket(warehouse: Connection, amazon: RunningFake, operation: str) -> None:
    warehouse.execute(
        "INSERT INTO ops.quota_bucket (client_id, seller_id, operation, rate_per_s, burst, tokens, filled_utc)"
        " VALUES (%s, 'acme', %s, 0.0056, 20, 0, clock_timestamp())",
        (amazon.client.application().client_id, operation),
    )


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        (
            "searchOrders",
            lambda tasks: tasks.extract("acme", run_id="manual__1", begun_utc=None, params={}),
        ),
        ("getMarketplaceParticipations", lambda tasks: tasks.validate("acme")),
    ],
    ids=["extract_orders", "validate_authorization"],
)
def test_a_task_without_quota_gives_its_worker_back_until_there_is_some(
    environment: None, warehouse: Connection, amazon: RunningFake, operation: str, call: Callable[[Any], None]
):
    from airflow.sdk.exceptions import AirflowRescheduleException

    from include.orchestration import seller_tasks

    _emptied_bucket(warehouse, amazon, operation)
    before = datetime.now(UTC)
    with pytest.raises(AirflowRescheduleException) as rescheduled:
        call(seller_tasks)
    wait = rescheduled.value.reschedule_date - before
    assert timedelta(seconds=170) < wait < timedelta(seconds=200)
    assert not [name for name, _, _ in amazon.client.calls() if name == operation]


def test_amazons_own_refusal_gives_the_worker_back_too(
    environment: None, warehouse: Connection, amazon: RunningFake, monkeypatch: pytest.MonkeyPatch
):
    from airflow.sdk.exceptions import AirflowRescheduleException

    from include.orchestration import seller_tasks

    monkeypatch.delenv("RATE_SCALE")
    amazon.client.set_bucket("acme", "searchOrders", 0)
    before = datetime.now(UTC)
    with pytest.raises(AirflowRescheduleException) as rescheduled:
        seller_tasks.extract("acme", run_id="manual__1", begun_utc=None, params={})
    assert rescheduled.value.reschedule_date - before == pytest.approx(
        timedelta(seconds=1 / 0.0056), abs=timedelta(seconds=20)
    )
    assert warehouse.execute("SELECT round(tokens::numeric, 1) FROM ops.quota_bucket").fetchone() == (0,)


@pytest.mark.parametrize("operation", ["searchOrders", "getMarketplaceParticipations"])
def test_while_amazon_fails_the_task_is_put_off_and_not_failed(
    run: Run, warehouse: Connection, amazon: RunningFake, monkeypatch: pytest.MonkeyPatch, operation: str
):
    from include.orchestration import coming_back, seller_tasks

    monkeypatch.setattr(seller_tasks, "PATIENCE_IN_TASK_S", 0.0)
    monkeypatch.setattr(coming_back, "SHORTEST_WAIT", timedelta(milliseconds=100))
    amazon.client.fail_next(operation, status=503, times=3)
    before = _times_put_off()
    state, _ = run()
    assert state == "success"
    assert _times_put_off() - before == 3
    assert warehouse.execute("SELECT count(*) > 50 FROM amazon.orders").fetchone() == (True,)


def test_after_half_an_hour_of_it_the_task_fails_and_its_retries_follow(
    run: Run, amazon: RunningFake, monkeypatch: pytest.MonkeyPatch
):
    from include.orchestration import coming_back, seller_tasks

    monkeypatch.setattr(seller_tasks, "PATIENCE_IN_TASK_S", 0.0)
    monkeypatch.setattr(coming_back, "SHORTEST_WAIT", timedelta(milliseconds=100))
    monkeypatch.setattr(coming_back, "OUTAGE_PATIENCE", timedelta(milliseconds=50))
    amazon.client.fail_next("searchOrders", status=503, times=2)
    before = _times_put_off()
    state, tasks = run()
    assert (state, tasks["extract_orders"], tasks["next_run"]) == ("failed", "failed", "upstream_failed")
    assert _times_put_off() - before == 1


def test_a_run_that_was_nothing_but_waiting_is_not_put_off_once_more(run: Run, monkeypatch: pytest.MonkeyPatch):
    from include.errors import OnlyWaitedError
    from include.orchestration import coming_back, seller_tasks

    def waited(*_: object, **__: object) -> None:
        raise OnlyWaitedError("Amazon gave no page in the 4.0 hours of this run.")

    monkeypatch.setattr(coming_back, "SHORTEST_WAIT", timedelta(milliseconds=100))
    monkeypatch.setattr(coming_back, "OUTAGE_PATIENCE", timedelta(milliseconds=50))
    monkeypatch.setattr(seller_tasks, "extract_orders", waited)
    before = _times_put_off()
    state, tasks = run()
    assert (state, tasks["extract_orders"]) == ("failed", "failed")
    assert _times_put_off() == before


def test_what_amazon_fails_for_is_slept_through_for_ten_seconds_at_most(
    environment: None, warehouse: Connection, amazon: RunningFake, monkeypatch: pytest.MonkeyPatch
):
    from include.errors import ServiceUnavailableError
    from include.orchestration import seller_tasks

    slept_s: list[float] = []
    opened = partial(seller_tasks.open_seller_client, sleep=slept_s.append)
    monkeypatch.setattr(seller_tasks, "open_seller_client", opened)
    amazon.client.fail_next("getMarketplaceParticipations", status=503, times=100)
    with pytest.raises(ServiceUnavailableError):
        seller_tasks.validate("acme")
    assert 0 < sum(slept_s) <= 10


def _times_put_off() -> int:
    from airflow.models.taskreschedule import TaskReschedule
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    with create_session() as session:
        return int(session.scalar(select(func.count(TaskReschedule.id))))


def _xcom() -> dict[str, Any]:
    """What each task of the newest run that was worked on told."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        rows = session.scalars(select(XComModel).where(XComModel.key == "return_value").order_by(XComModel.timestamp))
        return {row.task_id: row.value for row in rows}


def _newest_run() -> Any:
    """The DAG run made last."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        run = session.scalars(select(DagRun).order_by(DagRun.id.desc())).first()
        session.expunge(run)
        return run
