"""What the tables know of a seller's orders, for those who must tell one Amazon account from another."""

from __future__ import annotations

from include.warehouse.connection import Connection


def newest_order_id(connection: Connection, seller_id: str) -> str | None:
    """Return Amazon's id of the seller's newest order, None where there is none."""
    row = connection.execute(
        "SELECT order_id FROM amazon.orders WHERE seller_id = %s ORDER BY created_utc DESC LIMIT 1", (seller_id,)
    ).fetchone()
    return str(row[0]) if row else None
