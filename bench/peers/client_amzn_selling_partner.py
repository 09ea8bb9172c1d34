"""amzn-selling-partner, orders as its models; its own brake is on where `asked` says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from amzn_selling_partner.plugins.amazon_spapi import Region, SellingPartner


def open_search(asked: dict[str, Any]) -> Callable[[str | None], tuple[int, str | None]]:
    """See `peer.py`."""
    # The package takes no other address.
    Region.base_url = lambda _region, **_sandbox: asked["endpoint"]
    query = asked["query"]
    client = SellingPartner(
        region=Region.EU,
        client_id=asked["client_id"],
        client_secret=asked["client_secret"],
        refresh_token=asked["refresh_token"],
        token_url=f"{asked['lwa_url']}/auth/o2/token",
        throttle=asked.get("brake", False),
    )

    def search(token: str | None) -> tuple[int, str | None]:
        page = client.orders.list_orders(
            last_updated_after=datetime.fromisoformat(query["lastUpdatedAfter"]),
            last_updated_before=datetime.fromisoformat(query["lastUpdatedBefore"]),
            marketplace_ids=[query["marketplaceIds"]],
            max_results_per_page=int(query["maxResultsPerPage"]),
            included_data=query["includedData"].split(","),
            pagination_token=token,
        )
        return len(page.orders), page.pagination.next_token if page.pagination else None

    return search
