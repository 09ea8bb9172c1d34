"""A seller's tables in the words of the fake Amazon's truth, to compare the two, to the last charge."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from include.fake_amazon.client import FakeAmazonClient
from include.warehouse.connection import Connection

Rows = set[tuple[Any, ...]]
CHARGES = "order_id, charge_number, order_item_id, type, subtype, status, detail_of, amount, currency_code"


class Facts(NamedTuple):
    """What is compared: rows of each table, reduced to what the truth tells."""

    orders: Rows
    items: Rows
    charges: Rows
    packages: Rows
    promotions: Rows


QUERIES = Facts(
    "SELECT order_id, last_updated_utc, grand_total_amount, currency_code, fulfillment_status FROM amazon.orders",
    "SELECT order_id, order_item_id, quantity_ordered, proceeds_total_amount, currency_code FROM amazon.order_items",
    f"SELECT {CHARGES} FROM amazon.order_charges",
    "SELECT order_id, package_number, package_reference_id FROM amazon.order_packages",
    "SELECT order_id, order_item_id, promotion_id FROM amazon.order_promotions",
)  # type: ignore[arg-type]


def tables_of(warehouse: Connection, seller_id: str) -> Facts:
    """The seller's rows as they are in the tables."""
    return Facts(*(set(warehouse.execute(f"{q} WHERE seller_id = %s", (seller_id,)).fetchall()) for q in QUERIES))


def truth_of(amazon: FakeAmazonClient, seller_id: str, through_utc: datetime, since_utc: datetime) -> Facts:
    """The seller's rows as the fake Amazon knows them at an instant."""
    truth = amazon.truth(seller_id, through_utc, since_utc)["orders"]
    lines = [(order, item) for order in truth for item in order["items"]]
    return Facts(
        {_order(order) for order in truth},
        {_item(order, item) for order, item in lines},
        {charge for order in truth for charge in _charges(order)},
        {(order["order_id"], n, package) for order in truth for n, package in enumerate(order["packages"], 1)},
        {(order["order_id"], item["order_item_id"], p) for order, item in lines for p in item["promotion_ids"]},
    )


def _order(order: dict[str, Any]) -> tuple[Any, ...]:
    updated_utc = datetime.fromisoformat(order["last_updated_utc"])
    amount = _decimal(order["grand_total_amount"])
    return order["order_id"], updated_utc, amount, order["currency_code"], order["fulfillment_status"]


def _item(order: dict[str, Any], item: dict[str, Any]) -> tuple[Any, ...]:
    amount = _decimal(item["proceeds_total_amount"])
    return order["order_id"], item["order_item_id"], item["quantity_ordered"], amount, item["currency_code"]


def _charges(order: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    number = whole = 0
    for kind, status, amount, currency in order["breakdowns"]:
        number += 1
        yield order["order_id"], number, None, kind, None, status, None, _decimal(amount), currency
    for item in order["items"]:
        for kind, subtype, amount, currency in item["breakdowns"]:
            number += 1
            if subtype is None:
                whole = number
            part_of = None if subtype is None else whole
            row = (order["order_id"], number, item["order_item_id"], kind, subtype, None, part_of)
            yield (*row, _decimal(amount), currency)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
