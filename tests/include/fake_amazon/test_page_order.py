"""Pages in disorder: orders shown again on the next page, and orders in no order of time; none is ever lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from include.fake_amazon.client import FakeAmazonError

AFTER = "2026-10-01T00:00:00Z"


def _pages(seller, size, **query):
    pages = seller.pages(lastUpdatedAfter=AFTER, maxResultsPerPage=size, **query)
    return [[order["orderId"] for order in page["orders"]] for page in pages]


def _flat(pages):
    return [order_id for page in pages for order_id in page]


@pytest.mark.parametrize(("size", "repeat"), [(10, 1), (10, 3), (10, 9), (2, 1), (100, 99)])
def test_each_page_but_the_first_begins_with_the_end_of_the_one_before(fake, seller, size, repeat):
    expected = _flat(_pages(seller, 100))
    fake.client.set_page_order(seller.shop_id, repeat=repeat)
    pages = _pages(seller, size)
    assert len(pages) > 1
    for before, page in pairwise(pages):
        assert page[:repeat] == before[-repeat:]
        assert len(before) == size
    assert pages[0] + _flat(page[repeat:] for page in pages[1:]) == expected


@pytest.mark.parametrize("size", [1, 2, 5])
def test_pages_too_small_for_the_repetition_still_show_one_new_order_each(fake, new_seller, size):
    seller = new_seller(orders_per_day=1)
    expected = _flat(_pages(seller, 100))
    fake.client.set_page_order(seller.shop_id, repeat=50)
    pages = _pages(seller, size)
    assert [page[-1] for page in pages] == expected[size - 1 :]
    assert set(_flat(pages)) == set(expected)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_shuffled_pages_show_every_order_once_and_in_no_order_of_time(fake, seller, size):
    query = {"lastUpdatedBefore": "2026-10-20T00:00:00Z"}
    in_time = _flat(_pages(seller, 100, **query))
    fake.client.set_page_order(seller.shop_id, shuffled=True)
    shown = _flat(_pages(seller, size, **query))
    assert shown != in_time
    assert sorted(shown) == sorted(in_time)
    ranks = {order_id: rank for rank, order_id in enumerate(in_time)}
    steps_forward = sum(ranks[one] < ranks[next_one] for one, next_one in pairwise(shown))
    assert 0.3 < steps_forward / len(shown) < 0.7


def test_a_shuffled_order_is_the_same_whenever_it_is_asked_for_and_whatever_the_page_size(fake, seller):
    fake.client.set_page_order(seller.shop_id, shuffled=True)
    assert _flat(_pages(seller, 100)) == _flat(_pages(seller, 13))


def test_an_order_that_changes_between_shuffled_pages_is_neither_lost_nor_shown_twice(fake, seller):
    fake.client.set_page_order(seller.shop_id, shuffled=True)
    expected = _flat(_pages(seller, 100))
    query = {"lastUpdatedAfter": AFTER, "maxResultsPerPage": 10}
    page = seller.search(**query).json()
    shown = [order["orderId"] for order in page["orders"]]
    for order_id in (shown[0], expected[-1]):
        fake.client.update_order(seller.shop_id, order_id, {"programs": ["PRIME"]})
    while "pagination" in page:
        page = seller.search(**query, paginationToken=page["pagination"]["nextToken"]).json()
        shown += [order["orderId"] for order in page["orders"]]
    assert shown == expected


def test_both_disorders_go_together_and_over_windows_of_creation(fake, seller):
    query = {"createdAfter": AFTER, "maxResultsPerPage": 20}
    expected = {order["orderId"] for order in seller.orders(**query)}
    fake.client.set_page_order(seller.shop_id, repeat=5, shuffled=True)
    shown = [order["orderId"] for order in seller.orders(**query)]
    assert set(shown) == expected
    assert len(shown) > len(expected)


def test_the_truth_stays_in_order_of_time(fake, seller):
    as_of = datetime(2026, 11, 5, tzinfo=UTC)
    before = fake.client.truth(seller.shop_id, as_of)
    fake.client.set_page_order(seller.shop_id, repeat=5, shuffled=True)
    assert fake.client.truth(seller.shop_id, as_of) == before


def test_the_disorder_is_one_shops_and_can_be_ended(fake, new_seller):
    one, other = new_seller(), new_seller()
    in_order = _pages(one, 50), _pages(other, 50)
    fake.client.set_page_order(one.shop_id, repeat=5, shuffled=True)
    assert _pages(one, 50) != in_order[0]
    assert _pages(other, 50) == in_order[1]
    fake.client.set_page_order(one.shop_id)
    assert _pages(one, 50) == in_order[0]


def test_a_token_from_before_the_shuffling_is_refused(fake, seller):
    query = {"lastUpdatedAfter": AFTER, "maxResultsPerPage": 10}
    token = seller.search(**query).json()["pagination"]["nextToken"]
    fake.client.set_page_order(seller.shop_id, shuffled=True)
    assert seller.search(**query, paginationToken=token).status_code == 400


def test_shuffled_pages_are_those_of_the_frozen_window(fake, seller):
    fake.client.set_page_order(seller.shop_id, shuffled=True)
    query = {"lastUpdatedAfter": AFTER, "maxResultsPerPage": 10}
    expected = _flat(_pages(seller, 100))
    page = seller.search(**query).json()
    fake.client.set_clock(fake.client.clock() + timedelta(minutes=50), frozen=True)
    shown = [order["orderId"] for order in page["orders"]]
    while "pagination" in page:
        page = seller.search(**query, paginationToken=page["pagination"]["nextToken"]).json()
        shown += [order["orderId"] for order in page["orders"]]
    assert shown == expected


@pytest.mark.parametrize("repeat", [-1, 100])
def test_a_repetition_that_fills_a_page_is_refused(fake, seller, repeat):
    with pytest.raises(FakeAmazonError, match="repeat"):
        fake.client.set_page_order(seller.shop_id, repeat=repeat)
