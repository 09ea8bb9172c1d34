"""One order at one moment of its life: what searchOrders filters and sorts by, and how to write the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from msgspec import Raw

from include.fake_amazon.documents import OrderDocument


@dataclass(frozen=True, slots=True)
class OrderVersion:
    """The state of an order from `updated_utc` until its next version.

    Attributes:
        marketplace_id: None where a given order names none; such an order is visible everywhere.
        status: The fulfillment status, None where a given order has none.
        document: Writes the order, when it is needed.
        verbatim: What is shown in place of an order that was broken on purpose, None for every other one.
    """

    order_id: str
    created_utc: datetime
    updated_utc: datetime
    marketplace_id: str | None
    status: str | None
    fulfilled_by: str | None
    document: Callable[[], OrderDocument]
    verbatim: Raw | None = None

    def shown(self, included: Collection[str]) -> object:
        """What searchOrders shows when these datasets are asked for."""
        return self.document().selected(included) if self.verbatim is None else self.verbatim


def newest_at(versions: list[OrderVersion], as_of_utc: datetime) -> OrderVersion | None:
    """The newest of these versions (oldest first) at or before an instant."""
    for version in reversed(versions):
        if version.updated_utc <= as_of_utc:
            return version
    return None


def broken_version(text: str, at_utc: datetime, marketplace_id: str | None, number: int) -> OrderVersion:
    """The JSON text of any value in an order's place; the number tells it from others of the same time and id.

    Raises:
        ValueError: The text is no JSON.
    """
    value = json.loads(text)
    order_id = value.get("orderId") if isinstance(value, dict) else None
    # It may hold half a character, which no token could carry.
    place = order_id.encode(errors="replace").decode() if isinstance(order_id, str) else ""
    return OrderVersion(
        order_id=f"{place} broken {number}",
        created_utc=at_utc,
        updated_utc=at_utc,
        marketplace_id=marketplace_id,
        status=None,
        fulfilled_by=None,
        document=lambda: OrderDocument({}, []),
        verbatim=Raw(text.encode()),
    )
