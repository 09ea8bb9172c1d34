"""What the tests of orders share: a seller, a clock moved by hand, and pages put where an extraction leaves them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from include.authorization.credentials import ApplicationCredentials, SellerCredentials
from include.authorization.seller_client import open_seller_client
from include.fake_amazon.clock import Clock
from include.fake_amazon.server import RunningFake, serve_in_thread
from include.fake_amazon.shops import make_shop
from include.orders import windows
from include.orders.landing import page_url, write_page
from include.orders.progress import Request, next_slice
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.client import SellingPartnerClient
from include.spapi.quota import Quota, UncountedQuota
from include.warehouse.connection import Connection
from tests.payloads.clocks import HandClock
from tests.payloads.people import WORDS
from tests.payloads.personal_house import KEY, Amazon, House
from tests.payloads.sellers import acme

Land = Callable[..., windows.Window]
NextWindow = Callable[..., windows.Window | None]
OpenClient = Callable[..., SellingPartnerClient]


@pytest.fixture
def clock() -> HandClock:
    """A clock that stands at noon of 5 October 2026 until moved."""
    return HandClock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose landing is this test's folder."""
    return Settings(raw_url=f"file://{tmp_path / 'raw'}")


@pytest.fixture
def seller() -> Seller:
    """A German seller since 5 October 2026."""
    return acme(date(2026, 10, 5))


@pytest.fixture
def next_window(warehouse: Connection, seller: Seller, settings: Settings, clock: HandClock) -> NextWindow:
    """The window to work on, as an extraction finds it: the unfinished one, else the next; None where none is due."""

    def find(
        seller: Seller = seller,
        settings: Settings = settings,
        *,
        quota_left: float = 20,
        request: Request | None = None,
    ) -> windows.Window | None:
        if window := windows.resume(warehouse, seller, settings, clock):
            return window
        found = next_slice(
            warehouse, seller, settings, clock(), begun_utc=clock(), quota_left=quota_left, request=request
        )
        run_id = request.run_id if request else None
        return found and windows.open_window(warehouse, seller, settings, found, clock, run_id)

    return find


@pytest.fixture
def land(warehouse: Connection, seller: Seller, settings: Settings, clock: HandClock, next_window: NextWindow) -> Land:
    """Lands pages as one window that waits for its load, an hour after the one before."""

    def land_pages(
        *pages: bytes,
        seller: Seller = seller,
        extracted_utc: datetime | list[datetime] | None = None,
        replied_bound_utc: datetime | None = None,
    ) -> windows.Window:
        clock.advance(hours=1)
        window = next_window(seller)
        assert window
        for number, body in enumerate(pages, start=1):
            url = page_url(settings.raw_url, seller.seller_id, window, number)
            write_page(url, body)
            read_utc = extracted_utc[number - 1] if isinstance(extracted_utc, list) else extracted_utc or clock()
            window = windows.record_page(
                warehouse,
                window,
                page_url=url,
                orders=body.count(b'"orderId"'),
                next_token=None if number == len(pages) else f"token {number}",
                replied_bound_utc=replied_bound_utc,
                extracted_utc=read_utc,
            )
        return window

    return land_pages


@pytest.fixture
def amazon(clock: HandClock) -> Iterator[RunningFake]:
    """The fake Amazon at its documented rates, clock and quota following this test's clock: no wait takes time."""
    start = clock()

    def seconds() -> float:
        return (clock() - start).total_seconds()

    with serve_in_thread(shops=[], rate_scale=1.0, clock=Clock(clock), monotonic=seconds) as running:
        yield running


@pytest.fixture
def open_shop(amazon: RunningFake, seller: Seller) -> Callable[..., None]:
    """Opens the seller's shop at the fake Amazon; keywords as its description has them."""

    def make(**fields: object) -> None:
        place = {"shop_id": seller.seller_id, "region": "eu", "marketplaces": ["DE"]}
        amazon.world.open_shop(make_shop({**place, **fields}))

    return make


@pytest.fixture
def amazon_settings(settings: Settings, amazon: RunningFake) -> Settings:
    """Settings that lead to the fake Amazon."""
    endpoints = {region: amazon.spapi_endpoint(region) for region in ("eu", "na", "fe")}
    return dataclasses.replace(settings, lwa_token_url=amazon.lwa_token_url, spapi_endpoints=endpoints)


@pytest.fixture
def open_client(amazon: RunningFake, amazon_settings: Settings, seller: Seller, clock: HandClock) -> OpenClient:
    """Opens a seller's door at the fake Amazon with its present authorization; `sleep` may do more than wait."""

    def make(
        seller: Seller = seller,
        sleep: Callable[[float], None] = clock.sleep,
        patience_s: float = 1e6,
        quota: Quota | None = None,
    ) -> SellingPartnerClient:
        application = amazon.client.application()
        consent = amazon.client.authorize(seller.seller_id)
        return open_seller_client(
            ApplicationCredentials(application.client_id, application.client_secret),
            SellerCredentials(consent.refresh_token, consent.selling_partner_id, seller.region),
            settings=amazon_settings,
            now=clock,
            quota=quota or UncountedQuota(),
            sleep=sleep,
            patience_s=patience_s,
        )

    return make


@pytest.fixture
def house(
    warehouse: Connection,
    warehouse_dsn: str,
    seller: Seller,
    settings: Settings,
    clock: HandClock,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[House]:
    """The seller with `personal_data: yes`, and an Amazon that gives the pages it is given."""
    caplog.set_level("DEBUG")
    wanting = dataclasses.replace(seller, personal_data=True)
    keyed = dataclasses.replace(settings, personal_data_keys=(KEY,))
    yield House(warehouse, wanting, keyed, clock, Amazon(), warehouse_dsn, tmp_path)
    # Whatever a test is about: nothing of a person is ever in a log.
    assert not [word for word in WORDS if word in caplog.text]
