"""What a row of each table holds: one class a table, its fields the columns, in the sequence they are written.

Instants and arrays are texts as PostgreSQL reads them: psycopg's own way of writing them costs as much as all other
columns together.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple


class OrderRow(NamedTuple):
    """A row of `amazon.orders`; the columns' comments in the database say what each holds."""

    seller_id: str
    order_id: str
    created_utc: str
    last_updated_utc: str
    seller_order_id: str | None
    replaces_order_id: str | None
    exchanges_order_id: str | None
    fulfillment_status: str | None
    fulfilled_by: str | None
    fulfillment_service_level: str | None
    channel_name: str | None
    marketplace_id: str | None
    marketplace_name: str | None
    programs: str
    grand_total_amount: Decimal | None
    currency_code: str | None
    ship_from_utc: str | None
    ship_by_utc: str | None
    deliver_from_utc: str | None
    deliver_by_utc: str | None
    invoice_status: str | None
    extracted_utc: str
    landed_page: str


class OrderItemRow(NamedTuple):
    """A row of `amazon.order_items`; the columns' comments in the database say what each holds."""

    seller_id: str
    order_id: str
    order_item_id: str
    item_number: int
    # the product
    asin: str | None
    seller_sku: str | None
    title: str | None
    condition_type: str | None
    condition_subtype: str | None
    unit_price_amount: Decimal | None
    unit_price_currency_code: str | None
    price_designation: str | None
    # how many
    programs: str
    quantity_ordered: int
    measurement_unit: str | None
    measurement_value: Decimal | None
    # the money
    proceeds_total_amount: Decimal | None
    currency_code: str | None
    item_amount: Decimal | None
    item_tax_amount: Decimal | None
    shipping_amount: Decimal | None
    shipping_tax_amount: Decimal | None
    gift_wrap_amount: Decimal | None
    gift_wrap_tax_amount: Decimal | None
    cod_fee_amount: Decimal | None
    other_amount: Decimal | None
    tax_amount: Decimal | None
    discount_amount: Decimal | None
    points_granted: int | None
    points_granted_amount: Decimal | None
    points_currency_code: str | None
    # how it travels
    quantity_fulfilled: int | None
    quantity_unfulfilled: int | None
    gift_wrap_level: str | None
    scheduled_delivery_from_utc: str | None
    scheduled_delivery_by_utc: str | None
    ioss_number: str | None
    # tax and cancellation
    tax_reporting_scheme: str | None
    tax_collection_model: str | None
    tax_collection_party: str | None
    cancellation_requested_by: str | None
    cancellation_request_reason: str | None
    cancelled_by: str | None
    cancel_reason: str | None
    extracted_utc: str


class ChargeRow(NamedTuple):
    """A row of `amazon.order_charges`; the columns' comments in the database say what each holds."""

    seller_id: str
    order_id: str
    charge_number: int
    order_item_id: str | None
    type: str
    subtype: str | None
    status: str | None
    detail_of: int | None
    amount: Decimal
    currency_code: str


class PackageRow(NamedTuple):
    """A row of `amazon.order_packages`; the columns' comments in the database say what each holds."""

    seller_id: str
    order_id: str
    package_number: int
    package_reference_id: str
    status: str | None
    detailed_status: str | None
    carrier: str | None
    shipping_service: str | None
    tracking_number: str | None
    created_utc: str | None
    shipped_utc: str | None
    ship_from_country_code: str | None
    order_item_ids: str
    quantities: str


class PromotionRow(NamedTuple):
    """A row of `amazon.order_promotions`; the columns' comments in the database say what each holds."""

    seller_id: str
    order_id: str
    order_item_id: str
    promotion_id: str
