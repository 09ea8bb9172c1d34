"""A report's rows in the tables: totals at once, never over a fuller or newer row, and a list of what is missing."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from include.orders import report_rows, windows
from include.orders.landing import page_url, report_url, write_page
from include.orders.load import load_orders
from include.orders.removal import delete_orders_of
from include.orders.totals import forget_fetched, load_reports
from tests.include.orders.test_flat_file import GIVEN, a_file
from tests.payloads.orders import a_page, an_item, an_order

START, END = datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 20, tzinfo=UTC)
ID = "303-0000001-0000001"


@pytest.fixture
def told(warehouse, seller, settings, clock):
    """Lands a report of these rows and loads it."""

    def tell(*rows: dict[str, str], start: datetime = START, end: datetime = END) -> int:
        report_rows.want(warehouse, seller.seller_id, [(start, end)], now_utc=clock())
        (report,) = report_rows.open_reports(warehouse, seller.seller_id, "wanted")
        url = report_url(settings.raw_url, seller.seller_id, report.report_no)
        write_page(url, a_file(*rows).encode())
        report_rows.note_landed(warehouse, report, url, now_utc=clock())
        return load_reports(warehouse, seller, clock)

    return tell


def row(updated: str = "2026-10-06T08:00:00Z", **changed: str) -> dict[str, str]:
    return {**GIVEN, "amazon-order-id": ID, "last-updated-date": updated, **changed}


def order(warehouse, columns: str = "detail, last_updated_utc, grand_total_amount") -> tuple[Any, ...] | None:
    return warehouse.execute(f"SELECT {columns} FROM amazon.orders WHERE order_id = %s", (ID,)).fetchone()


def listed(warehouse) -> list[str]:
    return [row[0] for row in warehouse.execute("SELECT order_id FROM ops.order_to_fetch ORDER BY 1").fetchall()]


def given_up(warehouse) -> list[tuple[str, bool]]:
    """State of every report, and whether it says why."""
    return warehouse.execute("SELECT state, trouble <> '' FROM ops.report ORDER BY report_no").fetchall()


def full(warehouse, land, seller, settings, clock, updated: str, amount: str = "99.00") -> None:
    """Loads the order as the Orders API tells it, by a night, or where a report is in the way as a detail."""
    body = a_page(an_order(ID, updated=updated, amount=amount, orderItems=[an_item(amount=amount)]))
    if not listed(warehouse):
        land(body)
    else:
        at_utc = datetime.fromisoformat(updated)
        window = windows.record_details(warehouse, seller, settings, (at_utc, at_utc), clock())
        url = page_url(settings.raw_url, seller.seller_id, window, 1)
        write_page(url, body)
        page = {"orders": 1, "next_token": None, "replied_bound_utc": None, "extracted_utc": clock()}
        windows.record_page(warehouse, window, page_url=url, **page)
    load_orders(warehouse, seller.seller_id, seller=seller, settings=settings, now=clock)


def test_an_order_stands_in_the_tables_with_its_totals_and_on_the_list(warehouse, told):
    assert told(row(), row()) == 1
    assert order(warehouse, "detail, grand_total_amount, currency_code, fulfillment_status, marketplace_id") == (
        "report",
        Decimal("53.50"),
        "EUR",
        "SHIPPED",
        "A1PA6795UKMFR9",
    )
    lines = "SELECT order_item_id, quantity_ordered, item_amount, discount_amount FROM amazon.order_items ORDER BY 1"
    assert warehouse.execute(lines).fetchall() == [
        (f"line {number}", 2, Decimal("20.00"), Decimal("-2.00")) for number in (1, 2)
    ]
    assert listed(warehouse) == [ID]


def test_the_first_full_answer_that_is_not_older_replaces_it_and_takes_it_off_the_list(
    warehouse, told, land, seller, settings, clock
):
    told(row())
    full(warehouse, land, seller, settings, clock, "2026-10-06T07:59:59Z")
    assert order(warehouse)[0] == "report"
    full(warehouse, land, seller, settings, clock, "2026-10-06T08:00:00Z")
    assert order(warehouse, "detail, grand_total_amount") == ("full", Decimal("99.00"))
    assert warehouse.execute("SELECT count(*) FROM amazon.order_items").fetchone() == (1,)
    assert listed(warehouse) == []


@pytest.mark.parametrize(
    ("updated", "is_listed"),
    [("2026-10-06T08:00:00Z", False), ("2026-10-06T09:00:00Z", False), ("2026-10-06T07:00:00Z", True)],
    ids=["as new", "newer", "older"],
)
def test_a_full_row_stays_whatever_a_report_says_and_a_stale_one_is_listed(
    warehouse, told, land, seller, settings, clock, updated, is_listed
):
    full(warehouse, land, seller, settings, clock, updated)
    assert told(row()) == 0
    assert order(warehouse, "detail, grand_total_amount") == ("full", Decimal("99.00"))
    assert listed(warehouse) == ([ID] if is_listed else [])


def test_of_two_reports_the_newer_state_counts_whichever_comes_first(warehouse, told):
    told(row("2026-10-06T10:00:00Z", **{"item-price": "47.60", "item-tax": "7.60"}))
    told(row("2026-10-06T08:00:00Z"))
    assert order(warehouse)[2] == Decimal("50.55")
    told(row("2026-10-07T08:00:00Z"))
    assert order(warehouse)[1:] == (datetime(2026, 10, 7, 8, tzinfo=UTC), Decimal("26.75"))


def test_a_report_that_cannot_be_read_is_given_up_and_leaves_the_tables_as_they_were(warehouse, told, seller, caplog):
    assert told(row(), row(**{"amazon-order-id": "303-2", "item-price": "much"})) == 0
    assert order(warehouse) is None
    assert listed(warehouse) == []
    assert given_up(warehouse) == [("failed", True)]
    assert "item-price" in caplog.text
    assert report_rows.open_reports(warehouse, seller.seller_id) == []


def test_a_report_whose_file_is_gone_is_given_up_and_the_next_one_is_loaded(
    warehouse, told, seller, settings, clock, caplog
):
    report_rows.want(warehouse, seller.seller_id, [(START, START + (END - START) / 2)], now_utc=clock())
    (lost,) = report_rows.open_reports(warehouse, seller.seller_id, "wanted")
    url = report_url(settings.raw_url, seller.seller_id, lost.report_no)
    report_rows.note_landed(warehouse, lost, url, now_utc=clock())
    assert told(row(), start=START + (END - START) / 2) == 1
    assert given_up(warehouse) == [("failed", True), ("loaded", False)]
    assert "is gone" in caplog.text
    assert "searchOrders reads its time" in caplog.text
    assert "Put it back" not in caplog.text


def test_totals_reach_only_as_far_as_no_window_before_is_missing(warehouse, told, land, seller, settings, clock):
    full(warehouse, land, seller, settings, clock, "2026-10-05T08:00:00Z")
    through = warehouse.execute("SELECT complete_through_utc FROM ops.watermark").fetchone()[0]
    hole = datetime(2026, 10, 9, tzinfo=UTC)
    told(row(), start=hole, end=END)
    assert report_rows.totals_through(warehouse, seller.seller_id) is None
    told(row(), start=through, end=hole)
    assert report_rows.totals_through(warehouse, seller.seller_id) == hole


def test_what_is_forgotten_takes_reports_and_list_along(warehouse, told, seller):
    told(row())
    forget_fetched(warehouse, seller.seller_id)
    assert listed(warehouse) == [ID]
    delete_orders_of(warehouse, seller.seller_id)
    for table in ("ops.report", "ops.order_to_fetch", "amazon.orders", "amazon.order_items"):
        assert warehouse.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
