"""amzn-sp-api only reading orders; with the argument `mended` its objects share one configuration."""

from __future__ import annotations

import json
import sys

from spapi import Configuration, SPAPIClient, SPAPIConfig
from spapi.api.orders_v2026_01_01.search_orders_api import SearchOrdersApi
from spent import say


def main() -> None:
    """Read what standard input asks for."""
    asked = json.load(sys.stdin)
    query = asked["query"]
    config = SPAPIConfig(asked["client_id"], asked["client_secret"], asked["refresh_token"], region="EU")
    client = SPAPIClient(config, f"{asked['amazon_url']}/auth/o2/token", f"{asked['amazon_url']}/eu").api_client
    if "mended" in sys.argv:
        # Otherwise every object of an answer makes a configuration, and a log handler, of its own.
        Configuration.set_default(client.configuration)
    api, orders, token = SearchOrdersApi(client), 0, {}
    while token is not None:
        page = api.search_orders(
            last_updated_after=query["lastUpdatedAfter"],
            last_updated_before=query["lastUpdatedBefore"],
            marketplace_ids=[query["marketplaceIds"]],
            max_results_per_page=int(query["maxResultsPerPage"]),
            included_data=query["includedData"].split(","),
            **token,
        )
        orders += len(page.orders)
        token = {"pagination_token": page.pagination.next_token} if page.pagination else None
    say(orders)


if __name__ == "__main__":
    main()
