"""searchOrders' pages: every order of a window once, however many fit on a page, and tokens bound to their request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.fake_amazon.call import Call
from include.fake_amazon.clock import Clock
from include.fake_amazon.search_orders import SearchOrders
from include.fake_amazon.shops import make_shop
from include.fake_amazon.world import World

AFTER = "2026-10-01T00:00:00Z"
REFUSED = (
    "The paginationToken you have submitted is not valid. All parameters must match the original request except "
    "maxResultsPerPage."
)


def _assert_refused(response):
    assert response.status_code == 400
    assert response.json() == {"errors": [{"code": "InvalidInput", "message": REFUSED, "details": ""}]}


def _first_token(seller, **query):
    return seller.search(lastUpdatedAfter=AFTER, maxResultsPerPage=3, **query).json()["pagination"]["nextToken"]


def test_pages_hold_a_hundred_orders_unless_told_otherwise(new_seller):
    busy = new_seller(orders_per_day=10)
    sizes = [len(page["orders"]) for page in busy.pages(lastUpdatedAfter=AFTER)]
    assert set(sizes[:-1]) == {100}
    assert 0 < sizes[-1] <= 100


def test_the_last_page_has_no_pagination_even_when_it_is_full(fake, quiet_seller, make_order):
    orders = [make_order(f"300-0000000-000000{n}", f"2026-11-01T08:00:0{n}.000Z") for n in range(4)]
    fake.client.add_orders(quiet_seller.shop_id, orders)
    pages = quiet_seller.pages(lastUpdatedAfter=AFTER, maxResultsPerPage=2)
    assert [len(page["orders"]) for page in pages] == [2, 2]
    assert ["pagination" in page for page in pages] == [True, False]


def test_orders_are_sorted_by_time_then_id(fake, quiet_seller, make_order):
    same = "2026-11-01T08:00:00.000Z"
    orders = [make_order(f"30{n}-0000000-0000000", same) for n in (2, 0, 1)]
    fake.client.add_orders(quiet_seller.shop_id, [*orders, make_order("309-0000000-0000000", "2026-10-31T00:00:00Z")])
    found = [order["orderId"][:3] for order in quiet_seller.orders(lastUpdatedAfter=AFTER, maxResultsPerPage=2)]
    assert found == ["309", "300", "301", "302"]


def test_every_page_repeats_the_end_frozen_with_the_first(fake, seller):
    first = seller.search(lastUpdatedAfter=AFTER, maxResultsPerPage=3).json()
    fake.client.set_clock(fake.client.clock() + timedelta(minutes=30), frozen=True)
    token = first["pagination"]["nextToken"]
    second = seller.search(lastUpdatedAfter=AFTER, maxResultsPerPage=3, paginationToken=token).json()
    assert second["lastUpdatedBefore"] == first["lastUpdatedBefore"]


def test_page_size_and_datasets_may_change_between_pages(seller):
    token = _first_token(seller)
    changed = {"maxResultsPerPage": 5, "includedData": "PROCEEDS"}
    page = seller.search(lastUpdatedAfter=AFTER, paginationToken=token, **changed).json()
    assert len(page["orders"]) == 5
    assert any("proceeds" in order for order in page["orders"])


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"lastUpdatedAfter": "2026-10-01T00:00:01Z"}, id="another start"),
        pytest.param({"lastUpdatedBefore": "2026-11-01T00:00:00Z"}, id="an end that was not there"),
        pytest.param({"marketplaceIds": "A1PA6795UKMFR9"}, id="marketplaces that were not there"),
        pytest.param({"fulfillmentStatuses": "SHIPPED"}, id="statuses that were not there"),
        pytest.param({"fulfilledBy": "AMAZON"}, id="a channel that was not there"),
    ],
)
def test_a_token_is_refused_with(seller, changed):
    token = _first_token(seller)
    _assert_refused(seller.search(**{"lastUpdatedAfter": AFTER, "paginationToken": token} | changed))


def test_a_token_of_a_search_by_update_is_refused_in_one_by_creation(seller):
    _assert_refused(seller.search(createdAfter=AFTER, paginationToken=_first_token(seller)))


@pytest.mark.parametrize("spoil", [lambda token: token[:-1], lambda _: "x.y", lambda _: "", lambda token: "A" + token])
def test_a_spoilt_token_is_refused(seller, spoil):
    _assert_refused(seller.search(lastUpdatedAfter=AFTER, paginationToken=spoil(_first_token(seller))))


def test_an_access_token_is_no_pagination_token(seller):
    body = seller.exchange().json()["access_token"].removeprefix("Atza|")
    _assert_refused(seller.search(lastUpdatedAfter=AFTER, paginationToken=body))


def test_a_token_belongs_to_its_seller(new_seller):
    one, other = new_seller(), new_seller()
    _assert_refused(other.search(lastUpdatedAfter=AFTER, paginationToken=_first_token(one)))


def test_a_token_expires_after_24_hours_of_the_fakes_clock(fake, seller):
    issued, token = fake.client.clock(), _first_token(seller)
    for age, status in ((timedelta(hours=24), 200), (timedelta(hours=24, seconds=1), 400)):
        fake.client.set_clock(issued + age, frozen=True)
        seller.access_token = ""
        assert seller.search(lastUpdatedAfter=AFTER, paginationToken=token).status_code == status


def test_an_order_that_changes_while_paging_is_neither_lost_nor_shown_twice(fake, seller):
    query = {"lastUpdatedAfter": AFTER, "maxResultsPerPage": 10}
    expected = [order["orderId"] for order in seller.orders(lastUpdatedAfter=AFTER)]
    page = seller.search(**query).json()
    shown = [order["orderId"] for order in page["orders"]]
    for order_id in (shown[0], expected[-1]):
        fake.client.update_order(seller.shop_id, order_id, {"programs": ["PRIME"]})
    while "pagination" in page:
        page = seller.search(**query, paginationToken=page["pagination"]["nextToken"]).json()
        shown += [order["orderId"] for order in page["orders"]]
    assert shown == expected


def test_an_order_that_changed_after_the_window_comes_with_the_next_one(fake, seller):
    first_window = seller.pages(lastUpdatedAfter=AFTER)
    order_id, end = first_window[0]["orders"][0]["orderId"], first_window[-1]["lastUpdatedBefore"]
    fake.client.update_order(seller.shop_id, order_id, {"programs": ["PREMIUM"]})
    fake.client.set_clock(fake.client.clock() + timedelta(minutes=10), frozen=True)
    following = {order["orderId"]: order for order in seller.orders(lastUpdatedAfter=end)}
    assert following[order_id]["programs"] == ["PREMIUM"]


@pytest.fixture(scope="module")
def world():
    clock = Clock()
    clock.set(datetime(2026, 10, 20, tzinfo=UTC), frozen=True)
    shop = make_shop({"shop_id": "pages", "region": "eu", "marketplaces": ["DE"], "orders_per_day": 8})
    return World(shops=[shop], clock=clock)


minutes = st.integers(min_value=0, max_value=18 * 24 * 60)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 100), first=minutes, second=minutes, by_creation=st.booleans())
def test_any_page_size_shows_every_order_of_any_window_exactly_once(world, size, first, second, by_creation):
    state, search = world.shop("pages"), SearchOrders(world)
    opened = state.shop.opened_utc
    start, end = (opened + timedelta(minutes=minute) for minute in sorted((first, second)))
    kind, field = ("created", "createdTime") if by_creation else ("lastUpdated", "lastUpdatedTime")
    query = {f"{kind}After": f"{start:%Y-%m-%dT%H:%M:%SZ}", f"{kind}Before": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    query["maxResultsPerPage"] = str(size)
    shown = []
    while True:
        page = search(Call(state, list(query.items())))
        assert len(page["orders"]) <= size
        shown += [(bytes(order[field]).decode().strip('"'), bytes(order["orderId"])) for order in page["orders"]]
        if "pagination" not in page:
            break
        query["paginationToken"] = page["pagination"]["nextToken"]
    as_of = world.clock.now() - timedelta(minutes=2) if by_creation else end
    states = [
        (order.steps[0 if by_creation else order.step_at(as_of)].at_utc, f'"{order.order_id}"'.encode())
        for order in state.book.generator.orders_between(opened.date(), world.clock.now().date())
        if order.step_at(as_of) >= 0
    ]
    expected = sorted(pair for pair in states if start <= pair[0] <= end)
    assert [order_id for _, order_id in shown] == [order_id for _, order_id in expected]
    assert shown == sorted(shown)
