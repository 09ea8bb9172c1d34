"""Do the tables hold what Amazon held? Each seller's rows beside the fake Amazon's truth as of the watermark."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

from include.fake_amazon.client import FakeAmazonClient
from include.warehouse.connection import Connection

Row = tuple[Any, ...]

ORDERS = """
SELECT order_id, last_updated_utc, grand_total_amount, currency_code FROM amazon.orders WHERE seller_id = %s
"""
ORDER_ITEMS = """
SELECT order_id, order_item_id, quantity_ordered, proceeds_total_amount, currency_code
FROM amazon.order_items WHERE seller_id = %s
"""
COVERED = "SELECT complete_from_utc, complete_through_utc FROM ops.watermark WHERE seller_id = %s"
REJECTED = "SELECT count(*) FROM ops.rejected_order WHERE seller_id = %s"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One seller's tables beside the truth.

    Attributes:
        orders: Rows of `amazon.orders`.
        items: Rows of `amazon.order_items`.
        rejected: Orders that could not be read.
        truth_orders: Orders Amazon held as of the watermark, None where nobody can tell.
        truth_items: Their lines, None where nobody can tell.
        equal: Whether all rows agree in id, time, quantity, amount and currency, and the sums by currency too; None
            where nobody can tell.
        complete_through_utc: The watermark, None before the first load.
    """

    orders: int
    items: int
    rejected: int
    truth_orders: int | None
    truth_items: int | None
    equal: bool | None
    complete_through_utc: datetime | None


def compare_with_truth(connection: Connection, amazon: FakeAmazonClient | None, seller_id: str) -> Comparison:
    """Compare one seller's tables with the fake Amazon, order by order and line by line; only it knows the truth."""
    with connection.transaction():
        # One moment for all, because a nightly load may be at work.
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        orders = connection.execute(ORDERS, (seller_id,)).fetchall()
        items = connection.execute(ORDER_ITEMS, (seller_id,)).fetchall()
        covered = connection.execute(COVERED, (seller_id,)).fetchone() or (None, None)
        (rejected,) = cast("tuple[int]", connection.execute(REJECTED, (seller_id,)).fetchone())
    since_utc, watermark_utc = cast("tuple[datetime | None, datetime | None]", covered)
    if amazon is None:
        return Comparison(len(orders), len(items), rejected, None, None, None, watermark_utc)
    if watermark_utc is None:
        return Comparison(len(orders), len(items), rejected, 0, 0, False, None)
    truth = amazon.truth(seller_id, as_of_utc=watermark_utc, since_utc=since_utc)["orders"]
    true_orders = [_true_order(order) for order in truth]
    true_items = [_true_item(order, item) for order in truth for item in order["items"]]
    equal = (
        set(orders) == set(true_orders)
        and set(items) == set(true_items)
        and _sums(orders) == _sums(true_orders)
        and _sums(items) == _sums(true_items)
    )
    truth_counts = len(true_orders), len(true_items)
    return Comparison(len(orders), len(items), rejected, *truth_counts, equal, watermark_utc)


def _true_order(order: dict[str, Any]) -> Row:
    updated_utc = datetime.fromisoformat(order["last_updated_utc"]).astimezone(UTC)
    return order["order_id"], updated_utc, _decimal(order["grand_total_amount"]), order["currency_code"]


def _true_item(order: dict[str, Any], item: dict[str, Any]) -> Row:
    amount = _decimal(item["proceeds_total_amount"])
    return order["order_id"], item["order_item_id"], item["quantity_ordered"], amount, item["currency_code"]


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _sums(rows: Iterable[Row]) -> dict[str, Fraction]:
    # Fractions, because a sum of Decimals is rounded to 28 digits and Amazon's amounts have no limit.
    sums: dict[str, Fraction] = defaultdict(Fraction)
    for *_, amount, currency_code in rows:
        if amount is not None:
            sums[currency_code] += Fraction(amount)
    return dict(sums)
