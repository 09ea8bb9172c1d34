"""The table of marketplaces: complete, free of contradictions, and found by code and by id."""

from __future__ import annotations

from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from include.sellers.marketplaces import MARKETPLACES, Marketplace, by_country, by_id, country_codes
from include.sellers.regions import REGIONS
from include.settings import AMAZON_ENDPOINTS


def test_the_regions_are_those_that_have_an_endpoint_in_the_settings() -> None:
    assert set(REGIONS) == set(AMAZON_ENDPOINTS)


def test_every_region_has_its_marketplaces_and_together_they_are_twenty_three() -> None:
    assert {region: len(country_codes(region)) for region in REGIONS} == {"eu": 16, "na": 4, "fe": 3}
    assert len(country_codes()) == len(MARKETPLACES) == 23


@pytest.mark.parametrize("marketplace", MARKETPLACES, ids=lambda m: m.name)
def test_a_marketplace_is_found_by_its_code_and_by_its_id(marketplace: Marketplace) -> None:
    assert by_country(marketplace.country_code) is marketplace
    assert by_id(marketplace.marketplace_id) is marketplace


@pytest.mark.parametrize("marketplace", MARKETPLACES, ids=lambda m: m.name)
def test_a_marketplace_has_a_zone_a_currency_and_a_place_to_sign_in(marketplace: Marketplace) -> None:
    assert ZoneInfo(marketplace.zone).key == marketplace.zone
    assert len(marketplace.currency_code) == 3
    assert marketplace.currency_code.isupper()
    address = urlsplit(marketplace.seller_central_url)
    assert (address.scheme, address.path) == ("https", "")
    assert address.hostname in (
        "sellercentral-europe.amazon.com",
        "sellercentral." + marketplace.name.lower(),
    )


@pytest.mark.parametrize(
    ("code", "marketplace_id", "region", "currency"),
    [
        ("DE", "A1PA6795UKMFR9", "eu", "EUR"),
        ("UK", "A1F83G8C2ARO7P", "eu", "GBP"),
        ("US", "ATVPDKIKX0DER", "na", "USD"),
        ("CA", "A2EUQ1WTGCTBG2", "na", "CAD"),
        ("JP", "A1VC38T7YXB528", "fe", "JPY"),
        ("IN", "A21TJRUUN4KGV", "eu", "INR"),
    ],
)
def test_well_known_marketplaces_have_the_ids_that_amazon_gives_them(
    code: str, marketplace_id: str, region: str, currency: str
) -> None:
    found = by_country(code)
    assert found
    assert (found.marketplace_id, found.region, found.currency_code) == (marketplace_id, region, currency)


def test_uk_and_gb_are_one_marketplace_whose_code_is_uk() -> None:
    assert by_country("GB") is by_country("UK")
    assert "GB" not in country_codes()


@pytest.mark.parametrize("code", ["", "de", "XX", "EU", " DE"])
def test_a_code_without_a_marketplace_finds_none(code: str) -> None:
    assert by_country(code) is None
    assert by_id(code) is None
