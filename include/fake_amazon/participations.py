"""getMarketplaceParticipations, `GET /sellers/v1/marketplaceParticipations`: where a seller takes part."""

from __future__ import annotations

from include.fake_amazon.marketplaces import BY_ID
from include.fake_amazon.world import ShopState


def marketplace_participations(state: ShopState) -> dict[str, object]:
    """The participations of a shop; no listing is ever suspended."""
    return {
        "payload": [
            {
                "marketplace": {
                    "id": marketplace.marketplace_id,
                    "name": marketplace.name,
                    "countryCode": marketplace.country_code,
                    "defaultCurrencyCode": marketplace.currency_code,
                    "defaultLanguageCode": marketplace.language_code,
                    "domainName": marketplace.domain_name,
                },
                "storeName": state.shop.store_name,
                "participation": {"isParticipating": True, "hasSuspendedListings": False},
            }
            for marketplace_id in state.marketplace_ids
            if (marketplace := BY_ID.get(marketplace_id))
        ]
    }
