"""A large gap of a seller, caught up in simulated time: runs as Airflow makes them, on a clock that is moved by hand.

The tests and the bench (`gaps`) drive it; the fake Amazon it needs follows the same clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from include.fake_amazon.client import FakeAmazonClient
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

MARKS = ("complete_through_utc", "totals_through_utc")
# What Airflow takes from the end of a wait to the first line of the task.
OVERHEAD = timedelta(seconds=4)
MOST_VISITS = 40_000


@dataclass
class Gap:
    """A seller that was loaded until it lapsed, and is back.

    Attributes:
        totals_utc: When every order's totals were in the tables; None before.
        detail_utc: When all details were.
    """

    seller: Seller
    client: SellingPartnerClient
    warehouse: Connection
    settings: Settings
    clock: HandClock
    quota: HandQuota
    amazon: FakeAmazonClient
    totals_utc: datetime | None = None
    detail_utc: datetime | None = None

    def lapse(self, *, orders: int, days: int) -> None:
        """Load half a day of orders, then let so many days pass with so many orders in all."""
        first, last = self.clock() - timedelta(hours=12), self.clock() - timedelta(minutes=3)
        self.amazon.add_orders(self.seller.seller_id, spread(orders // days // 2, first, last, "302"))
        self.run()
        self.lapse_further(orders=orders, days=days, prefix="303")

    def lapse_further(self, *, orders: int, days: int, prefix: str = "304") -> None:
        """Let so many days more pass with so many orders in all."""
        begun_utc = self.clock()
        self.clock.advance(days=days)
        last = self.clock() - timedelta(minutes=5)
        self.amazon.add_orders(self.seller.seller_id, spread(orders, begun_utc, last, prefix))
        self.totals_utc = self.detail_utc = None

    def run(self) -> list[Run]:
        """Run until nothing is left, as Airflow would."""
        return run_to_the_end(self._extract, self._load, self.clock, most_visits=MOST_VISITS)

    def _extract(self, begun_utc: datetime) -> Any:
        self.clock.instant += OVERHEAD
        return extract_orders(
            self.seller,
            client=self.client,
            connection=self.warehouse,
            settings=self.settings,
            now=self.clock,
            begun_utc=begun_utc,
        )

    def _load(self) -> Any:
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

    def drain(self) -> None:
        """Leave no call of searchOrders, here and at Amazon."""
        self.quota.empty(SEARCH_ORDERS)
        self.amazon.set_bucket(self.seller.seller_id, SEARCH_ORDERS.name, 0)

    def one(self, query: str) -> Any:
        """The first column of the only row."""
        row = self.warehouse.execute(query).fetchone()
        return row and row[0]

    def is_closed(self) -> bool:
        """Whether the tables reach as far as a run's patience for what is new lets them."""
        return self.clock() - self.one("SELECT complete_through_utc FROM ops.watermark") < timedelta(hours=2)

    def equals_truth(self) -> bool:
        """Whether the tables hold what the fake Amazon holds of the same time."""
        through, since = (self.one(f"SELECT complete_{end}_utc FROM ops.watermark") for end in ("through", "from"))
        seller_id = self.seller.seller_id
        return tables_of(self.warehouse, seller_id) == truth_of(self.amazon, seller_id, through, since)


def spread(orders: int, first_utc: datetime, last_utc: datetime, prefix: str) -> Iterator[dict[str, Any]]:
    """Orders that change once each, one after the other: what a window held does not move to a later one."""
    for number in range(orders):
        at_utc = first_utc + (last_utc - first_utc) * (number + 1) / orders
        stamp = f"{at_utc:%Y-%m-%dT%H:%M:%S}.{at_utc.microsecond // 1000:03d}Z"
        yield an_order(f"{prefix}-{number:07d}-0000001", updated=stamp, amount=f"{number % 90 + 10}.90")


def optimum(orders: int, generation_s: float) -> timedelta:
    """When all details can be there: before the report is there searchOrders works alone, then getOrder beside it."""
    at_once = SEARCH_ORDERS.burst * 100 + GET_ORDER.burst + generation_s * SEARCH_ORDERS.rate_per_s * 100
    together = SEARCH_ORDERS.rate_per_s * 100 + GET_ORDER.rate_per_s
    return timedelta(seconds=generation_s + (orders - at_once) / together)
