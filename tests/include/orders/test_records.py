"""Orders read from a page: Amazon's two ways of writing an instant, and pages that are no pages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from include.errors import ContractError
from include.orders.records import read_orders
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
    (order,) = read_orders(a_page(an_order(updated=written)))
    assert order.last_updated_time == instant


def test_orders_keep_amazons_sequence() -> None:
    page = a_page(an_order("B"), an_order("C"), an_order("A"))
    assert [order.order_id for order in read_orders(page)] == ["B", "C", "A"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "truncated"),
        (b"<html>secret</html>", "malformed"),
        (b'{"orders":[{"orderId":"secret"', "truncated"),
        (b'{"errors":[{"code":"secret"}]}', "`orders`"),
        (b'{"orders":"secret"}', "`$.orders`"),
        (b'{"orders":[null]}', "`$.orders[0]`"),
        (b'[{"orderId":"secret"}]', "array"),
        (b'{"orders":[{"orderId":"\xff"}]}', "decode"),
        (rb'{"orders":[{"orderId":"\ud800."}]}', "searchOrders"),
    ],
    ids=[
        "nothing",
        "HTML",
        "cut off",
        "an error body",
        "orders as text",
        "an order that is null",
        "a list",
        "no UTF-8",
        "half a surrogate pair",
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
def test_an_instant_that_would_win_over_every_later_state_is_refused_with_its_place(name: str, instant: str) -> None:
    with pytest.raises(ContractError, match=r"between 1995 and 2100 - at `\$\.orders\[1\]`"):
        read_orders(a_page(an_order(), an_order(**{name: instant})))


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
    (order,) = read_orders(page)
    product = order.order_items[0].product
    assert product
    assert product.title == read


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(ContractError):
        read_orders(b'{"orders":' + b"[" * 100_000)
