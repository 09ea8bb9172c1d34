"""From an order as Amazon tells it to rows as the tables hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from include.orders.records import (
    Cancellation,
    ItemBreakdown,
    ItemExpense,
    ItemFulfillment,
    ItemProceeds,
    ItemTax,
    Money,
    Order,
    OrderItem,
    Product,
    TimeRange,
)
from include.orders.rows import OrderItemRow, OrderRow, PackageRow, PromotionRow

SELLER_ORDER_ID = "SELLER_ORDER_ID"
REPLACEMENT = "REPLACEMENT_ORIGINAL_ID"
EXCHANGE = "EXCHANGE_ORIGINAL_ID"
_encode = msgspec.json.Encoder().encode
# The breakdowns that have a column of their own in `order_items`, in the columns' sequence.
AMOUNTS = (
    "ITEM",
    "TAX ITEM",
    "SHIPPING",
    "TAX SHIPPING",
    "GIFT_WRAP",
    "TAX GIFT_WRAP",
    "COD_FEE",
    "OTHER",
    "TAX",
    "DISCOUNT",
)


def order_row(seller_id: str, order: Order, extracted_utc: str, landed_page: str) -> OrderRow:
    """Make the order's row."""
    channel, fulfillment = order.sales_channel, order.fulfillment
    amount, currency_code = _money(order.proceeds.grand_total if order.proceeds else None)
    ship_from_utc, ship_by_utc = _range(fulfillment.ship_by_window if fulfillment else None)
    deliver_from_utc, deliver_by_utc = _range(fulfillment.deliver_by_window if fulfillment else None)
    invoicing = order.tax.tax_invoicing if order.tax else None
    return OrderRow(
        seller_id=seller_id,
        order_id=order.order_id,
        created_utc=_text(order.created_time),
        last_updated_utc=_text(order.last_updated_time),
        seller_order_id=_alias(order, SELLER_ORDER_ID),
        replaces_order_id=_associated(order, REPLACEMENT),
        exchanges_order_id=_associated(order, EXCHANGE),
        fulfillment_status=fulfillment.fulfillment_status if fulfillment else None,
        fulfilled_by=fulfillment.fulfilled_by if fulfillment else None,
        fulfillment_service_level=fulfillment.fulfillment_service_level if fulfillment else None,
        channel_name=channel.channel_name if channel else None,
        marketplace_id=channel.marketplace_id if channel else None,
        marketplace_name=channel.marketplace_name if channel else None,
        programs=array_text(order.programs),
        grand_total_amount=amount,
        currency_code=currency_code,
        ship_from_utc=ship_from_utc,
        ship_by_utc=ship_by_utc,
        deliver_from_utc=deliver_from_utc,
        deliver_by_utc=deliver_by_utc,
        invoice_status=invoicing.invoice_status if invoicing else None,
        extracted_utc=extracted_utc,
        landed_page=landed_page,
    )


def order_item_rows(seller_id: str, order: Order, extracted_utc: str) -> Iterator[OrderItemRow]:
    """Make the rows of the order's lines, in Amazon's sequence."""
    return (
        _order_item_row(seller_id, order.order_id, number, item, extracted_utc)
        for number, item in enumerate(order.order_items, start=1)
    )


def charge_rows(seller_id: str, order: Order) -> Iterator[tuple[Any, ...]]:
    """Make a row of every amount in the order's and its lines' proceeds breakdowns, in Amazon's sequence.

    Plain tuples of what `ChargeRow` names: there are nine of them an order.
    """
    order_id, number = order.order_id, 0
    for total in (order.proceeds.breakdowns if order.proceeds else None) or ():
        number += 1
        amount, currency = total.subtotal.amount, total.subtotal.currency_code
        yield seller_id, order_id, number, None, total.type, None, total.status, None, amount, currency
    for item in order.order_items:
        item_id = item.order_item_id
        for whole in (item.proceeds.breakdowns if item.proceeds else None) or ():
            number += 1
            whole_number, kind = number, whole.type
            amount, currency = whole.subtotal.amount, whole.subtotal.currency_code
            yield seller_id, order_id, number, item_id, kind, None, None, None, amount, currency
            for part in whole.detailed_breakdowns or ():
                if part.value is not None:
                    number += 1
                    amount, currency = part.value.amount, part.value.currency_code
                    detail = (kind, part.subtype, None, whole_number, amount, currency)
                    yield seller_id, order_id, number, item_id, *detail


def package_rows(seller_id: str, order: Order) -> Iterator[PackageRow]:
    """Make the rows of the order's packages, in Amazon's sequence."""
    for number, package in enumerate(order.packages or (), start=1):
        status, items = package.package_status, package.package_items or []
        yield PackageRow(
            seller_id=seller_id,
            order_id=order.order_id,
            package_number=number,
            package_reference_id=package.package_reference_id,
            status=status.status if status else None,
            detailed_status=status.detailed_status if status else None,
            carrier=package.carrier,
            shipping_service=package.shipping_service,
            tracking_number=package.tracking_number,
            created_utc=_instant(package.created_time),
            shipped_utc=_instant(package.ship_time),
            ship_from_country_code=package.ship_from_address.country_code if package.ship_from_address else None,
            order_item_ids=array_text([item.order_item_id for item in items]),
            quantities=array_text([str(item.quantity) for item in items]),
        )


def promotion_rows(seller_id: str, order: Order) -> Iterator[PromotionRow]:
    """Make the rows of the promotions of the order's lines, each of a line once."""
    for item in order.order_items:
        promotions = item.promotion.breakdowns if item.promotion else None
        for promotion_id in dict.fromkeys(promotion.promotion_id for promotion in promotions or ()):
            if promotion_id:
                yield PromotionRow(seller_id, order.order_id, item.order_item_id, promotion_id)


def array_text(words: list[str] | None) -> str:
    """Write a list as PostgreSQL reads arrays."""
    if not words:
        return "{}"
    return "{" + ",".join(['"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words]) + "}"


def _order_item_row(seller_id: str, order_id: str, number: int, item: OrderItem, extracted_utc: str) -> OrderItemRow:
    # The groups stand in the sequence of the columns.
    measurement = item.measurement
    values = (
        seller_id,
        order_id,
        item.order_item_id,
        number,
        *_product(item.product),
        array_text(item.programs),
        item.quantity_ordered,
        measurement.unit if measurement else None,
        measurement.value if measurement else None,
        *_proceeds(item.proceeds),
        *_points(item.expense),
        *_fulfillment(item.fulfillment),
        *_tax(item.tax),
        *_cancellation(item.cancellation),
        extracted_utc,
    )
    return OrderItemRow._make(values)


def _product(product: Product | None) -> tuple[Any, ...]:
    if product is None:
        return (None,) * 8
    condition, price = product.condition, product.price
    return (
        product.asin,
        product.seller_sku,
        product.title,
        condition.condition_type if condition else None,
        condition.condition_subtype if condition else None,
        *_money(price.unit_price if price else None),
        price.price_designation if price else None,
    )


def _proceeds(proceeds: ItemProceeds | None) -> tuple[Any, ...]:
    total, currency_code = _money(proceeds.proceeds_total if proceeds else None)
    amounts = _amounts((proceeds.breakdowns if proceeds else None) or (), currency_code)
    return (total, currency_code, *map(amounts.get, AMOUNTS))


def _amounts(breakdowns: Iterable[ItemBreakdown], currency_code: str | None) -> dict[str, Decimal]:
    """The line's amounts by type, and those of TAX by subtype too; what is in another currency is left out."""
    amounts: dict[str, Decimal] = {}
    for whole in breakdowns:
        parts = [(whole.type, whole.subtotal)]
        if whole.type == "TAX":
            parts += [(f"TAX {part.subtype}", part.value) for part in whole.detailed_breakdowns or () if part.value]
        for key, money in parts:
            if money.currency_code == currency_code:
                amounts[key] = amounts[key] + money.amount if key in amounts else money.amount
    return amounts


def _points(expense: ItemExpense | None) -> tuple[Any, ...]:
    granted = expense.points_cost.points_granted if expense and expense.points_cost else None
    return (granted.points_number, *_money(granted.points_monetary_value)) if granted else (None, None, None)


def _fulfillment(fulfillment: ItemFulfillment | None) -> tuple[Any, ...]:
    if fulfillment is None:
        return (None,) * 6
    packing, shipping = fulfillment.packing, fulfillment.shipping
    customs = shipping.international_shipping if shipping else None
    return (
        fulfillment.quantity_fulfilled,
        fulfillment.quantity_unfulfilled,
        packing.gift_option.gift_wrap_level if packing and packing.gift_option else None,
        *_range(shipping.scheduled_delivery_window if shipping else None),
        customs.ioss_number if customs else None,
    )


def _tax(tax: ItemTax | None) -> tuple[Any, ...]:
    calculation = tax.tax_calculation_breakdowns[0] if tax and tax.tax_calculation_breakdowns else None
    collection = tax.tax_collections[0] if tax and tax.tax_collections else None
    return (
        calculation.reporting_scheme if calculation else None,
        collection.model if collection else None,
        collection.responsible_party if collection else None,
    )


def _cancellation(cancellation: Cancellation | None) -> tuple[Any, ...]:
    requested = cancellation.cancellation_request if cancellation else None
    executed = cancellation.cancellation_execution if cancellation else None
    return (
        requested.requester if requested else None,
        requested.cancel_reason if requested else None,
        executed.cancelled_by if executed else None,
        executed.cancel_reason if executed else None,
    )


def _money(money: Money | None) -> tuple[Decimal | None, str | None]:
    return (money.amount, money.currency_code) if money else (None, None)


def _text(instant: datetime) -> str:
    # A third of what `isoformat` takes.
    return _encode(instant)[1:-1].decode()


def _instant(instant: datetime | None) -> str | None:
    return _text(instant) if instant else None


def _range(window: TimeRange | None) -> tuple[str | None, str | None]:
    return (_instant(window.earliest_date_time), _instant(window.latest_date_time)) if window else (None, None)


def _alias(order: Order, kind: str) -> str | None:
    return next((alias.alias_id for alias in order.order_aliases or () if alias.alias_type == kind), None)


def _associated(order: Order, kind: str) -> str | None:
    return next((other.order_id for other in order.associated_orders or () if other.association_type == kind), None)
