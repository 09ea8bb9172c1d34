"""The orders of a shop, day by day, from a seed: the same in every process and at any time of asking.

What exists depends on seed, shop and absolute time only. A day is planned when somebody asks for it; what an order
says is written later still (`order_body`), when it is served.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from include.fake_amazon.dice import Dice
from include.fake_amazon.instants import span_ms
from include.fake_amazon.lifecycle import Step, plan_steps
from include.fake_amazon.marketplaces import BY_COUNTRY
from include.fake_amazon.order_ids import day_and_place_of, order_id_of
from include.fake_amazon.shops import Shop

_LAUNCH_DAYS = 30
_DAY_MS = 86_400_000
# Monday to Sunday: people order more at the end of the week.
_WEEKDAY_FACTORS = (1.0, 0.95, 0.9, 0.95, 1.0, 1.05, 1.15)
_ITEM_COUNTS = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5)


class PlannedOrder(NamedTuple):
    """The outline of an order: enough to filter and sort by, not yet what it says."""

    order_id: str
    country_code: str
    fulfilled_by: str
    item_count: int
    is_business: bool
    steps: tuple[Step, ...]

    @property
    def created_utc(self) -> datetime:
        """When it was placed."""
        return self.steps[0].at_utc

    def step_at(self, as_of_utc: datetime) -> int:
        """Index of the newest step at or before an instant, -1 before the order was placed."""
        return bisect_right(self.steps, as_of_utc, key=lambda step: step.at_utc) - 1


class OrderGenerator:
    """Plans a shop's orders, one UTC day at a time, and remembers the days it has planned."""

    def __init__(self, seed: int, shop: Shop) -> None:
        self.seed = seed
        self.shop = shop
        self._days: dict[date, tuple[PlannedOrder, ...]] = {}

    def orders_on(self, day: date) -> tuple[PlannedOrder, ...]:
        """The orders placed on a UTC day, oldest first."""
        if day not in self._days:
            self._days[day] = self._plan_day(day)
        return self._days[day]

    def orders_between(self, first: date, last: date) -> list[PlannedOrder]:
        """The orders placed on these UTC days, both included, oldest first."""
        start = max(first, self.shop.opened)
        days = range(max((last - start).days + 1, 0))
        return [order for number in days for order in self.orders_on(start + timedelta(days=number))]

    def find(self, order_id: str) -> PlannedOrder | None:
        """The order with this id, whether or not it has been placed yet."""
        origin = day_and_place_of(self.seed, self.shop.shop_id, order_id)
        if origin is None:
            return None
        day, place = origin
        orders = self.orders_on(day)
        return orders[place] if place < len(orders) else None

    def _count_on(self, day: date, dice: Dice) -> int:
        age = (day - self.shop.opened).days
        if age < 0:
            return 0
        expected = self.shop.orders_per_day * _WEEKDAY_FACTORS[day.weekday()] * dice.between(0.7, 1.3)
        ordinary = int(expected) + dice.chance(expected % 1)
        launch = self.shop.launch_orders if age < _LAUNCH_DAYS else 0
        # Whole shares whose sum over the launch is exact.
        return ordinary + (age + 1) * launch // _LAUNCH_DAYS - age * launch // _LAUNCH_DAYS

    def _plan_day(self, day: date) -> tuple[PlannedOrder, ...]:
        dice = Dice("day", self.seed, self.shop.shop_id, day)
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        moments = sorted(dice.roll() * _DAY_MS for _ in range(self._count_on(day, dice)))
        return tuple(self._plan(day, place, midnight + span_ms(moment)) for place, moment in enumerate(moments))

    def _plan(self, day: date, place: int, created_utc: datetime) -> PlannedOrder:
        dice = Dice("order", self.seed, self.shop.shop_id, day, place)
        # The first marketplace is the home market and sells as much as all others together.
        countries = self.shop.marketplaces
        country = countries[0] if dice.chance(0.5) else dice.pick(countries)
        fulfilled_by = "MERCHANT" if dice.chance(0.6) else "AMAZON"
        item_count = dice.pick(_ITEM_COUNTS)
        return PlannedOrder(
            order_id_of(self.seed, self.shop.shop_id, day, place),
            BY_COUNTRY[country].country_code,
            fulfilled_by,
            item_count,
            dice.chance(self.shop.b2b_share),
            plan_steps(dice, created_utc, fulfilled_by, item_count),
        )
