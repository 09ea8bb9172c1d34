"""getMarketplaceParticipations: where a seller takes part."""

from __future__ import annotations

import pytest

PATH = "/sellers/v1/marketplaceParticipations"


def test_a_participation_describes_marketplace_and_store(new_seller):
    seller = new_seller("na", ("US",), store_name="Great Store")
    marketplace = {
        "id": "ATVPDKIKX0DER",
        "name": "Amazon.com",
        "countryCode": "US",
        "defaultCurrencyCode": "USD",
        "defaultLanguageCode": "en_US",
        "domainName": "www.amazon.com",
    }
    participation = {"isParticipating": True, "hasSuspendedListings": False}
    expected = {"marketplace": marketplace, "storeName": "Great Store", "participation": participation}
    assert seller.get(PATH).json() == {"payload": [expected]}


def test_the_united_kingdom_is_called_gb(new_seller):
    (entry,) = new_seller("eu", ("UK",)).get(PATH).json()["payload"]
    assert entry["marketplace"]["countryCode"] == "GB"


def test_every_marketplace_of_the_shop_is_listed(new_seller):
    entries = new_seller("eu", ("DE", "FR", "NL")).get(PATH).json()["payload"]
    assert [entry["marketplace"]["countryCode"] for entry in entries] == ["DE", "FR", "NL"]


def test_given_orders_of_another_marketplace_make_the_seller_take_part_there(fake, quiet_seller, make_order):
    channel = {"channelName": "AMAZON", "marketplaceId": "A1C3SOZRARQ6R3"}
    order = make_order("300-0000000-0000001", "2026-11-01T08:00:00Z", salesChannel=channel)
    fake.client.add_orders(quiet_seller.shop_id, [order])
    entries = quiet_seller.get(PATH).json()["payload"]
    assert [entry["marketplace"]["countryCode"] for entry in entries] == ["DE", "PL"]
    assert len(quiet_seller.orders(lastUpdatedAfter="2026-10-01T00:00:00Z")) == 1


@pytest.mark.parametrize("sold", ["DE", "FR"])
def test_a_marketplace_taken_away_hides_its_orders_and_given_back_shows_them(fake, new_seller, sold):
    seller = new_seller("eu", ("DE", "FR"))
    before = seller.orders(lastUpdatedAfter="2026-10-01T00:00:00Z")
    fake.client.ensure_shop(seller.shop_id, "eu", [sold])
    remaining = {
        order["salesChannel"]["marketplaceName"] for order in seller.orders(lastUpdatedAfter="2026-10-01T00:00:00Z")
    }
    assert remaining == {f"Amazon.{sold.lower()}"}
    fake.client.ensure_shop(seller.shop_id, "eu", ["DE", "FR"])
    assert seller.orders(lastUpdatedAfter="2026-10-01T00:00:00Z") == before
