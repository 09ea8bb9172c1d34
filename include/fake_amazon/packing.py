"""Shipping windows and parcels of generated orders."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from include.fake_amazon.generator import PlannedOrder
from include.fake_amazon.instants import format_instant
from include.fake_amazon.lifecycle import Step
from include.fake_amazon.shops import Shop

_CARRIERS = {
    "DE": ("DHL", "DHL Paket"),
    "GB": ("Royal Mail", "Royal Mail Tracked 48"),
    "US": ("UPS", "UPS Ground"),
    "JP": ("ヤマト運輸", "宅急便"),
}
_WAREHOUSES = {
    "eu": {"addressLine1": "Am Güterbahnhof 7", "city": "Lübeck", "postalCode": "23552", "countryCode": "DE"},
    "na": {"addressLine1": "400 Dock St", "city": "Portland", "postalCode": "04101", "countryCode": "US"},
    "fe": {"addressLine1": "港町1-2-3", "city": "横浜市", "postalCode": "231-0001", "countryCode": "JP"},
}


def _window(start: datetime, days: int) -> dict[str, str]:
    return {"earliestDateTime": format_instant(start), "latestDateTime": format_instant(start + timedelta(days=days))}


def order_fulfillment(order: PlannedOrder, status: str) -> dict[str, Any]:
    """The order's `fulfillment` object."""
    return {
        "fulfillmentStatus": status,
        "fulfilledBy": order.fulfilled_by,
        "fulfillmentServiceLevel": "EXPEDITED" if order.fulfilled_by == "AMAZON" else "STANDARD",
        "shipByWindow": _window(order.created_utc, 3),
        "deliverByWindow": _window(order.created_utc + timedelta(days=2), 6),
    }


def packages(
    order: PlannedOrder, steps: tuple[Step, ...], quantities: dict[str, int], shop: Shop
) -> list[dict[str, Any]]:
    """The parcels sent so far: one each for the partial and for the final shipment.

    Args:
        order: The order, fulfilled by the merchant.
        steps: What has happened so far.
        quantities: Shipped quantity by order item id; the partial shipment holds all but the last of the items
            once the final one has left.
        shop: The sender.
    """
    shipments = [step for step in steps if step.kind in ("part_shipped", "shipped")]
    delivered = any(step.kind == "delivered" for step in steps)
    contents = [quantities]
    if len(shipments) > 1:
        *first, last = quantities
        contents = [{item: quantities[item] for item in first}, {last: quantities[last]}]
    return [
        _package(order, shop, number, step, content, delivered=delivered)
        for number, (step, content) in enumerate(zip(shipments, contents, strict=True), start=1)
    ]


def _package(
    order: PlannedOrder, shop: Shop, number: int, step: Step, content: dict[str, int], *, delivered: bool
) -> dict[str, Any]:
    carrier, service = _CARRIERS.get(order.country_code, ("DPD", "DPD Classic"))
    state = ("DELIVERED", "DELIVERED") if delivered else ("IN_TRANSIT", "PICKED_UP")
    digits = order.order_id.replace("-", "")
    return {
        "packageReferenceId": str(number),
        "createdTime": format_instant(step.at_utc - timedelta(minutes=20)),
        "packageStatus": {"status": state[0], "detailedStatus": state[1]},
        "carrier": carrier,
        "shipTime": format_instant(step.at_utc),
        "shippingService": service,
        "trackingNumber": f"{digits[5:]}{number:02d}",
        "shipFromAddress": {"name": shop.store_name, **_WAREHOUSES[shop.region]},
        "packageItems": [{"orderItemId": item, "quantity": quantity} for item, quantity in content.items()],
    }
