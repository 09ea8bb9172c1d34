"""A seller's tables in the words of the fake Amazon's truth, to compare the two."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from include.fake_amazon.client import FakeAmazonClient
from include.warehouse.connection import Connection

ORDERS = "SELECT order_id, last_updated_utc, grand_total_amount, currency_code FROM amazon.orders WHERE seller_id = %s"
ITEMS = (
    "SELECT order_id, order_item_id, quantity_ordered, proceeds_total_amount, currency_code"
    " FROM amazon.order_items WHERE seller_id = %s"
)
Facts = tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]


def tables_of(warehouse: Connection, seller_id: str) -> Facts:
    """Orders and items as they are in the tables."""
    orders, items = (set(warehouse.execute(query, (seller_id,)).fetchall()) for query in (ORDERS, ITEMS))
    return orders, items


def truth_of(amazon: FakeAmazonClient, seller_id: str, through_utc: datetime, since_utc: datetime) -> Facts:
    """Orders and items as the fake Amazon knows them at an instant."""
    truth = amazon.truth(seller_id, through_utc, since_utc)["orders"]
    orders = {
        (
            order["order_id"],
            datetime.fromisoformat(order["last_updated_utc"]),
            _decimal(order["grand_total_amount"]),
            order["currency_code"],
        )
        for order in truth
    }
    items = {
        (
            order["order_id"],
            item["order_item_id"],
            item["quantity_ordered"],
            _decimal(item["proceeds_total_amount"]),
            item["currency_code"],
        )
        for order in truth
        for item in order["items"]
    }
    return orders, items


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
