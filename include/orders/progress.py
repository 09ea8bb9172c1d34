"""What a seller's run should ask Amazon for next, from what its windows and its watermark say.

In this order: the requested stretch and nothing else, where a run asks for one; else what is new, the weekly second
look, and the history before the tables' beginning.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import cast

from include.orders import planning, report_rows, windows
from include.orders.catching_up import search_pages
from include.orders.planning import Purpose, Sample, Slice, cut
from include.orders.windows import Watermark, Window
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.orders import MOST_ORDERS_PER_PAGE
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)

# The densest of so many windows tells how large the next may be.
SAMPLES = 3
REREAD_EVERY = timedelta(days=6, hours=12)
PAST = datetime(2000, 1, 1, tzinfo=UTC)
# The second look plans nine tenths of what the bucket holds: some orders of that time we may not know yet.
REREAD_SHARE = 0.9
# A run that has read something, or has history to fetch, does not ask for less than an hour more: at a bucket that is
# empty such a call would wait for quota, more would have happened meanwhile, and runs would follow each other for ever.
FRESH_ENOUGH = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Request:
    """A past stretch that a run was asked to read again.

    Attributes:
        run_id: The Airflow run that was asked first; the windows are known by it in the runs that follow too.
    """

    run_id: str
    from_utc: datetime
    to_utc: datetime


def next_slice(
    connection: Connection,
    seller: Seller,
    settings: Settings,
    now_utc: datetime,
    *,
    begun_utc: datetime,
    has_read: bool = False,
    quota_left: float,
    request: Request | None = None,
) -> Slice | None:
    """Decide what to ask for next, all earlier windows being read to their end; None where nothing is left.

    Args:
        connection: The warehouse.
        seller: Whose orders.
        settings: The overlap and the other limits.
        now_utc: The present.
        begun_utc: When the run began; what is newer is left to the next one.
        has_read: Whether the run has read anything so far.
        quota_left: Calls of searchOrders that the bucket holds.
        request: A stretch to read again instead.
    """
    if request:
        return _requested(connection, seller, request)
    mark = windows.watermark(connection, seller.seller_id)
    history = _history(connection, seller, settings, now_utc, mark)
    patience = FRESH_ENOUGH if history or has_read else timedelta(0)
    return (
        _nightly(connection, seller, settings, now_utc, mark, planning.newest_end(begun_utc) - patience, quota_left)
        or _reread(connection, seller, settings, now_utc, mark, quota_left)
        or history
    )


def _nightly(
    connection: Connection,
    seller: Seller,
    settings: Settings,
    now_utc: datetime,
    mark: Watermark | None,
    target_utc: datetime,
    quota_left: float,
) -> Slice | None:
    last = _last(connection, seller, Purpose.NIGHTLY)
    end = planning.newest_end(now_utc)
    if last and target_utc <= last.window_end_utc <= end:
        return None
    overlap = timedelta(hours=settings.overlap_hours)
    if last:
        settled_utc = _settled(connection, seller, mark, last)
        # A clock that was ahead may have left a position in the future.
        start = min(end, planning.nightly_start(last.complete_through_utc, settled_utc, now_utc, overlap))
    else:
        start = mark.settled_utc if mark else planning.first_start(seller, settings.first_window_days, now_utc)
    samples = _samples(connection, seller, Purpose.NIGHTLY)
    if samples and report_rows.open_reports(connection, seller.seller_id, "wanted", "requested"):
        # What the bucket pays for at once; a longer window would read what getOrder can fetch once the report is here.
        density = max(1e-9, *(sample.per_second for sample in samples))
        paid = int(quota_left) * MOST_ORDERS_PER_PAGE
        end = min(end, start + timedelta(seconds=int(paid / density)))
    told = _told_beyond(connection, seller, mark)
    end = _share_of_search(connection, seller, start, end, told, quota_left)
    listed = _listed_orders(connection, seller, start, end)
    if listed and told and told >= end:
        # Better than any guess.
        samples = [Sample(start, end, listed)]
    return cut(Purpose.NIGHTLY, start, end, samples, quota_left=quota_left) if start < end else None


def _told_beyond(connection: Connection, seller: Seller, mark: Watermark | None) -> datetime | None:
    """How far reports tell beyond the watermark: where a gap is still to be closed; None where there is none."""
    told = report_rows.totals_through(connection, seller.seller_id)
    return told if told and mark and told > mark.complete_through_utc else None


def _has_gap(connection: Connection, seller: Seller, mark: Watermark) -> bool:
    """Whether reports are on their way, or what they told is not closed yet."""
    return bool(
        report_rows.open_reports(connection, seller.seller_id)
        or _told_beyond(connection, seller, mark)
        or _listed_orders(connection, seller, PAST)
    )


def _share_of_search(
    connection: Connection,
    seller: Seller,
    start_utc: datetime,
    end_utc: datetime,
    told: datetime | None,
    quota_left: float,
) -> datetime:
    """How far searchOrders should read on, where getOrder fetches listed orders from the other end meanwhile.

    The start itself where the few that are left are getOrder's, or everything told of has landed and the next load
    closes the gap; the end where no report told of this time.
    """
    left = _listed_orders(connection, seller, start_utc)
    if not left:
        return start_utc if told and told > start_utc else end_utc
    pages = min(search_pages(left, quota_left), planning.PAGES_PER_SLICE)
    if not pages:
        return start_utc
    # Full pages: one that is half empty costs as much. The order that the last slice ended with comes once more.
    row = connection.execute(
        "SELECT max(last_updated_utc) FROM (SELECT last_updated_utc FROM ops.order_to_fetch"
        " WHERE seller_id = %s AND last_updated_utc > %s ORDER BY last_updated_utc LIMIT %s) share",
        (seller.seller_id, start_utc, pages * MOST_ORDERS_PER_PAGE - 1),
    ).fetchone()
    return min(end_utc, cast("tuple[datetime]", row)[0])


def _listed_orders(connection: Connection, seller: Seller, start_utc: datetime, end_utc: datetime | None = None) -> int:
    """Count what reports tell of after an instant and the tables do not hold in full."""
    row = connection.execute(
        "SELECT count(*) FROM ops.order_to_fetch"
        " WHERE seller_id = %s AND last_updated_utc > %s AND last_updated_utc <= coalesce(%s, 'infinity'::timestamptz)",
        (seller.seller_id, start_utc, end_utc),
    ).fetchone()
    return cast("tuple[int]", row)[0]


def _settled(connection: Connection, seller: Seller, mark: Watermark | None, last: Window) -> datetime:
    """How far everything is settled once the windows that wait for their load are loaded."""
    waiting = [w for w in windows.windows_to_load(connection, seller.seller_id) if w.purpose is Purpose.NIGHTLY]
    settled_utc = mark.settled_utc if mark else min(w.window_start_utc for w in [*waiting, last])
    for window in waiting:
        settled_utc = planning.settled_after(
            settled_utc, window.window_start_utc, window.complete_through_utc, window.settled_before_utc
        )
    return settled_utc


def _reread(
    connection: Connection,
    seller: Seller,
    settings: Settings,
    now_utc: datetime,
    mark: Watermark | None,
    quota_left: float,
) -> Slice | None:
    last = _last(connection, seller, Purpose.NIGHTLY)
    affordable = int(REREAD_SHARE * MOST_ORDERS_PER_PAGE * (int(quota_left) - 1))
    if not (mark and last and settings.reread_days) or now_utc - mark.reread_utc < REREAD_EVERY:
        return None
    if _has_gap(connection, seller, mark):
        # First what is missing, then what may be.
        return None
    if affordable <= 0:
        log.info("The weekly second look waits for a night that leaves calls for it: %.0f are left", quota_left)
        return None
    # A window that only closes a gap has no pages: nobody has looked there yet.
    end = last.window_start_utc if last.pages else last.window_end_utc
    start = max(mark.complete_from_utc, end - timedelta(days=settings.reread_days))
    # The oldest instant from which on we know no more orders than the bucket can pay for.
    row = connection.execute(
        "SELECT last_updated_utc FROM amazon.orders WHERE seller_id = %s AND last_updated_utc BETWEEN %s AND %s"
        " ORDER BY last_updated_utc DESC OFFSET %s LIMIT 1",
        (seller.seller_id, start, end, affordable),
    ).fetchone()
    if row:
        log.info(
            "The weekly second look reaches back only as far as %d orders, which the calls left pay for", affordable
        )
        start = cast("datetime", row[0]) + timedelta(milliseconds=1)
    if start >= end:
        return None
    return Slice(Purpose.REREAD, start, end, _known_orders(connection, seller, start, end))


def _history(
    connection: Connection, seller: Seller, settings: Settings, now_utc: datetime, mark: Watermark | None
) -> Slice | None:
    if not (mark and seller.start_date) or _has_gap(connection, seller, mark):
        # It would take the gap's calls, and a gap is closed while no window is under extraction.
        return None
    goal = planning.first_start(seller, settings.first_window_days, now_utc)
    last = _last(connection, seller, Purpose.HISTORY)
    end = min(mark.complete_from_utc, last.window_start_utc) if last else mark.complete_from_utc
    if goal >= end:
        return None
    samples = _samples(connection, seller, Purpose.HISTORY) or _samples(connection, seller, Purpose.NIGHTLY)
    return cut(Purpose.HISTORY, goal, end, samples, from_end=True)


def _requested(connection: Connection, seller: Seller, request: Request) -> Slice | None:
    start = requested_through(connection, seller, request)
    if start >= request.to_utc:
        return None
    return cut(Purpose.REQUESTED, start, request.to_utc, request_samples(connection, seller, request))


def expected_orders(connection: Connection, seller: Seller, start_utc: datetime, end_utc: datetime) -> int:
    """Return about how many orders a stretch holds by the densest of the last nights, 0 where nothing is known."""
    samples = _samples(connection, seller, Purpose.NIGHTLY)
    if not samples or start_utc >= end_utc:
        return 0
    return ceil(max(sample.per_second for sample in samples) * (end_utc - start_utc).total_seconds())


def requested_through(connection: Connection, seller: Seller, request: Request) -> datetime:
    """Return how far the request's windows have been read, its beginning before the first."""
    read = "seller_id = %s AND run_id = %s AND state <> 'extracting'"
    asked = windows.select(connection, read, seller.seller_id, request.run_id)
    return max((window.window_end_utc for window in asked), default=request.from_utc)


def request_samples(connection: Connection, seller: Seller, request: Request) -> Sequence[Sample]:
    """Return what tells how many orders the request holds: those we know of that time, else the last nights'."""
    known = _known_orders(connection, seller, request.from_utc, request.to_utc)
    if known:
        return [Sample(request.from_utc, request.to_utc, known)]
    return _samples(connection, seller, Purpose.NIGHTLY)


def _known_orders(connection: Connection, seller: Seller, start_utc: datetime, end_utc: datetime) -> int:
    row = connection.execute(
        "SELECT count(*) FROM amazon.orders WHERE seller_id = %s AND last_updated_utc BETWEEN %s AND %s",
        (seller.seller_id, start_utc, end_utc),
    ).fetchone()
    return cast("tuple[int]", row)[0]


def _last(connection: Connection, seller: Seller, purpose: Purpose) -> Window | None:
    found = windows.select(
        connection,
        "window_id = (SELECT max(window_id) FROM ops.extraction_window WHERE seller_id = %s AND purpose = %s)",
        seller.seller_id,
        purpose,
    )
    return found[0] if found else None


def _samples(connection: Connection, seller: Seller, purpose: Purpose) -> list[Sample]:
    rows = connection.execute(
        "SELECT window_start_utc, complete_through_utc,"
        " coalesce((SELECT sum(orders) FROM ops.landed_page p WHERE p.window_id = w.window_id), 0)::bigint"
        " FROM ops.extraction_window w WHERE seller_id = %s AND purpose = %s AND state <> 'extracting'"
        " AND pages_deleted_utc IS NULL ORDER BY window_id DESC LIMIT %s",
        (seller.seller_id, purpose, SAMPLES),
    ).fetchall()
    return [Sample(*cast("tuple[datetime, datetime, int]", row)) for row in rows]
