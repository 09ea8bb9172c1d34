"""Usage plans: how often a seller may call each operation, and what happens beyond that."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.fake_amazon.client import FakeAmazonError
from include.fake_amazon.server import serve_in_thread
from include.fake_amazon.usage_plans import UsagePlans

AFTER = "2026-10-01T00:00:00Z"


class Seconds:
    """Monotonic time that a test moves by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds():
    return Seconds()


@pytest.fixture
def throttled(seconds, request):
    with serve_in_thread(rate_scale=getattr(request, "param", 1.0), monotonic=seconds) as running:
        yield running


@pytest.fixture
def fake(throttled):
    return throttled


def _statuses(seller, count):
    return [seller.search(lastUpdatedAfter=AFTER, maxResultsPerPage=1).status_code for _ in range(count)]


def test_search_orders_allows_a_burst_of_twenty_then_one_call_every_179_seconds(seller, seconds):
    assert _statuses(seller, 21) == [200] * 20 + [429]
    seconds.now += 178
    assert _statuses(seller, 1) == [429]
    seconds.now += 1
    assert _statuses(seller, 2) == [200, 429]


def test_a_throttled_call_is_answered_in_amazons_words_and_without_the_limit(seller):
    _statuses(seller, 20)
    response = seller.search(lastUpdatedAfter=AFTER)
    message = "You exceeded your quota for the requested resource."
    assert response.status_code == 429
    assert response.json() == {"errors": [{"code": "QuotaExceeded", "message": message, "details": ""}]}
    assert "x-amzn-RateLimit-Limit" not in response.headers
    assert response.headers["x-amzn-RequestId"]


def test_participations_allow_a_burst_of_fifteen(seller):
    path = "/sellers/v1/marketplaceParticipations"
    assert [seller.get(path).status_code for _ in range(16)] == [200] * 15 + [429]
    assert _statuses(seller, 1) == [200]


def test_each_seller_has_an_own_bucket(new_seller):
    one, other = new_seller(), new_seller()
    assert _statuses(one, 21)[-1] == 429
    assert _statuses(other, 1) == [200]


def test_the_fakes_clock_grants_no_quota(fake, seller):
    _statuses(seller, 20)
    fake.client.set_clock(fake.client.clock() + timedelta(days=30))
    seller.access_token = ""
    assert _statuses(seller, 1) == [429]


@pytest.mark.parametrize("throttled", [1000.0], indirect=True)
def test_a_rate_scale_multiplies_the_rate_and_leaves_the_burst(seller, seconds):
    response = seller.search(lastUpdatedAfter=AFTER)
    assert response.headers["x-amzn-RateLimit-Limit"] == "5.6"
    assert _statuses(seller, 20) == [200] * 19 + [429]
    seconds.now += 0.179
    assert _statuses(seller, 2) == [200, 429]


def test_the_documented_rate_is_the_header_with_200_and_400(seller):
    assert seller.search(lastUpdatedAfter=AFTER).headers["x-amzn-RateLimit-Limit"] == "0.0056"
    assert seller.search().headers["x-amzn-RateLimit-Limit"] == "0.0056"


def test_a_busy_seller_can_have_a_plan_of_its_own(fake, new_seller, seconds):
    busy, other = new_seller(), new_seller()
    fake.client.set_usage_plan(busy.shop_id, "searchOrders", rate_per_s=0.5, burst=3)
    assert busy.search(lastUpdatedAfter=AFTER).headers["x-amzn-RateLimit-Limit"] == "0.5"
    assert _statuses(busy, 3) == [200, 200, 429]
    seconds.now += 2
    assert _statuses(busy, 2) == [200, 429]
    assert other.search(lastUpdatedAfter=AFTER).headers["x-amzn-RateLimit-Limit"] == "0.0056"
    assert busy.get("/sellers/v1/marketplaceParticipations").headers["x-amzn-RateLimit-Limit"] == "0.016"


@pytest.mark.parametrize("throttled", [1000.0], indirect=True)
def test_an_own_plan_is_multiplied_by_the_rate_scale_too(fake, seller):
    fake.client.set_usage_plan(seller.shop_id, "searchOrders", rate_per_s=0.01)
    assert seller.search(lastUpdatedAfter=AFTER).headers["x-amzn-RateLimit-Limit"] == "10"
    assert _statuses(seller, 19)[-1] == 200


def test_a_new_plan_neither_fills_a_bucket_nor_counts_for_the_time_before_it(fake, seller, seconds):
    assert _statuses(seller, 20)[-1] == 200
    seconds.now += 100
    fake.client.set_usage_plan(seller.shop_id, "searchOrders", rate_per_s=1.0, burst=40)
    assert _statuses(seller, 1) == [429]
    seconds.now += 1
    assert _statuses(seller, 2) == [200, 429]


def test_a_bucket_can_be_emptied_and_filled_up_to_its_burst(fake, seller):
    fake.client.set_bucket(seller.shop_id, "searchOrders", 0)
    assert _statuses(seller, 1) == [429]
    fake.client.set_bucket(seller.shop_id, "searchOrders", 2)
    assert _statuses(seller, 3) == [200, 200, 429]
    fake.client.set_bucket(seller.shop_id, "searchOrders", 1000)
    assert _statuses(seller, 21) == [200] * 20 + [429]


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (lambda client, shop: client.set_bucket(shop, "getOrders", 1), "'getOrders' has no usage plan; known are"),
        (lambda client, _: client.set_bucket("nobody", "searchOrders", 1), "There is no shop 'nobody'."),
        (lambda client, shop: client.set_bucket(shop, "searchOrders", -1), "tokens"),
        (lambda client, shop: client.set_usage_plan(shop, "searchOrders", rate_per_s=0), "rate_per_s"),
        (lambda client, shop: client.set_usage_plan(shop, "searchOrders", rate_per_s=1, burst=0), "burst"),
    ],
)
def test_a_plan_or_bucket_that_makes_no_sense_is_refused(fake, seller, wish, sentence):
    with pytest.raises(FakeAmazonError, match=sentence):
        wish(fake.client, seller.shop_id)


def test_a_long_rest_fills_no_more_than_the_burst(seconds):
    plans = UsagePlans(1.0, seconds)
    assert plans.take("client", "shop", "searchOrders")
    seconds.now += 1e6
    assert [plans.take("client", "shop", "searchOrders") for _ in range(21)] == [True] * 20 + [False]


@given(st.lists(st.floats(min_value=0, max_value=400), max_size=60))
def test_no_sequence_of_calls_gets_more_than_burst_plus_rate_times_time(waits):
    seconds = Seconds()
    plans = UsagePlans(1.0, seconds)
    granted = 0
    for wait in waits:
        seconds.now += wait
        granted += plans.take("client", "shop", "searchOrders")
        assert granted <= 20 + 0.0056 * (seconds.now - 1000) + 1e-6
