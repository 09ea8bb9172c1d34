"""By when an order's personal data must be gone: Amazon's 30 days after delivery, told by what Amazon tells of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from include.orders.records import Order, TimeRange

# The purge comes once a night: what would become due before the next one goes with this one, or is not kept at all.
NIGHT: Final = timedelta(days=1)
# A promise further away than any pre-order is a slip, and must keep nobody's address for years.
LONGEST_PROMISE: Final = timedelta(days=365)
ARRIVED: Final = "DELIVERED"
NEVER_SENT: Final = "CANCELLED"


class Term(NamedTuple):
    """How long an order's personal data stay.

    Attributes:
        delivered_utc: As `delivered_utc` says.
        delete_after_utc: As `delete_after_utc` says.
    """

    delivered_utc: datetime | None
    delete_after_utc: datetime


def term_of(order: Order, days: int) -> Term:
    """Tell how long an order's personal data stay."""
    return Term(delivered_utc(order), delete_after_utc(order, days))


def delivered_utc(order: Order) -> datetime | None:
    """Tell the latest instant at which an order can have been delivered, None where it is not, or nobody knows.

    Amazon tells that a package was delivered, not when; the change that told it came after.
    """
    statuses = {package.package_status and package.package_status.status for package in order.packages or ()}
    return order.last_updated_time if statuses - {NEVER_SENT} == {ARRIVED} else None


def delete_after_utc(order: Order, days: int) -> datetime:
    """Tell when an order's personal data are due: so many days after its delivery.

    Where no delivery is known, after the end of the delivery window, else of the shipping window, else after the
    order was placed. A delivery that is noticed late makes it no later than that.
    """
    fulfillment = order.fulfillment
    promised = fulfillment and (_end(fulfillment.deliver_by_window) or _end(fulfillment.ship_by_window))
    ends = [promised or order.created_time, order.last_updated_time + LONGEST_PROMISE]
    if delivered := delivered_utc(order):
        ends.append(delivered)
    return min(ends) + timedelta(days=days)


def is_kept(due_utc: datetime, now_utc: datetime) -> bool:
    """Tell whether something outlives the coming night."""
    return due_utc > now_utc + NIGHT


def _end(window: TimeRange | None) -> datetime | None:
    return window.latest_date_time if window else None
