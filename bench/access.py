"""One seller of the bench as the product sees it, and that seller's runs as Airflow makes them."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from include.authorization.credentials import ApplicationCredentials, SellerCredentials
from include.authorization.seller_client import open_seller_client
from include.clock import utc_now
from include.errors import NotYetError
from include.orders.extract import extract_orders
from include.orders.load import load_orders
from include.sellers.marketplaces import Marketplace, by_country
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
        lwa_url: Login with Amazon's address.
        endpoint: The Selling Partner API's, of this seller's region.
        rate_scale: Factor on documented rates, the fake Amazon's and the product's.
        client_id: The application.
        client_secret: Its secret.
        refresh_token: The seller's.
        first_day: Ordinal of the first day whose orders are wanted.
        country: Where the seller trades.
    """

    warehouse_dsn: str
    lwa_url: str
    endpoint: str
    rate_scale: float
    client_id: str
    client_secret: str
    refresh_token: str
    first_day: int
    country: str = "DE"

    def settings(self, raw_url: str) -> Settings:
        """The product's settings, pages landing at `raw_url`."""
        return Settings(
            warehouse_dsn=self.warehouse_dsn,
            raw_url=raw_url,
            lwa_token_url=f"{self.lwa_url}/auth/o2/token",
            spapi_endpoints=dict.fromkeys(AMAZON_ENDPOINTS, self.endpoint),
            rate_scale=self.rate_scale,
        )

    @property
    def marketplace(self) -> Marketplace:
        """Where the seller trades."""
        found = by_country(self.country)
        if found is None:
            raise LookupError(self.country)
        return found

    def seller(self) -> Seller:
        """The entry of sellers.yaml."""
        return Seller(
            seller_id=SELLER_ID,
            name="Acme",
            region=self.marketplace.region,
            marketplaces=(self.marketplace,),
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
        "marketplaceIds": access.marketplace.marketplace_id,
        "maxResultsPerPage": "100",
        "includedData": DEFAULT_INCLUDED_DATA,
    }


def asked_of_a_peer(access: Access) -> dict[str, Any]:
    """Return what a peer is told on standard input."""
    names = ("client_id", "client_secret", "refresh_token", "lwa_url", "endpoint")
    return {name: getattr(access, name) for name in names} | {"query": search_query(access)}


class CountedSleep:
    """Waits, and counts how long.

    Attributes:
        slept_s: All of it.
    """

    def __init__(self) -> None:
        self.slept_s = 0.0

    def __call__(self, seconds: float) -> None:
        """Wait."""
        begun_s = clock.monotonic()
        clock.sleep(seconds)
        self.slept_s += clock.monotonic() - begun_s


def open_client(
    access: Access, settings: Settings, connection: Connection, sleep: Callable[[float], None] = clock.sleep
) -> SellingPartnerClient:
    """Open the seller's door with real quota buckets, as a task does."""
    names = {"client_id": access.client_id, "seller_id": SELLER_ID}
    quota = QuotaBuckets(connection, **names, rate_scale=access.rate_scale, now=utc_now, sleep=sleep)
    return open_seller_client(
        ApplicationCredentials(access.client_id, access.client_secret),
        SellerCredentials(access.refresh_token, "", access.marketplace.region),
        settings=settings,
        now=utc_now,
        quota=quota,
        sleep=sleep,
    )


def run_to_the_end(
    seller: Seller,
    client: SellingPartnerClient,
    connection: Connection,
    settings: Settings,
    sleep: Callable[[float], None] = clock.sleep,
) -> int:
    """Extract and load, run after run while there is more; return how many runs. Waiting is slept out."""
    runs, begun_utc = 0, utc_now()
    while True:
        try:
            extracted = extract_orders(
                seller, client=client, connection=connection, settings=settings, now=utc_now, begun_utc=begun_utc
            )
        except NotYetError as wait:
            # What Airflow's reschedule does, without a process's start.
            sleep(max(0.0, (wait.until_utc - utc_now()).total_seconds()))
            continue
        load_orders(connection, seller.seller_id)
        runs += 1
        if not extracted.more:
            return runs
        begun_utc = utc_now()
