"""An Amazon order as we read it: the fields the tables need, typed; what else Amazon sends is passed over.

Source: Amazon's model orders_2026-01-01, read 2026-11-23. Enum words stay text, so that a word Amazon adds tomorrow
is a value, not an error. Money is a decimal string there and an exact Decimal here.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec

from include.clock import AMAZON_BEGAN, AMAZON_ENDS
from include.errors import ContractError
from include.spapi.answers import UNREADABLE, keepable

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _Record(msgspec.Struct, rename="camel", gc=False):
    """The common shape: Amazon's camelCase outside, ours inside."""


class Money(_Record):
    """An amount with its ISO 4217 currency."""

    amount: Decimal
    currency_code: str

    def __post_init__(self) -> None:
        """Refuse the words NaN and Infinity, which a decimal can read and a sum cannot survive."""
        if not self.amount.is_finite():
            raise ValueError("Expected a finite amount")


def _require_sane(*instants: datetime | None) -> None:
    for instant in instants:
        if instant and not AMAZON_BEGAN <= instant.year <= AMAZON_ENDS:
            raise ValueError(f"Expected an instant between {AMAZON_BEGAN} and {AMAZON_ENDS}")


class OrderProceeds(_Record):
    """What the buyer pays for the order."""

    grand_total: Money | None = None


class SalesChannel(_Record):
    """Where the order was placed."""

    channel_name: str | None = None
    marketplace_id: str | None = None
    marketplace_name: str | None = None


class TimeRange(_Record):
    """From when to when something should happen."""

    earliest_date_time: Instant | None = None
    latest_date_time: Instant | None = None

    def __post_init__(self) -> None:
        """Refuse what no calendar of a reader holds."""
        _require_sane(self.earliest_date_time, self.latest_date_time)


class OrderFulfillment(_Record):
    """How far the order is."""

    fulfillment_status: str | None = None
    fulfilled_by: str | None = None
    fulfillment_service_level: str | None = None
    ship_by_window: TimeRange | None = None
    deliver_by_window: TimeRange | None = None


class Condition(_Record):
    """New, used and so on."""

    condition_type: str | None = None


class Price(_Record):
    """The product's list price."""

    unit_price: Money | None = None


class Product(_Record):
    """What was ordered."""

    asin: str | None = None
    title: str | None = None
    seller_sku: str | None = None
    condition: Condition | None = None
    price: Price | None = None


class ItemProceeds(_Record):
    """What the buyer pays for the line."""

    proceeds_total: Money | None = None


class ItemFulfillment(_Record):
    """How much of the line was shipped."""

    quantity_fulfilled: int | None = None
    quantity_unfulfilled: int | None = None


class CancellationExecution(_Record):
    """Who cancelled the line and why."""

    cancelled_by: str | None = None
    cancel_reason: str | None = None


class Cancellation(_Record):
    """The line's cancellation, where there is one."""

    cancellation_execution: CancellationExecution | None = None


class OrderItem(_Record):
    """One line of an order."""

    order_item_id: str
    quantity_ordered: int
    product: Product | None = None
    proceeds: ItemProceeds | None = None
    fulfillment: ItemFulfillment | None = None
    cancellation: Cancellation | None = None


class Order(_Record):
    """One order with its lines."""

    order_id: str
    created_time: Instant
    last_updated_time: Instant
    order_items: list[OrderItem]
    programs: list[str] | None = None
    sales_channel: SalesChannel | None = None
    proceeds: OrderProceeds | None = None
    fulfillment: OrderFulfillment | None = None

    def __post_init__(self) -> None:
        """Refuse instants that would win over every later state, or that no calendar of a reader holds."""
        _require_sane(self.created_time, self.last_updated_time)


class _Page(_Record):
    orders: list[Order]


_page = msgspec.json.Decoder(_Page)


def read_orders(body: bytes) -> list[Order]:
    """Read the orders of a landed page, in Amazon's sequence.

    Raises:
        ContractError: Something is not as Amazon documents it; the message names the JSON path, never the value.
    """
    try:
        return _page.decode(keepable(body)).orders
    except UNREADABLE as problem:
        raise ContractError(f"searchOrders: {problem}.", remedy="The page stays landed; nothing of it loads.") from None
