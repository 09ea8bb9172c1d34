"""The bench's orders in the words of Orders API v0, for a peer that asks nothing newer; same ids and amounts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

Document = dict[str, Any]
STATUSES = {"SHIPPED": "Shipped", "UNSHIPPED": "Unshipped"}
CHANNELS = {"MERCHANT": "MFN", "AMAZON": "AFN"}
# v0 tells instants to the second.
SECONDS = len("2026-11-20T00:00:00")


def v0_order(order: Document) -> Document:
    """One entry of getOrders."""
    fulfillment = order["fulfillment"]
    return {
        "AmazonOrderId": order["orderId"],
        "SellerOrderId": order["orderId"],
        "PurchaseDate": _instant(order["createdTime"]),
        "LastUpdateDate": _instant(order["lastUpdatedTime"]),
        "OrderStatus": STATUSES[fulfillment["fulfillmentStatus"]],
        "FulfillmentChannel": CHANNELS[fulfillment["fulfilledBy"]],
        "SalesChannel": order["salesChannel"]["marketplaceName"],
        "ShipServiceLevel": "Std DE Dom_1",
        "OrderTotal": _money(order["proceeds"]["grandTotal"]),
        "NumberOfItemsShipped": len(order["orderItems"]),
        "NumberOfItemsUnshipped": 0,
        "PaymentMethod": "Other",
        "PaymentMethodDetails": ["Standard"],
        "MarketplaceId": order["salesChannel"]["marketplaceId"],
        "ShipmentServiceLevelCategory": "Standard",
        "OrderType": "StandardOrder",
        "EarliestShipDate": _instant(fulfillment["shipByWindow"]["earliestDateTime"]),
        "LatestShipDate": _instant(fulfillment["shipByWindow"]["latestDateTime"]),
        "EarliestDeliveryDate": _instant(fulfillment["deliverByWindow"]["earliestDateTime"]),
        "LatestDeliveryDate": _instant(fulfillment["deliverByWindow"]["latestDateTime"]),
        "IsBusinessOrder": False,
        "IsPrime": "PRIME" in order["programs"],
        "IsPremiumOrder": False,
        "IsGlobalExpressEnabled": False,
        "IsReplacementOrder": "false",
        "IsSoldByAB": False,
        "IsISPU": False,
        "IsAccessPointOrder": False,
        "HasRegulatedItems": False,
    }


def v0_items(order: Document) -> list[Document]:
    """The OrderItems of getOrderItems."""
    return [_item(item) for item in order["orderItems"]]


def _item(item: Document) -> Document:
    product, fulfilled = item["product"], item["fulfillment"]["quantityFulfilled"]
    amounts = {charge["type"]: charge for charge in item["proceeds"]["breakdowns"]}
    taxes = {detail["subtype"]: detail["value"] for detail in amounts["TAX"]["detailedBreakdowns"]}
    nothing = {"CurrencyCode": "EUR", "Amount": "0.00"}
    return {
        "ASIN": product["asin"],
        "OrderItemId": item["orderItemId"],
        "SellerSKU": product["sellerSku"],
        "Title": product["title"],
        "QuantityOrdered": item["quantityOrdered"],
        "QuantityShipped": fulfilled,
        "ProductInfo": {"NumberOfItems": "1"},
        # With its tax, as v0 has it outside North America.
        "ItemPrice": _sum(amounts["ITEM"]["subtotal"], taxes["ITEM"]),
        "ItemTax": _money(taxes["ITEM"]),
        "ShippingPrice": _sum(amounts["SHIPPING"]["subtotal"], taxes["SHIPPING"]),
        "ShippingTax": _money(taxes["SHIPPING"]),
        "ShippingDiscount": nothing,
        "ShippingDiscountTax": nothing,
        "PromotionDiscount": nothing,
        "PromotionDiscountTax": nothing,
        "PromotionIds": [promotion["promotionId"] for promotion in item["promotion"]["breakdowns"]],
        "IsGift": "false",
        "ConditionId": "New",
        "ConditionSubtypeId": "New",
        "IsTransparency": False,
        "SerialNumberRequired": False,
        "BuyerInfo": {},
        "BuyerRequestedCancel": {"IsBuyerRequestedCancel": "false", "BuyerCancelReason": ""},
    }


def _money(amount: Document) -> Document:
    return {"CurrencyCode": amount["currencyCode"], "Amount": amount["amount"]}


def _sum(amount: Document, tax: Document) -> Document:
    return _money({**amount, "amount": str(Decimal(amount["amount"]) + Decimal(tax["amount"]))})


def _instant(text: str) -> str:
    return text[:SECONDS] + "Z"
