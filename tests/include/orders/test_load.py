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


def the_row(warehouse: Connection, table: str) -> dict[str, Any]:
    """The only row of a table, by column."""
    cursor = warehouse.execute(f"SELECT * FROM amazon.{table}")
    (row,) = cursor.fetchall()
    return dict(zip([column.name for column in cursor.description or ()], row, strict=True))


def titles(warehouse: Connection) -> list[str]:
    return [row[0] for row in rows(warehouse, "SELECT title FROM amazon.order_items ORDER BY order_id, order_item_id")]


def titled(title: str, **changes: Any) -> dict[str, Any]:
    return an_order(orderItems=[an_item(product={"title": title})], **changes)


def test_an_order_fills_each_column_of_its_row(warehouse: Connection, land: Land) -> None:
    order = an_order(
        updated="2026-10-05T08:00:00.125Z",
        orderAliases=[
            {"aliasId": "no", "aliasType": "OTHER"},
            {"aliasId": "4711", "aliasType": "SELLER_ORDER_ID"},
        ],
        associatedOrders=[
            {"orderId": "303-0000009-0000001", "associationType": "REPLACEMENT_ORIGINAL_ID"},
            {"orderId": "303-0000009-0000002", "associationType": "EXCHANGE_ORIGINAL_ID"},
        ],
        tax={"taxInvoicing": {"invoiceStatus": "ACCEPTED"}},
    )
    order["fulfillment"]["shipByWindow"]["earliestDateTime"] = "2026-10-06T00:00:00Z"
    order["fulfillment"]["deliverByWindow"]["earliestDateTime"] = "2026-10-08T00:00:00Z"
    window = land(a_page(), a_page(order), extracted_utc=NOON)
    load_orders(warehouse, "acme")
    loaded = the_row(warehouse, "orders")
    assert loaded.pop("loaded_utc")
    assert loaded == {
        "seller_id": "acme",
        "order_id": "303-0000001-0000001",
        "created_utc": datetime(2026, 10, 5, 7, tzinfo=UTC),
        "last_updated_utc": datetime(2026, 10, 5, 8, 0, 0, 125000, tzinfo=UTC),
        "seller_order_id": "4711",
        "replaces_order_id": "303-0000009-0000001",
        "exchanges_order_id": "303-0000009-0000002",
        "fulfillment_status": "UNSHIPPED",
        "fulfilled_by": "MERCHANT",
        "fulfillment_service_level": "STANDARD",
        "channel_name": "AMAZON",
        "marketplace_id": "A1PA6795UKMFR9",
        "marketplace_name": "Amazon.de",
        "programs": ["PRIME"],
        "grand_total_amount": Decimal("12.50"),
        "currency_code": "EUR",
        "ship_from_utc": datetime(2026, 10, 6, tzinfo=UTC),
        "ship_by_utc": datetime(2026, 10, 7, 21, 59, 59, tzinfo=UTC),
        "deliver_from_utc": datetime(2026, 10, 8, tzinfo=UTC),
        "deliver_by_utc": datetime(2026, 10, 9, 21, 59, 59, tzinfo=UTC),
        "invoice_status": "ACCEPTED",
        "landed_page": f"{window.window_id}/2",
        "detail": "full",
        "extracted_utc": NOON,
    }


def money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currencyCode": "EUR"}


A_FULL_ITEM = an_item(
    "42",
    quantityOrdered=2,
    programs=["SUBSCRIBE_AND_SAVE"],
    measurement={"unit": "KILOGRAMS", "value": 1.25},
    product={
        "asin": "B0TEST0001",
        "title": "Teekanne",
        "sellerSku": "TEA-1",
        "condition": {"conditionType": "USED", "conditionSubtype": "VERY_GOOD"},
        "price": {"unitPrice": money("10.00"), "priceDesignation": "BUSINESS_PRICE"},
    },
    proceeds={
        "proceedsTotal": money("25.00"),
        "breakdowns": [
            {"type": "ITEM", "subtotal": money("20.00")},
            {"type": "SHIPPING", "subtotal": money("4.00")},
            {"type": "GIFT_WRAP", "subtotal": money("2.00")},
            {"type": "COD_FEE", "subtotal": money("1.00")},
            {"type": "OTHER", "subtotal": money("0.50")},
            {"type": "DISCOUNT", "subtotal": money("-3.00")},
            {
                "type": "TAX",
                "subtotal": money("0.50"),
                "detailedBreakdowns": [
                    {"subtype": "ITEM", "value": money("0.30")},
                    {"subtype": "SHIPPING", "value": money("0.15")},
                    {"subtype": "GIFT_WRAP", "value": money("0.05")},
                ],
            },
        ],
    },
    expense={"pointsCost": {"pointsGranted": {"pointsNumber": 7, "pointsMonetaryValue": money("0.07")}}},
    promotion={"breakdowns": [{"promotionId": "AUTUMN"}, {"promotionId": "AUTUMN"}, {"promotionId": "TEA"}]},
    fulfillment={
        "quantityFulfilled": 1,
        "quantityUnfulfilled": 1,
        "packing": {"giftOption": {"giftWrapLevel": "Classic"}},
        "shipping": {
            "scheduledDeliveryWindow": {
                "earliestDateTime": "2026-10-08T08:00:00Z",
                "latestDateTime": "2026-10-08T10:00:00Z",
            },
            "internationalShipping": {"iossNumber": "IM2760000000"},
        },
    },
    tax={
        "taxCalculationBreakdowns": [{"reportingScheme": "UOSS"}],
        "taxCollections": [{"model": "MARKETPLACE_FACILITATOR", "responsibleParty": "AMAZON"}],
    },
    cancellation={
        "cancellationRequest": {"requester": "BUYER", "cancelReason": "Changed mind"},
        "cancellationExecution": {"cancelledBy": "MERCHANT", "cancelReason": "BUYER_CANCELED"},
    },
)


def test_an_item_fills_each_column_of_its_row(warehouse: Connection, land: Land) -> None:
    land(a_page(an_order(orderItems=[A_FULL_ITEM])), extracted_utc=NOON)
    load_orders(warehouse, "acme")
    loaded = the_row(warehouse, "order_items")
    assert loaded.pop("loaded_utc")
    assert loaded == {
        "seller_id": "acme",
        "order_id": "303-0000001-0000001",
        "order_item_id": "42",
        "item_number": 1,
        "asin": "B0TEST0001",
        "seller_sku": "TEA-1",
        "title": "Teekanne",
        "condition_type": "USED",
        "condition_subtype": "VERY_GOOD",
        "unit_price_amount": Decimal("10.00"),
        "unit_price_currency_code": "EUR",
        "price_designation": "BUSINESS_PRICE",
        "programs": ["SUBSCRIBE_AND_SAVE"],
        "quantity_ordered": 2,
        "measurement_unit": "KILOGRAMS",
        "measurement_value": Decimal("1.25"),
        "proceeds_total_amount": Decimal("25.00"),
        "currency_code": "EUR",
        "item_amount": Decimal("20.00"),
        "item_tax_amount": Decimal("0.30"),
        "shipping_amount": Decimal("4.00"),
        "shipping_tax_amount": Decimal("0.15"),
        "gift_wrap_amount": Decimal("2.00"),
        "gift_wrap_tax_amount": Decimal("0.05"),
        "cod_fee_amount": Decimal("1.00"),
        "other_amount": Decimal("0.50"),
        "tax_amount": Decimal("0.50"),
        "discount_amount": Decimal("-3.00"),
        "points_granted": 7,
        "points_granted_amount": Decimal("0.07"),
        "points_currency_code": "EUR",
        "quantity_fulfilled": 1,
        "quantity_unfulfilled": 1,
        "gift_wrap_level": "Classic",
        "scheduled_delivery_from_utc": datetime(2026, 10, 8, 8, tzinfo=UTC),
        "scheduled_delivery_by_utc": datetime(2026, 10, 8, 10, tzinfo=UTC),
        "ioss_number": "IM2760000000",
        "tax_reporting_scheme": "UOSS",
        "tax_collection_model": "MARKETPLACE_FACILITATOR",
        "tax_collection_party": "AMAZON",
        "cancellation_requested_by": "BUYER",
        "cancellation_request_reason": "Changed mind",
        "cancelled_by": "MERCHANT",
        "cancel_reason": "BUYER_CANCELED",
        "extracted_utc": NOON,
    }


def test_an_amount_in_another_currency_than_the_lines_is_a_charge_but_no_column(
    warehouse: Connection, land: Land
) -> None:
    breakdowns = [
        {"type": "ITEM", "subtotal": {"amount": "1000", "currencyCode": "JPY"}},
        {"type": "SHIPPING", "subtotal": money("4.00")},
    ]
    item = an_item(proceeds={"proceedsTotal": money("4.00"), "breakdowns": breakdowns})
    land(a_page(an_order(orderItems=[item])))
    load_orders(warehouse, "acme")
    assert rows(warehouse, "SELECT item_amount, shipping_amount FROM amazon.order_items") == [(None, Decimal("4.00"))]
    assert rows(warehouse, "SELECT amount, currency_code FROM amazon.order_charges ORDER BY charge_number") == [
        (Decimal(1000), "JPY"),
        (Decimal("4.00"), "EUR"),
    ]


def test_every_amount_of_every_breakdown_is_a_charge_in_amazons_sequence(warehouse: Connection, land: Land) -> None:
    proceeds = {
        "grandTotal": money("25.00"),
        "breakdowns": [{"type": "ITEM", "subtotal": money("20.00"), "status": "FINALIZED"}],
    }
    land(a_page(an_order(proceeds=proceeds, orderItems=[A_FULL_ITEM])))
    load_orders(warehouse, "acme")
    charges = rows(
        warehouse,
        "SELECT charge_number, order_item_id, type, subtype, status, detail_of, amount::text, currency_code"
        " FROM amazon.order_charges ORDER BY 1",
    )
    assert charges == [
        (1, None, "ITEM", None, "FINALIZED", None, "20.00", "EUR"),
        (2, "42", "ITEM", None, None, None, "20.00", "EUR"),
        (3, "42", "SHIPPING", None, None, None, "4.00", "EUR"),
        (4, "42", "GIFT_WRAP", None, None, None, "2.00", "EUR"),
        (5, "42", "COD_FEE", None, None, None, "1.00", "EUR"),
        (6, "42", "OTHER", None, None, None, "0.50", "EUR"),
        (7, "42", "DISCOUNT", None, None, None, "-3.00", "EUR"),
        (8, "42", "TAX", None, None, None, "0.50", "EUR"),
        (9, "42", "TAX", "ITEM", None, 8, "0.30", "EUR"),
        (10, "42", "TAX", "SHIPPING", None, 8, "0.15", "EUR"),
        (11, "42", "TAX", "GIFT_WRAP", None, 8, "0.05", "EUR"),
    ]


def test_a_package_fills_each_column_of_its_row(warehouse: Connection, land: Land) -> None:
    package = {
        "packageReferenceId": "P-1",
        "packageStatus": {"status": "IN_TRANSIT", "detailedStatus": "OUT_FOR_DELIVERY"},
        "carrier": "DHL",
        "shippingService": "Paket",
        "trackingNumber": "0034",
        "createdTime": "2026-10-05T09:00:00Z",
        "shipTime": "2026-10-05T10:00:00Z",
        "shipFromAddress": {"name": "Lager Nord", "countryCode": "DE"},
        "packageItems": [{"orderItemId": "42", "quantity": 2}, {"orderItemId": 'x",{}\\', "quantity": 1}],
    }
    land(a_page(an_order(packages=[package])))
    load_orders(warehouse, "acme")
    assert the_row(warehouse, "order_packages") == {
        "seller_id": "acme",
        "order_id": "303-0000001-0000001",
        "package_number": 1,
        "package_reference_id": "P-1",
        "status": "IN_TRANSIT",
        "detailed_status": "OUT_FOR_DELIVERY",
        "carrier": "DHL",
        "shipping_service": "Paket",
        "tracking_number": "0034",
        "created_utc": datetime(2026, 10, 5, 9, tzinfo=UTC),
        "shipped_utc": datetime(2026, 10, 5, 10, tzinfo=UTC),
        "ship_from_country_code": "DE",
        "order_item_ids": ["42", 'x",{}\\'],
        "quantities": [2, 1],
    }


def test_a_promotion_of_a_line_is_a_row_once(warehouse: Connection, land: Land) -> None:
    land(a_page(an_order(orderItems=[A_FULL_ITEM])))
    load_orders(warehouse, "acme")
    promotions = rows(warehouse, "SELECT * FROM amazon.order_promotions ORDER BY promotion_id")
    assert promotions == [("acme", "303-0000001-0000001", "42", name) for name in ("AUTUMN", "TEA")]


@pytest.mark.parametrize("word", ["NULL", "", " ", "a,b", '"', "\\", "\\N", "{}", "\t\n", "お茶"], ids=repr)
def test_a_program_is_kept_whatever_signs_it_has(warehouse: Connection, land: Land, word: str) -> None:
    land(a_page(an_order(programs=["PRIME", word])))
    load_orders(warehouse, "acme")
    assert rows(warehouse, "SELECT programs FROM amazon.orders") == [(["PRIME", word],)]


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


BELONGINGS = ("order_items", "order_charges", "order_packages", "order_promotions")
EUR_1 = {"amount": "1.00", "currencyCode": "EUR"}


def a_rich_item(item_id: str) -> dict[str, Any]:
    """A line with two charges and a promotion."""
    breakdowns = [{"type": "ITEM", "subtotal": EUR_1}, {"type": "SHIPPING", "subtotal": EUR_1}]
    return an_item(
        item_id,
        proceeds={"proceedsTotal": EUR_1, "breakdowns": breakdowns},
        promotion={"breakdowns": [{"promotionId": f"PROMO-{item_id}"}]},
    )


def a_package(number: str) -> dict[str, Any]:
    """A package with one line."""
    return {"packageReferenceId": number, "packageItems": [{"orderItemId": "1", "quantity": 1}]}


def counts(warehouse: Connection) -> dict[str, int]:
    """Rows of each table that belongs to orders."""
    return {table: rows(warehouse, f"SELECT count(*) FROM amazon.{table}")[0][0] for table in BELONGINGS}


def test_what_belongs_to_an_order_is_replaced_as_a_set(warehouse: Connection, land: Land) -> None:
    lines, packages = [a_rich_item("1"), a_rich_item("2")], [a_package("1"), a_package("2")]
    land(a_page(an_order(orderItems=lines, packages=packages), an_order("bystander")))
    load_orders(warehouse, "acme")
    assert list(counts(warehouse).values()) == [3, 4, 2, 2]
    land(a_page(an_order(updated="2026-10-05T09:00:00Z", orderItems=lines[1:], packages=packages[1:])))
    load_orders(warehouse, "acme")
    assert list(counts(warehouse).values()) == [2, 2, 1, 1]
    assert rows(warehouse, "SELECT order_item_id FROM amazon.order_promotions") == [("2",)]
    assert rows(warehouse, "SELECT package_number, package_reference_id FROM amazon.order_packages") == [(1, "2")]
    land(a_page(an_order(updated="2026-10-05T10:00:00Z", orderItems=[])))
    load_orders(warehouse, "acme")
    assert list(counts(warehouse).values()) == [1, 0, 0, 0]


@pytest.mark.parametrize("table", BELONGINGS)
def test_nothing_in_the_tables_belongs_to_an_order_that_is_not_there(
    warehouse: Connection, land: Land, seller: Seller, table: str
) -> None:
    rich = {"orderItems": [a_rich_item("1"), a_rich_item("2")], "packages": [a_package("1")]}
    for name in ("acme", "other"):
        land(a_page(an_order("A", **rich), an_order("B", **rich)), seller=dataclasses.replace(seller, seller_id=name))
        load_orders(warehouse, name)
    land(a_page(an_order("A", updated="2026-10-05T13:30:00Z", orderItems=[an_item("9")])))
    load_orders(warehouse, "acme")
    keys = "SELECT DISTINCT seller_id, order_id FROM amazon.{}"
    assert rows(warehouse, f"{keys.format(table)} EXCEPT {keys.format('orders')}") == []
    assert ("other", "A") in rows(warehouse, keys.format(table))
    assert (("acme", "A") in rows(warehouse, keys.format(table))) == (table == "order_items")


def test_an_older_order_leaves_the_newer_one_its_items(warehouse: Connection, land: Land) -> None:
    land(a_page(an_order(updated="2026-10-05T09:00:00Z", orderItems=[an_item("1"), an_item("2")])))
    land(a_page(an_order(updated="2026-10-05T08:00:00Z", orderItems=[an_item("9")])))
    result = load_orders(warehouse, "acme")
    assert (result.orders, result.items) == (1, 2)
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
    assert load_orders(warehouse, "acme") == LoadResult(complete_through_utc=window.window_end_utc)


def test_an_order_of_a_time_already_read_that_amazon_shows_only_now_is_a_late_find(
    warehouse: Connection, land: Land
) -> None:
    land(a_page(an_order("first", updated="2026-10-05T10:00:00Z")))
    assert load_orders(warehouse, "acme").late_finds == 0
    window = land(
        a_page(
            an_order("first", updated="2026-10-05T10:00:00Z"),
            an_order("late", updated="2026-10-05T10:00:00Z"),
            an_order("new", updated="2026-10-05T13:30:00Z"),
            an_order("before the beginning", updated="2026-10-04T10:00:00Z"),
        )
    )
    assert load_orders(warehouse, "acme").late_finds == 1
    assert rows(warehouse, "SELECT late_finds FROM ops.extraction_window ORDER BY window_id") == [(0,), (1,)]
    assert window.window_end_utc > datetime(2026, 10, 5, 13, 30, tzinfo=UTC)


def test_a_change_of_a_time_already_read_that_amazon_shows_only_now_is_a_late_find_too(
    warehouse: Connection, land: Land
) -> None:
    land(a_page(an_order(updated="2026-10-05T09:00:00Z")))
    load_orders(warehouse, "acme")
    land(a_page(an_order(updated="2026-10-05T10:00:00Z")))
    assert load_orders(warehouse, "acme").late_finds == 1


@pytest.mark.parametrize(
    ("updated", "late"),
    [
        ("2026-10-04T23:59:59.999Z", 0),
        ("2026-10-05T00:00:00Z", 1),
        ("2026-10-05T12:58:00Z", 1),
        ("2026-10-05T12:58:00.001Z", 0),
    ],
    ids=["just before the beginning", "at the beginning", "at the watermark", "just after the watermark"],
)
def test_both_ends_of_the_time_already_read_belong_to_it(
    warehouse: Connection, land: Land, updated: str, late: int
) -> None:
    window = land(a_page())
    load_orders(warehouse, "acme")
    assert window.window_end_utc == datetime(2026, 10, 5, 12, 58, tzinfo=UTC)
    land(a_page(an_order(updated=updated)))
    assert load_orders(warehouse, "acme").late_finds == late


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
def test_an_order_not_as_documented_is_set_aside_by_place_and_reason_and_all_others_load(
    warehouse: Connection, land: Land, caplog: pytest.LogCaptureFixture, changes: dict[str, Any], place: str
) -> None:
    window = land(a_page(an_order("good")), a_page(an_order("good too"), an_order(**changes), an_order("the last")))
    result = load_orders(warehouse, "acme")
    assert (result.orders, result.rejected) == (3, 1)
    assert result.complete_through_utc == window.window_end_utc
    assert rows(warehouse, "SELECT order_id FROM amazon.orders ORDER BY 1") == [("good",), ("good too",), ("the last",)]
    noted = rows(warehouse, "SELECT seller_id, window_id, page_number, order_index, json_path FROM ops.rejected_order")
    assert noted == [("acme", window.window_id, 2, 1, place)]
    assert place in caplog.text
    everything = caplog.text + str(rows(warehouse, "SELECT * FROM ops.rejected_order"))
    assert "secret" not in everything


def rejected(warehouse: Connection) -> list[tuple[str | None, str]]:
    """The orders that are noted as unreadable: id and path."""
    return rows(warehouse, "SELECT order_id, json_path FROM ops.rejected_order ORDER BY window_id, page_number, 1")


def test_a_later_reading_of_an_order_that_was_set_aside_takes_its_note_away(warehouse: Connection, land: Land) -> None:
    land(a_page(an_order("A", amount="12,50"), an_order("B", amount="12,50")))
    assert load_orders(warehouse, "acme").rejected == 2
    land(a_page(an_order("A", updated="2026-10-05T12:30:00Z")))
    result = load_orders(warehouse, "acme")
    assert (result.orders, result.rejected) == (1, 0)
    assert [order_id for order_id, _ in rejected(warehouse)] == ["B"]


def test_an_order_that_becomes_unreadable_keeps_its_last_good_state_and_is_noted(
    warehouse: Connection, land: Land
) -> None:
    land(a_page(titled("good")))
    land(a_page(titled("bad", amount="12,50", updated="2026-10-05T13:30:00Z")))
    result = load_orders(warehouse, "acme")
    assert (result.orders, result.rejected, titles(warehouse)) == (1, 1, ["good"])
    assert [order_id for order_id, _ in rejected(warehouse)] == ["303-0000001-0000001"]


def test_an_order_set_aside_night_after_night_is_noted_once_where_it_was_read_last(
    warehouse: Connection, land: Land
) -> None:
    for _ in range(2):
        window = land(a_page(an_order(amount="12,50")))
        assert load_orders(warehouse, "acme").rejected == 1
    assert rows(warehouse, "SELECT window_id FROM ops.rejected_order") == [(window.window_id,)]


def test_an_unreadable_state_from_before_the_loaded_one_is_not_noted(warehouse: Connection, land: Land) -> None:
    land(a_page(an_order()), extracted_utc=NOON + timedelta(minutes=5))
    load_orders(warehouse, "acme")
    land(a_page(an_order(amount="12,50")), extracted_utc=NOON)
    assert load_orders(warehouse, "acme").rejected == 0
    assert rejected(warehouse) == []


def test_orders_without_a_readable_id_are_noted_each_by_its_place(warehouse: Connection, land: Land) -> None:
    land(a_page(an_order(orderId=None), an_order(orderId=7)))
    assert load_orders(warehouse, "acme").rejected == 2
    assert rejected(warehouse) == [(None, "$.orders[0]"), (None, "$.orders[1].orderId")]


def test_a_window_loaded_again_notes_what_it_cannot_read_once(warehouse: Connection, land: Land) -> None:
    land(a_page(an_order("A"), an_order("B", amount="12,50")))
    load_orders(warehouse, "acme")
    before = rejected(warehouse)
    warehouse.execute("UPDATE ops.extraction_window SET state = 'extracted'")
    assert load_orders(warehouse, "acme").rejected == 1
    assert rejected(warehouse) == before


def test_two_sellers_notes_of_one_order_id_do_not_meet(warehouse: Connection, land: Land, seller: Seller) -> None:
    other = dataclasses.replace(seller, seller_id="other")
    land(a_page(an_order(amount="12,50")))
    land(a_page(an_order(amount="12,50")), seller=other)
    load_orders(warehouse, "acme")
    load_orders(warehouse, "other")
    land(a_page(an_order(updated="2026-10-05T13:30:00Z")), seller=other)
    load_orders(warehouse, "other")
    assert rows(warehouse, "SELECT seller_id FROM ops.rejected_order") == [("acme",)]


@pytest.mark.parametrize(
    "page",
    [b"<html>secret</html>", b'{"orders":"secret"}', b'{"errors":["secret"]}'],
    ids=["HTML", "text", "no orders"],
)
def test_a_page_that_is_none_stops_its_window_and_nothing_of_it_loads(
    warehouse: Connection, land: Land, page: bytes
) -> None:
    land(a_page(an_order("good")), page)
    with pytest.raises(ContractError) as refused:
        load_orders(warehouse, "acme")
    assert "secret" not in str(refused.value)
    assert rows(warehouse, "SELECT count(*) FROM amazon.orders") == [(0,)]
    assert complete_through_utc(warehouse, "acme") is None
    assert len(windows_to_load(warehouse, "acme")) == 1


def test_a_mended_page_loads_after_all(warehouse: Connection, land: Land) -> None:
    window = land(b'{"orders":"broken"}')
    with pytest.raises(ContractError):
        load_orders(warehouse, "acme")
    ((_, url, _),) = landed_pages(warehouse, window)
    write_page(url, a_page(an_order()))
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
def test_a_refusal_by_the_warehouse_shows_no_row(warehouse: Connection, land: Land) -> None:
    window = land(a_page(titled("Geheimnis")))
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
    assert load_orders(warehouse, "acme") == LoadResult(complete_through_utc=first.complete_through_utc)
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


def test_many_pages_load_in_several_goes_and_each_order_once(warehouse: Connection, land: Land) -> None:
    land(*[a_page(titled(f"{number}", orderId="X"), an_order(f"own {number}")) for number in range(25)])
    result = load_orders(warehouse, "acme")
    assert rows(warehouse, "SELECT count(*) FROM amazon.orders") == [(26,)]
    assert rows(warehouse, "SELECT title FROM amazon.order_items WHERE order_id = 'X'") == [("24",)]
    assert result.late_finds == 0


def test_windows_load_oldest_first_and_each_by_itself(warehouse: Connection, land: Land) -> None:
    good = land(a_page(an_order("A")))
    land(b'{"orders":"broken"}')
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
    assert load_orders(warehouse, "nobody") == LoadResult()


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
