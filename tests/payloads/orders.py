"""Orders v2026-01-01 as Amazon would send them: small ones, of which a test changes what it is about."""

from __future__ import annotations

import json
from typing import Any

Document = dict[str, Any]


def an_item(item_id: str = "11111111111111", *, amount: str | None = "12.50", **changes: Any) -> Document:
    """One line of an order; keywords replace fields, None takes one out, `amount` None takes the money out."""
    item = {
        "orderItemId": item_id,
        "quantityOrdered": 1,
        "product": {
            "asin": "B0TEST0001",
            "title": "Teekanne",
            "sellerSku": "TEA-1",
            "condition": {"conditionType": "NEW"},
            "price": {"unitPrice": {"amount": amount or "12.50", "currencyCode": "EUR"}},
        },
        "proceeds": amount and {"proceedsTotal": {"amount": amount, "currencyCode": "EUR"}},
        "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": 1},
    }
    return _without_none({**item, **changes})


def an_order(
    order_id: str = "303-0000001-0000001",
    *,
    updated: str = "2026-10-05T08:00:00Z",
    amount: str | None = "12.50",
    **changes: Any,
) -> Document:
    """One order; keywords replace fields, None takes one out, `amount` None takes the money out."""
    order = {
        "orderId": order_id,
        "createdTime": "2026-10-05T07:00:00Z",
        "lastUpdatedTime": updated,
        "programs": ["PRIME"],
        "salesChannel": {
            "channelName": "AMAZON",
            "marketplaceId": "A1PA6795UKMFR9",
            "marketplaceName": "Amazon.de",
        },
        "proceeds": amount and {"grandTotal": {"amount": amount, "currencyCode": "EUR"}},
        "fulfillment": {
            "fulfillmentStatus": "UNSHIPPED",
            "fulfilledBy": "MERCHANT",
            "fulfillmentServiceLevel": "STANDARD",
            "shipByWindow": {"latestDateTime": "2026-10-07T21:59:59Z"},
            "deliverByWindow": {"latestDateTime": "2026-10-09T21:59:59Z"},
        },
        "orderItems": [an_item(amount=amount)],
    }
    return _without_none({**order, **changes})


def a_page(*orders: Document, next_token: str | None = None, last_updated_before: str | None = None) -> bytes:
    """A searchOrders answer; text beyond ASCII stands in it as itself, as Amazon writes it."""
    page: Document = {"orders": list(orders)}
    if next_token:
        page["pagination"] = {"nextToken": next_token}
    if last_updated_before:
        page["lastUpdatedBefore"] = last_updated_before
    return json.dumps(page, ensure_ascii=False, separators=(",", ":")).encode()


def _without_none(document: Document) -> Document:
    return {name: value for name, value in document.items() if value is not None}
