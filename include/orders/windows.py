"""What was asked of Amazon and how far it came: windows, their pages, the watermark, as rows of `ops`.

A window's bounds are frozen when it opens, so that any later try goes on where the last one stopped. Both ends are
inclusive, as Amazon's are: neighbours share one instant, and the load counts an order once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from include.clock import Now
from include.orders.personal_parts import PERSONAL_WORDS, included_data
from include.orders.planning import Purpose, Slice, newest_end
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.orders import OrdersQuery
from include.warehouse.connection import Connection

# Amazon's tokens live 24 hours; one that is nearly over is not worth the risk of a refused call.
TOKEN_LIFE = timedelta(hours=23, minutes=50)

COLUMNS = """window_id, seller_id, purpose, window_start_utc, window_end_utc, marketplace_ids, included_data,
    opened_utc, expected_orders, settled_before_utc, next_token, next_token_utc,
    (SELECT count(*) FROM ops.landed_page p WHERE p.window_id = w.window_id), complete_through_utc"""


@dataclass(frozen=True, slots=True)
class Window:
    """One row of `ops.extraction_window`, with the number of pages landed so far."""

    window_id: int
    seller_id: str
    purpose: Purpose
    window_start_utc: datetime
    window_end_utc: datetime
    marketplace_ids: list[str]
    included_data: list[str]
    opened_utc: datetime
    expected_orders: int | None
    settled_before_utc: datetime
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


@dataclass(frozen=True, slots=True)
class Watermark:
    """One row of `ops.watermark`: from when to when a seller's tables are complete."""

    complete_from_utc: datetime
    complete_through_utc: datetime
    settled_utc: datetime
    reread_utc: datetime


def resume(connection: Connection, seller: Seller, settings: Settings, now: Now) -> Window | None:
    """Return the window left unfinished, None where there is none.

    One whose token is too old starts again at its first page. Its bounds stay; what it asks for is taken anew from the
    seller and the settings, so that a corrected mistake counts.
    """
    unfinished = select(connection, "seller_id = %s AND state = 'extracting'", seller.seller_id)
    if not unfinished:
        return None
    window = unfinished[0]
    if window.window_end_utc > newest_end(now()):
        # It was opened by a clock that was ahead, and Amazon would refuse it until then.
        drop(connection, window)
        return None
    resumable = window.next_token and window.next_token_utc and now() - window.next_token_utc < TOKEN_LIFE
    if not resumable:
        return restart(connection, window, seller, settings)
    # Nobody's personal data are asked for a page longer than they are wanted; Amazon lets this change between pages.
    wanted = [word for word in window.included_data if word not in PERSONAL_WORDS]
    wanted += [word for word in included_data(seller, settings) if word in PERSONAL_WORDS]
    if set(wanted) != set(window.included_data):
        connection.execute(
            "UPDATE ops.extraction_window SET included_data = %s WHERE window_id = %s", (wanted, window.window_id)
        )
        return replace(window, included_data=wanted)
    return window


def open_window(
    connection: Connection, seller: Seller, settings: Settings, slice_: Slice, now: Now, run_id: str | None = None
) -> Window:
    """Freeze a slice's bounds and what is asked for in it; a weekly re-read is noted as planned with it."""
    opened_utc = now()
    with connection.transaction():
        row = connection.execute(
            "INSERT INTO ops.extraction_window (seller_id, purpose, window_start_utc, window_end_utc, marketplace_ids,"
            " included_data, complete_through_utc, opened_utc, expected_orders, settled_before_utc, run_id)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING window_id",
            (
                seller.seller_id,
                slice_.purpose,
                slice_.start_utc,
                slice_.end_utc,
                list(seller.marketplace_ids),
                list(included_data(seller, settings)),
                slice_.end_utc,
                opened_utc,
                slice_.expected_orders,
                opened_utc - timedelta(hours=settings.overlap_hours),
                run_id,
            ),
        ).fetchone()
        if slice_.purpose is Purpose.REREAD:
            connection.execute(
                "UPDATE ops.watermark SET reread_utc = %s WHERE seller_id = %s", (opened_utc, seller.seller_id)
            )
    return select(connection, "window_id = %s", cast("tuple[int]", row)[0])[0]


def restart(connection: Connection, window: Window, seller: Seller, settings: Settings) -> Window:
    """Let a window begin again at its first page: same bounds, marketplaces and data as they are wanted now."""
    with connection.transaction():
        connection.execute("DELETE FROM ops.landed_page WHERE window_id = %s", (window.window_id,))
        connection.execute(
            "UPDATE ops.extraction_window SET next_token = NULL, next_token_utc = NULL,"
            " complete_through_utc = window_end_utc, marketplace_ids = %s, included_data = %s WHERE window_id = %s",
            (list(seller.marketplace_ids), list(included_data(seller, settings)), window.window_id),
        )
    return select(connection, "window_id = %s", window.window_id)[0]


def narrow(connection: Connection, window: Window, part: Slice) -> None:
    """Let a window that has landed nothing yet hold only a part of its time; the rest is planned anew."""
    connection.execute(
        "UPDATE ops.extraction_window SET window_start_utc = %s, window_end_utc = %s, complete_through_utc = %s,"
        " expected_orders = %s WHERE window_id = %s",
        (part.start_utc, part.end_utc, part.end_utc, part.expected_orders, window.window_id),
    )


def drop(connection: Connection, window: Window) -> None:
    """Forget a window as if it had never been opened; what it asked for is planned anew."""
    connection.execute("DELETE FROM ops.extraction_window WHERE window_id = %s", (window.window_id,))


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
    bound_utc = min(window.complete_through_utc, replied_bound_utc or window.complete_through_utc)
    moved = replace(
        window,
        pages=window.pages + 1,
        next_token=next_token,
        next_token_utc=extracted_utc if next_token else None,
        complete_through_utc=max(window.window_start_utc, bound_utc),
    )
    # One statement is one transaction.
    connection.execute(
        "WITH page AS (INSERT INTO ops.landed_page (window_id, page_number, page_url, orders, extracted_utc)"
        " VALUES (%s, %s, %s, %s, %s))"
        " UPDATE ops.extraction_window SET next_token = %s, next_token_utc = %s, state = %s,"
        " complete_through_utc = %s WHERE window_id = %s",
        (
            *(window.window_id, moved.pages, page_url, orders, extracted_utc),
            moved.next_token,
            moved.next_token_utc,
            "extracting" if next_token else "extracted",
            moved.complete_through_utc,
            window.window_id,
        ),
    )
    return moved


def record_details(
    connection: Connection, seller: Seller, settings: Settings, updates: tuple[datetime, datetime], now_utc: datetime
) -> Window:
    """Note a batch of orders fetched one by one as a window that has been read; its page follows by `record_page`.

    Args:
        connection: The warehouse.
        seller: Whose orders.
        settings: What was asked for.
        updates: First and last of their last updates.
        now_utc: The present.
    """
    row = connection.execute(
        "INSERT INTO ops.extraction_window (seller_id, purpose, window_start_utc, window_end_utc, marketplace_ids,"
        " included_data, complete_through_utc, opened_utc, settled_before_utc, state)"
        " VALUES (%(seller)s, %(purpose)s, %(start)s, %(end)s, %(places)s, %(data)s, %(end)s, %(now)s, %(start)s,"
        " 'extracted') RETURNING window_id",
        {
            "seller": seller.seller_id,
            "purpose": Purpose.DETAIL,
            "start": updates[0],
            "end": updates[1],
            "places": list(seller.marketplace_ids),
            "data": list(included_data(seller, settings)),
            "now": now_utc,
        },
    ).fetchone()
    return select(connection, "window_id = %s", cast("tuple[int]", row)[0])[0]


def is_extracting(connection: Connection, seller_id: str) -> bool:
    """Tell whether a window is only half read."""
    return bool(select(connection, "seller_id = %s AND state = 'extracting'", seller_id))


def record_closed(
    connection: Connection,
    seller: Seller,
    settings: Settings,
    start_utc: datetime,
    end_utc: datetime,
    now_utc: datetime,
) -> None:
    """Note a stretch that was closed without a page of its own, as a night that was read and loaded."""
    with connection.transaction():
        window = open_window(
            connection, seller, settings, Slice(Purpose.NIGHTLY, start_utc, end_utc, None), lambda: now_utc
        )
        # It has no pages, and must not be taken for a time without orders.
        connection.execute(
            "UPDATE ops.extraction_window SET pages_deleted_utc = %s WHERE window_id = %s", (now_utc, window.window_id)
        )
        mark_loaded(connection, window, 0)


def windows_to_load(connection: Connection, seller_id: str) -> list[Window]:
    """Return the windows whose pages have all landed and wait for their load, oldest first.

    None that is younger than the one under extraction: the watermark must not pass what is still to be read. Details
    fetched one by one move no watermark, so they need not wait.
    """
    return select(
        connection,
        "seller_id = %s AND state = 'extracted' AND (purpose = 'detail'"
        " OR NOT EXISTS (SELECT FROM ops.extraction_window older"
        " WHERE older.seller_id = w.seller_id AND older.state = 'extracting' AND older.window_id < w.window_id))",
        seller_id,
    )


def has_slice_to_load(connection: Connection, seller_id: str) -> bool:
    """Tell whether a slice of time waits for its load; details fetched one by one may wait for more of them."""
    return any(window.purpose is not Purpose.DETAIL for window in windows_to_load(connection, seller_id))


def landed_pages(connection: Connection, window: Window) -> list[tuple[int, str, datetime]]:
    """Return number, place and extraction time of a window's pages, in Amazon's order."""
    rows = connection.execute(
        "SELECT page_number, page_url, extracted_utc FROM ops.landed_page WHERE window_id = %s ORDER BY page_number",
        (window.window_id,),
    ).fetchall()
    return cast("list[tuple[int, str, datetime]]", rows)


def landed_between(connection: Connection, seller_id: str, since_utc: datetime, until_utc: datetime) -> tuple[int, int]:
    """Count the pages that landed between two instants, and the orders on them."""
    row = connection.execute(
        "SELECT count(*), coalesce(sum(p.orders), 0)::bigint FROM ops.landed_page p JOIN ops.extraction_window w"
        " USING (window_id) WHERE w.seller_id = %s AND p.extracted_utc BETWEEN %s AND %s",
        (seller_id, since_utc, until_utc),
    ).fetchone()
    return cast("tuple[int, int]", row)


def mark_loaded(connection: Connection, window: Window, late_finds: int) -> None:
    """Close a window and move the seller's watermark to what it makes complete; part of the caller's transaction."""
    if window.purpose is Purpose.NIGHTLY:
        connection.execute(
            "INSERT INTO ops.watermark AS w (seller_id, complete_from_utc, complete_through_utc, settled_utc,"
            " reread_utc) VALUES (%(seller)s, %(start)s, %(end)s, greatest(%(start)s, least(%(end)s, %(settled)s)),"
            " %(opened)s) ON CONFLICT (seller_id) DO UPDATE SET moved_utc = now(),"
            " complete_through_utc = greatest(w.complete_through_utc, excluded.complete_through_utc),"
            " settled_utc = CASE WHEN %(start)s <= w.settled_utc"
            " THEN greatest(w.settled_utc, least(%(end)s, %(settled)s)) ELSE w.settled_utc END",
            {
                "seller": window.seller_id,
                "start": window.window_start_utc,
                "end": window.complete_through_utc,
                "settled": window.settled_before_utc,
                "opened": window.opened_utc,
            },
        )
    elif window.purpose is Purpose.HISTORY:
        connection.execute(
            "UPDATE ops.watermark SET complete_from_utc = least(complete_from_utc, %s), moved_utc = now()"
            " WHERE seller_id = %s",
            (window.window_start_utc, window.seller_id),
        )
    connection.execute(
        "UPDATE ops.extraction_window SET state = 'loaded', loaded_utc = coalesce(loaded_utc, now()),"
        " late_finds = coalesce(late_finds, %s)"
        " WHERE window_id = %s",
        (late_finds, window.window_id),
    )


def mark_pages_deleted(connection: Connection, window: Window) -> None:
    """Note that a window's landed pages are gone."""
    with connection.transaction():
        connection.execute("DELETE FROM ops.landed_page WHERE window_id = %s", (window.window_id,))
        connection.execute(
            "UPDATE ops.extraction_window SET pages_deleted_utc = now() WHERE window_id = %s", (window.window_id,)
        )


def watermark(connection: Connection, seller_id: str) -> Watermark | None:
    """Return from when to when the seller's tables are complete; None before the first load."""
    row = connection.execute(
        "SELECT complete_from_utc, complete_through_utc, settled_utc, reread_utc FROM ops.watermark"
        " WHERE seller_id = %s",
        (seller_id,),
    ).fetchone()
    return Watermark(*cast("tuple[datetime, datetime, datetime, datetime]", row)) if row else None


def complete_through_utc(connection: Connection, seller_id: str) -> datetime | None:
    """Return the seller's watermark: every change up to it is in the tables; None before the first load."""
    mark = watermark(connection, seller_id)
    return mark.complete_through_utc if mark else None


def select(connection: Connection, condition: str, *values: object) -> list[Window]:
    """Return the windows that fit, oldest first.

    Args:
        connection: The warehouse.
        condition: SQL of this room's own over `ops.extraction_window w`; only `values` may come from outside.
        values: What stands for its placeholders.
    """
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM ops.extraction_window w WHERE {condition} ORDER BY window_id",  # noqa: S608
        values,
    ).fetchall()
    return [_window(row) for row in rows]


def _window(row: tuple[Any, ...]) -> Window:
    window_id, seller_id, purpose, *rest = row
    return Window(window_id, seller_id, Purpose(purpose), *rest)
