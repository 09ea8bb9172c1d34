"""What a gap was forecast to take, kept beside what it took."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from include.orders.catching_up import Plan, plan
from include.orders.forecasts import note_outcome, note_plan
from include.warehouse.connection import Connection

NOW = datetime(2026, 3, 1, 3, tzinfo=UTC)
GAP = (NOW - timedelta(days=20), NOW)
SEARCH = Plan("search", 2500, timedelta(minutes=15), timedelta(minutes=15))
REPORT = plan(*GAP, 10_000, search_left=20)


def _row(warehouse: Connection) -> Any:
    return warehouse.execute("SELECT way, expected_orders, totals_utc, detail_utc FROM ops.catch_up").fetchone()


def _reach(warehouse: Connection, *, complete: datetime, totals: datetime | None = None) -> None:
    warehouse.execute("DELETE FROM ops.watermark")
    warehouse.execute(
        "INSERT INTO ops.watermark (seller_id, complete_from_utc, complete_through_utc, settled_utc, reread_utc,"
        " totals_through_utc) VALUES ('acme', %s, %s, %s, %s, %s)",
        (GAP[0], complete, complete, complete, totals),
    )


def test_a_wait_that_nobody_would_notice_is_not_worth_a_forecast(warehouse: Connection):
    note_plan(warehouse, "acme", GAP, Plan("search", 2100, *[timedelta(minutes=3)] * 2), now_utc=NOW)
    assert _row(warehouse) is None


def test_the_first_forecast_of_a_way_stays_and_reports_make_a_new_one(warehouse: Connection):
    note_plan(warehouse, "acme", GAP, SEARCH, now_utc=NOW)
    note_plan(warehouse, "acme", GAP, Plan("search", 2300, *[timedelta(minutes=11)] * 2), now_utc=NOW)
    assert _row(warehouse)[:2] == ("search", 2500)
    note_plan(warehouse, "acme", GAP, REPORT, now_utc=NOW)
    assert _row(warehouse)[:2] == ("report", 10_000)


def test_the_outcome_is_noted_as_totals_and_details_reach_the_gaps_end_and_stays(warehouse: Connection):
    note_plan(warehouse, "acme", GAP, REPORT, now_utc=NOW)
    _reach(warehouse, complete=GAP[0], totals=GAP[0])
    note_outcome(warehouse, "acme", NOW + timedelta(minutes=1))
    assert _row(warehouse)[2:] == (None, None)
    _reach(warehouse, complete=GAP[0], totals=GAP[1])
    note_outcome(warehouse, "acme", NOW + timedelta(minutes=12))
    assert _row(warehouse)[2:] == (NOW + timedelta(minutes=12), None)
    _reach(warehouse, complete=GAP[1], totals=GAP[1])
    note_outcome(warehouse, "acme", NOW + timedelta(hours=2))
    note_outcome(warehouse, "acme", NOW + timedelta(hours=9))
    assert _row(warehouse)[2:] == (NOW + timedelta(minutes=12), NOW + timedelta(hours=2))
