"""What happens to an order, and when: the steps from placed to delivered, cancelled, or corrected weeks later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from include.fake_amazon.dice import Dice
from include.fake_amazon.instants import span_ms

# No order changes later than this after it was placed; a window needs to look no further back.
LONGEST_LIFE = timedelta(days=45)

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS


class Step(NamedTuple):
    """One event of an order: from `at_utc` on it has this status.

    Attributes:
        kind: placed, paid, item_cancelled, cancelled, part_shipped, shipped, delivered or corrected.
    """

    at_utc: datetime
    kind: str
    status: str


def plan_steps(dice: Dice, created_utc: datetime, fulfilled_by: str, item_count: int) -> tuple[Step, ...]:
    """Draw the events of one order, oldest first, at strictly growing instants.

    The last item is the one that may be cancelled alone; a partial shipment leaves out the last item that is left.
    """
    fate = dice.roll()
    at_utc = created_utc + span_ms(dice.between(0.5, 45) * _MINUTE_MS)
    steps = [Step(created_utc, "placed", "PENDING")]
    if fate < 0.02:
        return (*steps, Step(at_utc, "cancelled", "CANCELLED"))
    steps.append(Step(at_utc, "paid", "UNSHIPPED"))
    if fate < 0.05:
        return (*steps, Step(at_utc + span_ms(dice.between(0.2, 8) * _HOUR_MS), "cancelled", "CANCELLED"))
    shipping_items = item_count
    if item_count > 1 and dice.chance(0.05):
        at_utc += span_ms(dice.between(1, 5) * _HOUR_MS)
        steps.append(Step(at_utc, "item_cancelled", "UNSHIPPED"))
        shipping_items -= 1
    at_utc += span_ms(dice.between(6, 40 if fulfilled_by == "AMAZON" else 60) * _HOUR_MS)
    if shipping_items > 1 and dice.chance(0.15):
        steps.append(Step(at_utc, "part_shipped", "PARTIALLY_SHIPPED"))
        at_utc += span_ms(dice.between(6, 48) * _HOUR_MS)
    steps.append(Step(at_utc, "shipped", "SHIPPED"))
    if fulfilled_by == "MERCHANT":
        at_utc += span_ms(dice.between(1, 5) * _DAY_MS)
        steps.append(Step(at_utc, "delivered", "SHIPPED"))
    if dice.chance(0.06):
        steps.append(Step(at_utc + span_ms(dice.between(3, 30) * _DAY_MS), "corrected", "SHIPPED"))
    return tuple(steps)


class Progress(NamedTuple):
    """How far an order has come after some of its steps.

    Attributes:
        shipped_items: How many items, counted from the first, are on their way.
        cancelled_items: How many items, counted from the last, are cancelled.
    """

    paid: bool
    cancelled: bool
    cancelled_items: int
    shipped_items: int
    delivered: bool
    corrected: bool


def progress_after(steps: tuple[Step, ...], item_count: int) -> Progress:
    """What these steps together have done to an order of so many items."""
    kinds = {step.kind for step in steps}
    cancelled = "cancelled" in kinds
    cancelled_items = item_count if cancelled else int("item_cancelled" in kinds)
    remaining = item_count - cancelled_items
    shipped = remaining if "shipped" in kinds else max(remaining - 1, 0) if "part_shipped" in kinds else 0
    return Progress("paid" in kinds, cancelled, cancelled_items, shipped, "delivered" in kinds, "corrected" in kinds)
