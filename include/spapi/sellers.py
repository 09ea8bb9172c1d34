"""getMarketplaceParticipations, Sellers API v1: where a seller trades; also the cheapest proof that we may ask."""

from __future__ import annotations

import msgspec

from include.errors import ContractError
from include.spapi.answers import UNREADABLE
from include.spapi.client import SellingPartnerClient
from include.spapi.operations import GET_MARKETPLACE_PARTICIPATIONS


class Marketplace(msgspec.Struct, rename="camel"):
    """Amazon's marketplace, as far as it is needed here."""

    id: str
    country_code: str = ""


class Participation(msgspec.Struct, rename="camel"):
    """Whether the seller trades in a marketplace, and whether Amazon holds listings back."""

    is_participating: bool = False
    has_suspended_listings: bool = False


class MarketplaceParticipation(msgspec.Struct, rename="camel"):
    """One marketplace of the seller, with the shop's name there."""

    marketplace: Marketplace
    participation: Participation
    store_name: str = ""


class _Envelope(msgspec.Struct):
    payload: list[MarketplaceParticipation] = []


_envelope = msgspec.json.Decoder(_Envelope)


def get_marketplace_participations(client: SellingPartnerClient) -> list[MarketplaceParticipation]:
    """Return every marketplace Amazon names for the seller, participating or not.

    Raises:
        ContractError: The answer is not the documented envelope; the message names the JSON path.
        SellerOrdersError: As `SellingPartnerClient.get` says.
    """
    reply = client.get(GET_MARKETPLACE_PARTICIPATIONS, {})
    try:
        return _envelope.decode(reply.body).payload
    except UNREADABLE as problem:
        raise ContractError(f"getMarketplaceParticipations: {problem}.", request_id=reply.request_id) from None
