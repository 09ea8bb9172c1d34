"""The control API through its client: changes as of past instants, the truth, counts, the clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from include.fake_amazon.client import FakeAmazonClient, FakeAmazonError

AFTER = "2026-10-01T00:00:00Z"
ALL = "BUYER,RECIPIENT,PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT"
WATERMARK = datetime(2026, 11, 5, tzinfo=UTC)
LATER = WATERMARK + timedelta(days=1)


def _truth(seller, as_of=WATERMARK, since=None):
    return seller.fake.client.truth(seller.shop_id, as_of, since)["orders"]


def _shown(seller, end=WATERMARK, start=AFTER):
    query = {"lastUpdatedAfter": start, "lastUpdatedBefore": f"{end:%Y-%m-%dT%H:%M:%SZ}", "includedData": ALL}
    return seller.orders(**query)


def _total(proceeds, name):
    return (proceeds[name]["amount"], proceeds[name]["currencyCode"]) if proceeds else (None, None)


def _money(value):
    return [value["amount"], value["currencyCode"]]


def _item_breakdowns(item):
    rows = []
    for entry in item.get("proceeds", {}).get("breakdowns", []):
        rows.append([entry["type"], None, *_money(entry["subtotal"])])
        details = entry.get("detailedBreakdowns", [])
        rows += [[entry["type"], detail["subtype"], *_money(detail["value"])] for detail in details]
    return rows


def _as_truth(order):
    amount, currency = _total(order.get("proceeds"), "grandTotal")
    items = []
    for item in order["orderItems"]:
        item_amount, item_currency = _total(item.get("proceeds"), "proceedsTotal")
        items.append(
            {
                "order_item_id": item["orderItemId"],
                "quantity_ordered": item["quantityOrdered"],
                "proceeds_total_amount": item_amount,
                "currency_code": item_currency,
                "breakdowns": _item_breakdowns(item),
                "promotion_ids": [entry["promotionId"] for entry in item.get("promotion", {}).get("breakdowns", [])],
            }
        )
    return {
        "order_id": order["orderId"],
        "last_updated_utc": order["lastUpdatedTime"],
        "fulfillment_status": order["fulfillment"]["fulfillmentStatus"],
        "grand_total_amount": amount,
        "currency_code": currency,
        "breakdowns": [
            [entry["type"], entry.get("status"), *_money(entry["subtotal"])]
            for entry in order.get("proceeds", {}).get("breakdowns", [])
        ],
        "packages": [package["packageReferenceId"] for package in order.get("packages", [])],
        "items": items,
    }


def test_the_truth_is_what_search_orders_shows(seller):
    assert _truth(seller) == [_as_truth(order) for order in _shown(seller)] != []


def test_the_truth_of_generated_orders_has_packages_promotions_and_breakdowns_of_both_levels(seller):
    truth = _truth(seller)
    items = [item for order in truth for item in order["items"]]
    subtypes = {row[1] for item in items for row in item["breakdowns"]}
    assert {None, "ITEM", "SHIPPING"} <= subtypes
    assert any(item["promotion_ids"] for item in items)
    assert {tuple(order["packages"]) for order in truth} >= {(), ("1",), ("1", "2")}


def test_the_truth_gives_the_breakdowns_of_a_document_in_its_own_texts_and_sequence(fake, quiet_seller, make_order):
    euros = {"amount": "1.500", "currencyCode": "EUR"}
    item = {"orderItemId": "1", "quantityOrdered": 1, "product": {}}
    details = [{"subtype": "SHIPPING", "value": euros}, {"value": {"amount": "-0"}}, {}]
    item["proceeds"] = {
        "breakdowns": [
            {"type": "TAX", "subtotal": euros, "detailedBreakdowns": details},
            {"type": "ITEM", "subtotal": euros},
        ]
    }
    proceeds = {"breakdowns": [{"type": "ITEM", "status": "FINALIZED", "subtotal": euros}, {"type": "NEW_TYPE"}]}
    order = make_order("300-0000000-0000001", AFTER, orderItems=[item], proceeds=proceeds)
    fake.client.add_orders(quiet_seller.shop_id, [order])
    (truth,) = _truth(quiet_seller)
    assert truth["breakdowns"] == [["ITEM", "FINALIZED", "1.500", "EUR"], ["NEW_TYPE", None, None, None]]
    assert truth["items"][0]["breakdowns"] == [
        ["TAX", None, "1.500", "EUR"],
        ["TAX", "SHIPPING", "1.500", "EUR"],
        ["TAX", None, "-0", None],
        ["TAX", None, None, None],
        ["ITEM", None, "1.500", "EUR"],
    ]


def test_the_truth_of_a_window_is_what_that_window_shows(seller):
    since = datetime(2026, 11, 1, tzinfo=UTC)
    window = _truth(seller, since=since)
    assert window == [_as_truth(order) for order in _shown(seller, start="2026-11-01T00:00:00Z")]
    assert 0 < len(window) < len(_truth(seller))


def test_the_truth_of_the_past_does_not_change_with_later_updates(fake, seller):
    before = _truth(seller)
    fake.client.update_order(seller.shop_id, before[-1]["order_id"], {"programs": ["PRIME"]}, at_utc=LATER)
    fake.client.cancel_order(seller.shop_id, before[0]["order_id"], LATER)
    assert _truth(seller) == before
    assert _truth(seller, LATER) != before


def test_an_update_merges_into_the_order_and_moves_its_time(fake, seller):
    order_id = _truth(seller)[-1]["order_id"]
    (before,) = [order for order in _shown(seller, LATER) if order["orderId"] == order_id]
    changes = {"buyer": {"buyerName": "Jane Doe"}, "programs": None}
    fake.client.update_order(seller.shop_id, order_id, changes, at_utc=LATER)
    (after,) = [order for order in _shown(seller, LATER) if order["orderId"] == order_id]
    assert after.pop("lastUpdatedTime") == "2026-11-06T00:00:00.000Z"
    del before["lastUpdatedTime"], before["programs"]
    before["buyer"]["buyerName"] = "Jane Doe"
    assert after == before


def test_a_change_within_a_window_that_was_asked_for_before_shows_at_once(fake, seller):
    order_id = _shown(seller)[0]["orderId"]
    fake.client.update_order(seller.shop_id, order_id, {"programs": ["PREMIUM"]}, at_utc=WATERMARK)
    assert [order["orderId"] for order in _shown(seller) if order["programs"] == ["PREMIUM"]] == [order_id]


def test_what_would_have_happened_later_to_a_changed_order_no_longer_does(fake, seller):
    (first, *_) = fake.client.truth(seller.shop_id, datetime(2026, 10, 3, tzinfo=UTC))["orders"]
    at_utc = datetime.fromisoformat(first["last_updated_utc"]) + timedelta(seconds=1)
    fake.client.update_order(seller.shop_id, first["order_id"], {"programs": []}, at_utc=at_utc)
    (now,) = [order for order in _truth(seller) if order["order_id"] == first["order_id"]]
    assert datetime.fromisoformat(now["last_updated_utc"]) == at_utc.replace(
        microsecond=at_utc.microsecond // 1000 * 1000
    )


def test_a_version_added_to_a_changed_order_brings_back_nothing_that_was_planned(fake, seller, make_order):
    (first, *_) = fake.client.truth(seller.shop_id, datetime(2026, 10, 3, tzinfo=UTC))["orders"]
    at_utc = datetime.fromisoformat(first["last_updated_utc"]) + timedelta(seconds=1)
    fake.client.update_order(seller.shop_id, first["order_id"], {"programs": []}, at_utc=at_utc)
    added = make_order(first["order_id"], "2026-10-02T23:59:59.999Z", created=first["last_updated_utc"])
    fake.client.add_orders(seller.shop_id, [added])
    (now,) = [order for order in _truth(seller) if order["order_id"] == first["order_id"]]
    assert now["last_updated_utc"] == "2026-10-02T23:59:59.999Z"


def test_a_full_order_replaces_what_was_there(fake, quiet_seller, make_order):
    fake.client.add_orders(quiet_seller.shop_id, [make_order("300-0000000-0000001", AFTER, programs=["PRIME"])])
    replacement = make_order("300-0000000-0000001", AFTER, fulfillment={"fulfillmentStatus": "SHIPPED"})
    fake.client.update_order(quiet_seller.shop_id, "300-0000000-0000001", order=replacement, at_utc=WATERMARK)
    assert _shown(quiet_seller) == [replacement | {"lastUpdatedTime": "2026-11-05T00:00:00.000Z"}]


def test_an_update_can_take_an_item_away(fake, quiet_seller, make_order):
    items = [{"orderItemId": number, "quantityOrdered": 1, "product": {}} for number in ("1", "2")]
    order = make_order("300-0000000-0000001", AFTER, orderItems=items)
    fake.client.add_orders(quiet_seller.shop_id, [order])
    shorter = order | {"orderItems": items[1:]}
    fake.client.update_order(quiet_seller.shop_id, order["orderId"], order=shorter, at_utc=LATER)
    (before,), (after,) = _truth(quiet_seller), _truth(quiet_seller, LATER)
    assert [[item["order_item_id"] for item in each["items"]] for each in (before, after)] == [["1", "2"], ["2"]]
    assert [item["orderItemId"] for item in _shown(quiet_seller, LATER)[0]["orderItems"]] == ["2"]


def test_an_update_older_than_the_newest_version_takes_the_newer_ones_back(fake, quiet_seller, make_order):
    order = make_order("300-0000000-0000001", AFTER)
    fake.client.add_orders(quiet_seller.shop_id, [order])
    for at_utc, program in ((LATER, "PRIME"), (WATERMARK, "PREMIUM")):
        fake.client.update_order(quiet_seller.shop_id, order["orderId"], {"programs": [program]}, at_utc=at_utc)
    (now,) = _shown(quiet_seller, LATER)
    assert (now["programs"], now["lastUpdatedTime"]) == (["PREMIUM"], "2026-11-05T00:00:00.000Z")
    assert [state["last_updated_utc"] for state in _truth(quiet_seller, LATER)] == ["2026-11-05T00:00:00.000Z"]


def test_an_update_older_than_the_order_is_refused(fake, quiet_seller, make_order):
    fake.client.add_orders(quiet_seller.shop_id, [make_order("300-0000000-0000001", "2026-11-05T00:00:00Z")])
    with pytest.raises(FakeAmazonError, match="has no order '300-0000000-0000001' at 2026-10-01"):
        fake.client.update_order(
            quiet_seller.shop_id, "300-0000000-0000001", {}, at_utc=datetime(2026, 10, 1, tzinfo=UTC)
        )


def test_a_cancelled_order_brings_nothing_and_says_so(fake, seller):
    (paid, *_) = [order for order in _shown(seller) if order.get("proceeds") and "packages" in order]
    fake.client.cancel_order(seller.shop_id, paid["orderId"], LATER)
    (cancelled,) = [order for order in _shown(seller, LATER) if order["orderId"] == paid["orderId"]]
    assert cancelled["fulfillment"]["fulfillmentStatus"] == "CANCELLED"
    assert cancelled["fulfillment"]["fulfilledBy"] == "MERCHANT"
    assert cancelled["proceeds"]["grandTotal"] == {"amount": "0.00", "currencyCode": "EUR"}
    assert "packages" not in cancelled
    for item in cancelled["orderItems"]:
        assert item["proceeds"] == {"proceedsTotal": {"amount": "0.00", "currencyCode": "EUR"}, "breakdowns": []}
        assert item["cancellation"]["cancellationExecution"]["cancelledBy"] == "MERCHANT"
        assert item["fulfillment"]["quantityFulfilled"] == 0


def test_a_cancelled_order_is_found_by_its_new_status(fake, seller):
    order_id = _truth(seller)[0]["order_id"]
    fake.client.cancel_order(seller.shop_id, order_id)
    fake.client.set_clock(fake.client.clock() + timedelta(minutes=5), frozen=True)
    found = seller.orders(lastUpdatedAfter="2026-11-10T12:00:00Z", fulfillmentStatuses="CANCELLED")
    assert order_id in {order["orderId"] for order in found}


def test_an_order_can_change_again_and_again(fake, seller):
    order_id = _truth(seller)[0]["order_id"]
    for minutes in range(3):
        at_utc = LATER + timedelta(minutes=minutes)
        fake.client.update_order(seller.shop_id, order_id, {"programs": [str(minutes)]}, at_utc=at_utc)
    for minutes in range(3):
        shown = {order["orderId"]: order for order in _shown(seller, LATER + timedelta(minutes=minutes))}
        assert shown[order_id]["programs"] == [str(minutes)]


def test_added_orders_appear_from_their_last_update_on(fake, quiet_seller, make_order):
    order = make_order("300-0000000-0000001", "2026-11-05T00:00:00.001Z", created=AFTER)
    assert fake.client.add_orders(quiet_seller.shop_id, [order]) == 1
    assert _truth(quiet_seller) == []
    assert len(_truth(quiet_seller, LATER)) == 1


def test_numbers_and_unknown_fields_of_added_orders_keep_their_text(fake, quiet_seller, make_order):
    text = (
        json.dumps(make_order("300-0000000-0000001", AFTER))[:-1] + ', "new": [1.50, 1e400, 12345678901234567890.10] }'
    )
    fake.client.add_orders(quiet_seller.shop_id, [text])
    assert '"new":[1.50,1e400,12345678901234567890.10]' in quiet_seller.search(lastUpdatedAfter=AFTER).text


def test_one_bad_order_among_several_adds_none(fake, quiet_seller, make_order):
    bad = make_order("300-0000000-0000002", AFTER, orderItems=[{"orderItemId": "1", "product": {}}])
    with pytest.raises(FakeAmazonError, match=r"orders\[1\]: orderItems\[0\].quantityOrdered is missing."):
        fake.client.add_orders(quiet_seller.shop_id, [make_order("300-0000000-0000001", AFTER), bad])
    assert _truth(quiet_seller, LATER) == []


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (lambda client, _: client.authorize("nobody"), "There is no shop 'nobody'."),
        (lambda client, _: client.revoke("nobody"), "There is no shop 'nobody'."),
        (lambda client, shop: client.cancel_order(shop, "300-1", WATERMARK), "has no order '300-1' at 2026-11-05"),
        (lambda client, shop: client.update_order(shop, "300-1"), "Give either `changes`"),
        (lambda client, _: client.ensure_shop("new", "mars", ["DE"]), "region is 'mars'; expected one of eu, na, fe"),
        (lambda client, _: client.ensure_shop("new", "eu", ["AT"]), "Amazon has no marketplace 'AT'"),
        (
            lambda client, shop: client.ensure_shop(shop, "eu", ["DE"], orders_per_day=9),
            "its orders_per_day cannot change",
        ),
        (lambda client, _: client.ensure_shop("new", "eu", ["DE"], colour="red"), "unknown field `colour`"),
        (lambda client, _: client.ensure_shop("new", "eu", ["DE"], language="tlh"), "language is 'tlh'"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_with_a_sentence(fake, seller, wish, sentence):
    with pytest.raises(FakeAmazonError) as refusal:
        wish(fake.client, seller.shop_id)
    assert sentence in str(refusal.value)


def test_an_update_cannot_give_an_order_another_id(fake, seller):
    order_id = _truth(seller)[0]["order_id"]
    with pytest.raises(FakeAmazonError, match="another id"):
        fake.client.update_order(seller.shop_id, order_id, {"orderId": "300-0000000-0000001"})


def test_an_update_that_takes_away_a_required_field_is_refused_and_changes_nothing(fake, seller):
    before = _truth(seller, LATER)
    with pytest.raises(FakeAmazonError, match="orderItems is missing"):
        fake.client.update_order(seller.shop_id, before[0]["order_id"], {"orderItems": None}, at_utc=WATERMARK)
    assert _truth(seller, LATER) == before


def test_instants_without_a_time_zone_are_refused_before_they_are_sent(fake, seller):
    with pytest.raises(ValueError, match="time zone"):
        fake.client.truth(seller.shop_id, datetime(2026, 11, 5))  # noqa: DTZ001 - that is the point


def test_calls_are_counted_by_operation_shop_and_status(fake, seller):
    fake.client.reset_calls()
    seller.search(lastUpdatedAfter=AFTER)
    seller.search()
    seller.get("/unknown")
    seller.exchange(client_secret="wrong")
    assert fake.client.calls() == {
        ("lwa.refresh_token", seller.shop_id, 200): 1,
        ("searchOrders", seller.shop_id, 200): 1,
        ("searchOrders", seller.shop_id, 400): 1,
        ("unknown", seller.shop_id, 403): 1,
        ("lwa.refresh_token", seller.shop_id, 401): 1,
    }
    fake.client.reset_calls()
    assert fake.client.calls() == {}


def test_shops_tell_where_they_sell_and_whether_they_are_authorized(fake, seller):
    (shop,) = [shop for shop in fake.client.shops() if shop["shop_id"] == seller.shop_id]
    assert (shop["region"], shop["marketplaces"], shop["authorized"]) == ("eu", ["DE"], True)
    fake.client.revoke(seller.shop_id)
    (shop,) = [shop for shop in fake.client.shops() if shop["shop_id"] == seller.shop_id]
    assert shop["authorized"] is False


def test_a_new_shop_gets_an_id_that_looks_like_amazons(fake, seller):
    selling_partner_id = fake.client.authorize(seller.shop_id).selling_partner_id
    assert len(selling_partner_id) == 14
    assert selling_partner_id.startswith("A")
    assert selling_partner_id == selling_partner_id.upper()


def test_the_clock_runs_on_from_where_it_is_set_stands_still_when_frozen_and_can_be_reset(fake):
    january = datetime(2025, 1, 15, tzinfo=UTC)
    fake.client.set_clock(january)
    assert timedelta(0) <= fake.client.clock() - january < timedelta(minutes=1)
    fake.client.set_clock(january, frozen=True)
    assert fake.client.clock() == fake.client.clock() == january
    fake.client.set_clock(None)
    assert abs(fake.client.clock() - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_currency_sums_of_the_items_are_those_of_the_orders(seller):
    truth = _truth(seller)
    orders = sum(Decimal(order["grand_total_amount"] or 0) for order in truth)
    assert orders == sum(Decimal(item["proceeds_total_amount"] or 0) for order in truth for item in order["items"]) > 0


def test_a_client_without_a_server_says_so():
    with pytest.raises(FakeAmazonError, match="No fake Amazon answers"):
        FakeAmazonClient("http://127.0.0.1:9").wait_until_ready(0)


def test_health_is_answered(fake):
    assert fake.client.health()
