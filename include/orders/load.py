"""Landed pages into the tables: newer or equal wins, an order and what belongs to it go as a set.

One transaction a window: a load that dies leaves the tables as they were, and doing it again changes nothing more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, cast

import psycopg

from include.clock import Now, utc_now
from include.errors import LoadError
from include.log_context import of_window
from include.orders import rejections, windows
from include.orders.catch_up import close_gap
from include.orders.forecasts import note_outcome
from include.orders.landing import read_page
from include.orders.personal_load import PersonalLoad, open_personal_load
from include.orders.personal_parts import PersonalPart
from include.orders.personal_tables import personal_data_lock
from include.orders.planning import Purpose
from include.orders.reading import Rejected, read_orders
from include.orders.records import Order
from include.orders.tables import delete_orders, insert_orders
from include.orders.totals import forget_fetched, load_reports
from include.sellers.registry import Seller
from include.settings import Settings
from include.warehouse.connection import Connection, seller_lock

log = logging.getLogger(__name__)

# A thousand orders at once: the server is asked a handful of times for them, and memory stays flat.
PAGES_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one window brought.

    Attributes:
        orders: Orders written, new or newer than before.
        items: Their lines.
        rejected: Orders that could not be read.
        late_finds: Orders of a time already read that Amazon had not shown then.
    """

    orders: int = 0
    items: int = 0
    rejected: int = 0
    late_finds: int = 0

    def __add__(self, other: Loaded) -> Loaded:
        """Both together."""
        return Loaded(
            self.orders + other.orders,
            self.items + other.items,
            self.rejected + other.rejected,
            self.late_finds + other.late_finds,
        )


@dataclass(frozen=True, slots=True)
class LoadResult(Loaded):
    """What a load did, all windows together.

    Attributes:
        complete_through_utc: The seller's watermark afterwards, None where nothing was ever loaded.
    """

    complete_through_utc: datetime | None = None


class ReadOrder(NamedTuple):
    """An order with where it was read.

    Attributes:
        version: What decides between two states of one order: the later update, then the later reading.
        part: What landed beside the page of its buyer and recipient.
    """

    order: Order
    landed_page: str
    version: tuple[datetime, datetime]
    part: PersonalPart | None = None


def load_orders(
    connection: Connection,
    seller_id: str,
    *,
    seller: Seller | None = None,
    settings: Settings | None = None,
    now: Now = utc_now,
    tell: Callable[[Loaded], None] = lambda _: None,
) -> LoadResult:
    """Load every window of the seller that waits, oldest first, each whole with its watermark; then its reports.

    Args:
        connection: The warehouse.
        seller_id: Whose orders.
        seller: Its entry; without a usable one reports wait.
        settings: What was asked for.
        now: Tells the time.
        tell: Is told of each window that is in the tables, whatever becomes of the next.

    Raises:
        ContractError: A page is not as documented; nothing of its window is loaded.
        LoadError: The warehouse refuses the rows, or a landed page is gone.
        SettingsError: PERSONAL_DATA_KEY is absent, or opens a file of personal data no more.
        TransientError: Another run works on this seller.
    """
    total = Loaded()
    with seller_lock(connection, seller_id):
        personal = open_personal_load(connection, seller, settings, now) if seller and settings else None
        for window in windows.windows_to_load(connection, seller_id):
            with of_window(window):
                loaded = load_window(connection, window, personal)
            tell(loaded)
            total += loaded
        if seller and settings:
            load_reports(connection, seller, now)
            forget_fetched(connection, seller_id)
            close_gap(connection, seller, settings, now())
        note_outcome(connection, seller_id, now())
        return LoadResult(
            total.orders,
            total.items,
            total.rejected,
            total.late_finds,
            windows.complete_through_utc(connection, seller_id),
        )


def load_window(connection: Connection, window: windows.Window, personal: PersonalLoad | None = None) -> Loaded:
    """Load one window's landed pages and close it, in one transaction; the caller holds the seller's lock.

    Args:
        connection: The warehouse.
        window: The window.
        personal: For what landed of persons; its files are deleted once they are in the tables.

    Raises:
        SellerOrdersError: As `load_orders` says.
    """
    pages = windows.landed_pages(connection, window)
    undisturbed = personal_data_lock(connection, window.seller_id) if personal else nullcontext()
    try:
        with undisturbed, connection.transaction():
            loaded = _load_pages(connection, window, pages, personal)
            windows.mark_loaded(connection, window, loaded.late_finds)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as refused:
        # The server's detail line can quote a row; its primary message and code do not.
        reason = refused.diag.message_primary or type(refused).__name__
        raise LoadError(
            f"The warehouse refused orders of {window.seller_id}, window {window.window_id}: {reason}.",
            remedy="The landed pages stay; mend the cause and clear load_orders.",
            code=refused.sqlstate or "",
        ) from None
    if personal:
        personal.delete_files(window, [url for _, url, _ in pages])
    log.info(
        "Window %d (%s): loaded %d orders, %d items; %d rejected, %d late finds",
        window.window_id,
        window.purpose,
        loaded.orders,
        loaded.items,
        loaded.rejected,
        loaded.late_finds,
    )
    return loaded


def _load_pages(
    connection: Connection,
    window: windows.Window,
    pages: list[tuple[int, str, datetime]],
    personal: PersonalLoad | None,
) -> Loaded:
    rejections.forget_window(connection, window.window_id)
    mark = windows.watermark(connection, window.seller_id)
    # What somebody requested or history brings was not late, it was never asked for.
    looked_again = mark and window.purpose in (Purpose.NIGHTLY, Purpose.REREAD)
    known = (mark.complete_from_utc, mark.complete_through_utc) if mark and looked_again else None
    beside = personal.files_beside(window, {number: url for number, url, _ in pages}) if personal else {}
    total = Loaded()
    for start in range(0, len(pages), PAGES_AT_ONCE):
        newest: dict[str, ReadOrder] = {}
        rejected = 0
        for number, url, extracted_utc in pages[start : start + PAGES_AT_ONCE]:
            orders, unreadable = read_orders(read_page(url))
            parts = personal.parts_of(beside.get(number, ())) if personal else {}
            _keep_newest(newest, orders, f"{window.window_id}/{number}", extracted_utc, parts)
            rejected += _reject(connection, window, number, extracted_utc, unreadable)
        total += _publish(connection, window.seller_id, newest, known, personal) + Loaded(rejected=rejected)
    return total


def _keep_newest(
    newest: dict[str, ReadOrder],
    orders: list[Order],
    landed_page: str,
    extracted_utc: datetime,
    parts: dict[str, PersonalPart],
) -> None:
    for order in orders:
        version = order.last_updated_time, extracted_utc
        before = newest.get(order.order_id)
        if before is None or version >= before.version:
            newest[order.order_id] = ReadOrder(order, landed_page, version, parts.get(order.order_id))


def _reject(
    connection: Connection, window: windows.Window, page: int, extracted_utc: datetime, unreadable: list[Rejected]
) -> int:
    noted = 0
    for rejected in unreadable:
        log.warning(
            "Window %d, page %d: an order cannot be read and is left out; %s: %s",
            window.window_id,
            page,
            rejected.json_path,
            rejected.reason,
        )
        noted += rejections.record(connection, window.seller_id, window.window_id, page, extracted_utc, rejected)
    return noted


def _publish(
    connection: Connection,
    seller_id: str,
    newest: dict[str, ReadOrder],
    known: tuple[datetime, datetime] | None,
    personal: PersonalLoad | None,
) -> Loaded:
    # Nobody else writes this seller's rows while its lock is held, so what is compared here stays true.
    present = _present(connection, seller_id, list(newest))
    accepted = [read for id_, read in newest.items() if id_ not in present or read.version >= present[id_]]
    delete_orders(connection, seller_id, [read.order.order_id for read in accepted if read.order.order_id in present])
    insert_orders(connection, seller_id, [(r.order, r.version[1].isoformat(), r.landed_page) for r in accepted])
    if personal:
        personal.publish((r.order, r.version[1], r.part) for r in accepted)
    rejections.forget_orders(connection, seller_id, {r.order.order_id: r.version[1] for r in accepted})
    late = sum(known is not None and _is_late(read, present, *known) for read in accepted)
    items = sum(len(read.order.order_items) for read in accepted)
    return Loaded(len(accepted), items, 0, late)


def _present(connection: Connection, seller_id: str, order_ids: list[str]) -> dict[str, tuple[datetime, datetime]]:
    rows = connection.execute(
        # What only a report told gives way to the first full answer that is not older.
        "SELECT order_id, last_updated_utc, CASE WHEN detail = 'full' THEN extracted_utc ELSE 'epoch' END"
        " FROM amazon.orders"
        " WHERE seller_id = %s AND order_id = ANY(%s)",
        (seller_id, order_ids),
    ).fetchall()
    return {cast("str", row[0]): cast("tuple[datetime, datetime]", row[1:]) for row in rows}


def _is_late(
    read: ReadOrder, present: dict[str, tuple[datetime, datetime]], from_utc: datetime, through_utc: datetime
) -> bool:
    updated_utc, before = read.order.last_updated_time, present.get(read.order.order_id)
    return from_utc <= updated_utc <= through_utc and (before is None or before[0] < updated_utc)
