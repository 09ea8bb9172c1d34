"""Everything that is kept of a seller's orders, deleted: raw pages, tables, windows, quota."""

from __future__ import annotations

from typing import Final

from include.orders import store
from include.orders.landing import delete_pages, seller_folder
from include.orders.personal_files import folder_of
from include.warehouse.connection import Connection

# Whatever hangs on an order or a window goes with it.
TABLES: Final = (
    "amazon.orders",
    "amazon_pii.buyers",
    "amazon_pii.recipients",
    "ops.extraction_window",
    "ops.rejected_order",
    "ops.watermark",
    "ops.quota_bucket",
    "ops.report",
    "ops.order_to_fetch",
    "ops.catch_up",
    "ops.personal_data_expired",
)


def has_orders_or_windows(connection: Connection, seller_id: str) -> bool:
    """Tell whether anything was ever extracted for a seller."""
    return any(
        connection.execute(f"SELECT 1 FROM {table} WHERE seller_id = %s LIMIT 1", (seller_id,)).fetchone()  # noqa: S608
        for table in TABLES
    )


def delete_pages_of(connection: Connection, seller_id: str, raw_url: str) -> int:
    """Delete a seller's raw pages, those of an earlier RAW_URL and those nobody noted too.

    Returns:
        How many were on record.

    Raises:
        SellerOrdersError: The store refused it, as `include.orders.store.write` says; the record stays, so that a
            second call goes on.
    """
    rows = connection.execute(
        "SELECT page_url FROM ops.landed_page JOIN ops.extraction_window USING (window_id) WHERE seller_id = %s",
        (seller_id,),
    ).fetchall()
    delete_pages(str(row[0]) for row in rows)
    store.delete_folder(seller_folder(raw_url, seller_id))
    store.delete_folder(folder_of(raw_url, seller_id))
    return len(rows)


def delete_orders_of(connection: Connection, seller_id: str) -> int:
    """Delete a seller's rows from every table of orders; returns how many orders there were."""
    deleted = [
        connection.execute(f"DELETE FROM {table} WHERE seller_id = %s", (seller_id,)).rowcount  # noqa: S608
        for table in TABLES
    ]
    return deleted[0]
