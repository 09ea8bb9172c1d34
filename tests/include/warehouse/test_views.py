"""The views for analysts: which day, which currency, what counts once, and how long a big seller takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from include.local_stack.postgres import PostgresServer, ensure_database
from include.orders.reading import read_orders
from include.orders.tables import insert_orders
from include.warehouse.connection import Connection, connect
from include.warehouse.migrate import migrate
from tests.payloads.orders import Document, a_page, an_item, an_order

READ_UTC = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
Load = Callable[..., None]


@pytest.fixture
def load(warehouse: Connection) -> Load:
    """Puts orders into the tables as a load does."""

    def insert(*orders: Document, seller_id: str = "acme") -> None:
        read, rejected = read_orders(a_page(*orders))
        assert not rejected
        insert_orders(warehouse, seller_id, [(order, READ_UTC, "1/1") for order in read])

    return insert


def an_order_of(number: int, **changes: Any) -> Document:
    return an_order(f"303-0000001-{number:07d}", **changes)


def fulfillment(status: str) -> Document:
    return {"fulfillmentStatus": status, "fulfilledBy": "MERCHANT"}


def proceeds(total: str, amount: str, currency: str, **breakdowns: str) -> Document:
    """A line's money, with breakdowns such as ITEM="8.00"."""
    parts = [
        {"type": kind, "subtotal": {"amount": part, "currencyCode": currency}} for kind, part in breakdowns.items()
    ]
    return {total: {"amount": amount, "currencyCode": currency}, "breakdowns": parts}


def sales(warehouse: Connection, columns: str) -> list[tuple[object, ...]]:
    return warehouse.execute(f"SELECT {columns} FROM amazon.daily_sales ORDER BY {columns}").fetchall()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("created", "marketplace_id", "day"),
    [
        pytest.param(
            "2026-10-24T21:59:59Z", "A1PA6795UKMFR9", date(2026, 10, 24), id="Berlin, before summer's midnight"
        ),
        pytest.param("2026-10-24T22:00:00Z", "A1PA6795UKMFR9", date(2026, 10, 25), id="Berlin, at summer's midnight"),
        pytest.param("2026-10-25T22:59:59Z", "A1PA6795UKMFR9", date(2026, 10, 25), id="Berlin, the 25th hour"),
        pytest.param("2026-10-25T23:00:00Z", "A1PA6795UKMFR9", date(2026, 10, 26), id="Berlin, at winter's midnight"),
        pytest.param("2027-03-28T21:59:59Z", "A1PA6795UKMFR9", date(2027, 3, 28), id="Berlin, the day of 23 hours"),
        pytest.param("2026-11-01T07:30:00Z", "ATVPDKIKX0DER", date(2026, 11, 1), id="Los Angeles, after midnight"),
        pytest.param("2026-11-02T07:59:59Z", "ATVPDKIKX0DER", date(2026, 11, 1), id="Los Angeles, the 25th hour"),
        pytest.param("2026-10-25T15:00:00Z", "A1VC38T7YXB528", date(2026, 10, 26), id="Tokyo, midnight"),
        pytest.param(
            "2026-10-25T23:59:59Z", "ANEWMARKETPLACE", date(2026, 10, 25), id="a marketplace nobody knows: UTC"
        ),
    ],
)
def test_an_order_counts_on_its_marketplaces_own_day(
    warehouse: Connection, load: Load, created: str, marketplace_id: str, day: date
) -> None:
    load(an_order(createdTime=created, salesChannel={"channelName": "AMAZON", "marketplaceId": marketplace_id}))
    assert sales(warehouse, "day, orders") == [(day, 1)]


def test_orders_from_elsewhere_count_by_themselves_in_utc(warehouse: Connection, load: Load) -> None:
    load(
        an_order_of(1),
        an_order_of(2, createdTime="2026-10-05T23:30:00Z", salesChannel={"channelName": "NON_AMAZON"}),
        an_order_of(3, salesChannel={"channelName": "NON_AMAZON"}, amount=None),
    )
    assert sales(warehouse, "marketplace_id, country_code, currency_code, day, orders, orders_without_total") == [
        ("A1PA6795UKMFR9", "DE", "EUR", date(2026, 10, 5), 1, 0),
        (None, None, "EUR", date(2026, 10, 5), 1, 0),
        (None, None, None, date(2026, 10, 5), 1, 1),
    ]


def test_an_orders_total_counts_once_however_many_lines_and_charges_it_has(warehouse: Connection, load: Load) -> None:
    items = [
        an_item(f"{number:014d}", quantityOrdered=2, proceeds=proceeds("proceedsTotal", "10", "EUR", ITEM="8", TAX="2"))
        for number in range(3)
    ]
    load(an_order(amount="30.00", orderItems=items))
    assert sales(warehouse, "orders, units, grand_total_amount, item_amount, tax_amount") == [
        (1, 6, Decimal(30), Decimal(24), Decimal(6))
    ]


def test_two_currencies_of_one_day_are_never_added(warehouse: Connection, load: Load) -> None:
    zloty = {"grandTotal": {"amount": "40.00", "currencyCode": "PLN"}}
    load(an_order_of(1, amount="12.50"), an_order_of(2, proceeds=zloty, orderItems=[an_item(amount=None)]))
    assert sales(warehouse, "currency_code, orders, grand_total_amount") == [
        ("EUR", 1, Decimal("12.50")),
        ("PLN", 1, Decimal(40)),
    ]


def test_a_line_in_another_currency_than_its_order_adds_units_but_no_money(warehouse: Connection, load: Load) -> None:
    items = [
        an_item("1", proceeds=proceeds("proceedsTotal", "5", "EUR", ITEM="5")),
        an_item("2", proceeds=proceeds("proceedsTotal", "900", "JPY", ITEM="900")),
    ]
    load(an_order(amount="5.00", orderItems=items))
    assert sales(warehouse, "currency_code, units, item_amount") == [("EUR", 2, Decimal(5))]


def test_a_pending_order_counts_with_its_units_in_the_marketplaces_currency(warehouse: Connection, load: Load) -> None:
    load(an_order_of(1), an_order_of(2, amount=None, fulfillment=fulfillment("PENDING")))
    assert sales(warehouse, "currency_code, orders, orders_without_total, units, grand_total_amount") == [
        ("EUR", 2, 1, 2, Decimal("12.50"))
    ]


@pytest.mark.parametrize("amount", [None, "0.00", "12.50"], ids=["no total", "a total of zero", "a total all the same"])
def test_a_cancelled_order_counts_as_an_order_and_in_nothing_else(
    warehouse: Connection, load: Load, amount: str | None
) -> None:
    line = an_item(proceeds=proceeds("proceedsTotal", "12.50", "EUR", ITEM="12.50") if amount else None)
    load(an_order(amount=amount, fulfillment=fulfillment("CANCELLED"), orderItems=[line]))
    counts = "orders, cancelled_orders, orders_without_total, units, grand_total_amount, item_amount"
    assert sales(warehouse, counts) == [(1, 1, 0, 0, 0, 0)]


@pytest.mark.parametrize(
    ("left", "units"),
    [
        pytest.param({"quantityFulfilled": 0, "quantityUnfulfilled": 0}, 3, id="a whole line"),
        pytest.param({"quantityFulfilled": 1, "quantityUnfulfilled": 1}, 5, id="a part of it"),
        pytest.param({}, 3, id="nobody says what is left"),
    ],
)
def test_a_cancelled_line_counts_with_the_units_that_are_left(
    warehouse: Connection, load: Load, left: Document, units: int
) -> None:
    execution = {"cancellationExecution": {"cancelledBy": "BUYER", "cancelReason": "Changed my mind"}}
    cancelled = an_item("1", quantityOrdered=4, cancellation=execution, fulfillment=left)
    load(an_order(orderItems=[cancelled, an_item("2", quantityOrdered=3)]))
    assert sales(warehouse, "units") == [(units,)]


def test_an_order_that_tells_neither_status_nor_lines_nor_money_counts(warehouse: Connection, load: Load) -> None:
    load(an_order(amount=None, fulfillment=None, orderItems=[]))
    columns = "orders, cancelled_orders, orders_without_total, units, grand_total_amount, tax_amount, discount_amount"
    assert sales(warehouse, columns) == [(1, 0, 1, 0, 0, 0, 0)]


def test_one_order_id_at_two_sellers_is_two_orders(warehouse: Connection, load: Load) -> None:
    load(an_order(), seller_id="acme")
    load(an_order(amount="1.00"), seller_id="other")
    assert sales(warehouse, "seller_id, units, grand_total_amount") == [
        ("acme", 1, Decimal("12.50")),
        ("other", 1, Decimal(1)),
    ]


def give_watermark(warehouse: Connection, through_utc: datetime, seller_id: str = "acme") -> None:
    warehouse.execute(
        "INSERT INTO ops.watermark (seller_id, complete_from_utc, complete_through_utc, settled_utc, reread_utc)"
        " VALUES (%s, '2026-01-01', %s, %s, %s)",
        (seller_id, through_utc, through_utc, through_utc),
    )


def give_window(warehouse: Connection, loaded_utc: datetime | None, late_finds: int | None) -> int:
    row = warehouse.execute(
        "INSERT INTO ops.extraction_window (seller_id, window_start_utc, window_end_utc, marketplace_ids,"
        " included_data, complete_through_utc, opened_utc, settled_before_utc, state, loaded_utc, late_finds)"
        " VALUES ('acme', %(now)s, %(now)s, '{}', '{}', %(now)s, %(now)s, %(now)s, %(state)s, %(loaded)s, %(late)s)"
        " RETURNING window_id",
        {
            "now": READ_UTC,
            "state": "loaded" if loaded_utc else "extracted",
            "loaded": loaded_utc,
            "late": late_finds,
        },
    ).fetchone()
    assert row
    return int(str(row[0]))


def test_freshness_reads_as_an_analyst_without_access_to_the_machinery(warehouse: Connection, analyst_dsn: str) -> None:
    give_watermark(warehouse, READ_UTC)
    with psycopg.connect(analyst_dsn) as analyst:
        row = analyst.execute("SELECT seller_id, complete_through_utc FROM amazon.seller_freshness").fetchone()
    assert row == ("acme", READ_UTC)


def test_freshness_counts_the_orders_of_the_last_complete_day(warehouse: Connection, load: Load) -> None:
    through_utc = datetime(2026, 10, 5, 12, 0, tzinfo=UTC)
    give_watermark(warehouse, through_utc)
    instants = ["2026-10-04T12:00:00Z", "2026-10-04T12:00:01Z", "2026-10-05T12:00:00Z", "2026-10-05T12:00:01Z"]
    load(*(an_order_of(number, createdTime=instant) for number, instant in enumerate(instants)))
    load(an_order(), seller_id="other")
    assert warehouse.execute("SELECT orders_last_day FROM amazon.seller_freshness").fetchall() == [(2,)]


def test_freshness_tells_the_last_load_and_the_late_finds_of_thirty_days(warehouse: Connection) -> None:
    now = datetime.now(UTC)
    give_watermark(warehouse, READ_UTC)
    for days, late_finds in [(40, 100), (20, 3), (1, 4)]:
        give_window(warehouse, now - timedelta(days=days), late_finds)
    give_window(warehouse, None, None)
    row = warehouse.execute("SELECT last_run_utc, late_finds, rejected_orders FROM amazon.seller_freshness").fetchone()
    assert row == (now - timedelta(days=1), 7, 0)


def test_freshness_counts_rejected_orders_and_not_once_a_window(warehouse: Connection) -> None:
    give_watermark(warehouse, READ_UTC)
    for late_finds in (1, 2):
        window_id = give_window(warehouse, datetime.now(UTC), late_finds)
    for place in range(3):
        warehouse.execute(
            "INSERT INTO ops.rejected_order (window_id, page_number, order_index, seller_id, json_path, reason,"
            " extracted_utc) VALUES (%s, 1, %s, 'acme', '$', 'no object', now())",
            (window_id, place),
        )
    row = warehouse.execute("SELECT late_finds, rejected_orders FROM amazon.seller_freshness").fetchall()
    assert row == [(3, 3)]


def test_a_seller_who_was_never_loaded_is_not_in_freshness(warehouse: Connection) -> None:
    give_window(warehouse, None, None)
    assert warehouse.execute("SELECT count(*) FROM amazon.seller_freshness").fetchone() == (0,)


@pytest.fixture(scope="module")
def large(postgres: PostgresServer) -> Iterator[Connection]:
    """A warehouse of 200,000 orders with two lines each, 140,000 of them one seller's, over two years."""
    ensure_database(postgres, "large", "loader", "loader")
    dsn = postgres.dsn("large", user="loader", password="loader")
    migrate(dsn)
    with connect(dsn) as connection:
        connection.execute(
            "INSERT INTO amazon.orders (seller_id, order_id, created_utc, last_updated_utc, fulfillment_status,"
            " marketplace_id, programs, grand_total_amount, currency_code, extracted_utc)"
            " SELECT CASE WHEN n % 10 < 7 THEN 'big' ELSE 'small_' || n % 10 END, n::text,"
            " '2025-01-01'::timestamptz + n * interval '5 minutes', now(), 'SHIPPED',"
            " (ARRAY['A1PA6795UKMFR9', 'A13V1IB3VIYZZH'])[1 + n % 2], '{}', 10.5, 'EUR', now()"
            " FROM generate_series(1, 200000) n"
        )
        connection.execute(
            "INSERT INTO amazon.order_items (seller_id, order_id, order_item_id, quantity_ordered, currency_code,"
            " item_amount, extracted_utc) SELECT seller_id, order_id, k::text, 1, 'EUR', 5.25, now()"
            " FROM amazon.orders, generate_series(1, 2) k"
        )
        connection.execute("ANALYZE")
        yield connection
    with psycopg.connect(postgres.dsn(), autocommit=True) as administration:
        administration.execute("DROP DATABASE large WITH (FORCE)")


@pytest.mark.slow
def test_a_month_of_a_large_seller_takes_well_below_a_second(large: Connection) -> None:
    began_s = time.perf_counter()
    rows = large.execute(
        "SELECT orders, units, item_amount FROM amazon.daily_sales"
        " WHERE seller_id = 'big' AND day BETWEEN '2026-03-01' AND '2026-03-31'"
    ).fetchall()
    took_s = time.perf_counter() - began_s
    assert len(rows) == 31 * 2
    assert sum(int(str(row[1])) for row in rows) == 2 * sum(int(str(row[0])) for row in rows)
    assert took_s < 1


@pytest.mark.slow
def test_a_month_reads_the_lines_of_that_month_alone(large: Connection) -> None:
    plan = "\n".join(
        str(line)
        for (line,) in large.execute(
            "EXPLAIN SELECT * FROM amazon.daily_sales"
            " WHERE seller_id = 'small_8' AND day BETWEEN '2026-03-01' AND '2026-03-31'"
        )
    )
    assert "Seq Scan on order_items" not in plan
    assert "order_items_pkey" in plan
