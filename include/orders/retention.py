"""Landed pages past their time: deleted once their orders have been in the tables for as long as the setting says."""

from __future__ import annotations

import logging
from datetime import timedelta

from include.clock import Now
from include.errors import SellerOrdersError
from include.log_context import of_window
from include.orders import windows
from include.orders.landing import delete_pages
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)

# The first night after the setting was lowered should not take hours.
MOST_WINDOWS_AT_ONCE = 100


def delete_old_pages(connection: Connection, seller_id: str, *, days: int, now: Now) -> int:
    """Delete the landed pages of windows loaded more than so many days ago; their orders stay.

    A store that refuses is a warning: the orders are loaded, and the next night tries again.

    Returns:
        How many windows' pages are gone.
    """
    old = windows.select(
        connection,
        "seller_id = %s AND state = 'loaded' AND pages_deleted_utc IS NULL AND loaded_utc < %s",
        seller_id,
        now() - timedelta(days=days),
    )[:MOST_WINDOWS_AT_ONCE]
    for window in old:
        try:
            delete_pages(url for _, url, _ in windows.landed_pages(connection, window))
        except SellerOrdersError as refused:
            with of_window(window):
                log.warning("Pages of window %d stay for another night: %s", window.window_id, refused)
            return 0
        windows.mark_pages_deleted(connection, window)
    if old:
        log.info("Deleted the landed pages of %d windows loaded more than %d days ago", len(old), days)
    return len(old)
