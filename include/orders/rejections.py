"""`ops.rejected_order`: orders that could not be read, by place and reason, until a later state of them is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from include.orders.reading import Rejected
from include.warehouse.connection import Connection


def record(
    connection: Connection, seller_id: str, window_id: int, page_number: int, extracted_utc: datetime, order: Rejected
) -> int:
    """Note an order that could not be read, in place of an earlier note of the same order.

    Returns:
        1, or 0 where a later reading of the order is known already, loaded or noted.
    """
    connection.execute(
        "DELETE FROM ops.rejected_order WHERE seller_id = %s AND order_id = %s AND extracted_utc <= %s",
        (seller_id, order.order_id, extracted_utc),
    )
    place = (window_id, page_number, order.order_index)
    return connection.execute(
        "INSERT INTO ops.rejected_order (window_id, page_number, order_index, seller_id, order_id, json_path, reason,"
        " extracted_utc) SELECT %s, %s, %s, %s, %s, %s, %s, %s WHERE NOT EXISTS (SELECT FROM amazon.orders"
        " WHERE seller_id = %s AND order_id = %s AND extracted_utc > %s) AND NOT EXISTS (SELECT FROM ops.rejected_order"
        " WHERE seller_id = %s AND order_id = %s)",
        (
            *place,
            seller_id,
            order.order_id,
            order.json_path,
            order.reason,
            extracted_utc,
            *(seller_id, order.order_id, extracted_utc),
            *(seller_id, order.order_id),
        ),
    ).rowcount


def forget_window(connection: Connection, window_id: int) -> None:
    """Drop the notes of a window that is about to be read again."""
    connection.execute("DELETE FROM ops.rejected_order WHERE window_id = %s", (window_id,))


def forget_orders(connection: Connection, seller_id: str, loaded: Mapping[str, datetime]) -> None:
    """Drop the notes of orders that are in the tables now.

    Args:
        connection: The warehouse.
        seller_id: Whose orders.
        loaded: By order id, when the loaded state was read; a note of a later reading stays.
    """
    connection.execute(
        "DELETE FROM ops.rejected_order r USING unnest(%s::text[], %s::timestamptz[]) AS l (order_id, extracted_utc)"
        " WHERE r.seller_id = %s AND r.order_id = l.order_id AND r.extracted_utc < l.extracted_utc",
        (list(loaded), list(loaded.values()), seller_id),
    )
