"""Orders broken on purpose: shown as they are, wherever they belong by time, and never part of the truth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from include.fake_amazon.client import FakeAmazonError

AT = datetime(2026, 11, 1, 8, tzinfo=UTC)
AFTER = "2026-11-01T00:00:00Z"
GERMANY = "A1PA6795UKMFR9"


def _orders(seller, **query):
    return seller.orders(**({"lastUpdatedAfter": AFTER} | query))


@pytest.mark.parametrize(
    "document",
    [
        {"orderId": None, "orderItems": [{"proceeds": {"proceedsTotal": {"amount": "1,99"}}}]},
        {"proceeds": {"grandTotal": 5}, "buyer": {"buyerName": "Jane Doe"}, "orderItems": "none"},
        {},
        [],
        "text",
        7.5,
        None,
        True,
    ],
    ids=["no id", "wrong types", "empty", "list", "text", "number", "null", "true"],
)
@pytest.mark.parametrize("included", ["", "PROCEEDS"])
def test_any_value_is_shown_as_it_is_whatever_is_included(fake, quiet_seller, document, included):
    fake.client.add_broken_order(quiet_seller.shop_id, document, at_utc=AT)
    assert _orders(quiet_seller, includedData=included) == [document]


def test_half_a_character_is_shown_as_it_is_over_several_pages(fake, quiet_seller):
    for shuffled in (False, True):
        fake.client.set_page_order(quiet_seller.shop_id, shuffled=shuffled)
        fake.client.add_broken_order(quiet_seller.shop_id, {"orderId": "\ud800"}, at_utc=AT)
        assert {order["orderId"] for order in _orders(quiet_seller, maxResultsPerPage=1)} == {"\ud800"}


def test_json_text_that_python_cannot_say_is_shown_as_it_is(fake, quiet_seller):
    text = b'{"orderId":"\\ud800","amount":1e400,"amount":12345678901234567890.10}'
    fake.client.add_broken_order(quiet_seller.shop_id, text, at_utc=AT)
    assert text in quiet_seller.search(lastUpdatedAfter=AFTER).content


@pytest.mark.parametrize("kind", ["created", "lastUpdated"])
def test_it_is_in_the_windows_that_contain_its_time(fake, quiet_seller, kind):
    fake.client.add_broken_order(quiet_seller.shop_id, "broken", at_utc=AT)
    windows = [
        ("08:00:00Z", "08:00:00Z", ["broken"]),
        ("07:00:00Z", "07:59:59Z", []),
        ("08:00:01Z", "09:00:00Z", []),
    ]
    for start, end, expected in windows:
        window = {f"{kind}After": f"2026-11-01T{start}", f"{kind}Before": f"2026-11-01T{end}"}
        assert quiet_seller.orders(**window) == expected


@pytest.mark.parametrize("size", [1, 2, 100])
def test_it_takes_its_place_among_the_others_and_no_page_loses_one(fake, quiet_seller, make_order, size):
    orders = [make_order(f"300-0000000-000000{n}", f"2026-11-01T0{n}:00:00.000Z") for n in (7, 9)]
    fake.client.add_orders(quiet_seller.shop_id, orders)
    for number in range(3):
        fake.client.add_broken_order(quiet_seller.shop_id, {"orderId": orders[1]["orderId"], "n": number}, at_utc=AT)
    broken = [{"orderId": orders[1]["orderId"], "n": number} for number in range(3)]
    assert _orders(quiet_seller, maxResultsPerPage=size) == [orders[0], *broken, orders[1]]


def test_the_truth_never_lists_it(fake, quiet_seller, make_order):
    order = make_order("300-0000000-0000001", "2026-11-01T08:00:00.000Z")
    fake.client.add_orders(quiet_seller.shop_id, [order])
    fake.client.add_broken_order(quiet_seller.shop_id, order, at_utc=AT)
    assert _orders(quiet_seller) == [order, order]
    assert len(fake.client.truth(quiet_seller.shop_id, AT + timedelta(days=1))["orders"]) == 1


def test_it_passes_the_filter_of_its_marketplace_and_no_other_filter(fake, new_seller):
    seller = new_seller(marketplaces=("DE", "FR"), orders_per_day=0)
    fake.client.add_broken_order(seller.shop_id, "german", at_utc=AT, marketplace_id=GERMANY)
    fake.client.add_broken_order(seller.shop_id, "anywhere", at_utc=AT)
    assert _orders(seller, marketplaceIds=GERMANY) == ["german", "anywhere"]
    assert _orders(seller, marketplaceIds="A13V1IB3VIYZZH") == ["anywhere"]
    assert _orders(seller, fulfillmentStatuses="SHIPPED") == _orders(seller, fulfilledBy="AMAZON") == []


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (lambda client, _: client.add_broken_order("nobody", {}, at_utc=AT), "There is no shop 'nobody'."),
        (
            lambda client, shop: client.add_broken_order(shop, {}, at_utc=AT, marketplace_id="A1VC38T7YXB528"),
            "does not sell in the marketplace 'A1VC38T7YXB528'",
        ),
        (lambda client, shop: client.add_broken_order(shop, b"{", at_utc=AT), "JSON"),
    ],
)
def test_what_makes_no_sense_is_refused(fake, seller, wish, sentence):
    with pytest.raises(FakeAmazonError, match=sentence):
        wish(fake.client, seller.shop_id)
