"""An Amazon order as we read it: the fields the tables need, typed; what else Amazon sends is passed over.

Source: Amazon's model orders_2026-01-01, read 2026-11-23. Enum words stay text, so that a word Amazon adds tomorrow
is a value, not an error. Money is a decimal string there and an exact Decimal here. What no table could hold (an
endless id, a number beyond 64 bits) is refused here, where it costs one order, and not in the warehouse, where it
would cost the window.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from include.clock import AMAZON_BEGAN, AMAZON_ENDS

Instant = Annotated[datetime, Meta(tz=True)]
# An index entry of PostgreSQL ends at 2,704 bytes, four of which a character can take.
Id = Annotated[str, Meta(min_length=1, max_length=200)]
Count = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
LARGEST_EXPONENT = 30


class _Record(msgspec.Struct, rename="camel", gc=False):
    """The common shape: Amazon's camelCase outside, ours inside."""


class Money(_Record):
    """An amount with its ISO 4217 currency."""

    amount: Decimal
    currency_code: str

    def __post_init__(self) -> None:
        """Refuse NaN and Infinity, which a sum cannot survive, and numbers whose digits would fill a page."""
        # There are a dozen of these an order: two calls for the ordinary one.
        if not (-LARGEST_EXPONENT <= self.amount.adjusted() <= LARGEST_EXPONENT and self.amount.is_finite()):
            _require_sane_number(self.amount)


def _require_sane_number(number: Decimal) -> None:
    if not number.is_finite():
        raise ValueError("Expected a finite amount")
    if number and not -LARGEST_EXPONENT <= number.adjusted() <= LARGEST_EXPONENT:
        raise ValueError("Expected an amount of ordinary size")


def _require_sane(*instants: datetime | None) -> None:
    for instant in instants:
        if instant and not AMAZON_BEGAN <= instant.year <= AMAZON_ENDS:
            raise ValueError(f"Expected an instant between {AMAZON_BEGAN} and {AMAZON_ENDS}")


class OrderBreakdown(_Record):
    """One kind of money of the order."""

    type: str
    subtotal: Money
    status: str | None = None


class OrderProceeds(_Record):
    """What the buyer pays for the order."""

    grand_total: Money | None = None
    breakdowns: list[OrderBreakdown] | None = None


class OrderAlias(_Record):
    """Another number of the order."""

    alias_id: str | None = None
    alias_type: str | None = None


class AssociatedOrder(_Record):
    """An order that this one came from."""

    order_id: str | None = None
    association_type: str | None = None


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


class TaxInvoicing(_Record):
    """How far the tax invoice is."""

    invoice_status: str | None = None


class OrderTax(_Record):
    """Tax facts of the order, without the registrations, which can name a person."""

    tax_invoicing: TaxInvoicing | None = None


class Condition(_Record):
    """New, used and so on."""

    condition_type: str | None = None
    condition_subtype: str | None = None


class Price(_Record):
    """The product's list price."""

    unit_price: Money | None = None
    price_designation: str | None = None


class Product(_Record):
    """What was ordered."""

    asin: str | None = None
    title: str | None = None
    seller_sku: Annotated[str, Meta(max_length=200)] | None = None
    condition: Condition | None = None
    price: Price | None = None


class Measurement(_Record):
    """How much one unit is, for goods sold by measure."""

    unit: str | None = None
    value: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that are none."""
        if self.value is not None:
            _require_sane_number(self.value)


class DetailedBreakdown(_Record):
    """A part of one kind of money of the line."""

    subtype: str | None = None
    value: Money | None = None


class ItemBreakdown(_Record):
    """One kind of money of the line."""

    type: str
    subtotal: Money
    detailed_breakdowns: list[DetailedBreakdown] | None = None


class ItemProceeds(_Record):
    """What the buyer pays for the line."""

    proceeds_total: Money | None = None
    breakdowns: list[ItemBreakdown] | None = None


class PointsGranted(_Record):
    """Amazon Points for the buyer."""

    points_number: Count | None = None
    points_monetary_value: Money | None = None


class PointsCost(_Record):
    """What the points cost."""

    points_granted: PointsGranted | None = None


class ItemExpense(_Record):
    """What the line costs the seller."""

    points_cost: PointsCost | None = None


class Promotion(_Record):
    """A promotion of the line."""

    promotion_id: Annotated[str, Meta(max_length=400)] | None = None


class ItemPromotion(_Record):
    """The promotions of the line."""

    breakdowns: list[Promotion] | None = None


class GiftOption(_Record):
    """Gift wrapping; the message is removed before a page lands."""

    gift_wrap_level: str | None = None


class Packing(_Record):
    """How the line is packed."""

    gift_option: GiftOption | None = None


class InternationalShipping(_Record):
    """Customs facts of the line."""

    ioss_number: str | None = None


class Shipping(_Record):
    """How the line travels."""

    scheduled_delivery_window: TimeRange | None = None
    international_shipping: InternationalShipping | None = None


class ItemFulfillment(_Record):
    """How much of the line was shipped."""

    quantity_fulfilled: Count | None = None
    quantity_unfulfilled: Count | None = None
    packing: Packing | None = None
    shipping: Shipping | None = None


class TaxCalculation(_Record):
    """Under which scheme tax is reported."""

    reporting_scheme: str | None = None


class TaxCollection(_Record):
    """Who collects the tax."""

    model: str | None = None
    responsible_party: str | None = None


class ItemTax(_Record):
    """Tax facts of the line."""

    tax_calculation_breakdowns: list[TaxCalculation] | None = None
    tax_collections: list[TaxCollection] | None = None


class CancellationRequest(_Record):
    """Who asked to cancel the line, and why."""

    requester: str | None = None
    cancel_reason: str | None = None


class CancellationExecution(_Record):
    """Who cancelled the line, and why."""

    cancelled_by: str | None = None
    cancel_reason: str | None = None


class Cancellation(_Record):
    """The line's cancellation, where there is one."""

    cancellation_request: CancellationRequest | None = None
    cancellation_execution: CancellationExecution | None = None


class OrderItem(_Record):
    """One line of an order."""

    order_item_id: Id
    quantity_ordered: Count
    product: Product | None = None
    programs: list[str] | None = None
    measurement: Measurement | None = None
    proceeds: ItemProceeds | None = None
    expense: ItemExpense | None = None
    promotion: ItemPromotion | None = None
    fulfillment: ItemFulfillment | None = None
    tax: ItemTax | None = None
    cancellation: Cancellation | None = None


class PackageStatus(_Record):
    """How far a package is."""

    status: str | None = None
    detailed_status: str | None = None


class ShipFromAddress(_Record):
    """Where a package left from: the seller's address, of which the country is kept."""

    country_code: str | None = None


class PackageItem(_Record):
    """A line in a package."""

    order_item_id: str
    quantity: Count


class Package(_Record):
    """A package that the seller sent."""

    package_reference_id: str
    package_status: PackageStatus | None = None
    carrier: str | None = None
    shipping_service: str | None = None
    tracking_number: str | None = None
    created_time: Instant | None = None
    ship_time: Instant | None = None
    ship_from_address: ShipFromAddress | None = None
    package_items: list[PackageItem] | None = None

    def __post_init__(self) -> None:
        """Refuse what no calendar of a reader holds."""
        _require_sane(self.created_time, self.ship_time)


class Order(_Record):
    """One order with its lines."""

    order_id: Id
    created_time: Instant
    last_updated_time: Instant
    order_items: list[OrderItem]
    order_aliases: list[OrderAlias] | None = None
    associated_orders: list[AssociatedOrder] | None = None
    programs: list[str] | None = None
    sales_channel: SalesChannel | None = None
    proceeds: OrderProceeds | None = None
    fulfillment: OrderFulfillment | None = None
    tax: OrderTax | None = None
    packages: list[Package] | None = None

    def __post_init__(self) -> None:
        """Refuse instants that would win over every later state, and lines that cannot be told apart."""
        _require_sane(self.created_time, self.last_updated_time)
        items = self.order_items
        if len(items) > 1 and len({item.order_item_id for item in items}) < len(items):
            raise ValueError("Expected each `orderItemId` once")
