"""How long a slice is, where a night begins, what is settled: arithmetic of instants, tried from all sides."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.orders.planning import (
    LONGEST_SLICE,
    ORDERS_PER_SLICE,
    SHORTEST_SLICE,
    Purpose,
    Sample,
    Slice,
    cut,
    first_start,
    narrowed,
    nightly_start,
    pages_worth_waiting_for,
    settled_after,
    slice_length,
)
from include.sellers.registry import Seller

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)
OVERLAP = timedelta(hours=6)


def a_day_of(orders: int) -> Sample:
    return Sample(NOON - timedelta(days=1), NOON, orders)


def test_of_an_unknown_seller_thirty_days_are_asked_for_and_the_first_page_tells() -> None:
    assert slice_length([]) == LONGEST_SLICE


def unknown(days: int = 20) -> Slice:
    return Slice(Purpose.NIGHTLY, NOON - timedelta(days=days), NOON, None)


def first_page_of(slice_: Slice, orders: int, page_size: int = 100) -> Sample:
    """A first page where so many orders are spread evenly over a slice, the oldest first."""
    between = (slice_.end_utc - slice_.start_utc) / orders
    return Sample(slice_.start_utc + between, slice_.start_utc + page_size * between, page_size)


@pytest.mark.parametrize("orders", [101, 1000, 2000, 2450])
def test_a_slice_that_the_calls_pay_for_by_its_first_page_stays_whole(orders: int) -> None:
    assert narrowed(unknown(), first_page_of(unknown(), orders), 20) is None


@pytest.mark.parametrize(("orders", "quota_left"), [(2600, 20), (10_000, 20), (1800, 7), (1000, 0)])
def test_one_that_they_do_not_pay_for_is_cut_to_seventeen_pages(orders: int, quota_left: float) -> None:
    part = narrowed(unknown(), first_page_of(unknown(), orders), quota_left)
    if orders <= 1700:
        assert part is None, "less than a slice holds anyway"
    else:
        assert part is not None
        assert part.start_utc == unknown().start_utc
        assert part.expected_orders is not None
        assert abs(part.expected_orders - 1700) <= 1


def test_a_few_orders_of_one_moment_are_no_reason_to_narrow() -> None:
    assert narrowed(unknown(), Sample(NOON, NOON, 2), 20) is None


@pytest.mark.parametrize("page_size", [60, 99])
def test_pages_that_are_never_full_do_not_hide_how_much_there_is(page_size: int) -> None:
    assert narrowed(unknown(), first_page_of(unknown(), 30_000, page_size), 20) is not None


def test_of_a_late_beginning_the_time_before_it_is_cut_off_and_expected_to_be_empty() -> None:
    late = Sample(NOON - timedelta(days=3), NOON - timedelta(days=3) + timedelta(hours=1), 100)
    part = narrowed(unknown(), late, 20)
    assert part == Slice(Purpose.NIGHTLY, unknown().start_utc, late.start_utc - timedelta(milliseconds=1), 0)


@given(
    orders=st.integers(0, 100),
    first_s=st.integers(0, 20 * 86_400),
    spread_s=st.integers(0, 30 * 86_400),
    quota_left=st.floats(0, 40),
)
def test_whatever_a_first_page_shows_what_is_left_is_a_part_that_is_known(
    orders: int, first_s: int, spread_s: int, quota_left: float
) -> None:
    slice_ = unknown()
    first = slice_.start_utc + timedelta(seconds=first_s)
    part = narrowed(slice_, Sample(first, first + timedelta(seconds=spread_s), orders), quota_left)
    if part is not None:
        assert slice_.start_utc == part.start_utc < part.end_utc < slice_.end_utc
        assert part.expected_orders is not None


@pytest.mark.parametrize(("orders", "pages"), [(1900, 19), (2000, 20)])
def test_what_the_calls_left_pay_for_is_one_slice(orders: int, pages: float) -> None:
    day = (NOON - timedelta(days=1), NOON)
    assert cut(Purpose.NIGHTLY, *day, [a_day_of(orders)], quota_left=pages).end_utc == NOON
    assert cut(Purpose.NIGHTLY, *day, [a_day_of(orders)], quota_left=pages - 0.1).end_utc < NOON


@pytest.mark.parametrize(
    ("orders_a_day", "length"),
    [
        (0, LONGEST_SLICE),
        (10, LONGEST_SLICE),
        (170, timedelta(days=10)),
        (1700, timedelta(days=1)),
        (17_000, timedelta(hours=2, minutes=24)),
        (10_000_000, SHORTEST_SLICE),
    ],
)
def test_a_slice_holds_about_seventeen_pages_and_never_more_than_thirty_days(
    orders_a_day: int, length: timedelta
) -> None:
    assert slice_length([a_day_of(orders_a_day)]) == length


def test_the_densest_of_the_last_windows_decides() -> None:
    assert slice_length([a_day_of(10), a_day_of(1700), a_day_of(100)]) == timedelta(days=1)


def test_a_window_of_minutes_does_not_make_a_seller_look_large() -> None:
    minutes = Sample(NOON - timedelta(minutes=5), NOON, 50)
    assert slice_length([minutes]) == timedelta(days=8, hours=12)


def test_a_dense_window_of_less_than_six_hours_counts_by_its_own_length() -> None:
    dense = Sample(NOON - timedelta(hours=1), NOON, 1700)
    assert slice_length([dense]) == timedelta(hours=1)


@given(orders=st.integers(0, 100_000), hours=st.integers(1, 3000), from_end=st.booleans())
def test_slices_follow_each_other_without_a_gap_and_expect_no_more_than_the_burst(
    orders: int, hours: int, from_end: bool
) -> None:
    start, end = NOON - timedelta(hours=hours), NOON
    slices = []
    while start < end and len(slices) < 50:
        part = cut(Purpose.NIGHTLY, start, end, [a_day_of(orders)], from_end=from_end)
        assert start <= part.start_utc < part.end_utc <= end
        assert part.end_utc - part.start_utc <= LONGEST_SLICE
        assert (part.expected_orders is None) == (orders == 0)
        assert (part.expected_orders or 0) <= max(ORDERS_PER_SLICE, orders * (SHORTEST_SLICE / timedelta(days=1))) + 1
        if from_end:
            assert part.end_utc == end
            end = part.start_utc
        else:
            assert part.start_utc == start
            start = part.end_utc
        slices.append(part)
    assert slices


@given(
    pauses_minutes=st.lists(st.integers(0, 3 * 24 * 60), min_size=1, max_size=12),
    updated_minutes=st.integers(0, 5 * 24 * 60),
    late_share=st.floats(0, 1),
    overlap_hours=st.sampled_from([1, 6, 24, 48]),
)
def test_whatever_the_pauses_a_change_that_came_late_by_no_more_than_the_overlap_is_read(
    pauses_minutes: list[int], updated_minutes: int, late_share: float, overlap_hours: int
) -> None:
    overlap = timedelta(hours=overlap_hours)
    updated_utc = NOON + timedelta(minutes=updated_minutes)
    indexed_utc = updated_utc + late_share * overlap
    position_utc = settled_utc = NOON
    now_utc, read = NOON, False
    # Two pauses long enough for everything late to have come, after which it must have been found.
    for pause in [*pauses_minutes, 100 * 60, 100 * 60]:
        now_utc += timedelta(minutes=pause)
        start_utc = nightly_start(position_utc, settled_utc, now_utc, overlap)
        end_utc = now_utc - timedelta(minutes=2)
        if start_utc >= end_utc:
            continue
        assert start_utc <= position_utc
        assert settled_utc <= position_utc
        read |= start_utc <= updated_utc <= end_utc and indexed_utc <= now_utc
        settled_utc = settled_after(settled_utc, start_utc, end_utc, now_utc - overlap)
        position_utc = end_utc
    assert updated_utc > settled_utc or read
    assert settled_utc >= now_utc - overlap - timedelta(minutes=2)


def test_nights_of_a_large_seller_go_forward_slice_by_slice_though_each_is_shorter_than_the_overlap() -> None:
    position, settled, now = NOON - timedelta(days=1), NOON - timedelta(days=1, hours=6), NOON
    for _ in range(20):
        start = nightly_start(position, settled, now, OVERLAP)
        end = min(start + timedelta(hours=2), now - timedelta(minutes=2))
        settled = settled_after(settled, start, end, now - OVERLAP)
        position = end
        now += timedelta(minutes=20)
        if end == now - timedelta(minutes=22):
            break
    assert position > NOON - timedelta(minutes=2)
    assert settled > NOON - OVERLAP


def test_a_start_date_counts_as_far_as_amazon_shows_orders(seller: Seller) -> None:
    old = dataclasses.replace(seller, start_date=date(2014, 1, 1))
    assert first_start(old, 30, NOON) == NOON - timedelta(days=730)
    assert first_start(dataclasses.replace(old, region="fe"), 30, NOON) == datetime(2016, 1, 1, tzinfo=UTC)
    assert first_start(dataclasses.replace(old, start_date=None), 30, NOON) == NOON - timedelta(days=30)


@pytest.mark.parametrize(
    ("expected_orders", "pages", "worth"),
    [(None, 0, 1), (1700, 0, 5), (1700, 10, 4), (1700, 14, 2), (1700, 16, 1), (1700, 17, 1), (1700, 30, 1)],
)
def test_a_visit_waits_for_half_of_what_is_still_expected_and_never_long_at_the_end(
    expected_orders: int | None, pages: int, worth: int
) -> None:
    assert pages_worth_waiting_for(expected_orders, pages) == worth
