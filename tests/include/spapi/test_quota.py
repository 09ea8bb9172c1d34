"""The token bucket in the warehouse: what it grants, how long it waits, what it learns from Amazon."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from include.errors import NotYetError
from include.spapi.operations import GET_MARKETPLACE_PARTICIPATIONS, SEARCH_ORDERS, Operation
from include.spapi.quota import LONGEST_SLEEP_S, QuotaBuckets
from include.warehouse.connection import Connection, connect
from tests.payloads.clocks import HandClock

Open = Callable[..., QuotaBuckets]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def buckets(warehouse: Connection, clock: HandClock) -> Open:
    """Opens a seller's buckets; sleeping lets that much time pass for the database too."""

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        let_pass(warehouse, seconds)

    def make(seller_id: str = "acme", client_id: str = "client", rate_scale: float = 1.0) -> QuotaBuckets:
        return QuotaBuckets(
            warehouse, client_id=client_id, seller_id=seller_id, rate_scale=rate_scale, now=clock, sleep=sleep
        )

    return make


def let_pass(warehouse: Connection, seconds: float) -> None:
    """Make every bucket that much older."""
    warehouse.execute("UPDATE ops.quota_bucket SET filled_utc = filled_utc - %s", (timedelta(seconds=seconds),))


def take_all(quota: QuotaBuckets, operation: Operation = SEARCH_ORDERS) -> int:
    """Take until there is a long wait; returns how many there were."""
    taken = 0
    while True:
        try:
            quota.take(operation)
        except NotYetError:
            return taken
        taken += 1


def test_a_new_seller_has_the_documented_burst(buckets: Open) -> None:
    assert take_all(buckets()) == 20
    assert take_all(buckets(), GET_MARKETPLACE_PARTICIPATIONS) == 15


def test_what_is_left_is_counted_down(buckets: Open) -> None:
    quota = buckets()
    assert [round(quota.take(SEARCH_ORDERS), 1) for _ in range(3)] == [19, 18, 17]
    assert round(quota.left(SEARCH_ORDERS), 1) == 17


def test_a_long_wait_says_when_to_come_back_and_the_token_is_there_then(
    buckets: Open, warehouse: Connection, clock: HandClock
) -> None:
    quota = buckets()
    take_all(quota)
    with pytest.raises(NotYetError, match=r"searchOrders for acme is used up until 2026-10-05T12:0\d") as wait:
        quota.take(SEARCH_ORDERS)
    seconds = (wait.value.until_utc - clock()).total_seconds()
    assert 178 < seconds < 183
    let_pass(warehouse, seconds - 20)
    with pytest.raises(NotYetError):
        quota.take(SEARCH_ORDERS)
    let_pass(warehouse, 20)
    quota.take(SEARCH_ORDERS)
    assert clock.slept_s == []


def test_it_can_be_worth_waiting_for_several_calls_at_once(
    buckets: Open, warehouse: Connection, clock: HandClock
) -> None:
    quota = buckets()
    take_all(quota)
    with pytest.raises(NotYetError) as wait:
        quota.take(SEARCH_ORDERS, come_back_for=4)
    let_pass(warehouse, (wait.value.until_utc - clock()).total_seconds())
    assert take_all(quota) == 4


def test_a_short_wait_is_slept(buckets: Open, clock: HandClock) -> None:
    quota = buckets(rate_scale=100)
    for _ in range(21):
        quota.take(SEARCH_ORDERS)
    assert sum(clock.slept_s) == pytest.approx(1.79, abs=0.1)


def test_no_wait_is_rescheduled_for_less_than_ten_seconds(
    buckets: Open, warehouse: Connection, clock: HandClock
) -> None:
    quota = buckets(rate_scale=178.6 / 12)
    take_all(quota)
    with pytest.raises(NotYetError) as wait:
        quota.take(SEARCH_ORDERS)
    assert wait.value.until_utc - clock() >= timedelta(seconds=LONGEST_SLEEP_S)


def test_a_throttled_bucket_is_empty_whatever_it_counted(buckets: Open) -> None:
    quota = buckets()
    quota.take(SEARCH_ORDERS)
    quota.empty(SEARCH_ORDERS)
    assert take_all(quota) == 0
    fresh = buckets(seller_id="other")
    fresh.empty(SEARCH_ORDERS)
    assert take_all(fresh) == 0


def test_sellers_applications_and_operations_have_a_bucket_each(buckets: Open) -> None:
    assert take_all(buckets()) == 20
    assert take_all(buckets(seller_id="other")) == 20
    assert take_all(buckets(client_id="other")) == 20
    assert take_all(buckets(), GET_MARKETPLACE_PARTICIPATIONS) == 15


def test_it_never_holds_more_than_the_burst(buckets: Open, warehouse: Connection) -> None:
    quota = buckets()
    quota.take(SEARCH_ORDERS)
    let_pass(warehouse, 10 * 24 * 3600)
    assert take_all(quota) == 20


def test_a_database_clock_that_was_set_back_takes_nothing_away(buckets: Open, warehouse: Connection) -> None:
    quota = buckets()
    quota.take(SEARCH_ORDERS)
    let_pass(warehouse, -3600)
    assert take_all(quota) == 19


@pytest.mark.parametrize(
    ("told", "adopted"),
    [(0.1, 0.1), (0.0056, 0.0056), (0.00001, 0.00056), (5000.0, 0.56)],
    ids=["a seller with a larger plan", "the documented rate", "too small to be true", "too large to be true"],
)
def test_the_rate_that_amazon_tells_counts_within_reason(
    buckets: Open, warehouse: Connection, told: float, adopted: float
) -> None:
    quota = buckets()
    take_all(quota)
    quota.adopt(SEARCH_ORDERS, told)
    assert warehouse.execute("SELECT rate_per_s, burst FROM ops.quota_bucket").fetchone() == (
        pytest.approx(adopted),
        20,
    )
    let_pass(warehouse, 3.05 / adopted)
    assert quota.left(SEARCH_ORDERS) == pytest.approx(3, abs=0.2)


def test_a_rate_is_scaled_with_the_setting(buckets: Open, warehouse: Connection) -> None:
    quota = buckets(rate_scale=1000)
    quota.take(SEARCH_ORDERS)
    quota.adopt(SEARCH_ORDERS, 5.6)
    quota.adopt(SEARCH_ORDERS, 0.0056)
    assert warehouse.execute("SELECT rate_per_s FROM ops.quota_bucket").fetchone() == (pytest.approx(0.56),)


def test_workers_at_once_get_the_burst_together_and_not_one_call_more(warehouse_dsn: str, clock: HandClock) -> None:
    def work(_: int) -> int:
        with connect(warehouse_dsn) as connection:
            return take_all(QuotaBuckets(connection, client_id="c", seller_id="s", rate_scale=1, now=clock))

    with ThreadPoolExecutor(4) as workers:
        assert sum(workers.map(work, range(4))) == 20


@given(waits=st.lists(st.floats(0, 2000), max_size=60), rate_scale=st.sampled_from([1.0, 3.0]))
@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_stretch_of_time_ever_sees_more_calls_than_burst_and_rate_allow(
    warehouse: Connection, buckets: Open, clock: HandClock, waits: list[float], rate_scale: float
) -> None:
    warehouse.execute("DELETE FROM ops.quota_bucket")
    quota = buckets(rate_scale=rate_scale)
    granted: list[float] = []
    for wait in waits:
        clock.advance(seconds=wait)
        let_pass(warehouse, wait)
        with suppress(NotYetError):
            while True:
                quota.take(SEARCH_ORDERS)
                granted.append(clock.instant.timestamp())
    rate_per_s = SEARCH_ORDERS.rate_per_s * rate_scale
    for first in range(len(granted)):
        for last in range(first, len(granted)):
            # The test itself takes real time, a tenth of a token at most.
            assert last - first + 1 <= 20.1 + rate_per_s * (granted[last] - granted[first])
