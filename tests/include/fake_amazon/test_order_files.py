"""Orders from files: served as given, checked when read."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from include.fake_amazon.clock import Clock
from include.fake_amazon.order_files import OrderFileError, read_order_file
from include.fake_amazon.server import serve_in_thread

AFTER = "2026-10-01T00:00:00Z"


@pytest.fixture
def serve_file(tmp_path):
    """Serves a file of the given lines as the orders of a shop, by default an unknown one."""
    running = []

    def serve(*lines, shop_id="given"):
        path = tmp_path / "orders.ndjson"
        path.write_text("\n".join(lines), encoding="utf-8")
        clock = Clock()
        clock.set(datetime(2026, 11, 10, tzinfo=UTC), frozen=True)
        context = serve_in_thread(order_files={shop_id: path}, clock=clock)
        running.append(context)
        return context.__enter__()

    yield serve
    for context in running:
        context.__exit__(None, None, None)


@pytest.fixture
def sell(new_seller):
    """A seller of a fake that is not the module's."""

    def make(fake, shop_id="given", region="eu"):
        seller = new_seller()
        seller.fake, seller.shop_id, seller.region = fake, shop_id, region
        seller.refresh_token = fake.client.authorize(shop_id).refresh_token
        return seller

    return make


def test_a_line_is_served_field_by_field_in_its_own_text(serve_file, sell, make_order):
    order = make_order("300-0000000-0000001", "2026-11-01T08:00:00Z", proceeds={"grandTotal": {"amount": "1.500"}})
    line = json.dumps(order)[:-1] + ', "new" : {"number": 1.10, "list": [ 1, 2 ]} }'
    text = sell(serve_file(line)).search(lastUpdatedAfter=AFTER, includedData="PROCEEDS").text
    assert '"new":{"number":1.10,"list":[1,2]}' in text
    assert '"amount":"1.500"' in text


def test_several_lines_of_one_order_are_its_versions(serve_file, sell, make_order):
    times = ["2026-11-03T00:00:00Z", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"]
    lines = [json.dumps(make_order("300-0000000-0000001", t, created=times[1], programs=[t])) for t in times]
    seller = sell(serve_file(*lines))
    for end in sorted(times):
        (order,) = seller.orders(lastUpdatedAfter=AFTER, lastUpdatedBefore=end)
        assert order["programs"] == [end]


def test_the_later_of_two_lines_of_one_instant_counts(serve_file, sell, make_order):
    lines = [json.dumps(make_order("300-0000000-0000001", AFTER, programs=[word])) for word in ("first", "second")]
    (order,) = sell(serve_file(*lines)).orders(lastUpdatedAfter=AFTER)
    assert order["programs"] == ["second"]


def test_a_shop_of_the_demonstration_sells_exactly_the_orders_of_its_file(serve_file, sell, make_order):
    fake = serve_file(json.dumps(make_order("300-0000000-0000001", AFTER)), "", shop_id="grossmarkt_technik")
    assert len(sell(fake, "grossmarkt_technik").orders(lastUpdatedAfter=AFTER)) == 1


def test_an_unknown_shop_opens_in_the_region_of_its_orders(serve_file, sell, make_order):
    channel = {"channelName": "AMAZON", "marketplaceId": "A1VC38T7YXB528"}
    fake = serve_file(json.dumps(make_order("300-0000000-0000001", AFTER, salesChannel=channel)))
    assert len(sell(fake, region="fe").orders(lastUpdatedAfter=AFTER)) == 1


def test_an_order_without_a_marketplace_is_visible_whatever_marketplaces_are_asked_for(serve_file, sell, make_order):
    line = json.dumps(make_order("300-0000000-0000001", AFTER, salesChannel={"channelName": "NON_AMAZON"}))
    seller = sell(serve_file(line))
    assert len(seller.orders(lastUpdatedAfter=AFTER)) == 1
    assert len(seller.orders(lastUpdatedAfter=AFTER, marketplaceIds="A1PA6795UKMFR9")) == 1


def test_an_empty_file_is_a_shop_without_orders(serve_file, sell):
    assert sell(serve_file("")).orders(lastUpdatedAfter=AFTER) == []


def test_given_orders_can_be_changed_too(serve_file, make_order):
    fake = serve_file(json.dumps(make_order("300-0000000-0000001", AFTER)))
    at_utc = datetime(2026, 11, 1, tzinfo=UTC)
    fake.client.cancel_order("given", "300-0000000-0000001", at_utc)
    (order,) = fake.client.truth("given", at_utc)["orders"]
    assert order["last_updated_utc"] == "2026-11-01T00:00:00.000Z"


def test_the_truth_tells_a_given_orders_time_to_its_last_digit(serve_file, make_order):
    fake = serve_file(json.dumps(make_order("300-0000000-0000001", "2026-10-05T08:13:44.123456Z")))
    (order,) = fake.client.truth("given", datetime(2026, 11, 1, tzinfo=UTC))["orders"]
    assert order["last_updated_utc"] == "2026-10-05T08:13:44.123456Z"


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"orderId": None}, "orderId is no text"),
        ({"orderId": ""}, "orderId is no text"),
        ({"createdTime": "yesterday"}, "createdTime is 'yesterday'; expected an instant"),
        ({"lastUpdatedTime": "2026-11-01T00:00:00"}, "lastUpdatedTime is '2026-11-01T00:00:00'; expected an instant"),
        ({"lastUpdatedTime": 5}, "lastUpdatedTime is 5; expected an instant"),
        ({"salesChannel": "AMAZON"}, "salesChannel is no object"),
        ({"orderItems": {}}, "orderItems is no list of objects"),
        ({"orderItems": [{"quantityOrdered": 1, "product": {}}]}, "orderItems[0].orderItemId is missing"),
        (
            {"orderItems": [{"orderItemId": 1, "quantityOrdered": 1, "product": {}}]},
            "orderItems[0].orderItemId is not a text",
        ),
        (
            {"orderItems": [{"orderItemId": "1", "quantityOrdered": 1.5, "product": {}}]},
            "orderItems[0].quantityOrdered is not a whole number",
        ),
    ],
)
def test_a_bad_order_is_told_with_file_line_and_field(tmp_path, make_order, changed, sentence):
    path = tmp_path / "orders.ndjson"
    good = make_order("300-0000000-0000001", AFTER)
    path.write_text(f"{json.dumps(good)}\n\n{json.dumps(good | changed)}\n")
    with pytest.raises(OrderFileError) as error:
        list(read_order_file(path))
    assert f"{path}, line 3: {sentence}" in str(error.value)


@pytest.mark.parametrize("field", ["orderId", "createdTime", "lastUpdatedTime", "salesChannel", "orderItems"])
def test_a_missing_field_is_named(tmp_path, make_order, field):
    path = tmp_path / "orders.ndjson"
    order = make_order("300-0000000-0000001", AFTER)
    del order[field]
    path.write_text(json.dumps(order))
    with pytest.raises(OrderFileError, match=f"line 1: {field} is missing"):
        list(read_order_file(path))


@pytest.mark.parametrize("line", [b"[]", b"{", b'"text"', b"\xff", b'{"orderId": NaN}'])
def test_a_line_that_is_no_json_object_is_told(tmp_path, line):
    path = tmp_path / "orders.ndjson"
    path.write_bytes(line)
    with pytest.raises(OrderFileError, match="line 1: is no JSON object"):
        list(read_order_file(path))
