"""Which way a gap is closed: searchOrders alone or reports first, and when it will be, by the limits' arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.orders.catching_up import LONGEST_REPORT, REPORT_TAKES, plan, report_windows, search_pages
from include.spapi.operations import GET_ORDER, SEARCH_ORDERS

END = datetime(2026, 10, 31, tzinfo=UTC)
START = END - timedelta(days=10)


@pytest.mark.parametrize("orders", [1, 2000, 2900])
def test_what_the_burst_nearly_pays_for_needs_no_report(orders):
    chosen = plan(START, END, orders, search_left=20)
    assert (chosen.way, chosen.reports) == ("search", ())
    assert chosen.detail_in < timedelta(minutes=30)


@pytest.mark.parametrize(
    ("orders", "hours"), [(10_000, 2.17), (100_000, 25.75)], ids=["ten thousand", "a hundred thousand"]
)
def test_a_large_gap_takes_as_long_as_both_limits_together_let_it(orders, hours):
    chosen = plan(START, END, orders, search_left=20)
    assert chosen.way == "report"
    assert chosen.detail_in / timedelta(hours=1) == pytest.approx(hours, rel=0.005)
    assert chosen.totals_in == REPORT_TAKES


def test_an_empty_bucket_makes_a_report_worth_it_sooner():
    assert plan(START, END, 1500, search_left=20).way == "search"
    assert plan(START, END, 1500, search_left=0).way == "report"


def test_the_forecast_is_one_line():
    said = plan(START, END, 10_000, search_left=20).forecast(datetime(2026, 10, 31, 2, 0, tzinfo=UTC))
    assert said == "about 10,000 orders, reports first: totals in about 10 min, all detail by 2026-10-31 04:10 UTC"
    assert "searchOrders alone" in plan(START, END, 100, search_left=20).forecast(END)


def test_two_years_wait_for_the_reports_that_the_burst_does_not_pay_for():
    chosen = plan(END - timedelta(days=730), END, 50_000, search_left=20)
    assert len(chosen.reports) == 25
    assert chosen.totals_in == pytest.approx(REPORT_TAKES + timedelta(seconds=10 / 0.0167), abs=timedelta(seconds=1))


@given(days=st.floats(min_value=0.01, max_value=800), orders=st.integers(min_value=1, max_value=10**7))
def test_reports_cover_the_gap_without_a_hole_and_none_is_too_long(days, orders):
    start = END - timedelta(days=days)
    windows = report_windows(start, END)
    assert (windows[0][0], windows[-1][1]) == (start, END)
    assert all(earlier[1] == later[0] for earlier, later in pairwise(windows))
    assert all(begin < end <= begin + LONGEST_REPORT for begin, end in windows)
    assert len(windows) == ceil((END - start) / LONGEST_REPORT)
    chosen = plan(start, END, orders, search_left=20)
    assert chosen.detail_in >= timedelta(0)
    assert chosen.reports in ((), windows)


@given(orders=st.integers(min_value=0, max_value=10**6), search_left=st.floats(min_value=0, max_value=20))
def test_reports_first_are_never_slower_than_searching_alone_but_for_the_report_itself(orders, search_left):
    chosen = plan(START, END, orders, search_left=search_left)
    alone = timedelta(seconds=max(0.0, ceil(orders / 100) - search_left) / 0.0056)
    assert chosen.detail_in <= max(alone, REPORT_TAKES)


@given(orders=st.integers(min_value=1, max_value=10**5), search_left=st.floats(min_value=0, max_value=20))
def test_what_search_orders_reads_is_never_fetched_by_get_order_too(orders, search_left):
    pages = search_pages(orders, search_left)
    until_the_last_page_s = max(0.0, pages - search_left) / SEARCH_ORDERS.rate_per_s
    fetched_meanwhile = until_the_last_page_s * GET_ORDER.rate_per_s
    # The last page may be half empty; all before it are searchOrders' alone.
    assert 100 * (pages - 1) + fetched_meanwhile <= orders


@given(orders=st.integers(min_value=1, max_value=10**5), search_left=st.floats(min_value=0, max_value=1))
def test_get_order_is_left_alone_only_where_it_is_through_before_the_next_page_comes(orders, search_left):
    next_page_in_s = (1 - search_left) / SEARCH_ORDERS.rate_per_s
    alone_s = orders / GET_ORDER.rate_per_s
    assert (search_pages(orders, search_left) == 0) == (alone_s <= next_page_in_s * (1 + 1e-9))
