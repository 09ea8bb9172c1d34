"""Gaps of every sort and the nights after them: whatever was told, refused or drained, everything is read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from include.errors import AccessDeniedError, ContractError, SellerOrdersError
from include.orders import report_rows
from include.orders.extract import ExtractResult, extract_orders
from include.orders.load import LoadResult, load_orders
from include.orders.windows import watermark
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.client import Reply
from include.spapi.operations import GET_ORDER, SEARCH_ORDERS, Operation
from include.warehouse.connection import Connection
from tests.payloads.clocks import HandClock
from tests.payloads.orders import an_order
from tests.payloads.quota import HandQuota
from tests.payloads.runs import Run, run_to_the_end
from tests.payloads.shop import Shop

KNOWN = 50
REFUSALS = [
    ContractError("no such id", code="InvalidInput"),
    ContractError("not found", code="ResourceNotFound"),
    AccessDeniedError("403"),
]
STATES = [["loaded"], ["loaded"], ["failed", "loaded"], ["loaded", "failed"], ["loaded", "failed", "loaded"]]


class LimitedShop(Shop):
    """A shop with Amazon's buckets and getOrder, which refuses some orders.

    Attributes:
        refused: By the order's id.
    """

    def __init__(self, now: HandClock) -> None:
        super().__init__(now, page_size=100)
        self.quota = HandQuota(now)
        self.refused: dict[str, SellerOrdersError] = {}

    def quota_left(self, operation: Operation) -> float:
        return self.quota.left(operation)

    def get(self, operation: Operation, query: Mapping[str, str], *, come_back_for: int = 1, id_: str = "") -> Reply:
        self.quota.take(operation, come_back_for=come_back_for)
        if operation is not GET_ORDER:
            return super().get(operation, query)
        if id_ in self.refused:
            raise self.refused[id_]
        updated = self.updated[id_]
        order = an_order(id_, updated=updated.isoformat(), amount=self.amount(id_, updated))
        return Reply(json.dumps({"order": order}).encode(), "request-2")


class World:
    """A seller whose first day is in the tables, and whoever runs its DAG."""

    def __init__(self, warehouse: Connection, settings: Settings, clock: HandClock, seller: Seller) -> None:
        self.warehouse, self.settings, self.clock, self.seller = warehouse, settings, clock, seller
        self.shop = LimitedShop(clock)
        self.spread(Random(0), KNOWN, clock() - timedelta(hours=10), clock() - timedelta(minutes=3))
        self.run()

    def spread(self, dice: Random, orders: int, start: datetime, end: datetime, *, in_bursts: bool = False) -> None:
        first, at_utc, left = len(self.shop.updated), start, 0
        for number in range(orders):
            if not left:
                at_utc = start + (end - start) * dice.random()
                left = dice.choice([1, 30, 150, 400]) if in_bursts else 1
            left -= 1
            self.shop.change(first + number, at_utc=at_utc + timedelta(milliseconds=3 * left))

    def report(self, end: datetime, states: list[str]) -> None:
        """Note reports of the gap as their load would: in full detail is nothing of it yet."""
        mark = watermark(self.warehouse, self.seller.seller_id)
        assert mark
        start = mark.complete_through_utc
        windows = [
            (start + (end - start) * part / len(states), start + (end - start) * (part + 1) / len(states))
            for part in range(len(states))
        ]
        report_rows.want(self.warehouse, self.seller.seller_id, windows, now_utc=self.clock())
        reports = report_rows.open_reports(self.warehouse, self.seller.seller_id)
        for report, state in zip(reports, states, strict=True):
            if state == "failed":
                report_rows.note_failed(self.warehouse, report, "FATAL")
                continue
            for name, updated in self.shop.updated.items():
                if report.window_start_utc < updated <= report.window_end_utc:
                    self.warehouse.execute(
                        "INSERT INTO ops.order_to_fetch VALUES (%s, %s, %s)", (self.seller.seller_id, name, updated)
                    )
            report_rows.note_loaded(self.warehouse, report, 0, now_utc=self.clock())

    def run(self) -> list[Run]:
        return run_to_the_end(self._extract, self._load, self.clock, most_visits=1500)

    def _extract(self, begun_utc: datetime) -> ExtractResult:
        self.clock.advance(seconds=2)
        return extract_orders(
            self.seller,
            client=self.shop,  # type: ignore[arg-type]
            connection=self.warehouse,
            settings=self.settings,
            now=self.clock,
            begun_utc=begun_utc,
        )

    def _load(self) -> LoadResult:
        self.clock.advance(seconds=2)
        return load_orders(
            self.warehouse, self.seller.seller_id, seller=self.seller, settings=self.settings, now=self.clock
        )

    def require_complete(self) -> None:
        """All there is in the tables, but for what a run leaves to the next."""
        mark = watermark(self.warehouse, self.seller.seller_id)
        assert mark
        assert self.clock() - mark.complete_through_utc < timedelta(hours=2)
        rows = self.warehouse.execute("SELECT order_id FROM amazon.orders WHERE detail = 'full'").fetchall()
        due = {
            name
            for name, updated in self.shop.updated.items()
            if mark.complete_from_utc <= updated <= mark.complete_through_utc and name not in self.shop.refused
        }
        assert due <= {name for (name,) in rows}
        assert self.warehouse.execute("SELECT count(*) FROM ops.order_to_fetch").fetchone() == (0,)


@pytest.mark.parametrize("seed", range(12))
def test_after_any_gap_everything_is_read_and_every_night_is_one_run(
    warehouse: Connection, settings: Settings, clock: HandClock, seller: Seller, seed: int
) -> None:
    dice = Random(seed)
    world = World(warehouse, settings, clock, seller)
    begun = clock()
    clock.advance(days=dice.choice([2, 20]))
    orders = dice.choice([0, 5, 80, 99, 100, 101, 300, 1200, 1701, 3000])
    end = clock() - timedelta(minutes=5)
    world.spread(dice, orders, begun, end - timedelta(minutes=5), in_bursts=dice.random() < 0.5)
    world.report(end, dice.choice(STATES))
    if dice.random() < 0.4:
        world.seller = dataclasses.replace(seller, start_date=date(2026, 8, 20))
        early = datetime(2026, 8, 21, tzinfo=UTC)
        world.spread(dice, dice.choice([0, 3000]), early, early + timedelta(days=40), in_bursts=dice.random() < 0.5)
    gap = [f"303-0000000-{number:07d}" for number in range(KNOWN, KNOWN + orders)]
    if dice.random() < 0.6:
        refusal = dice.choice(REFUSALS)
        world.shop.refused = dict.fromkeys(dice.sample(gap, min(orders, dice.choice([1, 3, 25]))), refusal)
    if dice.random() < 0.5:
        for name in dice.sample(gap, min(orders, 10)):
            # Changed since the report was made.
            world.shop.change(int(name[-7:]))
    if dice.random() < 0.6:
        world.shop.quota.empty(SEARCH_ORDERS)
    world.run()
    for _ in range(9):
        day = clock()
        clock.advance(days=1)
        world.spread(dice, 60, day + timedelta(minutes=1), clock() - timedelta(minutes=9))
        assert len(world.run()) <= 2
        world.require_complete()
