"""`gaps`, `long_gap`: a large gap caught up at Amazon's documented rates, in simulated time.

The fake Amazon and the product follow one clock that is moved by hand; every start of a task takes four seconds of it,
a report ten minutes. Each answer comes at once, so that Amazon's own seconds are not in the figures. Simulated twice
the same comes out, therefore once is enough.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import cast

from bench.figures import Figure
from bench.loaded import WrongTablesError
from bench.servers import running_warehouse
from include.authorization.credentials import ApplicationCredentials, SellerCredentials
from include.authorization.seller_client import open_seller_client
from include.fake_amazon.clock import Clock
from include.fake_amazon.server import RunningFake, serve_in_thread
from include.fake_amazon.shops import make_shop
from include.local_stack.progress import Progress
from include.settings import AMAZON_ENDPOINTS, Settings
from include.warehouse.connection import connect
from tests.payloads.clocks import HandClock
from tests.payloads.gaps import Gap, optimum
from tests.payloads.quota import HandQuota
from tests.payloads.sellers import acme

PART, LONG_PART = "gaps", "long_gap"
ORDERS, LONG_ORDERS = 10_000, 100_000
DAYS = 20
GENERATION_S = 600
FORECAST = """
SELECT totals_expected_utc, totals_utc, detail_expected_utc, detail_utc
FROM ops.catch_up ORDER BY catch_up_no DESC LIMIT 1
"""
# Of totals, in minutes; of all detail, over what the limits allow.
TOTALS_GOAL_MIN = {ORDERS: 20.0, LONG_ORDERS: 30.0}
DETAIL_GOAL_H = {ORDERS: 2.2}
DETAIL_GOAL = 1.05


def measure(progress: Progress, orders: int = ORDERS, part: str = PART) -> list[Figure]:
    """Catch up once.

    Raises:
        WrongTablesError: What was loaded is not what Amazon holds.
    """
    with tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as folder, _gap(Path(folder)) as gap:
        gap.amazon.set_reports(generation_s=GENERATION_S)
        gap.lapse(orders=orders, days=DAYS)
        gap.amazon.reset_calls()
        begun_utc = gap.clock()
        gap.run()
        if not gap.equals_truth() or gap.totals_utc is None or gap.detail_utc is None:
            raise WrongTablesError(f"{orders} orders were caught up to something else, or not to the end.")
        progress.say(f"  {orders:,} orders: {gap.totals_utc - begun_utc}, {gap.detail_utc - begun_utc}")
        row = gap.warehouse.execute(FORECAST).fetchone()
        forecast = cast("tuple[datetime, datetime, datetime, datetime]", row)
        calls = gap.amazon.calls()
        return _figures(part, orders, gap.totals_utc - begun_utc, gap.detail_utc - begun_utc, forecast, calls)


def measure_long(progress: Progress) -> list[Figure]:
    """Catch up a hundred thousand, which takes half an hour."""
    return measure(progress, LONG_ORDERS, LONG_PART)


def _figures(
    part: str,
    orders: int,
    totals: timedelta,
    detail: timedelta,
    forecast: tuple[datetime, datetime, datetime, datetime],
    calls: dict[tuple[str, str, int], int],
) -> list[Figure]:
    size, best = f"{orders:,} orders", optimum(orders, GENERATION_S)
    totals_expected, totals_there, detail_expected, detail_there = forecast
    refused = sum(count for (_, _, status), count in calls.items() if status == 429)
    searched, fetched = (calls.get((name, "acme", 200), 0) for name in ("searchOrders", "getOrder"))
    late_s = (totals_there - totals_expected).total_seconds()
    return [
        Figure(part, f"{size}, totals", "min", [totals / timedelta(minutes=1)], TOTALS_GOAL_MIN.get(orders)),
        Figure(part, f"{size}, all detail", "h", [detail / timedelta(hours=1)], DETAIL_GOAL_H.get(orders)),
        Figure(part, f"{size}, all detail, what the limits allow", "h", [best / timedelta(hours=1)]),
        Figure(part, f"{size}, all detail over what the limits allow", "x", [detail / best], DETAIL_GOAL),
        Figure(part, f"{size}, totals later than forecast", "s", [late_s]),
        Figure(
            part,
            f"{size}, all detail later than forecast",
            "min",
            [(detail_there - detail_expected).total_seconds() / 60],
        ),
        Figure(part, f"{size}, calls of searchOrders", "", [searched]),
        Figure(part, f"{size}, calls of getOrder", "", [fetched]),
        Figure(part, f"{size}, refused with 429", "", [refused]),
    ]


@contextmanager
def _gap(folder: Path) -> Iterator[Gap]:
    """A seller with nothing loaded, its shop and its warehouse, all on one clock."""
    clock = HandClock()
    start = clock()
    seller = acme(date(2026, 10, 5))

    def seconds() -> float:
        return (clock() - start).total_seconds()

    with (
        running_warehouse(folder / "postgres") as (_, dsn),
        connect(dsn) as connection,
        serve_in_thread(
            shops=[
                make_shop({"shop_id": seller.seller_id, "region": "eu", "marketplaces": ["DE"], "orders_per_day": 0})
            ],
            rate_scale=1.0,
            clock=Clock(clock),
            monotonic=seconds,
        ) as amazon,
    ):
        settings = _settings(folder, amazon)
        application, consent = amazon.client.application(), amazon.client.authorize(seller.seller_id)
        quota = HandQuota(clock)
        client = open_seller_client(
            ApplicationCredentials(application.client_id, application.client_secret),
            SellerCredentials(consent.refresh_token, consent.selling_partner_id, seller.region),
            settings=settings,
            now=clock,
            quota=quota,
            sleep=clock.sleep,
            patience_s=1e6,
        )
        yield Gap(seller, client, connection, settings, clock, quota, amazon.client)


def _settings(folder: Path, amazon: RunningFake) -> Settings:
    endpoints = {region: amazon.spapi_endpoint(region) for region in AMAZON_ENDPOINTS}
    return Settings(raw_url=f"file://{folder / 'raw'}", lwa_token_url=amazon.lwa_token_url, spapi_endpoints=endpoints)
