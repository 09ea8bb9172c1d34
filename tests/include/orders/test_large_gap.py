"""A large gap, caught up against the fake Amazon at its documented rates; its clock is moved by hand."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from include.fake_amazon import literal
from include.fake_amazon.server import RunningFake
from include.orders.catch_up import CatchUp, forecast
from include.orders.extract import extract_orders
from include.orders.load import load_orders
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.client import SellingPartnerClient
from include.spapi.operations import GET_ORDER, SEARCH_ORDERS
from include.warehouse.connection import Connection
from tests.payloads.clocks import HandClock
from tests.payloads.orders import an_order
from tests.payloads.quota import HandQuota
from tests.payloads.runs import Run, run_to_the_end
from tests.payloads.truth import tables_of, truth_of

pytestmark = pytest.mark.slow

# What Airflow takes from the end of a wait to the first line of the task.
# Ten thousand take this test minutes; LARGE_GAP=10000 measures them.
ORDERS = int(os.environ.get("LARGE_GAP", "3600"))
GENERATION_S = 600
log = logging.getLogger(__name__)
MARKS = ("complete_through_utc", "totals_through_utc")
OVERHEAD = timedelta(seconds=4)


@dataclass
class Gap:
    """A seller that was loaded until it lapsed, and is back."""

    seller: Seller
    client: SellingPartnerClient
    warehouse: Connection
    settings: Settings
    clock: HandClock
    quota: HandQuota
    amazon: RunningFake
    totals_utc: datetime | None = None
    detail_utc: datetime | None = None

    def run(self) -> list[Run]:
        """Run until nothing is left, as Airflow would."""

        def extract(begun_utc: datetime) -> Any:
            self.clock.instant += OVERHEAD
            return extract_orders(
                self.seller,
                client=self.client,
                connection=self.warehouse,
                settings=self.settings,
                now=self.clock,
                begun_utc=begun_utc,
            )

        def load() -> Any:
            self.clock.instant += OVERHEAD
            loaded = load_orders(
                self.warehouse, self.seller.seller_id, seller=self.seller, settings=self.settings, now=self.clock
            )
            if self.totals_utc is None and self.one("SELECT totals_through_utc FROM ops.watermark"):
                self.totals_utc = self.clock()
            through, told = (self.one(f"SELECT {name} FROM ops.watermark") for name in MARKS)
            if self.detail_utc is None and told and through >= told:
                self.detail_utc = self.clock()
            return loaded

        return run_to_the_end(extract, load, self.clock, most_visits=40_000)

    def drain(self) -> None:
        """Leave no call of searchOrders, here and at Amazon."""
        self.quota.empty(SEARCH_ORDERS)
        self.amazon.client.set_bucket("acme", "searchOrders", 0)

    def one(self, query: str) -> Any:
        """The first column of the only row."""
        row = self.warehouse.execute(query).fetchone()
        return row and row[0]


@pytest.fixture
def gap(
    amazon: RunningFake,
    seller: Seller,
    open_client: Callable[..., SellingPartnerClient],
    open_shop: Callable[..., None],
    warehouse: Connection,
    amazon_settings: Settings,
    clock: HandClock,
) -> Callable[..., Gap]:
    """Loads a first day, then lets so many days pass with so many orders each."""

    def make(*, orders: int, days: int) -> Gap:
        open_shop(orders_per_day=0)
        first, last = clock() - timedelta(hours=12), clock() - timedelta(minutes=3)
        amazon.client.add_orders("acme", spread(orders // days // 2, first, last, "302"))
        quota = HandQuota(clock)
        made = Gap(seller, open_client(quota=quota), warehouse, amazon_settings, clock, quota, amazon)
        made.run()
        begun_utc = clock()
        clock.advance(days=days)
        amazon.client.add_orders("acme", spread(orders, begun_utc, clock() - timedelta(minutes=5), "303"))
        return made

    return make


def spread(orders: int, first_utc: datetime, last_utc: datetime, prefix: str) -> Iterator[dict[str, Any]]:
    """Orders that change once each, one after the other: what a window held does not move to a later one."""
    for number in range(orders):
        at_utc = first_utc + (last_utc - first_utc) * (number + 1) / orders
        stamp = f"{at_utc:%Y-%m-%dT%H:%M:%S}.{at_utc.microsecond // 1000:03d}Z"
        yield an_order(f"{prefix}-{number:07d}-0000001", updated=stamp, amount=f"{number % 90 + 10}.90")


def equals_truth(gap: Gap, amazon: RunningFake) -> bool:
    through = gap.one("SELECT complete_through_utc FROM ops.watermark")
    since = gap.one("SELECT complete_from_utc FROM ops.watermark")
    return tables_of(gap.warehouse, "acme") == truth_of(amazon.client, "acme", through, since)


def test_totals_come_within_minutes_and_all_detail_as_fast_as_both_limits_let_it(
    gap: Callable[..., Gap], amazon: RunningFake, clock: HandClock
) -> None:
    amazon.client.set_reports(generation_s=GENERATION_S)
    lapsed = gap(orders=ORDERS, days=20)
    amazon.client.reset_calls()
    begun_utc = clock()
    lapsed.run()
    calls = amazon.client.calls()
    took, totals = ((at_utc or clock()) - begun_utc for at_utc in (lapsed.detail_utc, lapsed.totals_utc))
    searched, fetched = calls["searchOrders", "acme", 200], calls["getOrder", "acme", 200]
    log.info("%d orders: totals %s, detail %s; %d searches, %d getOrder", ORDERS, totals, took, searched, fetched)
    # Before the report is here searchOrders works alone; then both do.
    at_once = SEARCH_ORDERS.burst * 100 + GET_ORDER.burst + GENERATION_S * SEARCH_ORDERS.rate_per_s * 100
    together = SEARCH_ORDERS.rate_per_s * 100 + GET_ORDER.rate_per_s
    optimum = timedelta(seconds=GENERATION_S + (ORDERS - at_once) / together)
    # The last page of either, and the runs between, are what a smaller gap feels most.
    assert took < 1.05 * optimum + timedelta(minutes=3)
    assert totals < timedelta(minutes=20)
    assert equals_truth(lapsed, amazon)
    assert lapsed.one("SELECT count(*) FROM amazon.orders WHERE detail = 'report'") == 0
    assert lapsed.one("SELECT orders_without_detail FROM amazon.seller_freshness") == 0
    assert not [key for key in calls if key[2] == 429]
    row = lapsed.warehouse.execute(
        "SELECT way, expected_orders, totals_expected_utc, totals_utc, detail_expected_utc, detail_utc"
        " FROM ops.catch_up ORDER BY catch_up_no DESC LIMIT 1"
    ).fetchone()
    assert row is not None
    log.info("forecast and outcome: %s", row)
    way, expected, totals_expected, totals_there, detail_expected, detail_there = row
    assert way == "report"
    assert abs(expected - ORDERS) < 0.1 * ORDERS
    assert abs(totals_there - totals_expected) < timedelta(minutes=5)
    assert abs(detail_there - detail_expected) < 0.1 * took + timedelta(minutes=5)


def test_what_a_letter_promises_is_what_the_run_then_plans(gap: Callable[..., Gap], amazon: RunningFake) -> None:
    lapsed = gap(orders=5000, days=20)
    promised = forecast(lapsed.warehouse, lapsed.seller, 1.0, lapsed.clock())
    catch_up = CatchUp(lapsed.seller, lapsed.client, lapsed.warehouse, lapsed.settings, lapsed.clock)
    planned = catch_up.begin()
    assert promised is not None
    assert planned is not None
    assert (promised.way, promised.expected_orders) == (planned.way, planned.expected_orders)
    assert abs(promised.detail_in - planned.detail_in) < timedelta(minutes=5)


@pytest.mark.parametrize("trouble", ["FATAL", "over the range", "refused", "no role", "out of order"])
def test_a_report_that_amazon_does_not_make_costs_nothing(
    gap: Callable[..., Gap], amazon: RunningFake, trouble: str
) -> None:
    amazon.client.set_reports(generation_s=60)
    lapsed = gap(orders=2600, days=20)
    if trouble in ("FATAL", "over the range"):
        text = "Report could not be generated" if trouble == "FATAL" else "Date range exceeded. Report can be"
        amazon.client.set_reports(fatal_text=text)
    elif trouble in ("refused", "no role"):
        answer = literal.INVALID_INPUT if trouble == "refused" else literal.ACCESS_DENIED
        amazon.client.fail_next("createReport", **answer._asdict(), times=1)
    else:
        amazon.client.fail_next("getReport", **literal.INTERNAL_FAILURE._asdict(), times=3)
    # An empty bucket makes a report worth it.
    lapsed.drain()
    lapsed.run()
    assert equals_truth(lapsed, amazon)
    state = lapsed.one("SELECT state FROM ops.report ORDER BY report_no LIMIT 1")
    assert state == ("loaded" if trouble == "out of order" else "failed")
    assert lapsed.one("SELECT count(*) FROM amazon.orders WHERE detail = 'report'") == 0


def test_a_gap_without_a_change_is_told_so_and_closed(gap: Callable[..., Gap], amazon: RunningFake) -> None:
    lapsed = gap(orders=2600, days=20)
    lapsed.run()
    lapsed.clock.advance(days=20)
    lapsed.drain()
    lapsed.run()
    assert equals_truth(lapsed, amazon)
    through = lapsed.one("SELECT complete_through_utc FROM ops.watermark")
    assert lapsed.clock() - through < timedelta(minutes=30)
    last_report = "SELECT ROW(state, document_url) FROM ops.report ORDER BY report_no DESC LIMIT 1"
    assert lapsed.one(last_report) == ("loaded", None)
