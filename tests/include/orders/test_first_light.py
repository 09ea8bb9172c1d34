"""A seller's runs against the fake Amazon over HTTP, from its first to one after much has gone wrong."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from upath import UPath

from include.authorization.validate import validate_authorization
from include.errors import ReauthorizationRequiredError
from include.fake_amazon.server import RunningFake
from include.orders.extract import ExtractResult, extract_orders
from include.orders.landing import read_page
from include.orders.load import LoadResult, load_orders
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.client import SellingPartnerClient
from include.spapi.operations import SEARCH_ORDERS
from include.warehouse.connection import Connection
from tests.payloads.clocks import HandClock
from tests.payloads.orders import an_order
from tests.payloads.truth import tables_of, truth_of

pytestmark = pytest.mark.slow

SINCE = datetime(2026, 10, 1, tzinfo=UTC)
OpenClient = Callable[..., SellingPartnerClient]
OpenShop = Callable[..., None]
Run = Callable[..., tuple[ExtractResult, LoadResult]]


@pytest.fixture
def run(
    seller: Seller, open_client: OpenClient, warehouse: Connection, amazon_settings: Settings, clock: HandClock
) -> Run:
    """One nightly run: extract, then load."""

    def extract_and_load(
        client: SellingPartnerClient | None = None, settings: Settings = amazon_settings
    ) -> tuple[ExtractResult, LoadResult]:
        client = client or open_client()
        extracted = extract_orders(seller, client=client, connection=warehouse, settings=settings, now=clock)
        return extracted, load_orders(warehouse, seller.seller_id)

    return extract_and_load


def assert_tables_equal_truth(warehouse: Connection, amazon: RunningFake, result: LoadResult) -> None:
    assert result.complete_through_utc
    truth = truth_of(amazon.client, "acme", result.complete_through_utc, SINCE)
    assert len(truth[0]) > 0
    assert tables_of(warehouse, "acme") == truth


def test_a_first_run_fills_the_tables_with_all_there_is(
    warehouse: Connection, amazon: RunningFake, open_shop: OpenShop, run: Run, clock: HandClock
) -> None:
    open_shop(orders_per_day=30)
    extracted, loaded = run()
    assert loaded.orders == extracted.orders > 100
    assert loaded.complete_through_utc == clock() - timedelta(minutes=2)
    assert_tables_equal_truth(warehouse, amazon, loaded)


def test_the_next_run_brings_what_has_changed_and_nothing_else(
    warehouse: Connection, amazon: RunningFake, open_shop: OpenShop, run: Run, clock: HandClock
) -> None:
    open_shop(orders_per_day=0)
    first = [json.loads(text) for text in given_orders(5)]
    amazon.client.add_orders("acme", first)
    run()
    clock.advance(hours=12)
    changed, cancelled = first[1]["orderId"], first[3]["orderId"]
    price = {"proceeds": {"grandTotal": {"amount": "99.99", "currencyCode": "EUR"}}}
    amazon.client.update_order("acme", changed, price, at_utc=clock() - timedelta(hours=1))
    amazon.client.cancel_order("acme", cancelled, at_utc=clock() - timedelta(hours=2))
    amazon.client.add_orders("acme", given_orders(1, start=6, updated="2026-10-05T20:00:00Z"))
    extracted, loaded = run()
    assert (extracted.orders, loaded.orders) == (3, 3)
    assert_tables_equal_truth(warehouse, amazon, loaded)
    states = dict(warehouse.execute("SELECT order_id, fulfillment_status FROM amazon.orders").fetchall())  # type: ignore[arg-type]
    assert states[cancelled] == "CANCELLED"
    assert len(states) == 6


def test_a_change_younger_than_two_minutes_comes_with_the_run_after(
    warehouse: Connection, amazon: RunningFake, open_shop: OpenShop, run: Run, clock: HandClock
) -> None:
    open_shop(orders_per_day=0)
    (young,) = given_orders(1, updated="2026-10-05T11:59:00Z")
    amazon.client.add_orders("acme", [young])
    assert run()[1].orders == 0
    clock.advance(minutes=5)
    assert run()[1].orders == 1


def test_an_order_at_the_very_end_of_a_window_is_loaded_once(
    warehouse: Connection, amazon: RunningFake, open_shop: OpenShop, run: Run, clock: HandClock
) -> None:
    open_shop(orders_per_day=0)
    amazon.client.add_orders("acme", given_orders(1, updated="2026-10-05T11:58:00Z"))
    assert run()[1].orders == 1
    clock.advance(days=1)
    _, loaded = run()
    assert_tables_equal_truth(warehouse, amazon, loaded)


def test_a_large_seller_waits_for_quota_outlives_a_token_and_misses_nothing(
    warehouse: Connection,
    amazon: RunningFake,
    open_shop: OpenShop,
    open_client: OpenClient,
    run: Run,
    clock: HandClock,
) -> None:
    clock.advance(days=30)
    open_shop(orders_per_day=1, launch_orders=2250)

    def sleep(seconds: float) -> None:
        if not clock.slept_s:
            amazon.client.expire_access_tokens("acme")
        clock.sleep(seconds)

    extracted, loaded = run(open_client(sleep=sleep))
    waits = extracted.pages - SEARCH_ORDERS.burst
    assert waits >= 2
    assert clock.slept_s == [pytest.approx(1 / 0.0056)] * waits
    calls = amazon.client.calls()
    assert calls["searchOrders", "acme", 200] == extracted.pages
    assert calls["searchOrders", "", 403] == 1
    assert calls["lwa.refresh_token", "acme", 200] == 2
    assert_tables_equal_truth(warehouse, amazon, loaded)


def test_a_seller_who_revokes_halfway_stops_and_goes_on_after_consenting_again(
    warehouse: Connection,
    amazon: RunningFake,
    open_shop: OpenShop,
    open_client: OpenClient,
    run: Run,
    clock: HandClock,
) -> None:
    open_shop(orders_per_day=60)
    client = open_client()
    asked = iter(range(2))

    class RevokedAfterOnePage:
        def get(self, *arguments: Any) -> Any:
            if next(asked) == 1:
                amazon.client.revoke("acme")
                amazon.client.expire_access_tokens("acme")
            return client.get(*arguments)

    with pytest.raises(ReauthorizationRequiredError) as refused:
        run(RevokedAfterOnePage())
    assert "authorize the application again" in str(refused.value)
    assert tables_of(warehouse, "acme") == (set(), set())
    with pytest.raises(ReauthorizationRequiredError):
        run(client)
    clock.advance(hours=3)
    extracted, loaded = run(open_client())
    assert amazon.client.calls()["searchOrders", "acme", 200] == extracted.pages + 1
    assert loaded.orders > extracted.orders
    assert_tables_equal_truth(warehouse, amazon, loaded)


def test_no_buyer_reaches_the_landing_the_tables_or_the_log(
    warehouse: Connection,
    amazon: RunningFake,
    open_shop: OpenShop,
    open_client: OpenClient,
    run: Run,
    amazon_settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    open_shop(orders_per_day=40, b2b_share=0.5)
    settings = dataclasses.replace(
        amazon_settings, included_data=("BUYER", "RECIPIENT", "TAX", "PAYMENT", "FULFILLMENT", "PROCEEDS")
    )
    client = open_client()
    names: set[str] = set()

    class Overheard:
        def get(self, *arguments: Any) -> Any:
            reply = client.get(*arguments)
            names.update(personal_words(json.loads(reply.body)))
            return reply

    _, loaded = run(Overheard(), settings)
    assert len(names) > 100
    assert any(name.startswith("https://") for name in names), "no customization among the orders"
    pages = [read_page(str(page)).decode() for page in UPath(settings.raw_url).rglob("*.gz")]
    dumps = [str(warehouse.execute(f"SELECT * FROM amazon.{table}").fetchall()) for table in ("orders", "order_items")]
    assert len(pages) >= 2
    for text in (*pages, *dumps, caplog.text):
        assert not [name for name in names if name in text]
    assert_tables_equal_truth(warehouse, amazon, loaded)


def test_a_seller_without_orders_is_complete_all_the_same(open_shop: OpenShop, run: Run, clock: HandClock) -> None:
    open_shop(orders_per_day=0)
    assert run() == (ExtractResult(1, 0), LoadResult(0, 0, clock() - timedelta(minutes=2)))


def test_a_good_authorization_names_where_the_seller_trades(
    open_shop: OpenShop, open_client: OpenClient, seller: Seller
) -> None:
    open_shop(store_name="Acme Teehaus")
    validation = validate_authorization(seller, open_client())
    assert (validation.participating, validation.absent) == (("DE",), ())
    assert validation.store_names == ("Acme Teehaus",)


def given_orders(count: int, *, start: int = 1, updated: str = "2026-10-05T09:00:00Z") -> list[str]:
    """Orders in Amazon's words, as a seller of another test might have them."""
    return [json.dumps(an_order(f"303-0000000-{start + n:07d}", updated=updated)) for n in range(count)]


PERSONAL_KEYS = {
    *("buyerName", "buyerEmail", "buyerCompanyName", "buyerPurchaseOrderNumber", "name", "companyName"),
    *("addressLine1", "phone", "legalName", "taxRegistrationNumber", "giftMessage", "customizedUrl"),
    *("authorizationCode", "addressInstruction"),
}


def personal_words(document: Any) -> set[str]:
    """Every text that says who a buyer is."""
    if isinstance(document, list):
        return {word for entry in document for word in personal_words(entry)}
    if not isinstance(document, dict):
        return set()
    mine = {text for key, text in document.items() if key in PERSONAL_KEYS and isinstance(text, str) and text}
    return mine | {
        word for key, entry in document.items() if key != "shipFromAddress" for word in personal_words(entry)
    }
