"""Did the measured work do its work? The tables beside what `shop_orders` wrote; a wrong result has no speed."""

from __future__ import annotations

from decimal import Decimal
from math import ceil
from typing import cast

from include.warehouse.connection import Connection

# As `shop_orders` makes each line and each order.
AMOUNT_PER_ITEM = Decimal("23.78")
CHARGES_PER_ITEM = 5
CHARGES_PER_ORDER = 3

COUNTS = """
SELECT (SELECT count(*) FROM amazon.orders), (SELECT sum(grand_total_amount) FROM amazon.orders),
       (SELECT count(*) FROM amazon.order_items), (SELECT sum(proceeds_total_amount) FROM amazon.order_items),
       (SELECT count(*) FROM amazon.order_charges), (SELECT count(*) FROM amazon.order_packages),
       (SELECT count(*) FROM amazon.order_promotions), (SELECT count(*) FROM ops.rejected_order)
"""
NAMES = ("orders", "their amount", "items", "their amount", "charges", "packages", "promotions", "rejected")


class WrongTablesError(Exception):
    """The tables are not what was written."""


def items_of(orders: int) -> int:
    """Lines of so many orders: every fourth has two."""
    return orders + ceil(orders / 4)


def require_all_loaded(connection: Connection, orders: int) -> None:
    """Compare counts and sums of a warehouse that holds one seller with what was written.

    Raises:
        WrongTablesError: They differ; the message says where.
    """
    items = items_of(orders)
    amount, charges = AMOUNT_PER_ITEM * items, CHARGES_PER_ITEM * items + CHARGES_PER_ORDER * orders
    written = (orders, amount, items, amount, charges, orders, items, 0)
    row = cast("tuple[int | Decimal | None, ...]", connection.execute(COUNTS).fetchone())
    wrong = [
        f"{name}: {found} instead of {right}"
        for name, right, found in zip(NAMES, written, row, strict=True)
        if found != right
    ]
    if wrong:
        raise WrongTablesError(f"{orders} orders were written, but the tables differ: {'; '.join(wrong)}.")
