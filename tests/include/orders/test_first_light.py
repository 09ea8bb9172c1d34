"""A seller's runs against the fake Amazon over HTTP, from its first to one after much has gone wrong."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from upath import UPath

from include.authorization.validate import validate_authorization
from include.errors import ContractError, ReauthorizationRequiredError
from include.fake_amazon.server import RunningFake
from include.orders.extract import ExtractResult, extract_orders
from include.orders.landing import read_page
from include.orders.load import LoadResult, load_orders
from include.orders.tables import COLUMNS
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.client import SellingPartnerClient
from include.spapi.operations import SEARCH_ORDERS
from include.warehouse.connection import Connection
from tests.payloads.clocks import HandClock
from tests.payloads.orders import an_order
from tests.payloads.runs import Run, orders_in, run_to_the_end
from tests.payloads.truth import tables_of, truth_of

pytestmark = pytest.mark.slow

SINCE = datetime(2026, 10, 5, tzinfo=UTC)
OpenClient = Callable[..., SellingPartnerClient]
OpenShop = Callable[..., None]
Night = Callable[..., list[Run]]


@pytest.fixture
def night(
    seller: Seller, open_client: OpenClient, warehouse: Connection, amazon_settings: Settings, clock: HandClock
) -> Night:
    """The runs of a night, until the seller is up to date."""

    def run_all(client: SellingPartnerClient | None = None, settings: Settings = amazon_settings) -> list[Run]:
        client = client or open_client()
        return run_to_the_end(
            lambda begun_utc: extract_orders(
                seller, client=client, connection=warehouse, settings=settings, now=clock, begun_utc=begun_utc
            ),
            lambda: load_orders(warehouse, seller.seller_id, seller=seller, settings=settings, now=clock),
            clock,
        )

    return run_all


def assert_tables_equal_truth(warehouse: Connection, amazon: RunningFake, result: LoadResult) -> None:
    assert result.complete_through_utc
    truth = truth_of(amazon.client, "acme", result.complete_through_utc, SINCE)
    assert len(truth[0]) > 0
    assert tables_of(warehouse, "acme") == truth


def test_a_first_run_fills_the_tables_with_all_there_is(
    warehouse: Connection, amazon: RunningFake, open_shop: OpenShop, night: Night, clock: HandClock
) -> None:
    open_shop(orders_per_day=200)
    ((extracted, loaded, waits_utc),) = night()
    assert loaded.orders == extracted.orders > 100
    assert (loaded.rejected, loaded.late_finds, waits_utc) == (0, 0, [])
    assert loaded.complete_through_utc == clock() - timedelta(minutes=2)
    assert_tables_equal_truth(warehouse, amazon, loaded)


def test_the_next_run_brings_what_has_changed_and_nothing_else(
    warehouse: Connection, amazon: RunningFake, open_shop: OpenShop, night: Night, clock: HandClock
) -> None:
    open_shop(orders_per_day=0)
    first = [json.loads(text) for text in given_orders(5)]
    amazon.client.add_orders("acme", first)
    night()
    clock.advance(hours=5)
    changed, cancelled = first[1]["orderId"], first[3]["orderId"]
    price = {"proceeds": {"grandTotal": {"amount": "99.99", "currencyCode": "EUR"}}}
    amazon.client.update_order("acme", changed, price, at_utc=clock() - timedelta(hours=1))
    amazon.client.cancel_order("acme", cancelled, at_utc=clock() - timedelta(hours=2))
    amazon.client.add_orders("acme", given_orders(1, start=6, updated="2026-10-05T16:00:00Z"))
    ((extracted, loaded, _),) = night()
    assert (extracted.orders, loaded.orders, loaded.late_finds) == (3, 3, 0)
    assert_tables_equal_truth(warehouse, amazon, loaded)
    states = dict(warehouse.execute("SELECT order_id, fulfillment_status FROM amazon.orders").fetchall())  # type: ignore[arg-type]
    assert states[cancelled] == "CANCELLED"
    assert len(states) == 6


def test_a_change_younger_than_two_minutes_comes_with_the_run_after(
    warehouse: Connection, amazon: RunningFake, open_shop: OpenShop, night: Night, clock: HandClock
) -> None:
    open_shop(orders_per_day=0)
    (young,) = given_orders(1, updated="2026-10-05T11:59:00Z")
    amazon.client.add_orders("acme", [young])
    assert orders_in(night()) == (0, 0)
    clock.advance(minutes=5)
    assert orders_in(night()) == (1, 1)


def test_an_order_at_the_very_end_of_a_window_is_loaded_once(
    warehouse: Connection, amazon: RunningFake, open_shop: OpenShop, night: Night, clock: HandClock
) -> None:
    open_shop(orders_per_day=0)
    amazon.client.add_orders("acme", given_orders(1, updated="2026-10-05T11:58:00Z"))
    assert orders_in(night()) == (1, 1)
    clock.advance(days=1)
    ((_, loaded, _),) = night()
    assert loaded.late_finds == 0
    assert_tables_equal_truth(warehouse, amazon, loaded)


def test_a_large_seller_waits_for_quota_outlives_a_token_and_misses_nothing(
    warehouse: Connection,
    amazon: RunningFake,
    open_shop: OpenShop,
    open_client: OpenClient,
    night: Night,
    clock: HandClock,
) -> None:
    clock.advance(days=30)
    open_shop(orders_per_day=1, launch_orders=2250)

    client = open_client()

    class ExpiredHalfway:
        quota_left = client.quota_left
        calls = itertools.count()

        def post(self, *_: Any) -> Any:
            raise ContractError("No reports today: this is about searchOrders alone.")

        def get(self, *arguments: Any, **options: Any) -> Any:
            if next(self.calls) == 15:
                amazon.client.expire_access_tokens("acme")
            return client.get(*arguments, **options)

    runs = night(ExpiredHalfway())
    pages = sum(run.extracted.pages for run in runs)
    waits_utc = [wait for run in runs for wait in run.waits_utc]
    assert len(runs) >= 2, "what is complete should be in the tables before the long wait"
    assert len(waits_utc) >= pages - SEARCH_ORDERS.burst >= 2
    calls = amazon.client.calls()
    assert calls["searchOrders", "acme", 200] == pages
    assert calls["searchOrders", "acme", 429] == len(waits_utc) + len(runs) - 1
    assert calls["searchOrders", "", 403] == 1
    assert clock.slept_s == []
    assert_tables_equal_truth(warehouse, amazon, runs[-1].loaded)


def test_a_seller_who_revokes_halfway_stops_and_goes_on_after_consenting_again(
    warehouse: Connection,
    amazon: RunningFake,
    open_shop: OpenShop,
    open_client: OpenClient,
    night: Night,
    clock: HandClock,
) -> None:
    open_shop(orders_per_day=200)
    client = open_client()
    asked = iter(range(2))

    class RevokedAfterOnePage:
        quota_left = client.quota_left
        post = client.post

        def get(self, *arguments: Any, **options: Any) -> Any:
            if next(asked) == 1:
                amazon.client.revoke("acme")
                amazon.client.expire_access_tokens("acme")
            return client.get(*arguments, **options)

    with pytest.raises(ReauthorizationRequiredError) as refused:
        night(RevokedAfterOnePage())
    assert "authorize the application again" in str(refused.value)
    assert not any(tables_of(warehouse, "acme"))
    with pytest.raises(ReauthorizationRequiredError):
        night(client)
    clock.advance(hours=3)
    ((extracted, loaded, _),) = night(open_client())
    assert amazon.client.calls()["searchOrders", "acme", 200] == extracted.pages + 1
    assert loaded.orders > extracted.orders
    assert_tables_equal_truth(warehouse, amazon, loaded)


def test_no_buyer_reaches_the_landing_the_tables_or_the_log(
    warehouse: Connection,
    amazon: RunningFake,
    open_shop: OpenShop,
    open_client: OpenClient,
    night: Night,
    amazon_settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    open_shop(orders_per_day=200, b2b_share=0.5)
    settings = dataclasses.replace(
        amazon_settings, included_data=(*amazon_settings.included_data, "BUYER", "RECIPIENT", "TAX", "PAYMENT")
    )
    client = open_client()
    names: set[str] = set()

    class Overheard:
        quota_left = client.quota_left

        def get(self, *arguments: Any, **options: Any) -> Any:
            reply = client.get(*arguments, **options)
            names.update(personal_words(json.loads(reply.body)))
            return reply

    ((_, loaded, _),) = night(Overheard(), settings)
    assert len(names) > 100
    assert any(name.startswith("https://") for name in names), "no customization among the orders"
    pages = [read_page(str(page)).decode() for page in UPath(settings.raw_url).rglob("*.gz")]
    dumps = [str(warehouse.execute(f"SELECT * FROM amazon.{table}").fetchall()) for table in COLUMNS]
    assert len(pages) >= 2
    for text in (*pages, *dumps, caplog.text):
        assert not [name for name in names if name in text]
    assert_tables_equal_truth(warehouse, amazon, loaded)


def test_a_seller_without_orders_is_complete_all_the_same(open_shop: OpenShop, night: Night, clock: HandClock) -> None:
    open_shop(orders_per_day=0)
    loaded = LoadResult(complete_through_utc=clock() - timedelta(minutes=2))
    assert night() == [Run(ExtractResult(pages=1, orders=0), loaded, [])]


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
    # The seller's own name is no secret of a buyer: packages are sent from it.
    if not isinstance(document, dict) or document.get("entityType") == "MERCHANT":
        return set()
    mine = {text for key, text in document.items() if key in PERSONAL_KEYS and isinstance(text, str) and text}
    return mine | {
        word for key, entry in document.items() if key != "shipFromAddress" for word in personal_words(entry)
    }
