"""From an order as Amazon tells it to rows as the tables hold them; one class a table, its fields the columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from include.orders.records import Money, Order, OrderItem


class OrderRow(NamedTuple):
    """A row of `amazon.orders`; the columns' comments in the database say what each holds."""

    seller_id: str
    order_id: str
    created_utc: datetime
    last_updated_utc: datetime
    fulfillment_status: str | None
    fulfilled_by: str | None
    fulfillment_service_level: str | None
    channel_name: str | None
    marketplace_id: str | None
    marketplace_name: str | None
    programs: list[str]
    grand_total_amount: Decimal | None
    currency_code: str | None
    ship_by_utc: datetime | None
    deliver_by_utc: datetime | None
    extracted_utc: datetime


class OrderItemRow(NamedTuple):
    """A row of `amazon.order_items`; the columns' comments in the database say what each holds."""

    seller_id: str
    order_id: str
    order_item_id: str
    asin: str | None
    seller_sku: str | None
    title: str | None
    condition_type: str | None
    quantity_ordered: int
    quantity_fulfilled: int | None
    quantity_unfulfilled: int | None
    unit_price_amount: Decimal | None
    unit_price_currency_code: str | None
    proceeds_total_amount: Decimal | None
    currency_code: str | None
    cancelled_by: str | None
    cancel_reason: str | None
    extracted_utc: datetime


def order_row(seller_id: str, order: Order, extracted_utc: datetime) -> OrderRow:
    """Make the order's row."""
    channel, fulfillment = order.sales_channel, order.fulfillment
    amount, currency_code = _money(order.proceeds.grand_total if order.proceeds else None)
    ship_by = fulfillment.ship_by_window if fulfillment else None
    deliver_by = fulfillment.deliver_by_window if fulfillment else None
    return OrderRow(
        seller_id=seller_id,
        order_id=order.order_id,
        created_utc=order.created_time,
        last_updated_utc=order.last_updated_time,
        fulfillment_status=fulfillment.fulfillment_status if fulfillment else None,
        fulfilled_by=fulfillment.fulfilled_by if fulfillment else None,
        fulfillment_service_level=fulfillment.fulfillment_service_level if fulfillment else None,
        channel_name=channel.channel_name if channel else None,
        marketplace_id=channel.marketplace_id if channel else None,
        marketplace_name=channel.marketplace_name if channel else None,
        programs=order.programs or [],
        grand_total_amount=amount,
        currency_code=currency_code,
        ship_by_utc=ship_by.latest_date_time if ship_by else None,
        deliver_by_utc=deliver_by.latest_date_time if deliver_by else None,
        extracted_utc=extracted_utc,
    )


def order_item_rows(seller_id: str, order: Order, extracted_utc: datetime) -> Iterator[OrderItemRow]:
    """Make the rows of the order's lines, in Amazon's sequence."""
    return (_order_item_row(seller_id, order.order_id, item, extracted_utc) for item in order.order_items)


def _order_item_row(seller_id: str, order_id: str, item: OrderItem, extracted_utc: datetime) -> OrderItemRow:
    product, fulfillment = item.product, item.fulfillment
    unit_price, unit_price_currency_code = _money(product.price.unit_price if product and product.price else None)
    proceeds_total, currency_code = _money(item.proceeds.proceeds_total if item.proceeds else None)
    cancelled = item.cancellation.cancellation_execution if item.cancellation else None
    return OrderItemRow(
        seller_id=seller_id,
        order_id=order_id,
        order_item_id=item.order_item_id,
        asin=product.asin if product else None,
        seller_sku=product.seller_sku if product else None,
        title=product.title if product else None,
        condition_type=product.condition.condition_type if product and product.condition else None,
        quantity_ordered=item.quantity_ordered,
        quantity_fulfilled=fulfillment.quantity_fulfilled if fulfillment else None,
        quantity_unfulfilled=fulfillment.quantity_unfulfilled if fulfillment else None,
        unit_price_amount=unit_price,
        unit_price_currency_code=unit_price_currency_code,
        proceeds_total_amount=proceeds_total,
        currency_code=currency_code,
        cancelled_by=cancelled.cancelled_by if cancelled else None,
        cancel_reason=cancelled.cancel_reason if cancelled else None,
        extracted_utc=extracted_utc,
    )


def _money(money: Money | None) -> tuple[Decimal | None, str | None]:
    return (money.amount, money.currency_code) if money else (None, None)
