"""One order at one moment of its life: what searchOrders filters and sorts by, and how to write the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from include.fake_amazon.documents import OrderDocument


@dataclass(frozen=True, slots=True)
class OrderVersion:
    """The state of an order from `updated_utc` until its next version.

    Attributes:
        marketplace_id: None where a given order names none; such an order is visible everywhere.
        status: The fulfillment status, None where a given order has none.
        document: Writes the order, when it is needed.
    """

    order_id: str
    created_utc: datetime
    updated_utc: datetime
    marketplace_id: str | None
    status: str | None
    fulfilled_by: str | None
    document: Callable[[], OrderDocument]


def newest_at(versions: list[OrderVersion], as_of_utc: datetime) -> OrderVersion | None:
    """The newest of these versions (oldest first) at or before an instant."""
    for version in reversed(versions):
        if version.updated_utc <= as_of_utc:
            return version
    return None
