"""getOrder shows one order as searchOrders would, to its own seller alone."""

from __future__ import annotations

import pytest

from include.fake_amazon.errors import INVALID_INPUT, RESOURCE_NOT_FOUND

PATH = "/orders/2026-01-01/orders/"
SINCE = "2026-10-01T00:00:00Z"


def test_an_order_is_the_one_that_a_search_shows_with_the_same_datasets(seller):
    included = "PROCEEDS,FULFILLMENT,PROMOTION"
    for order in seller.orders(lastUpdatedAfter=SINCE, includedData=included)[:20]:
        found = seller.get(PATH + order["orderId"], query={"includedData": included})
        assert (found.status_code, found.json()) == (200, {"order": order})
    assert float(found.headers["x-amzn-RateLimit-Limit"]) > 0


def test_without_datasets_it_shows_what_is_always_there(seller):
    order = seller.orders(lastUpdatedAfter=SINCE)[0]
    found = seller.get(PATH + order["orderId"]).json()["order"]
    assert found == order
    assert "proceeds" not in found


def test_nobody_sees_an_order_of_another_seller_nor_one_that_never_was(seller, new_seller):
    order_id = seller.orders(lastUpdatedAfter=SINCE)[0]["orderId"]
    for asker, wanted in ((new_seller(), order_id), (seller, "303-0000000-0000000"), (seller, "x")):
        answer = asker.get(PATH + wanted)
        assert (answer.status_code, answer.json()) == (404, RESOURCE_NOT_FOUND.body())


def test_an_order_appears_two_minutes_after_its_change(fake, quiet_seller, make_order):
    order = make_order("300-0000000-0000002", "2026-11-10T11:59:00Z")
    fake.client.add_orders(quiet_seller.shop_id, [order])
    assert quiet_seller.get(PATH + "300-0000000-0000002").status_code == 404


@pytest.mark.parametrize("words", ["MONEY", "PROCEEDS,MONEY"])
def test_an_unknown_dataset_is_refused(seller, words):
    order_id = seller.orders(lastUpdatedAfter=SINCE)[0]["orderId"]
    answer = seller.get(PATH + order_id, query={"includedData": words})
    assert (answer.status_code, answer.json()) == (400, INVALID_INPUT.body())
