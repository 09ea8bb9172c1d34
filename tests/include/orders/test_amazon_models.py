"""Amazon's own published sandbox orders, through the fake Amazon over HTTP into the tables."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from include.fake_amazon.clock import Clock
from include.fake_amazon.server import RunningFake, serve_in_thread
from include.orders.extract import extract_orders
from include.orders.landing import read_page
from include.orders.load import LoadResult, load_orders
from include.sellers.marketplaces import by_id
from include.sellers.regions import REGIONS
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.client import SellingPartnerClient
from include.warehouse.connection import Connection
from tests.payloads.clocks import HandClock
from tests.payloads.runs import orders_in, run_to_the_end
from tests.payloads.truth import tables_of, truth_of

pytestmark = [pytest.mark.needs_amazon_models, pytest.mark.slow]

SINCE = datetime(2024, 12, 1, tzinfo=UTC)
RunAll = Callable[[], dict[str, LoadResult]]


def sandbox_orders(document: Any) -> Iterator[dict[str, Any]]:
    """Every order anywhere in Amazon's sandbox cases."""
    if isinstance(document, dict) and "orderId" in document and "orderItems" in document:
        yield document
    elif isinstance(document, dict | list):
        for entry in document.values() if isinstance(document, dict) else document:
            yield from sandbox_orders(entry)


@pytest.fixture
def clock() -> HandClock:
    """January 2025: Amazon hides what is older than two years."""
    return HandClock(datetime(2025, 1, 10, tzinfo=UTC))


@pytest.fixture
def orders(amazon_models: Path) -> dict[str, dict[str, Any]]:
    """The orders by id; one that Amazon shows in several cases has the same state in each."""
    document = json.loads((amazon_models / "sandbox-orders-2026-01-01.json").read_text(encoding="utf-8"))
    return {order["orderId"]: order for order in sandbox_orders(document)}


@pytest.fixture
def sellers(orders: dict[str, dict[str, Any]], seller: Seller) -> list[Seller]:
    """A seller for each region, trading where that region's orders are from."""
    sold = {by_id(order["salesChannel"]["marketplaceId"]) for order in orders.values()}
    return [
        dataclasses.replace(
            seller,
            seller_id=f"sandbox_{region}",
            region=region,
            marketplaces=tuple(shop for shop in sold if shop and shop.region == region),
            start_date=SINCE.date(),
        )
        for region in REGIONS
    ]


@pytest.fixture
def amazon(
    orders: dict[str, dict[str, Any]], sellers: list[Seller], clock: HandClock, tmp_path: Path
) -> Iterator[RunningFake]:
    """The fake Amazon selling exactly these orders, from a file for each seller."""
    files = {}
    for seller in sellers:
        mine = [o for o in orders.values() if o["salesChannel"]["marketplaceId"] in seller.marketplace_ids]
        files[seller.seller_id] = tmp_path / f"{seller.seller_id}.ndjson"
        files[seller.seller_id].write_text("".join(json.dumps(order) + "\n" for order in mine), encoding="utf-8")
    with serve_in_thread(shops=[], order_files=files, clock=Clock(clock)) as running:
        yield running


@pytest.fixture
def run_all(
    sellers: list[Seller],
    open_client: Callable[..., SellingPartnerClient],
    warehouse: Connection,
    amazon_settings: Settings,
    clock: HandClock,
) -> RunAll:
    """A night of each seller, asking for personal data too, because these orders are full of it."""
    words = ("BUYER", "RECIPIENT", "TAX", "PAYMENT", *amazon_settings.included_data)
    settings = dataclasses.replace(amazon_settings, included_data=words)

    def night_of(seller: Seller) -> LoadResult:
        client = open_client(seller)
        runs = run_to_the_end(
            lambda begun_utc: extract_orders(
                seller, client=client, connection=warehouse, settings=settings, now=clock, begun_utc=begun_utc
            ),
            lambda: load_orders(warehouse, seller.seller_id),
            clock,
        )
        for page in UPath(settings.raw_url).rglob("*.gz"):
            assert b"John Smith" not in read_page(str(page))
        assert all(run.loaded.rejected == 0 for run in runs)
        return LoadResult(orders=orders_in(runs)[1], complete_through_utc=runs[-1].loaded.complete_through_utc)

    return lambda: {seller.seller_id: night_of(seller) for seller in sellers}


def test_they_arrive_as_amazon_tells_them(
    run_all: RunAll, warehouse: Connection, amazon: RunningFake, orders: dict[str, dict[str, Any]]
) -> None:
    results = run_all()
    assert sum(result.orders for result in results.values()) == 6
    for seller_id, result in results.items():
        assert result.complete_through_utc
        truth = truth_of(amazon.client, seller_id, result.complete_through_utc, SINCE)
        assert tables_of(warehouse, seller_id) == truth
    assert {seller_id: result.orders for seller_id, result in results.items()} == {
        "sandbox_eu": 2,
        "sandbox_na": 3,
        "sandbox_fe": 1,
    }


def test_their_fields_stand_in_the_tables_literally(run_all: RunAll, warehouse: Connection) -> None:
    run_all()
    order = warehouse.execute(
        "SELECT created_utc, last_updated_utc, fulfillment_status, fulfilled_by, marketplace_name, programs,"
        " grand_total_amount::text, currency_code, ship_by_utc FROM amazon.orders"
        " WHERE order_id = '123-4567890-1234567'"
    ).fetchone()
    assert order == (
        datetime(2024, 12, 25, 10, 30, tzinfo=UTC),
        datetime(2024, 12, 25, 14, 45, tzinfo=UTC),
        "SHIPPED",
        "MERCHANT",
        "Amazon.com",
        ["PRIME", "AMAZON_BUSINESS"],
        "154.99",
        "USD",
        datetime(2024, 12, 27, 23, 59, 59, tzinfo=UTC),
    )
    items = warehouse.execute(
        "SELECT order_item_id, asin, quantity_ordered, proceeds_total_amount FROM amazon.order_items"
        " WHERE order_id = '123-4567890-1234567' ORDER BY 1"
    ).fetchall()
    assert items[0] == ("12345678901234", "B08N5WRWNW", 2, Decimal("100.00"))
    assert [item[3] for item in items] == [Decimal("100.00"), Decimal("49.99")]
    yen = warehouse.execute(
        "SELECT grand_total_amount::text, currency_code FROM amazon.orders WHERE seller_id = 'sandbox_fe'"
    ).fetchall()
    assert yen == [("19940", "JPY")]


def test_those_of_march_come_with_a_run_in_april(
    run_all: RunAll, warehouse: Connection, amazon: RunningFake, clock: HandClock, orders: dict[str, dict[str, Any]]
) -> None:
    by_seller = "SELECT seller_id, count(*) FROM amazon.orders GROUP BY 1"
    run_all()
    before = dict(warehouse.execute(by_seller).fetchall())  # type: ignore[arg-type]
    clock.instant = datetime.combine(date(2025, 4, 1), datetime.min.time(), tzinfo=UTC)
    run_all()
    after = dict(warehouse.execute(by_seller).fetchall())  # type: ignore[arg-type]
    assert {seller_id: after[seller_id] - before[seller_id] for seller_id in before} == {
        "sandbox_eu": 1,
        "sandbox_na": 1,
        "sandbox_fe": 0,
    }
    loaded = warehouse.execute("SELECT order_id FROM amazon.orders").fetchall()
    assert {order_id for (order_id,) in loaded} == set(orders)
