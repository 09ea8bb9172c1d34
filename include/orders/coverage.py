"""What the nightly run does not bring by itself: the past of an added marketplace, the past in a wider includedData."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import cast

from include.clock import format_utc
from include.orders.windows import Window, watermark
from include.sellers.registry import Seller
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)


def log_what_is_not_covered(connection: Connection, seller: Seller, window: Window) -> None:
    """Say which call re-reads the past, where the night before asked for less than this window does."""
    row = connection.execute(
        "SELECT marketplace_ids, included_data FROM ops.extraction_window WHERE seller_id = %s AND purpose = 'nightly'"
        " AND window_id < %s ORDER BY window_id DESC LIMIT 1",
        (seller.seller_id, window.window_id),
    ).fetchone()
    mark = watermark(connection, seller.seller_id)
    if row is None or mark is None:
        return
    marketplace_ids, included_data = cast("tuple[list[str], list[str]]", row)
    added = [m.country_code for m in seller.marketplaces if m.marketplace_id not in marketplace_ids]
    widened = [word for word in window.included_data if word not in included_data]
    for what in [f"marketplace {', '.join(added)}"] * bool(added) + [f"data {', '.join(widened)}"] * bool(widened):
        log.warning(
            "New from this run on: %s. What changed before is in the tables without. To read it again: %s",
            what,
            reread_call(seller, mark.complete_from_utc, mark.complete_through_utc),
        )


def reread_call(seller: Seller, from_utc: datetime, to_utc: datetime) -> str:
    """Return the command that reads a past stretch again; its run's log begins with a preview of what it costs."""
    conf = f'{{"from_utc": "{format_utc(from_utc)}", "to_utc": "{format_utc(to_utc)}"}}'
    return f"airflow dags trigger {seller.dag_id} --conf '{conf}'"
