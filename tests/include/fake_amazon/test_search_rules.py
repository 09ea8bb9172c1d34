"""searchOrders' parameters: which requests are refused, in which words, and what the others mean."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

AFTER = "2026-10-01T00:00:00Z"
RECENT = "2026-11-06T00:00:00Z"
INVALID = "The input you have submitted is not valid. Please check your input and try again."
TOO_RECENT = (
    "The input you have submitted is not valid. Note that the error may be due to a systematic delay in data "
    "retrieval. The most updated data is 2 minutes after an order is created or last updated. If you set the "
    "CreatedBefore or LastUpdatedBefore parameters, please provide a date that is at least 2 minutes before current "
    "time and try again."
)


def _assert_bad(response, message):
    assert response.status_code == 400
    assert response.json() == {"errors": [{"code": "InvalidInput", "message": message, "details": ""}]}
    assert response.headers["x-amzn-RateLimit-Limit"]
    assert response.headers["x-amzn-RequestId"]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({}, id="neither start is given"),
        pytest.param({"createdAfter": AFTER, "lastUpdatedAfter": AFTER}, id="both starts are given"),
        pytest.param({"createdAfter": AFTER, "lastUpdatedBefore": "2026-11-01T00:00:00Z"}, id="ends of the other kind"),
        pytest.param({"lastUpdatedAfter": AFTER, "createdBefore": "2026-11-01T00:00:00Z"}, id="and the other way"),
        pytest.param({"lastUpdatedBefore": "2026-11-01T00:00:00Z"}, id="an end without a start"),
        pytest.param({"lastUpdatedAfter": AFTER, "lastUpdatedBefore": "2026-09-30T23:59:59Z"}, id="end before start"),
        pytest.param({"lastUpdatedAfter": [AFTER, AFTER]}, id="a start given twice"),
        pytest.param({"lastUpdatedAfter": AFTER, "maxResultsPerPage": "0"}, id="pages of none"),
        pytest.param({"lastUpdatedAfter": AFTER, "maxResultsPerPage": "101"}, id="pages of 101"),
        pytest.param({"lastUpdatedAfter": AFTER, "maxResultsPerPage": "ten"}, id="pages of a word"),
        pytest.param({"lastUpdatedAfter": AFTER, "includedData": "PROCEEDS,EVERYTHING"}, id="an unknown dataset"),
        pytest.param({"lastUpdatedAfter": AFTER, "fulfillmentStatuses": "Shipped"}, id="a status in v0's words"),
        pytest.param({"lastUpdatedAfter": AFTER, "fulfilledBy": "MFN"}, id="a channel in v0's words"),
        pytest.param(
            {"lastUpdatedAfter": AFTER, "marketplaceIds": ",".join(map(str, range(51)))}, id="51 marketplaces"
        ),
    ],
)
def test_a_request_is_invalid_when(seller, query):
    _assert_bad(seller.search(**query), INVALID)


@pytest.mark.parametrize(
    "text",
    ["TEST_CASE_400", "2026-10-01", "2026-10-01T00:00:00", "2026-10-01T02:00:00+02:00", "2026-13-01T00:00:00Z", ""],
)
def test_an_instant_that_is_not_utc_with_a_z_is_named(seller, text):
    _assert_bad(seller.search(lastUpdatedAfter=text), "Invalid date-time field(s) [lastUpdatedAfter].")


@pytest.mark.parametrize("kind", ["lastUpdated", "created"])
def test_no_window_ends_less_than_two_minutes_ago(seller, kind):
    recent = {f"{kind}After": AFTER, f"{kind}Before": "2026-11-10T11:58:00.001Z"}
    _assert_bad(seller.search(**recent), TOO_RECENT)
    assert seller.search(**recent | {f"{kind}Before": "2026-11-10T11:58:00Z"}).status_code == 200


@pytest.mark.parametrize("kind", ["lastUpdated", "created"])
def test_a_window_without_an_end_ends_two_minutes_ago_and_says_so(seller, kind):
    page = seller.search(**{f"{kind}After": AFTER, "maxResultsPerPage": 1}).json()
    assert page[f"{kind}Before"] == "2026-11-10T11:58:00.000Z"
    assert set(page) == {"orders", "pagination", f"{kind}Before"}


def test_the_reply_repeats_the_end_that_was_sent(seller):
    page = seller.search(lastUpdatedAfter=AFTER, lastUpdatedBefore="2026-10-20T10:00:00.5Z").json()
    assert page["lastUpdatedBefore"] == "2026-10-20T10:00:00.500Z"


def test_both_ends_of_a_window_belong_to_it(fake, quiet_seller, make_order):
    first, last = "2026-11-01T08:00:00.000Z", "2026-11-01T09:00:00.000Z"
    orders = [
        make_order("300-0000000-0000001", "2026-11-01T07:59:59.999Z"),
        make_order("300-0000000-0000002", first),
        make_order("300-0000000-0000003", last),
        make_order("300-0000000-0000004", "2026-11-01T09:00:00.001Z"),
    ]
    fake.client.add_orders(quiet_seller.shop_id, orders)
    for kind in ("lastUpdated", "created"):
        found = quiet_seller.orders(**{f"{kind}After": first, f"{kind}Before": last})
        assert [order["orderId"][-1] for order in found] == ["2", "3"]


def test_a_window_of_one_instant_is_allowed(fake, quiet_seller, make_order):
    instant = "2026-11-01T08:00:00.000Z"
    fake.client.add_orders(quiet_seller.shop_id, [make_order("300-0000000-0000001", instant)])
    assert len(quiet_seller.orders(lastUpdatedAfter=instant, lastUpdatedBefore=instant)) == 1


def test_a_start_in_the_future_finds_nothing(seller):
    assert seller.search(lastUpdatedAfter="2026-11-11T00:00:00Z").json()["orders"] == []


@pytest.mark.parametrize("marketplace", ["ATVPDKIKX0DER", "UNKNOWN"])
def test_marketplaces_of_no_or_another_region_are_denied(seller, marketplace):
    response = seller.search(lastUpdatedAfter=AFTER, marketplaceIds=f"A1PA6795UKMFR9,{marketplace}")
    assert response.status_code == 403
    assert response.json()["errors"][0]["details"] == "The marketplaces you provided are not valid for region."
    assert "x-amzn-RateLimit-Limit" not in response.headers


@pytest.fixture(scope="module")
def traders(fake):
    """A shop in Germany and France with orders of every status."""
    fake.client.ensure_shop("traders", "eu", ["DE", "FR"], orders_per_day=30)
    return "traders"


@pytest.fixture
def trader(fake, traders, new_seller):
    trader = new_seller()
    trader.shop_id, trader.refresh_token = traders, fake.client.authorize(traders).refresh_token
    return trader


def test_marketplace_ids_choose_the_marketplaces(trader):
    french = trader.orders(lastUpdatedAfter=RECENT, marketplaceIds="A13V1IB3VIYZZH")
    everything = trader.orders(lastUpdatedAfter=RECENT)
    both = trader.orders(lastUpdatedAfter=RECENT, marketplaceIds="A13V1IB3VIYZZH,A1PA6795UKMFR9")
    assert {order["salesChannel"]["marketplaceId"] for order in french} == {"A13V1IB3VIYZZH"}
    assert 0 < len(french) < len(everything)
    assert both == everything


def test_a_marketplace_without_participation_holds_no_orders(trader):
    assert trader.orders(lastUpdatedAfter=RECENT, marketplaceIds="APJ6JRA9NG5V4") == []


@pytest.mark.parametrize("status", ["UNSHIPPED", "SHIPPED", "CANCELLED", "PARTIALLY_SHIPPED"])
def test_fulfillment_statuses_choose_the_orders(trader, status):
    found = trader.orders(lastUpdatedAfter=RECENT, fulfillmentStatuses=status, includedData="FULFILLMENT")
    assert {order["fulfillment"]["fulfillmentStatus"] for order in found} == {status}


def test_fulfilled_by_chooses_the_orders(trader):
    found = trader.orders(lastUpdatedAfter=RECENT, fulfilledBy="AMAZON", includedData="FULFILLMENT")
    everything = trader.orders(lastUpdatedAfter=RECENT)
    assert {order["fulfillment"]["fulfilledBy"] for order in found} == {"AMAZON"}
    assert len(trader.orders(lastUpdatedAfter=RECENT, fulfilledBy="MERCHANT")) == len(everything) - len(found)


def test_lists_may_be_repeated_or_separated_by_commas(trader):
    words = ["UNSHIPPED", "CANCELLED"]
    repeated = trader.orders(lastUpdatedAfter=RECENT, fulfillmentStatuses=words)
    joined = trader.orders(lastUpdatedAfter=RECENT, fulfillmentStatuses=",".join(words))
    assert repeated == joined != []


def test_orders_older_than_two_years_are_hidden_but_in_japan_australia_and_singapore(fake, new_seller):
    fake.client.set_clock(datetime.fromisoformat("2028-10-10T00:00:00Z"), frozen=True)
    german, japanese = new_seller("eu", ("DE",)), new_seller("fe", ("JP",), language="ja")
    start = "2026-10-01T00:00:00Z"
    hidden = german.orders(createdAfter=start, createdBefore="2026-10-20T00:00:00Z")
    assert min(order["createdTime"] for order in hidden) >= "2026-10-10T00:00:00"
    shown = japanese.orders(createdAfter=start, createdBefore="2026-10-20T00:00:00Z")
    assert min(order["createdTime"] for order in shown) < "2026-10-03"


def test_a_window_shows_the_state_as_of_its_end_however_late_it_is_asked_for(fake, seller):
    query = {"lastUpdatedAfter": AFTER, "lastUpdatedBefore": "2026-10-20T00:00:00Z", "includedData": "FULFILLMENT"}
    early = seller.orders(**query)
    assert "UNSHIPPED" in {order["fulfillment"]["fulfillmentStatus"] for order in early}
    fake.client.set_clock(fake.client.clock() + timedelta(days=60), frozen=True)
    seller.access_token = ""
    assert seller.orders(**query) == early
