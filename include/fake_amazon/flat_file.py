"""The flat file of all orders by last update, as text: one line an order item, tabs between.

Only Europe's files have the column `url`. Prices hold their tax but in North America, where it stands beside them.
No column tells two equal lines of one order apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from include.fake_amazon.instants import format_instant
from include.fake_amazon.marketplaces import BY_ID
from include.fake_amazon.versions import OrderVersion

COLUMNS = (
    "amazon-order-id",
    "merchant-order-id",
    "purchase-date",
    "last-updated-date",
    "order-status",
    "fulfillment-channel",
    "sales-channel",
    "order-channel",
    "url",
    "ship-service-level",
    "product-name",
    "sku",
    "asin",
    "item-status",
    "quantity",
    "currency",
    "item-price",
    "item-tax",
    "shipping-price",
    "shipping-tax",
    "gift-wrap-price",
    "gift-wrap-tax",
    "item-promotion-discount",
    "ship-promotion-discount",
    "ship-city",
    "ship-state",
    "ship-postal-code",
    "ship-country",
    "promotion-ids",
    "is-business-order",
    "purchase-order-number",
    "price-designation",
)
STATUSES = {
    "PENDING": "Pending",
    "PENDING_AVAILABILITY": "Pending",
    "UNSHIPPED": "Unshipped",
    "PARTIALLY_SHIPPED": "Shipping",
    "SHIPPED": "Shipped",
    "CANCELLED": "Cancelled",
    "UNFULFILLABLE": "Unfulfillable",
}
# Column of the price, of its tax, the type of its breakdown.
PRICES = (
    ("item-price", "item-tax", "ITEM"),
    ("shipping-price", "shipping-tax", "SHIPPING"),
    ("gift-wrap-price", "gift-wrap-tax", "GIFT_WRAP"),
)


def flat_file(region: str, versions: Iterable[OrderVersion]) -> str:
    """Write the file, its header first."""
    columns = [column for column in COLUMNS if column != "url" or region == "eu"]
    lines = ["\t".join(columns)]
    for version in versions:
        order = msgspec.json.decode(msgspec.json.encode(version.document().selected(_ALL)))
        for item in order.get("orderItems", []):
            cells = _cells(version, order, item, tax_beside=region == "na")
            lines.append("\t".join(_cell(cells.get(column, "")) for column in columns))
    return "\n".join(lines) + "\n"


_ALL = ("PROCEEDS", "FULFILLMENT", "PROMOTION", "CANCELLATION", "RECIPIENT")


def _cell(text: object) -> str:
    return " ".join(str(text).split()) if text is not None else ""


def _cells(version: OrderVersion, order: dict[str, Any], item: dict[str, Any], *, tax_beside: bool) -> dict[str, Any]:
    marketplace = BY_ID.get(version.marketplace_id or "")
    product, status = item.get("product") or {}, STATUSES.get(version.status or "", version.status or "")
    address = (order.get("recipient") or {}).get("deliveryAddress") or {}
    promotions = (item.get("promotion") or {}).get("breakdowns") or []
    return {
        "amazon-order-id": version.order_id,
        "purchase-date": format_instant(version.created_utc),
        "last-updated-date": format_instant(version.updated_utc),
        "order-status": status,
        "fulfillment-channel": "Amazon" if version.fulfilled_by == "AMAZON" else "Merchant",
        "sales-channel": marketplace.name if marketplace else "",
        "ship-service-level": "Standard",
        "product-name": product.get("title"),
        "sku": product.get("sellerSku"),
        "asin": product.get("asin"),
        "item-status": "Cancelled" if item.get("cancellation") else status,
        "quantity": item.get("quantityOrdered"),
        **_money_cells((item.get("proceeds") or {}).get("breakdowns") or [], tax_beside=tax_beside),
        "ship-city": address.get("city"),
        "ship-state": address.get("stateOrRegion"),
        "ship-postal-code": address.get("postalCode"),
        "ship-country": address.get("countryCode"),
        "promotion-ids": ",".join(str(promotion.get("promotionId")) for promotion in promotions),
        "is-business-order": str("AMAZON_BUSINESS" in (order.get("programs") or [])).lower(),
    }


def _money_cells(breakdowns: list[dict[str, Any]], *, tax_beside: bool) -> dict[str, Any]:
    """Nothing where there are no proceeds: a pending order has no price."""
    net = {entry["type"]: entry["subtotal"] for entry in breakdowns}
    if not net:
        return {}
    details = {
        (entry["type"], detail["subtype"]): Decimal(detail["value"]["amount"])
        for entry in breakdowns
        for detail in entry.get("detailedBreakdowns", [])
    }
    cells: dict[str, Any] = {"currency": next(iter(net.values()))["currencyCode"]}
    for price, tax, kind in PRICES:
        if kind in net:
            taxed = details.get(("TAX", kind), Decimal(0))
            cells[tax] = taxed
            cells[price] = Decimal(net[kind]["amount"]) + (0 if tax_beside else taxed)
    # What a discount saves in tax is told with the discount, because its own column has none.
    saved = details.get(("TAX", "DISCOUNT"), Decimal(0))
    item, shipping = details.get(("DISCOUNT", "ITEM"), Decimal(0)), details.get(("DISCOUNT", "SHIPPING"), Decimal(0))
    if item or shipping:
        cells["item-promotion-discount"] = -(item + saved) if item else ""
        cells["ship-promotion-discount"] = -(shipping if item else shipping + saved) if shipping else ""
    return cells
