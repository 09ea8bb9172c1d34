"""Orders for the measurements: as many as asked for, five lines to four orders, each about as large as Amazon's own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

MARKETPLACE = {"channelName": "AMAZON", "marketplaceId": "A1PA6795UKMFR9", "marketplaceName": "Amazon.de"}
ITEMS_PER_ORDER = 1.25


def write_orders_file(path: Path, orders: int, *, end_utc: datetime, days: float = 20.0) -> None:
    """Write orders spread evenly over the days before `end_utc`, one `Order` of the API a line."""
    step = timedelta(days=days) / orders
    with path.open("w", encoding="utf-8") as file:
        for number in range(orders):
            file.write(json.dumps(order(number, end_utc - days_of(days) + step * number), ensure_ascii=False) + "\n")


def days_of(days: float) -> timedelta:
    """So many days."""
    return timedelta(days=days)


def order(number: int, updated_utc: datetime) -> dict[str, Any]:
    """One shipped order; every fourth has two lines, the others one."""
    items = [_item(number, line) for line in range(2 if number % 4 == 0 else 1)]
    created = _instant(updated_utc - timedelta(hours=30))
    window = {"earliestDateTime": created, "latestDateTime": _instant(updated_utc + timedelta(days=2))}
    return {
        "orderId": f"303-{number // 10_000_000:07d}-{number % 10_000_000:07d}",
        "createdTime": created,
        "lastUpdatedTime": _instant(updated_utc),
        "programs": ["PRIME"],
        "salesChannel": MARKETPLACE,
        "proceeds": {
            "grandTotal": _euro(2378 * len(items)),
            "breakdowns": [
                {"type": "ITEM", "subtotal": _euro(1599 * len(items))},
                {"type": "SHIPPING", "subtotal": _euro(399 * len(items))},
                {"type": "TAX", "subtotal": _euro(380 * len(items))},
            ],
        },
        "fulfillment": {
            "fulfillmentStatus": "SHIPPED",
            "fulfilledBy": "MERCHANT",
            "fulfillmentServiceLevel": "STANDARD",
            "shipByWindow": window,
            "deliverByWindow": window,
        },
        "orderItems": items,
        "packages": [_package(number, items, created)],
    }


def _item(number: int, line: int) -> dict[str, Any]:
    return {
        "orderItemId": f"{number:012d}{line:02d}",
        "quantityOrdered": 1,
        "product": {
            "asin": f"B0{number % 5000:08d}",
            "title": "Teekanne aus Gusseisen mit Sieb und Stövchen, 1,2 Liter, für die große Runde, schwarz",
            "sellerSku": f"TEA-{number % 5000:05d}",
            "condition": {"conditionType": "NEW", "conditionSubtype": "NEW"},
            "price": {"unitPrice": _euro(1599), "priceDesignation": "BUSINESS_PRICE"},
        },
        "proceeds": {
            "proceedsTotal": _euro(2378),
            "breakdowns": [
                {"type": "ITEM", "subtotal": _euro(1599)},
                {"type": "SHIPPING", "subtotal": _euro(399)},
                {
                    "type": "TAX",
                    "subtotal": _euro(380),
                    "detailedBreakdowns": [
                        {"subtype": "ITEM", "value": _euro(304)},
                        {"subtype": "SHIPPING", "value": _euro(76)},
                    ],
                },
            ],
        },
        "promotion": {"breakdowns": [{"promotionId": f"PAWS-V2-{number:012d}"}]},
        "fulfillment": {"quantityFulfilled": 1, "quantityUnfulfilled": 0},
    }


def _package(number: int, items: list[dict[str, Any]], created: str) -> dict[str, Any]:
    return {
        "packageReferenceId": "1",
        "createdTime": created,
        "packageStatus": {"status": "IN_TRANSIT", "detailedStatus": "PICKED_UP"},
        "carrier": "DHL",
        "shipTime": created,
        "shippingService": "DHL Paket",
        "trackingNumber": f"{number:014d}",
        "shipFromAddress": {"name": "Großmarkt Technik", "city": "Lübeck", "postalCode": "23552", "countryCode": "DE"},
        "packageItems": [{"orderItemId": item["orderItemId"], "quantity": 1} for item in items],
    }


def _euro(cents: int) -> dict[str, str]:
    return {"amount": f"{cents // 100}.{cents % 100:02d}", "currencyCode": "EUR"}


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"
