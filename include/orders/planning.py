"""Which stretch of time to ask Amazon for next, and in how large a slice; pure, without clock, database or Amazon.

Amazon tells a change after two minutes, and some changes hours late. So a night looks again at what the last one read
when it was younger than the overlap (`settled_utc`), and once a week at the last days, as far as the burst reaches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from math import ceil

from include.sellers.registry import Seller
from include.spapi.operations import SEARCH_ORDERS
from include.spapi.orders import MOST_ORDERS_PER_PAGE

# Amazon refuses an upper bound younger than this.
AMAZON_DELAY = timedelta(minutes=2)
LONGEST_SLICE = timedelta(days=30)
SHORTEST_SLICE = timedelta(minutes=15)
# A slice aims at 17 of the 20 pages that the burst gives, because a busy week is not like the last.
PAGES_PER_SLICE = round(0.85 * SEARCH_ORDERS.burst)
ORDERS_PER_SLICE = PAGES_PER_SLICE * MOST_ORDERS_PER_PAGE
# A density from less than this, or from less than a page, is chance.
SHORTEST_SAMPLE = timedelta(hours=6)
# Amazon shows orders for two years, but for its region fe (Japan, Australia, Singapore): there since 2016.
AMAZON_SHOWS = timedelta(days=2 * 365)
AMAZON_SHOWS_IN_FE_FROM = datetime(2016, 1, 1, tzinfo=UTC)
MOST_PAGES_PER_VISIT = 5
LOOK_BACK_EVERY = timedelta(hours=12)


class Purpose(StrEnum):
    """Why a window is asked for; `ops.extraction_window.purpose`."""

    NIGHTLY = "nightly"
    REREAD = "reread"
    HISTORY = "history"
    REQUESTED = "requested"
    DETAIL = "detail"


@dataclass(frozen=True, slots=True)
class Slice:
    """A stretch to ask for in one window; both ends belong to it.

    Attributes:
        expected_orders: About how many it holds, None for no idea.
    """

    purpose: Purpose
    start_utc: datetime
    end_utc: datetime
    expected_orders: int | None


@dataclass(frozen=True, slots=True)
class Sample:
    """How many orders a window held that was read to its end."""

    start_utc: datetime
    end_utc: datetime
    orders: int

    @property
    def per_second(self) -> float:
        """Its density; a very short window with few orders counts as a quarter of a day."""
        least = SHORTEST_SAMPLE if self.orders < MOST_ORDERS_PER_PAGE else timedelta(seconds=1)
        return self.orders / max(self.end_utc - self.start_utc, least).total_seconds()


def slice_length(samples: Sequence[Sample]) -> timedelta:
    """How long a slice may be so that it rarely exceeds the burst, by the densest of these windows.

    Where there is none its first page tells.
    """
    if not samples:
        return LONGEST_SLICE
    density = max(sample.per_second for sample in samples)
    if density * LONGEST_SLICE.total_seconds() <= ORDERS_PER_SLICE:
        return LONGEST_SLICE
    return max(SHORTEST_SLICE, timedelta(seconds=round(ORDERS_PER_SLICE / density)))


def cut(
    purpose: Purpose,
    start_utc: datetime,
    end_utc: datetime,
    samples: Sequence[Sample],
    *,
    from_end: bool = False,
    quota_left: float = 0.0,
) -> Slice:
    """Cut one slice off a stretch, at its start, or with `from_end` at its end; all where the quota pays for it."""
    length = min(slice_length(samples), end_utc - start_utc)
    # Windows without an order tell nothing: they may have ended before the first.
    density = max((sample.per_second for sample in samples), default=0.0) or None
    whole = min(LONGEST_SLICE, end_utc - start_utc)
    if density is not None and density * whole.total_seconds() <= int(quota_left) * MOST_ORDERS_PER_PAGE:
        length = whole
    expected = None if density is None else ceil(density * length.total_seconds())
    if from_end:
        return Slice(purpose, end_utc - length, end_utc, expected)
    return Slice(purpose, start_utc, start_utc + length, expected)


def narrowed(slice_: Slice, page: Sample, quota_left: float) -> Slice | None:
    """Cut a slice of which nothing was known, by its first page; its start stays.

    Args:
        slice_: As it was asked for.
        page: From the first to the last update on that page; as it has a next one, half a page counts as a whole.
        quota_left: Calls left, this page's included.

    Returns:
        None where it may stay as it is. The time before the first order, where it would be most of a slice that has to
        be cut: counted with the orders after it, it would make the seller look small.
    """
    if page.orders >= MOST_ORDERS_PER_PAGE / 2:
        page = replace(page, orders=MOST_ORDERS_PER_PAGE)
    first = min(slice_.end_utc, max(slice_.start_utc, page.start_utc))
    # To begin again costs a call and a page that is not full: a few waits are worth as much.
    part = cut(slice_.purpose, first, slice_.end_utc, [page], quota_left=quota_left + MOST_PAGES_PER_VISIT)
    if part.end_utc == slice_.end_utc:
        return None
    if first - slice_.start_utc > part.end_utc - first:
        # Expected to be empty, so that pages which come newest first do not narrow it again and again.
        return Slice(slice_.purpose, slice_.start_utc, first - timedelta(milliseconds=1), 0)
    return replace(part, start_utc=slice_.start_utc)


def settled_after(
    settled_utc: datetime, start_utc: datetime, end_utc: datetime, settled_before_utc: datetime
) -> datetime:
    """How far everything is settled once a window was read.

    Args:
        settled_utc: How far it was before.
        start_utc: The window's start.
        end_utc: Its end.
        settled_before_utc: When Amazon was asked for it, less the overlap.
    """
    return max(settled_utc, min(end_utc, settled_before_utc)) if start_utc <= settled_utc else settled_utc


def nightly_start(position_utc: datetime, settled_utc: datetime, now_utc: datetime, overlap: timedelta) -> datetime:
    """Where the next nightly slice begins.

    Args:
        position_utc: Where the last one ended.
        settled_utc: How far everything is settled.
        now_utc: The present.
        overlap: How late a change may come to Amazon's index.

    Returns:
        The last slice's end; but where the overlap could settle half a day more by now (less, for a shorter overlap),
        the end of what is settled: what is younger is read again. Not at every run, because a run of a large seller
        whose slices are shorter than the overlap would never come forward.
    """
    could_settle = now_utc - overlap - settled_utc
    return min(position_utc, settled_utc) if could_settle >= min(overlap, LOOK_BACK_EVERY) else position_utc


def first_start(seller: Seller, first_window_days: int, now_utc: datetime) -> datetime:
    """Where a seller's tables begin: its start date, as far as Amazon shows orders; else so many days ago."""
    if seller.start_date is None:
        return (now_utc - timedelta(days=first_window_days)).replace(microsecond=0)
    wanted = datetime.combine(seller.start_date, time.min, tzinfo=UTC)
    shown = AMAZON_SHOWS_IN_FE_FROM if seller.region == "fe" else (now_utc - AMAZON_SHOWS).replace(microsecond=0)
    return max(wanted, shown)


def newest_end(now_utc: datetime) -> datetime:
    """The latest upper bound that Amazon takes, in whole seconds."""
    return (now_utc - AMAZON_DELAY).replace(microsecond=0)


def calls_of(orders: int) -> int:
    """Pages that so many orders fill."""
    return max(1, ceil(orders / MOST_ORDERS_PER_PAGE))


def pages_worth_waiting_for(expected_orders: int | None, pages: int) -> int:
    """How many pages' quota to wait for when there is none: half of what the slice is still expected to need.

    A visit costs a process; but what is waited for too long at the end delays the tables.

    Args:
        expected_orders: As the slice was planned.
        pages: Landed so far.
    """
    left = calls_of(expected_orders) - pages if expected_orders else 1
    return min(MOST_PAGES_PER_VISIT, max(1, ceil(left / 2)))
