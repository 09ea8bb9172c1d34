"""Landed pages into the tables, on a real PostgreSQL: who wins, what is refused, what a second load does."""

from __future__ import annotations

import dataclasses
import itertools
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from upath import UPath

from include.errors import ContractError, LoadError, TransientError, TransportError
from include.orders.landing import write_page
from include.orders.load import LoadResult, load_orders
from include.orders.windows import Window, complete_through_utc, landed_pages, windows_to_load
from include.sellers.registry import Seller
from include.warehouse.connection import Connection, connect, seller_lock
from tests.payloads.orders import a_page, an_item, an_order

Land = Callable[..., Window]
NOON = datetime(2026, 10, 5, 12, 0, tzinfo=UTC)


def rows(warehouse: Connection, query: str) -> list[tuple[Any, ...]]:
    return list(warehouse.execute(query).fetchall())


def titles(warehouse: Connection) -> list[str]:
    return [row[0] for row in rows(warehouse, "SELECT title FROM amazon.order_items ORDER BY order_id, order_item_id")]


def titled(title: str, **changes: Any) -> dict[str, Any]:
    return an_order(orderItems=[an_item(product={"title": title})], **changes)


def test_an_order_fills_each_column_of_its_row(warehouse: Connection, land: Land) -> None:
    land(a_page(an_order(updated="2026-10-05T08:00:00.125Z")), extracted_utc=NOON)
    load_orders(warehouse, "acme")
    cursor = warehouse.execute("SELECT * FROM amazon.orders")
    (row,) = cursor.fetchall()
    loaded = dict(zip([column.name for column in cursor.description or ()], row, strict=True))
    assert loaded.pop("loaded_utc")
    assert loaded == {
        "seller_id": "acme",
        "order_id": "303-0000001-0000001",
        "created_utc": datetime(2026, 10, 5, 7, tzinfo=UTC),
        "last_updated_utc": datetime(2026, 10, 5, 8, 0, 0, 125000, tzinfo=UTC),
        "fulfillment_status": "UNSHIPPED",
        "fulfilled_by": "MERCHANT",
        "fulfillment_service_level": "STANDARD",
        "channel_name": "AMAZON",
        "marketplace_id": "A1PA6795UKMFR9",
        "marketplace_name": "Amazon.de",
        "programs": ["PRIME"],
        "grand_total_amount": Decimal("12.50"),
        "currency_code": "EUR",
        "ship_by_utc": datetime(2026, 10, 7, 21, 59, 59, tzinfo=UTC),
        "deliver_by_utc": datetime(2026, 10, 9, 21, 59, 59, tzinfo=UTC),
        "extracted_utc": NOON,
    }


def test_an_item_fills_each_column_of_its_row(warehouse: Connection, land: Land) -> None:
    cancelled = {"cancellationExecution": {"cancelledBy": "BUYER", "cancelReason": "Changed mind"}}
    item = an_item("42", amount="25.00", quantityOrdered=2, cancellation=cancelled)
    land(a_page(an_order(orderItems=[item])), extracted_utc=NOON)
    load_orders(warehouse, "acme")
    cursor = warehouse.execute("SELECT * FROM amazon.order_items")
    (row,) = cursor.fetchall()
    loaded = dict(zip([column.name for column in cursor.description or ()], row, strict=True))
    assert loaded.pop("loaded_utc")
    assert loaded == {
        "seller_id": "acme",
        "order_id": "303-0000001-0000001",
        "order_item_id": "42",
        "asin": "B0TEST0001",
        "seller_sku": "TEA-1",
        "title": "Teekanne",
        "condition_type": "NEW",
        "quantity_ordered": 2,
        "quantity_fulfilled": 0,
        "quantity_unfulfilled": 1,
        "unit_price_amount": Decimal("25.00"),
        "unit_price_currency_code": "EUR",
        "proceeds_total_amount": Decimal("25.00"),
        "currency_code": "EUR",
        "cancelled_by": "BUYER",
        "cancel_reason": "Changed mind",
        "extracted_utc": NOON,
    }


@pytest.mark.parametrize(
    ("first", "then", "winner"),
    [
        pytest.param(("08:00", 0), ("09:00", 0), "then", id="a newer state replaces an older one"),
        pytest.param(("09:00", 0), ("08:00", 0), "first", id="an older state does not replace a newer one"),
        pytest.param(("09:00", 0), ("08:00", 5), "first", id="an older state read later does not win either"),
        pytest.param(("08:00", 0), ("08:00", 5), "then", id="of one state read twice the later reading wins"),
        pytest.param(("08:00", 5), ("08:00", 0), "first", id="of one state read twice the earlier reading loses"),
        pytest.param(("08:00", 0), ("08:00", 0), "then", id="of two equal ones the one loaded last wins"),
    ],
)
def test_newer_or_equal_wins(
    warehouse: Connection, land: Land, first: tuple[str, int], then: tuple[str, int], winner: str
) -> None:
    for title, (updated, minutes) in (("first", first), ("then", then)):
        page = a_page(titled(title, updated=f"2026-10-05T{updated}:00Z"))
        land(page, extracted_utc=NOON + timedelta(minutes=minutes))
        load_orders(warehouse, "acme")
    assert titles(warehouse) == [winner]


def test_an_item_that_a_newer_order_does_not_have_disappears(warehouse: Connection, land: Land) -> None:
    land(a_page(an_order(orderItems=[an_item("1"), an_item("2"), an_item("3")])))
    land(a_page(an_order(updated="2026-10-05T09:00:00Z", orderItems=[an_item("3"), an_item("4")])))
    load_orders(warehouse, "acme")
    assert rows(warehouse, "SELECT order_item_id FROM amazon.order_items ORDER BY 1") == [("3",), ("4",)]


def test_an_older_order_leaves_the_newer_one_its_items(warehouse: Connection, land: Land) -> None:
    land(a_page(an_order(updated="2026-10-05T09:00:00Z", orderItems=[an_item("1"), an_item("2")])))
    land(a_page(an_order(updated="2026-10-05T08:00:00Z", orderItems=[an_item("9")])))
    assert load_orders(warehouse, "acme") == LoadResult(1, 2, complete_through_utc(warehouse, "acme"))
    assert rows(warehouse, "SELECT order_item_id FROM amazon.order_items ORDER BY 1") == [("1",), ("2",)]


def test_an_order_that_changes_nothing_else_leaves_other_orders_alone(warehouse: Connection, land: Land) -> None:
    land(a_page(titled("left", orderId="A"), titled("old", orderId="B")))
    land(a_page(titled("new", orderId="B", updated="2026-10-05T09:00:00Z")))
    load_orders(warehouse, "acme")
    assert titles(warehouse) == ["left", "new"]


def test_an_order_on_two_pages_of_a_window_is_loaded_once_in_its_newest_state(
    warehouse: Connection, land: Land
) -> None:
    land(
        a_page(titled("old", updated="2026-10-05T08:00:00Z")),
        a_page(titled("newest", updated="2026-10-05T10:00:00Z"), titled("older", updated="2026-10-05T09:00:00Z")),
    )
    assert load_orders(warehouse, "acme").orders == 1
    assert titles(warehouse) == ["newest"]


def test_of_one_state_on_two_pages_of_a_window_the_page_read_later_wins(warehouse: Connection, land: Land) -> None:
    land(a_page(titled("later")), a_page(titled("sooner")), extracted_utc=[NOON + timedelta(minutes=3), NOON])
    load_orders(warehouse, "acme")
    assert titles(warehouse) == ["later"]


def test_an_order_twice_on_one_page_counts_once_as_it_stands_last(warehouse: Connection, land: Land) -> None:
    land(a_page(titled("first"), titled("last")))
    result = load_orders(warehouse, "acme")
    assert (result.orders, result.items, titles(warehouse)) == (1, 1, ["last"])


def test_two_sellers_may_hold_the_same_order_id(warehouse: Connection, land: Land, seller: Seller) -> None:
    land(a_page(titled("acme's")))
    land(a_page(titled("other's")), seller=dataclasses.replace(seller, seller_id="other"))
    load_orders(warehouse, "acme")
    assert titles(warehouse) == ["acme's"]
    load_orders(warehouse, "other")
    assert rows(warehouse, "SELECT seller_id, title FROM amazon.order_items ORDER BY 1") == [
        ("acme", "acme's"),
        ("other", "other's"),
    ]


@pytest.mark.parametrize(
    ("in_json", "kept"),
    [
        pytest.param(rb"Tee\u0000kanne", "Tee\N{REPLACEMENT CHARACTER}kanne", id="NUL becomes U+FFFD"),
        pytest.param(rb"\u0000\u0000", "\N{REPLACEMENT CHARACTER}" * 2, id="each of two NULs becomes U+FFFD"),
        pytest.param(rb"C:\\u0000", r"C:\u0000", id="a backslash before u0000 is text and stays"),
        pytest.param(rb"C:\\\u0000", "C:\\\N{REPLACEMENT CHARACTER}", id="a backslash and then NUL"),
        pytest.param(rb"C:\\\\u0000", r"C:\\u0000", id="two backslashes before u0000 stay"),
        pytest.param("🫖 お茶 Größe".encode(), "🫖 お茶 Größe", id="emoji, Japanese and umlauts"),
        pytest.param(rb"\ud83e\uded6 \u00fc", "🫖 ü", id="the same written as escapes"),
        pytest.param(rb"a\tb\nc\\N\\.", "a\tb\nc\\N\\.", id="what COPY would read as a separator, NULL or its end"),
        pytest.param(b"", "", id="an empty title is not NULL"),
    ],
)
def test_a_title_is_kept(warehouse: Connection, land: Land, in_json: bytes, kept: str) -> None:
    land(a_page(titled("TITLE")).replace(b"TITLE", in_json))
    load_orders(warehouse, "acme")
    assert titles(warehouse) == [kept]


@pytest.mark.parametrize("amount", ["1200", "0", "-3.10", "0.000001", "12345678901234567890.123456789"])
def test_an_amount_is_kept_to_the_digit(warehouse: Connection, land: Land, amount: str) -> None:
    land(a_page(an_order(amount=amount)))
    load_orders(warehouse, "acme")
    (order,) = rows(warehouse, "SELECT grand_total_amount::text FROM amazon.orders")
    (item,) = rows(warehouse, "SELECT proceeds_total_amount::text FROM amazon.order_items")
    assert (order, item) == ((amount,), (amount,))


def test_yen_have_no_decimals_and_their_own_currency(warehouse: Connection, land: Land) -> None:
    yen = {"amount": "2980", "currencyCode": "JPY"}
    item = an_item(proceeds={"proceedsTotal": yen})
    land(a_page(an_order(proceeds={"grandTotal": yen}, orderItems=[item])))
    load_orders(warehouse, "acme")
    assert rows(
        warehouse,
        "SELECT grand_total_amount::text, o.currency_code, proceeds_total_amount::text, i.currency_code"
        " FROM amazon.orders o JOIN amazon.order_items i USING (order_id)",
    ) == [("2980", "JPY", "2980", "JPY")]


def test_what_amazon_does_not_tell_is_null(warehouse: Connection, land: Land) -> None:
    bare = {
        "orderId": "X",
        "createdTime": "2026-10-05T07:00:00Z",
        "lastUpdatedTime": "2026-10-05T07:00:00Z",
        "salesChannel": {"channelName": "NON_AMAZON"},
        "orderItems": [{"orderItemId": "1", "quantityOrdered": 3, "product": {}}],
    }
    land(a_page(bare))
    assert load_orders(warehouse, "acme").items == 1
    assert rows(
        warehouse,
        "SELECT grand_total_amount, currency_code, fulfillment_status, programs, ship_by_utc FROM amazon.orders",
    ) == [(None, None, None, [], None)]
    assert rows(
        warehouse,
        "SELECT proceeds_total_amount, currency_code, unit_price_amount, title, cancelled_by, quantity_ordered"
        " FROM amazon.order_items",
    ) == [(None, None, None, None, None, 3)]


@pytest.mark.parametrize(
    "proceeds", [None, {}, {"grandTotal": None}], ids=["no proceeds", "empty proceeds", "a total of null"]
)
def test_an_order_without_a_total_has_null_for_it(
    warehouse: Connection, land: Land, proceeds: dict[str, Any] | None
) -> None:
    land(a_page(an_order(proceeds=proceeds)))
    load_orders(warehouse, "acme")
    assert rows(warehouse, "SELECT grand_total_amount, currency_code FROM amazon.orders") == [(None, None)]


def test_an_order_without_items_is_an_order(warehouse: Connection, land: Land) -> None:
    land(a_page(an_order(orderItems=[])))
    result = load_orders(warehouse, "acme")
    assert (result.orders, result.items) == (1, 0)


def test_a_window_without_orders_still_moves_the_watermark(warehouse: Connection, land: Land) -> None:
    window = land(a_page())
    assert load_orders(warehouse, "acme") == LoadResult(0, 0, window.window_end_utc)


def test_fields_that_amazon_adds_are_passed_over(warehouse: Connection, land: Land) -> None:
    land(a_page(an_order(newThing={"a": [1, {"b": None}]}, orderItems=[an_item(anotherThing=[True])])))
    assert load_orders(warehouse, "acme").orders == 1


def test_words_that_amazon_adds_are_kept_as_they_are(warehouse: Connection, land: Land) -> None:
    fulfillment = {"fulfillmentStatus": "BEAMED", "fulfilledBy": "ROBOT"}
    land(a_page(an_order(fulfillment=fulfillment, programs=["MOON", "PRIME"])))
    load_orders(warehouse, "acme")
    assert rows(warehouse, "SELECT fulfillment_status, fulfilled_by, programs FROM amazon.orders") == [
        ("BEAMED", "ROBOT", ["MOON", "PRIME"])
    ]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"amount": "12,50"}, "$.orders[1].proceeds.grandTotal.amount"),
        ({"amount": "NaN"}, "$.orders[1].proceeds.grandTotal"),
        ({"amount": "Infinity"}, "$.orders[1].proceeds.grandTotal"),
        ({"proceeds": {"grandTotal": {"amount": "1"}}}, "$.orders[1].proceeds.grandTotal"),
        ({"proceeds": {"grandTotal": "secret"}}, "$.orders[1].proceeds.grandTotal"),
        ({"orderId": None}, "$.orders[1]"),
        ({"orderId": 7}, "$.orders[1].orderId"),
        ({"lastUpdatedTime": None}, "$.orders[1]"),
        ({"updated": "2026-10-05T08:00:00"}, "$.orders[1].lastUpdatedTime"),
        ({"createdTime": "yesterday"}, "$.orders[1].createdTime"),
        ({"orderItems": None}, "$.orders[1]"),
        ({"orderItems": [an_item(orderItemId=None)]}, "$.orders[1].orderItems[0]"),
        ({"orderItems": [an_item(), an_item(quantityOrdered=None)]}, "$.orders[1].orderItems[1]"),
        ({"orderItems": [an_item(quantityOrdered=1.5)]}, "$.orders[1].orderItems[0].quantityOrdered"),
        ({"orderItems": [an_item(amount="secret")]}, "$.orders[1].orderItems[0].product.price.unitPrice.amount"),
    ],
    ids=[
        "an amount with a comma",
        "an amount that is no number",
        "an amount without end",
        "an amount without currency",
        "an amount that is text",
        "no order id",
        "an order id that is a number",
        "no time of update",
        "a time of update without zone",
        "a time of creation that is no time",
        "no items",
        "an item without id",
        "an item without quantity",
        "half an item",
        "an item's price that is text",
    ],
)
def test_an_order_not_as_documented_is_named_and_nothing_of_its_window_loads(
    warehouse: Connection, land: Land, changes: dict[str, Any], place: str
) -> None:
    land(a_page(an_order("good")), a_page(an_order("good too"), an_order(**changes)))
    with pytest.raises(ContractError) as refused:
        load_orders(warehouse, "acme")
    assert f"`{place}`" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert rows(warehouse, "SELECT count(*) FROM amazon.orders") == [(0,)]
    assert complete_through_utc(warehouse, "acme") is None
    assert len(windows_to_load(warehouse, "acme")) == 1


def test_a_mended_page_loads_after_all(warehouse: Connection, land: Land) -> None:
    window = land(a_page(an_order(amount="12,50")))
    with pytest.raises(ContractError):
        load_orders(warehouse, "acme")
    ((_, url, _),) = landed_pages(warehouse, window)
    write_page(url, a_page(an_order(amount="12.50")))
    assert load_orders(warehouse, "acme").orders == 1


def test_a_landed_page_that_is_gone_is_named(warehouse: Connection, land: Land) -> None:
    window = land(a_page(an_order("A")), a_page(an_order("B")))
    url = landed_pages(warehouse, window)[1][1]
    UPath(url).unlink()
    with pytest.raises(LoadError) as gone:
        load_orders(warehouse, "acme")
    assert url in str(gone.value)
    assert rows(warehouse, "SELECT count(*) FROM amazon.orders") == [(0,)]


@pytest.fixture
def strict_titles(warehouse: Connection) -> Iterator[None]:
    """A rule that the table does not have by itself; its violation quotes the whole row."""
    warehouse.execute("ALTER TABLE amazon.order_items ADD CONSTRAINT strict CHECK (title <> 'Geheimnis')")
    yield
    warehouse.execute("ALTER TABLE amazon.order_items DROP CONSTRAINT strict")


@pytest.mark.usefixtures("strict_titles")
@pytest.mark.parametrize(
    "order",
    [
        titled("Geheimnis"),
        an_order(orderItems=[an_item("Geheimnis"), an_item("Geheimnis")]),
        an_order("Geheimnis", proceeds={"grandTotal": {"amount": "1e200000", "currencyCode": "EUR"}}),
        an_order("Geheimnis", orderItems=[an_item(quantityOrdered=2**63)]),
    ],
    ids=["a rule of the table", "one item id twice", "an amount beyond all numbers", "a quantity beyond all numbers"],
)
def test_a_refusal_by_the_warehouse_shows_no_row(warehouse: Connection, land: Land, order: dict[str, Any]) -> None:
    window = land(a_page(order))
    with pytest.raises(LoadError) as refused:
        load_orders(warehouse, "acme")
    assert f"acme, window {window.window_id}" in str(refused.value)
    assert refused.value.code
    assert "Geheimnis" not in "".join(traceback.format_exception(refused.value))
    assert rows(warehouse, "SELECT count(*) FROM amazon.orders") == [(0,)]
    assert complete_through_utc(warehouse, "acme") is None


def test_a_connection_lost_while_loading_is_worth_another_try_and_changes_nothing(
    warehouse: Connection, warehouse_dsn: str, land: Land
) -> None:
    land(a_page(an_order()))
    warehouse.execute(
        "CREATE FUNCTION amazon.die() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;"
        "CREATE TRIGGER die AFTER INSERT ON amazon.orders EXECUTE FUNCTION amazon.die()"
    )
    with connect(warehouse_dsn) as dying, pytest.raises(TransportError, match="lost"):
        load_orders(dying, "acme")
    warehouse.execute("DROP FUNCTION amazon.die CASCADE")
    assert rows(warehouse, "SELECT count(*) FROM amazon.orders") == [(0,)]
    assert load_orders(warehouse, "acme").orders == 1


def test_a_second_load_finds_nothing_to_do(warehouse: Connection, land: Land) -> None:
    land(a_page(an_order()))
    first = load_orders(warehouse, "acme")
    before = rows(warehouse, "SELECT * FROM amazon.orders")
    assert load_orders(warehouse, "acme") == LoadResult(0, 0, first.complete_through_utc)
    assert rows(warehouse, "SELECT * FROM amazon.orders") == before


def test_loading_the_same_window_again_gives_the_same_rows(warehouse: Connection, land: Land) -> None:
    land(a_page(an_order("A"), an_order("B")), a_page(an_order("A", updated="2026-10-05T09:00:00Z")))
    content = (
        "SELECT order_id, last_updated_utc, order_item_id, title FROM amazon.orders"
        " JOIN amazon.order_items USING (seller_id, order_id) ORDER BY 1, 3"
    )
    first = load_orders(warehouse, "acme")
    before = rows(warehouse, content)
    warehouse.execute("UPDATE ops.extraction_window SET state = 'extracted'")
    assert load_orders(warehouse, "acme") == first
    assert rows(warehouse, content) == before


def test_windows_load_oldest_first_and_each_by_itself(warehouse: Connection, land: Land) -> None:
    good = land(a_page(an_order("A")))
    land(a_page(an_order("B", amount="broken")))
    land(a_page(an_order("C")))
    with pytest.raises(ContractError):
        load_orders(warehouse, "acme")
    assert rows(warehouse, "SELECT order_id FROM amazon.orders") == [("A",)]
    assert complete_through_utc(warehouse, "acme") == good.window_end_utc


def test_a_seller_who_is_being_worked_on_is_left_alone(warehouse: Connection, warehouse_dsn: str, land: Land) -> None:
    land(a_page(an_order()))
    with connect(warehouse_dsn) as other, seller_lock(other, "acme"), pytest.raises(TransientError, match="acme"):
        load_orders(warehouse, "acme")
    assert load_orders(warehouse, "acme").orders == 1


def test_a_seller_who_never_had_a_window_has_no_watermark(warehouse: Connection) -> None:
    assert load_orders(warehouse, "nobody") == LoadResult(0, 0, None)


_sellers = itertools.count(1)
STATES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=6)


@given(states=STATES, cuts=st.lists(st.booleans(), min_size=6, max_size=6))
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_states_of_an_order_in_any_sequence_and_any_batches_end_at_the_newest(
    warehouse: Connection,
    land: Land,
    seller: Seller,
    states: list[tuple[int, int, int]],
    cuts: list[bool],
) -> None:
    seller = dataclasses.replace(seller, seller_id=f"seller_{next(_sellers)}")
    pages: list[bytes] = []
    read_utc: list[datetime] = []
    for number, (updated, extracted, items) in enumerate(states):
        lines = [an_item(f"{number}-{line}") for line in range(items)]
        pages.append(a_page(an_order(updated=f"2026-10-05T0{updated}:00:00Z", amount=str(number), orderItems=lines)))
        read_utc.append(NOON + timedelta(minutes=extracted))
        if cuts[number] or number == len(states) - 1:
            land(*pages, seller=seller, extracted_utc=read_utc)
            pages, read_utc = [], []
            if cuts[-1]:
                load_orders(warehouse, seller.seller_id)
    load_orders(warehouse, seller.seller_id)
    winner = max(range(len(states)), key=lambda number: (states[number][:2], number))
    of_seller = f"FROM amazon.{{}} WHERE seller_id = '{seller.seller_id}'"
    assert rows(warehouse, "SELECT grand_total_amount " + of_seller.format("orders")) == [(Decimal(winner),)]
    assert rows(warehouse, "SELECT order_item_id " + of_seller.format("order_items") + " ORDER BY 1") == [
        (f"{winner}-{line}",) for line in range(states[winner][2])
    ]
