"""One seller of the bench as the product sees it, and that seller's runs as Airflow makes them."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from include.authorization.credentials import ApplicationCredentials, SellerCredentials
from include.authorization.seller_client import open_seller_client
from include.clock import utc_now
from include.errors import NotYetError
from include.orders.extract import extract_orders
from include.orders.load import load_orders
from include.sellers.marketplaces import by_country
from include.sellers.registry import Seller
from include.settings import AMAZON_ENDPOINTS, DEFAULT_INCLUDED_DATA, Settings
from include.spapi.client import SellingPartnerClient
from include.spapi.quota import QuotaBuckets
from include.warehouse.connection import Connection

SELLER_ID = "acme"


@dataclass(frozen=True, slots=True)
class Access:
    """What a process needs to work for the seller; plain values, so that another process can be told them.

    Attributes:
        warehouse_dsn: The tables' owner.
        amazon_url: The fake Amazon.
        rate_scale: Factor on documented rates, the fake Amazon's and the product's.
        client_id: The application.
        client_secret: Its secret.
        refresh_token: The seller's.
        first_day: Ordinal of the first day whose orders are wanted.
    """

    warehouse_dsn: str
    amazon_url: str
    rate_scale: float
    client_id: str
    client_secret: str
    refresh_token: str
    first_day: int

    def settings(self, raw_url: str) -> Settings:
        """The product's settings, pages landing at `raw_url`."""
        return Settings(
            warehouse_dsn=self.warehouse_dsn,
            raw_url=raw_url,
            lwa_token_url=f"{self.amazon_url}/auth/o2/token",
            spapi_endpoints={region: f"{self.amazon_url}/{region}" for region in AMAZON_ENDPOINTS},
            rate_scale=self.rate_scale,
        )

    def seller(self) -> Seller:
        """The entry of sellers.yaml."""
        germany = by_country("DE")
        if germany is None:
            raise LookupError("DE")
        return Seller(
            seller_id=SELLER_ID,
            name="Acme",
            region="eu",
            marketplaces=(germany,),
            contacts=("anna@acme.example",),
            language="en",
            timezone="UTC",
            run_at=time(3),
            start_date=date.fromordinal(self.first_day),
            authorization="public",
            personal_data=False,
        )


def search_query(access: Access) -> dict[str, str]:
    """The question after everything that changed since the access's first day."""
    return {
        "lastUpdatedAfter": datetime.fromordinal(access.first_day).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lastUpdatedBefore": (datetime.now(UTC) - timedelta(minutes=3)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "marketplaceIds": "A1PA6795UKMFR9",
        "maxResultsPerPage": "100",
        "includedData": DEFAULT_INCLUDED_DATA,
    }


def asked_of_a_peer(access: Access) -> dict[str, Any]:
    """Return what a peer's reader is told on standard input."""
    names = ("amazon_url", "client_id", "client_secret", "refresh_token")
    return {name: getattr(access, name) for name in names} | {"query": search_query(access)}


def open_client(access: Access, settings: Settings, connection: Connection) -> SellingPartnerClient:
    """Open the seller's door with real quota buckets, as a task does."""
    quota = QuotaBuckets(
        connection, client_id=access.client_id, seller_id=SELLER_ID, rate_scale=access.rate_scale, now=utc_now
    )
    return open_seller_client(
        ApplicationCredentials(access.client_id, access.client_secret),
        SellerCredentials(access.refresh_token, "", "eu"),
        settings=settings,
        now=utc_now,
        quota=quota,
    )


def run_to_the_end(seller: Seller, client: SellingPartnerClient, connection: Connection, settings: Settings) -> int:
    """Extract and load, run after run while there is more; return how many runs. Waiting is slept out."""
    runs, begun_utc = 0, utc_now()
    while True:
        try:
            extracted = extract_orders(
                seller, client=client, connection=connection, settings=settings, now=utc_now, begun_utc=begun_utc
            )
        except NotYetError as wait:
            # What Airflow's reschedule does, without a process's start.
            clock.sleep(max(0.0, (wait.until_utc - utc_now()).total_seconds()))
            continue
        load_orders(connection, seller.seller_id)
        runs += 1
        if not extracted.more:
            return runs
        begun_utc = utc_now()
