"""Orders read from a page: Amazon's two ways of writing an instant, and pages that are no pages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from include.errors import ContractError
from include.orders.records import read_orders
from tests.payloads.orders import a_page, an_order


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
