"""Which stretch of time to ask Amazon for, remembered so that any later try goes on where the last one stopped.

A window's bounds are frozen when it opens. Both ends are inclusive, as Amazon's are: neighbours share one instant,
and the load counts an order once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import cast

from include.clock import Now
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.orders import OrdersQuery
from include.warehouse.connection import Connection

# Amazon refuses an upper bound younger than this.
AMAZON_DELAY = timedelta(minutes=2)
# Amazon's tokens live 24 hours; one that is nearly over is not worth the risk of a refused call.
TOKEN_LIFE = timedelta(hours=23, minutes=50)

COLUMNS = """window_id, seller_id, window_start_utc, window_end_utc, marketplace_ids, included_data, opened_utc,
    next_token, next_token_utc, (SELECT count(*) FROM ops.landed_page p WHERE p.window_id = w.window_id),
    complete_through_utc"""


@dataclass(frozen=True, slots=True)
class Window:
    """One row of `ops.extraction_window`, with the number of pages landed so far."""

    window_id: int
    seller_id: str
    window_start_utc: datetime
    window_end_utc: datetime
    marketplace_ids: list[str]
    included_data: list[str]
    opened_utc: datetime
    next_token: str | None
    next_token_utc: datetime | None
    pages: int
    complete_through_utc: datetime

    @property
    def query(self) -> OrdersQuery:
        """What every page of this window asks for."""
        return OrdersQuery(
            self.window_start_utc, self.window_end_utc, tuple(self.marketplace_ids), tuple(self.included_data)
        )


def resume_or_open(connection: Connection, seller: Seller, settings: Settings, now: Now) -> Window | None:
    """Return the window to work on: the one left unfinished, else the next; None where the seller is up to date.

    An unfinished window whose token is too old starts again at its first page. Its bounds stay; what it asks for is
    taken anew from the seller and the settings, so that a corrected mistake counts.
    """
    unfinished = _select(connection, "seller_id = %s AND state = 'extracting'", seller.seller_id)
    if unfinished:
        window = unfinished[0]
        resumable = window.next_token and window.next_token_utc and now() - window.next_token_utc < TOKEN_LIFE
        return window if resumable else restart(connection, window, seller, settings)
    start = _next_start(connection, seller, settings, now)
    end = (now() - AMAZON_DELAY).replace(microsecond=0)
    if end <= start:
        return None
    row = connection.execute(
        "INSERT INTO ops.extraction_window (seller_id, window_start_utc, window_end_utc, marketplace_ids,"
        " included_data, complete_through_utc, opened_utc) VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING window_id",
        (seller.seller_id, start, end, list(seller.marketplace_ids), list(settings.included_data), end, now()),
    ).fetchone()
    return _select(connection, "window_id = %s", cast("tuple[int]", row)[0])[0]


def windows_to_load(connection: Connection, seller_id: str) -> list[Window]:
    """Return the windows whose pages have all landed and wait for their load, oldest first."""
    return _select(connection, "seller_id = %s AND state = 'extracted'", seller_id)


def record_page(
    connection: Connection,
    window: Window,
    *,
    page_url: str,
    orders: int,
    next_token: str | None,
    replied_bound_utc: datetime | None,
    extracted_utc: datetime,
) -> Window:
    """Move the cursor past a page that has landed, in one transaction; without a next token the window is extracted.

    Args:
        connection: The warehouse.
        window: The window as it was before this page.
        page_url: Where the page lies.
        orders: Orders on it.
        next_token: Amazon's token for the page after it, None after the last.
        replied_bound_utc: The upper bound that the reply names, where it names one.
        extracted_utc: When the answer came.

    Returns:
        The window as it is now.
    """
    with connection.transaction():
        connection.execute(
            "INSERT INTO ops.landed_page (window_id, page_number, page_url, orders, extracted_utc)"
            " VALUES (%s, %s, %s, %s, %s)",
            (window.window_id, window.pages + 1, page_url, orders, extracted_utc),
        )
        connection.execute(
            "UPDATE ops.extraction_window SET next_token = %s, next_token_utc = %s, state = %s,"
            " complete_through_utc = greatest(window_start_utc, least(complete_through_utc, %s)) WHERE window_id = %s",
            (
                next_token,
                extracted_utc if next_token else None,
                "extracting" if next_token else "extracted",
                replied_bound_utc,
                window.window_id,
            ),
        )
    return _select(connection, "window_id = %s", window.window_id)[0]


def landed_pages(connection: Connection, window: Window) -> list[tuple[int, str, datetime]]:
    """Return number, place and extraction time of a window's pages, in Amazon's order."""
    rows = connection.execute(
        "SELECT page_number, page_url, extracted_utc FROM ops.landed_page WHERE window_id = %s ORDER BY page_number",
        (window.window_id,),
    ).fetchall()
    return cast("list[tuple[int, str, datetime]]", rows)


def mark_loaded(connection: Connection, window: Window) -> None:
    """Close a window and move the seller's watermark to what it makes complete; part of the caller's transaction."""
    connection.execute(
        "INSERT INTO ops.watermark (seller_id, complete_through_utc) VALUES (%s, %s) ON CONFLICT (seller_id) DO UPDATE"
        " SET complete_through_utc = greatest(watermark.complete_through_utc, excluded.complete_through_utc),"
        " moved_utc = now()",
        (window.seller_id, window.complete_through_utc),
    )
    connection.execute(
        "UPDATE ops.extraction_window SET state = 'loaded', loaded_utc = now() WHERE window_id = %s",
        (window.window_id,),
    )


def complete_through_utc(connection: Connection, seller_id: str) -> datetime | None:
    """Return the seller's watermark: every change up to it is in the tables; None before the first load."""
    row = connection.execute(
        "SELECT complete_through_utc FROM ops.watermark WHERE seller_id = %s", (seller_id,)
    ).fetchone()
    return cast("datetime", row[0]) if row else None


def _next_start(connection: Connection, seller: Seller, settings: Settings, now: Now) -> datetime:
    waiting = windows_to_load(connection, seller.seller_id)
    if waiting:
        return max(window.complete_through_utc for window in waiting)
    watermark = complete_through_utc(connection, seller.seller_id)
    if watermark:
        return watermark
    if seller.start_date:
        return datetime.combine(seller.start_date, time.min, tzinfo=UTC)
    return (now() - timedelta(days=settings.first_window_days)).replace(microsecond=0)


def restart(connection: Connection, window: Window, seller: Seller, settings: Settings) -> Window:
    """Let a window begin again at its first page: same bounds, marketplaces and data as they are wanted now."""
    with connection.transaction():
        connection.execute("DELETE FROM ops.landed_page WHERE window_id = %s", (window.window_id,))
        connection.execute(
            "UPDATE ops.extraction_window SET next_token = NULL, next_token_utc = NULL,"
            " complete_through_utc = window_end_utc, marketplace_ids = %s, included_data = %s WHERE window_id = %s",
            (list(seller.marketplace_ids), list(settings.included_data), window.window_id),
        )
    return _select(connection, "window_id = %s", window.window_id)[0]


def _select(connection: Connection, condition: str, value: object) -> list[Window]:
    # `condition` is one of this module's own literals; only `value` comes from outside.
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM ops.extraction_window w WHERE {condition} ORDER BY window_id",  # noqa: S608
        (value,),
    ).fetchall()
    return [Window(*row) for row in rows]  # type: ignore[arg-type]
