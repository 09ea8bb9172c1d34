"""The tables of orders, written: an order with its lines, charges, packages and promotions as one set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import sql

from include.orders.records import Order
from include.orders.rows import ChargeRow, OrderItemRow, OrderRow, PackageRow, PromotionRow
from include.orders.transform import charge_rows, order_item_rows, order_row, package_rows, promotion_rows
from include.warehouse.connection import Connection

COLUMNS = {
    "orders": OrderRow._fields,
    "order_items": OrderItemRow._fields,
    "order_charges": ChargeRow._fields,
    "order_packages": PackageRow._fields,
    "order_promotions": PromotionRow._fields,
}


def delete_orders(connection: Connection, seller_id: str, order_ids: Sequence[str]) -> None:
    """Delete orders, and by a trigger all that belongs to them; part of the caller's transaction."""
    if order_ids:
        connection.execute(
            "DELETE FROM amazon.orders WHERE seller_id = %s AND order_id = ANY(%s)", (seller_id, list(order_ids))
        )


def insert_orders(connection: Connection, seller_id: str, orders: Sequence[tuple[Order, str, str]]) -> None:
    """Insert orders, none of which is in the tables; part of the caller's transaction.

    Args:
        connection: The warehouse.
        seller_id: Whose they are.
        orders: Each with the instant (ISO 8601) and the landed page it was read from.
    """
    _copy(connection, "orders", (order_row(seller_id, *read) for read in orders))
    _copy(connection, "order_items", (r for o, utc, _ in orders for r in order_item_rows(seller_id, o, utc)))
    _copy(connection, "order_charges", (row for order, _, _ in orders for row in charge_rows(seller_id, order)))
    _copy(connection, "order_packages", (row for order, _, _ in orders for row in package_rows(seller_id, order)))
    _copy(connection, "order_promotions", (row for order, _, _ in orders for row in promotion_rows(seller_id, order)))


def _copy(connection: Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    columns = sql.SQL(", ").join(sql.Identifier(column) for column in COLUMNS[table])
    statement = sql.SQL("COPY amazon.{} ({}) FROM STDIN").format(sql.Identifier(table), columns)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
