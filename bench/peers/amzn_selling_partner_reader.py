"""amzn-selling-partner only reading orders, into its models; its own brake is off, as nobody here is throttled."""

from __future__ import annotations

import json
import sys
from datetime import datetime

from amzn_selling_partner.plugins.amazon_spapi import Region, SellingPartner
from spent import say


def main() -> None:
    """Read everything that standard input asks for."""
    asked = json.load(sys.stdin)
    # The package takes no other address.
    Region.base_url = lambda _region, **_sandbox: f"{asked['amazon_url']}/eu"
    query = asked["query"]
    client = SellingPartner(
        region=Region.EU,
        client_id=asked["client_id"],
        client_secret=asked["client_secret"],
        refresh_token=asked["refresh_token"],
        token_url=f"{asked['amazon_url']}/auth/o2/token",
        throttle=False,
    )
    orders = client.orders.iter_list_orders(
        last_updated_after=datetime.fromisoformat(query["lastUpdatedAfter"]),
        last_updated_before=datetime.fromisoformat(query["lastUpdatedBefore"]),
        marketplace_ids=[query["marketplaceIds"]],
        max_results_per_page=int(query["maxResultsPerPage"]),
        included_data=query["includedData"].split(","),
    )
    say(sum(1 for _ in orders))


if __name__ == "__main__":
    main()
