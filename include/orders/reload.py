"""Landed pages into the tables again, without asking Amazon: `make reload SELLER=...`.

For when the tables changed: a corrected transformation, a column that came later, rows that somebody deleted. Newer or
equal wins as always, so a state that was loaded since then stays.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from include.clock import AMAZON_BEGAN
from include.errors import SettingsError
from include.log_context import of_window
from include.orders import windows
from include.orders.load import Loaded, load_window
from include.warehouse.connection import Connection, seller_lock

log = logging.getLogger(__name__)


def reload_orders(connection: Connection, seller_id: str, from_utc: datetime | None = None) -> Loaded:
    """Load again every loaded window that ends at or after an instant and whose pages are still there, oldest first.

    The watermark stays. Windows that wait for their first load are left to the seller's DAG.

    Raises:
        SettingsError: The seller has no such window.
        SellerOrdersError: As `load_orders` says; windows before the one that failed stay reloaded.
    """
    with seller_lock(connection, seller_id):
        again = windows.select(
            connection,
            "seller_id = %s AND state = 'loaded' AND pages_deleted_utc IS NULL AND window_end_utc >= %s",
            seller_id,
            from_utc or datetime(AMAZON_BEGAN, 1, 1, tzinfo=UTC),
        )
        if not again:
            raise SettingsError(
                f"Seller {seller_id} has no landed pages of that time.",
                remedy="Check the seller's id; pages older than RAW_RETENTION_DAYS are deleted.",
            )
        total = Loaded()
        for number, window in enumerate(again, start=1):
            with of_window(window):
                log.info("Window %d of %d", number, len(again))
                total += load_window(connection, window)
        return total
