"""A worker process of its own, to be killed: `python worker.py extract|load FACTS`, facts as JSON."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime

from include.authorization.credentials import ApplicationCredentials, SellerCredentials
from include.authorization.seller_client import open_seller_client
from include.orders.extract import extract_orders
from include.orders.load import load_orders
from include.settings import Settings
from include.spapi.quota import UncountedQuota
from include.warehouse.connection import connect
from tests.payloads.sellers import acme


def main() -> None:
    """Do one task of acme's; the clock stands still at the instant given."""
    what, facts = sys.argv[1], json.loads(sys.argv[2])
    if what == "load":
        with connect(facts["warehouse_dsn"]) as connection:
            load_orders(connection, "acme")
        return
    seller = acme(date.fromisoformat(facts["start_date"]))
    settings = Settings(
        raw_url=facts["raw_url"], lwa_token_url=facts["lwa_token_url"], spapi_endpoints=facts["spapi_endpoints"]
    )

    def now() -> datetime:
        return datetime.fromisoformat(facts["now_utc"])

    client = open_seller_client(
        ApplicationCredentials(facts["client_id"], facts["client_secret"]),
        SellerCredentials(facts["refresh_token"], "", "eu"),
        settings=settings,
        now=now,
        quota=UncountedQuota(),
    )
    with connect(facts["warehouse_dsn"]) as connection:
        extract_orders(seller, client=client, connection=connection, settings=settings, now=now)


if __name__ == "__main__":
    main()
