"""Which way a gap is closed fastest, and when it will be; pure, without clock, database or Amazon.

searchOrders gives 100 orders a call, 20 calls at once and then one every three minutes. Reports tell every order's
totals within minutes, however many there are, and with the ids known getOrder fetches details beside searchOrders.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final, Literal

from include.spapi.operations import CREATE_REPORT, GET_ORDER, SEARCH_ORDERS
from include.spapi.orders import MOST_ORDERS_PER_PAGE
from include.spapi.reports import LONGEST_DAYS

LONGEST_REPORT: Final = timedelta(days=LONGEST_DAYS)
# What a report takes to come about, as users tell; some take an hour.
REPORT_TAKES: Final = timedelta(minutes=10)
# Below this searchOrders alone is as good: a report and its rows cost calls and a second load.
WORTH_A_REPORT: Final = timedelta(minutes=30)
# A wait that nobody would notice is not promised to anybody.
WORTH_TELLING: Final = timedelta(minutes=10)

Way = Literal["search", "report"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a gap is closed.

    Attributes:
        way: searchOrders alone, or reports first.
        expected_orders: About how many it holds.
        totals_in: How long until every order's totals are there.
        detail_in: How long until everything is.
        reports: The windows to ask reports for, oldest first, both ends inclusive; none for `search`.
    """

    way: Way
    expected_orders: int
    totals_in: timedelta
    detail_in: timedelta
    reports: tuple[tuple[datetime, datetime], ...] = ()

    @property
    def is_worth_telling(self) -> bool:
        """Whether people should know when it is done."""
        return self.way == "report" or self.detail_in >= WORTH_TELLING

    def forecast(self, now_utc: datetime) -> str:
        """Say it in one line."""
        detail = f"all detail by {now_utc + self.detail_in:%Y-%m-%d %H:%M} UTC"
        if self.way == "search":
            return f"about {self.expected_orders:,} orders by searchOrders alone: {detail}"
        totals = f"totals in about {ceil(self.totals_in / timedelta(minutes=1))} min"
        return f"about {self.expected_orders:,} orders, reports first: {totals}, {detail}"


def plan(
    start_utc: datetime,
    end_utc: datetime,
    expected_orders: int,
    *,
    search_left: float,
    order_left: float = GET_ORDER.burst,
    report_left: float = CREATE_REPORT.burst,
    rate_scale: float = 1.0,
) -> Plan:
    """Choose by what the buckets hold and what the gap is likely to hold.

    Args:
        start_utc: Where the gap begins.
        end_utc: Where it ends.
        expected_orders: About how many orders changed in it.
        search_left: Calls of searchOrders left.
        order_left: Calls of getOrder left.
        report_left: Calls of createReport left.
        rate_scale: Factor on documented rates.
    """
    by_search = _seconds(
        ceil(expected_orders / MOST_ORDERS_PER_PAGE), search_left, SEARCH_ORDERS.rate_per_s, rate_scale
    )
    if by_search < WORTH_A_REPORT / rate_scale:
        return Plan("search", expected_orders, by_search, by_search)
    windows = report_windows(start_utc, end_utc)
    totals = REPORT_TAKES / rate_scale + _seconds(len(windows), report_left, CREATE_REPORT.rate_per_s, rate_scale)
    # searchOrders reads from the start; getOrder knows no id before the reports are here, and has a full bucket then.
    searched_per_s = SEARCH_ORDERS.rate_per_s * MOST_ORDERS_PER_PAGE * rate_scale
    fetched_per_s = GET_ORDER.rate_per_s * rate_scale
    at_once = search_left * MOST_ORDERS_PER_PAGE + min(
        GET_ORDER.burst, order_left + fetched_per_s * totals.total_seconds()
    )
    left = max(0.0, expected_orders - at_once - searched_per_s * totals.total_seconds())
    detail = totals + timedelta(seconds=left / (searched_per_s + fetched_per_s))
    return Plan("report", expected_orders, totals, detail, windows)


def search_pages(orders: int, search_left: float) -> int:
    """Return how many pages searchOrders should read of listed orders while getOrder fetches the others.

    As many as come before getOrder, at its own rate, would run into them; what is left then is divided again. None
    where getOrder has fetched all of them before the next page can come.

    Args:
        orders: How many are listed.
        search_left: Calls of searchOrders left.
    """
    fetched_meanwhile = GET_ORDER.rate_per_s / SEARCH_ORDERS.rate_per_s
    if orders <= fetched_meanwhile * (1 - search_left):
        return 0
    before_they_meet = int((orders + fetched_meanwhile * search_left) / (MOST_ORDERS_PER_PAGE + fetched_meanwhile))
    return min(ceil(orders / MOST_ORDERS_PER_PAGE), max(1, before_they_meet))


def report_windows(start_utc: datetime, end_utc: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """Cut a stretch into windows that Amazon makes reports of; neighbours share one instant."""
    windows = []
    while start_utc < end_utc:
        until = min(end_utc, start_utc + LONGEST_REPORT)
        windows.append((start_utc, until))
        start_utc = until
    return tuple(windows)


def _seconds(calls: int, left: float, rate_per_s: float, rate_scale: float) -> timedelta:
    return timedelta(seconds=max(0.0, calls - left) / (rate_per_s * rate_scale))
