"""The first question of every run: does Amazon still let us ask for this seller, and where does the seller trade?"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from include.sellers.registry import Seller
from include.spapi.client import SellingPartnerClient
from include.spapi.sellers import get_marketplace_participations

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Validation:
    """What a good authorization showed.

    Attributes:
        participating: Country codes of configured marketplaces the seller takes part in.
        absent: Country codes of configured marketplaces the seller does not take part in.
        store_names: The shop's names at Amazon, without repetition.
        marketplace_ids: Every marketplace the seller takes part in, configured or not.
    """

    participating: tuple[str, ...]
    absent: tuple[str, ...]
    store_names: tuple[str, ...]
    marketplace_ids: tuple[str, ...] = ()


def validate_authorization(seller: Seller, client: SellingPartnerClient) -> Validation:
    """Prove the authorization by LWA and getMarketplaceParticipations, and compare the marketplaces.

    A configured marketplace that the seller does not take part in is a warning, not an error: the others go on.

    Raises:
        SellerOrdersError: As `SellingPartnerClient.get` says.
    """
    answers = get_marketplace_participations(client)
    joined = {answer.marketplace.id for answer in answers if answer.participation.is_participating}
    configured = {marketplace.country_code: marketplace.marketplace_id for marketplace in seller.marketplaces}
    absent = tuple(country for country, marketplace_id in configured.items() if marketplace_id not in joined)
    for country in absent:
        log.warning(
            "%s does not take part in marketplace %s: no orders will come from there. "
            "Remove it from sellers.yaml, or let the seller open it in Seller Central.",
            seller.seller_id,
            country,
        )
    stores = tuple(dict.fromkeys(answer.store_name for answer in answers if answer.store_name))
    participating = tuple(country for country in configured if country not in absent)
    return Validation(participating, absent, stores, tuple(sorted(joined)))
