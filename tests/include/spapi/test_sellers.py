"""getMarketplaceParticipations: the call that proves an authorization, and what of its answer is read."""

from __future__ import annotations

import pytest

from include.errors import ContractError
from include.spapi.client import SellingPartnerClient
from include.spapi.sellers import get_marketplace_participations
from tests.payloads.scripted_server import ScriptedServer

GERMANY = {
    "marketplace": {
        "id": "A1PA6795UKMFR9",
        "countryCode": "DE",
        "name": "Amazon.de",
        "defaultCurrencyCode": "EUR",
        "defaultLanguageCode": "de_DE",
        "domainName": "www.amazon.de",
    },
    "participation": {"isParticipating": True, "hasSuspendedListings": False},
    "storeName": "Acme Teehaus",
}


def test_every_marketplace_is_read(client: SellingPartnerClient, server: ScriptedServer) -> None:
    france = {
        "marketplace": {"id": "A13V1IB3VIYZZH", "countryCode": "FR"},
        "participation": {"isParticipating": False, "hasSuspendedListings": True},
    }
    server.say(200, {"payload": [GERMANY, france]})
    first, second = get_marketplace_participations(client)
    assert (server.asked[0].path, server.asked[0].query) == ("/sellers/v1/marketplaceParticipations", {})
    assert (first.marketplace.id, first.participation.is_participating, first.store_name) == (
        "A1PA6795UKMFR9",
        True,
        "Acme Teehaus",
    )
    assert (second.marketplace.country_code, second.participation.is_participating) == ("FR", False)
    assert (second.participation.has_suspended_listings, second.store_name) == (True, "")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "truncated"),
        (b"<html>secret</html>", "malformed"),
        (b'{"payload":null}', "`$.payload`"),
        (b'{"payload":[{"participation":{}}]}', "`$.payload[0]`"),
        (b'{"payload":[{"marketplace":{"id":7},"participation":{}}]}', "`$.payload[0].marketplace.id`"),
        (b'{"payload":[{"storeName":"\xff"}]}', "decode"),
    ],
    ids=["nothing", "HTML", "no list", "no marketplace", "an id that is a number", "no UTF-8"],
)
def test_an_answer_of_another_shape_is_refused_with_its_place(
    client: SellingPartnerClient, server: ScriptedServer, body: bytes, said: str
) -> None:
    server.say(200, body, x_amzn_RequestId="request-9")
    with pytest.raises(ContractError, match="getMarketplaceParticipations") as refused:
        get_marketplace_participations(client)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)
    assert refused.value.request_id == "request-9"
