"""The first question of a run: the marketplaces Amazon names against those of sellers.yaml."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest

from include.authorization.credentials import ApplicationCredentials, SellerCredentials
from include.authorization.seller_client import open_seller_client
from include.authorization.validate import Validation, validate_authorization
from include.errors import AccessDeniedError, ReauthorizationRequiredError
from include.sellers.marketplaces import Marketplace, by_country
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.client import SellingPartnerClient
from include.spapi.quota import UncountedQuota
from tests.payloads.clocks import HandClock
from tests.payloads.scripted_server import ScriptedServer


def marketplace(code: str) -> Marketplace:
    found = by_country(code)
    assert found
    return found


@pytest.fixture
def seller() -> Seller:
    """A seller in Germany, France and Poland."""
    return Seller(
        seller_id="acme",
        name="Acme",
        region="eu",
        marketplaces=tuple(marketplace(code) for code in ("DE", "FR", "PL")),
        contacts=("anna@acme.example",),
        language="en",
        timezone="Europe/Berlin",
        run_at=time(3),
        start_date=None,
        authorization="public",
        personal_data=False,
    )


@pytest.fixture
def client(server: ScriptedServer, application: ApplicationCredentials, clock: HandClock) -> SellingPartnerClient:
    """The seller's door, with Login with Amazon and the API at the scripted server."""
    settings = Settings(
        lwa_token_url=f"{server.url}/auth/o2/token",
        spapi_endpoints={"eu": f"{server.url}/eu", "na": f"{server.url}/na", "fe": f"{server.url}/fe"},
    )
    credentials = SellerCredentials("Atzr|secret", "A2SELLER", "eu")
    return open_seller_client(
        application, credentials, settings=settings, now=clock, quota=UncountedQuota(), sleep=clock.sleep
    )


def participation(code: str, *, joined: bool = True, store: str = "") -> dict[str, Any]:
    """One entry of Amazon's answer."""
    return {
        "marketplace": {"id": marketplace(code).marketplace_id, "countryCode": code},
        "participation": {"isParticipating": joined, "hasSuspendedListings": False},
        "storeName": store,
    }


def test_a_seller_who_takes_part_everywhere_is_not_warned_about(
    seller: Seller, client: SellingPartnerClient, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.say(200, {"access_token": "Atza|1"})
    server.say(200, {"payload": [participation(code, store="Acme") for code in ("FR", "DE", "PL", "IT")]})
    joined = tuple(sorted(marketplace(code).marketplace_id for code in ("DE", "FR", "IT", "PL")))
    assert validate_authorization(seller, client) == Validation(("DE", "FR", "PL"), (), ("Acme",), joined)
    assert caplog.records == []
    assert [asked.path for asked in server.asked] == ["/auth/o2/token", "/eu/sellers/v1/marketplaceParticipations"]


def test_each_marketplace_the_seller_is_absent_from_is_a_warning_by_name(
    seller: Seller, client: SellingPartnerClient, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.say(200, {"access_token": "Atza|1"})
    server.say(200, {"payload": [participation("DE"), participation("FR", joined=False)]})
    assert validate_authorization(seller, client) == Validation(
        ("DE",), ("FR", "PL"), (), (marketplace("DE").marketplace_id,)
    )
    told = [(record.levelname, record.getMessage().partition(":")[0]) for record in caplog.records]
    assert told == [
        ("WARNING", "acme does not take part in marketplace FR"),
        ("WARNING", "acme does not take part in marketplace PL"),
    ]


def test_the_stores_names_are_told_without_repetition_in_amazons_sequence(
    seller: Seller, client: SellingPartnerClient, server: ScriptedServer
) -> None:
    server.say(200, {"access_token": "Atza|1"})
    names = [("DE", "Zweite"), ("FR", "Erste"), ("PL", "Zweite"), ("IT", "")]
    server.say(200, {"payload": [participation(code, store=store) for code, store in names]})
    assert validate_authorization(seller, client).store_names == ("Zweite", "Erste")


def test_a_lapsed_authorization_is_told_before_amazon_is_asked_for_anything_else(
    seller: Seller, client: SellingPartnerClient, server: ScriptedServer
) -> None:
    server.say(400, {"error": "invalid_grant", "error_description": "…"})
    with pytest.raises(ReauthorizationRequiredError):
        validate_authorization(seller, client)
    assert [asked.path for asked in server.asked] == ["/auth/o2/token"]


def test_a_denial_is_for_the_operators(seller: Seller, client: SellingPartnerClient, server: ScriptedServer) -> None:
    server.say(200, {"access_token": "Atza|1"})
    server.say(403, {"errors": [{"code": "Unauthorized", "message": "Access to requested resource is denied."}]})
    with pytest.raises(AccessDeniedError):
        validate_authorization(seller, client)


def test_login_with_amazon_out_of_order_is_waited_out_like_the_api(
    seller: Seller, client: SellingPartnerClient, server: ScriptedServer, clock: HandClock
) -> None:
    server.say(503)
    server.say(200, {"access_token": "Atza|1"})
    server.say(500)
    server.say(200, {"payload": []})
    validate_authorization(seller, client)
    assert clock.slept_s == [2, 4]
