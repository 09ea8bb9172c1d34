"""amzn-sp-api, orders as its models; `mended`, where `asked` says so, its objects share one configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spapi import Configuration, SPAPIClient, SPAPIConfig
from spapi.api.orders_v2026_01_01.search_orders_api import SearchOrdersApi


def open_search(asked: dict[str, Any]) -> Callable[[str | None], tuple[int, str | None]]:
    """See `peer.py`."""
    query = asked["query"]
    config = SPAPIConfig(asked["client_id"], asked["client_secret"], asked["refresh_token"], region="EU")
    client = SPAPIClient(config, f"{asked['lwa_url']}/auth/o2/token", asked["endpoint"]).api_client
    if asked.get("mended"):
        # Otherwise every object of an answer makes a configuration, and a log handler, of its own.
        Configuration.set_default(client.configuration)
    api = SearchOrdersApi(client)

    def search(token: str | None) -> tuple[int, str | None]:
        page = api.search_orders(
            last_updated_after=query["lastUpdatedAfter"],
            last_updated_before=query["lastUpdatedBefore"],
            marketplace_ids=[query["marketplaceIds"]],
            max_results_per_page=int(query["maxResultsPerPage"]),
            included_data=query["includedData"].split(","),
            **({"pagination_token": token} if token else {}),
        )
        return len(page.orders), page.pagination.next_token if page.pagination else None

    return search
