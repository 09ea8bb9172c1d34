"""Orders read from a page: Amazon's ways of writing an instant, orders set aside, and pages that are no pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from include.errors import ContractError
from include.orders.reading import Rejected, read_orders
from tests.payloads.orders import a_page, an_item, an_order


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-10-05T08:13:44Z", datetime(2026, 10, 5, 8, 13, 44, tzinfo=UTC)),
        ("2026-10-05T08:13:44.125Z", datetime(2026, 10, 5, 8, 13, 44, 125000, tzinfo=UTC)),
        ("2026-10-05T10:13:44+02:00", datetime(2026, 10, 5, 8, 13, 44, tzinfo=UTC)),
    ],
    ids=["whole seconds", "milliseconds", "an offset"],
)
def test_an_instant_is_read(written: str, instant: datetime) -> None:
    (order,), _ = read_orders(a_page(an_order(updated=written)))
    assert order.last_updated_time == instant


def test_orders_keep_amazons_sequence() -> None:
    page = a_page(an_order("B"), an_order("C"), an_order("A"))
    orders, rejected = read_orders(page)
    assert ([order.order_id for order in orders], rejected) == (["B", "C", "A"], [])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "truncated"),
        (b"<html>secret</html>", "malformed"),
        (b'{"orders":[{"orderId":"secret"', "truncated"),
        (b'{"errors":[{"code":"secret"}]}', "`orders`"),
        (b'{"orders":"secret"}', "`$.orders`"),
        (b'[{"orderId":"secret"}]', "array"),
        (b'{"orders":[{"orderId":"\xff"}]}', "decode"),
    ],
    ids=[
        "nothing",
        "HTML",
        "cut off",
        "an error body",
        "orders as text",
        "a list",
        "no UTF-8",
    ],
)
def test_a_page_that_is_none_is_refused_without_its_content(body: bytes, said: str) -> None:
    with pytest.raises(ContractError) as refused:
        read_orders(body)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "stays landed" in str(refused.value)


@pytest.mark.parametrize("instant", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2101-01-01T00:00:00Z"])
@pytest.mark.parametrize("name", ["createdTime", "lastUpdatedTime"])
def test_an_order_whose_instant_would_win_over_every_later_state_is_set_aside(name: str, instant: str) -> None:
    orders, (rejected,) = read_orders(a_page(an_order("good"), an_order("bad", **{name: instant})))
    assert [order.order_id for order in orders] == ["good"]
    assert rejected == Rejected(1, "bad", "$.orders[1]", "Expected an instant between 1995 and 2100")


def test_orders_that_cannot_be_read_are_set_aside_and_the_others_keep_amazons_sequence() -> None:
    page = a_page(
        an_order("A", amount="12,50"),
        an_order("B"),
        an_order("C", orderItems=[an_item(), an_item("2", quantityOrdered="many")]),
        an_order("D"),
    )
    orders, rejected = read_orders(page)
    assert [order.order_id for order in orders] == ["B", "D"]
    assert [(order.order_index, order.order_id, order.json_path) for order in rejected] == [
        (0, "A", "$.orders[0].proceeds.grandTotal.amount"),
        (2, "C", "$.orders[2].orderItems[1].quantityOrdered"),
    ]


@pytest.mark.parametrize(
    ("entry", "order_id"),
    [
        (b"null", None),
        (b'"secret"', None),
        (b"[]", None),
        (b"{}", None),
        (b'{"orderId":7}', None),
        (rb'{"orderId":"\ud800."}', None),
        (b'{"orderId":"Frau Gr\xc3\xbcnwald, secret"}', None),
        (b'{"orderId":"secret' + b"7" * 40 + b'"}', None),
        (b'{"orderId":"303-0000001-0000001"}', "303-0000001-0000001"),
    ],
    ids=[
        "null",
        "text",
        "a list",
        "nothing in it",
        "a number as id",
        "half a pair as id",
        "a name",
        "endless",
        "an id",
    ],
)
def test_an_entry_that_is_no_order_is_set_aside_by_its_place_and_at_most_its_id(
    entry: bytes, order_id: str | None
) -> None:
    (order,), (rejected,) = read_orders(a_page(an_order()).replace(b'"orders":[', b'"orders":[' + entry + b","))
    assert order.order_id == "303-0000001-0000001"
    assert (rejected.order_index, rejected.order_id) == (0, order_id)
    assert rejected.json_path.startswith("$.orders[0]")
    assert rejected.reason
    assert "secret" not in repr(rejected)


@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        ({"orderItems": [an_item(), an_item()]}, "$.orders[0]", "Expected each `orderItemId` once"),
        ({"amount": "-Infinity"}, "$.orders[0].proceeds.grandTotal", "Expected a finite amount"),
        ({"amount": "1e31"}, "$.orders[0].proceeds.grandTotal", "Expected an amount of ordinary size"),
        ({"amount": "1e-31"}, "$.orders[0].proceeds.grandTotal", "Expected an amount of ordinary size"),
        ({"orderId": "7" * 201}, "$.orders[0].orderId", "Expected `str` of length <= 200"),
        ({"orderId": ""}, "$.orders[0].orderId", "Expected `str` of length >= 1"),
        ({"orderItems": [an_item("7" * 201)]}, "$.orders[0].orderItems[0].orderItemId", "of length <= 200"),
        (
            {"orderItems": [an_item(quantityOrdered=2**63)]},
            "$.orders[0].orderItems[0].quantityOrdered",
            "Expected `int`",
        ),
        (
            {"orderItems": [an_item(product={"sellerSku": "x" * 201})]},
            "$.orders[0].orderItems[0].product.sellerSku",
            "200",
        ),
        (
            {"packages": [{"packageReferenceId": "1", "shipTime": "2101-01-01T00:00:00Z"}]},
            "$.orders[0].packages[0]",
            "Expected an instant between 1995 and 2100",
        ),
        ({"packages": [{}]}, "$.orders[0].packages[0]", "`packageReferenceId`"),
    ],
    ids=[
        "an item id twice",
        "an amount without end",
        "an amount too large to be true",
        "an amount too small to be true",
        "an endless order id",
        "an empty order id",
        "an endless item id",
        "a quantity beyond 64 bits",
        "an endless SKU",
        "a package of the next century",
        "a package without number",
    ],
)
def test_what_no_table_could_hold_is_set_aside_with_its_place_and_reason(
    changes: dict[str, Any], path: str, reason: str
) -> None:
    orders, (rejected,) = read_orders(a_page(an_order(**changes), an_order("good")))
    assert [order.order_id for order in orders] == ["good"]
    assert rejected.json_path == path
    assert reason in rejected.reason


@pytest.mark.parametrize("amount", ["0", "0E+99", "-0.00", "9.99e30", "1e-30"])
def test_amounts_of_ordinary_size_are_read_and_a_nought_is_one(amount: str) -> None:
    orders, rejected = read_orders(a_page(an_order(amount=amount)))
    assert (len(orders), rejected) == (1, [])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"cut \ud83d", "cut \ufffd"),
        (rb"\ude00 cut", "\ufffd cut"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"whole \ud83d\ude00", "whole \U0001f600"),
        (rb"nul \u0000", "nul \ufffd"),
        (rb"a word: \\ud83d \\u0000", r"a word: \ud83d \u0000"),
        (rb"\\\ud83d", "\\\ufffd"),
    ],
    ids=["first half", "second half", "half before whole", "whole", "NUL", "escaped backslashes", "both"],
)
def test_what_no_text_can_keep_becomes_the_sign_for_it(written: bytes, read: str) -> None:
    page = a_page(an_order(orderItems=[an_item(product={"title": "T"})])).replace(b'"T"', b'"' + written + b'"')
    (order,), _ = read_orders(page)
    product = order.order_items[0].product
    assert product
    assert product.title == read


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(ContractError):
        read_orders(b'{"orders":' + b"[" * 100_000)
