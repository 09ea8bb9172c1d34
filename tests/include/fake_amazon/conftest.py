"""What the fake Amazon's tests share: one served world a file, shops of their own, a seller that asks by HTTP."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from include.fake_amazon.clock import Clock
from include.fake_amazon.server import RunningFake, serve_in_thread

NOW = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
ORDERS_PATH = "/orders/2026-01-01/orders"
PARTICIPATIONS_PATH = "/sellers/v1/marketplaceParticipations"


class Seller:
    """A seller's shop as a client of the Selling Partner API meets it."""

    def __init__(self, fake: RunningFake, shop_id: str, region: str) -> None:
        self.fake = fake
        self.shop_id = shop_id
        self.region = region
        self.refresh_token = fake.client.authorize(shop_id).refresh_token
        self.access_token = ""

    def exchange(self, **changed: str | None) -> requests.Response:
        """Ask Login with Amazon for an access token; None leaves a field out."""
        application = self.fake.client.application()
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self.refresh_token,
            "client_id": application.client_id,
            "client_secret": application.client_secret,
        } | changed
        present = {name: value for name, value in form.items() if value is not None}
        return requests.post(self.fake.lwa_token_url, data=present, timeout=10)

    def get(
        self, path: str, *, token: str | None = None, region: str | None = None, query: Any = ()
    ) -> requests.Response:
        """Call the Selling Partner API, with a token of this seller unless another is given; "" sends none."""
        if token is None:
            token = self.access_token = self.access_token or self.exchange().json()["access_token"]
        headers = {"x-amz-access-token": token} if token else {}
        url = self.fake.spapi_endpoint(region or self.region) + path
        return requests.get(url, headers=headers, params=query, timeout=10)

    def search(self, **query: Any) -> requests.Response:
        """Call searchOrders."""
        return self.get(ORDERS_PATH, query=query)

    def pages(self, **query: Any) -> list[dict[str, Any]]:
        """Every page of a search."""
        pages = [self.search(**query).json()]
        while "pagination" in pages[-1]:
            token = pages[-1]["pagination"]["nextToken"]
            pages.append(self.search(**query, paginationToken=token).json())
        return pages

    def orders(self, **query: Any) -> list[dict[str, Any]]:
        """Every order of a search."""
        return [order for page in self.pages(**query) for order in page["orders"]]


@pytest.fixture(scope="module")
def fake() -> Iterator[RunningFake]:
    """A world whose clock stands at noon of 10 November 2026, and whose rates hold no test back."""
    clock = Clock()
    clock.set(NOW, frozen=True)
    with serve_in_thread(clock=clock, rate_scale=1e9) as running:
        yield running


@pytest.fixture(autouse=True)
def _noon_again(request: pytest.FixtureRequest) -> None:
    """Put back the clock and the client secret, which an earlier test may have moved or let expire."""
    if "fake" in request.fixturenames:
        client = request.getfixturevalue("fake").client
        client.set_clock(NOW, frozen=True)
        client.renew_client_secret()


@pytest.fixture
def new_seller(fake: RunningFake, request: pytest.FixtureRequest) -> Callable[..., Seller]:
    """Makes sellers with shops of their own; without fields a German shop of five orders a day.

    Orders depend on the shop's id, so it comes from the test's name: each test sees the same ones whatever runs before.
    """
    numbers = itertools.count(1)

    def make(region: str = "eu", marketplaces: tuple[str, ...] = ("DE",), **fields: Any) -> Seller:
        shop_id = f"{request.node.name} {next(numbers)}"
        fake.client.ensure_shop(shop_id, region, marketplaces, **fields)
        return Seller(fake, shop_id, region)

    return make


@pytest.fixture
def seller(new_seller: Callable[..., Seller]) -> Seller:
    """A seller in Germany with five orders a day since 1 October 2026."""
    return new_seller()


@pytest.fixture
def quiet_seller(new_seller: Callable[..., Seller]) -> Seller:
    """A seller in Germany without orders of its own."""
    return new_seller(orders_per_day=0)


@pytest.fixture
def seller_at() -> Callable[..., Seller]:
    """Makes a German seller of five orders a day in another fake than the module's."""

    def make(fake: RunningFake, **fields: Any) -> Seller:
        fake.client.ensure_shop("elsewhere", "eu", ("DE",), **fields)
        return Seller(fake, "elsewhere", "eu")

    return make


@pytest.fixture
def make_order() -> Callable[..., dict[str, Any]]:
    """Writes small orders of amazon.de."""

    def make(order_id: str, updated: str, created: str | None = None, **fields: Any) -> dict[str, Any]:
        return {
            "orderId": order_id,
            "createdTime": created or updated,
            "lastUpdatedTime": updated,
            "salesChannel": {"channelName": "AMAZON", "marketplaceId": "A1PA6795UKMFR9"},
            "orderItems": [{"orderItemId": "1", "quantityOrdered": 1, "product": {}}],
        } | fields

    return make
