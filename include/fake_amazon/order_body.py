"""What a generated order says after some of its steps: the full `Order` object of Orders v2026-01-01, all datasets.

A pending order carries no proceeds and a cancelled one proceeds of zero; Amazon documents neither, users report both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from include.fake_amazon import packing
from include.fake_amazon.catalogue import CANCEL_REASONS, GIFT_MESSAGES, Product, price_in, products_of
from include.fake_amazon.dice import Dice
from include.fake_amazon.generator import PlannedOrder
from include.fake_amazon.instants import format_instant
from include.fake_amazon.lifecycle import Progress, progress_after
from include.fake_amazon.marketplaces import BY_COUNTRY, Marketplace
from include.fake_amazon.money import Charges, charge_lines, item_proceeds, money, order_proceeds
from include.fake_amazon.order_ids import order_item_id_of
from include.fake_amazon.people import Buyer, draw_buyer
from include.fake_amazon.shops import Shop

_QUANTITIES = (1, 1, 1, 1, 1, 2, 2, 3)


class _Item(NamedTuple):
    item_id: str
    product: Product
    unit_price: int
    quantity: int
    charges: Charges
    promotion_ids: tuple[str, ...]
    gift_message: str
    goodwill: int
    customized: bool
    subscribed: bool


def _draw_item(dice: Dice, order: PlannedOrder, number: int, shop: Shop, marketplace: Marketplace) -> _Item:
    product = dice.pick(products_of(shop.shop_id, shop.language))
    unit_price = price_in(marketplace.currency_code, product.price)
    quantity = dice.pick(_QUANTITIES) * (dice.whole(1, 4) if order.is_business else 1)
    item = unit_price * quantity
    shipping = price_in(marketplace.currency_code, 495) if order.fulfilled_by == "MERCHANT" and number == 0 else 0
    discounted, free_shipping, gift = dice.chance(0.18), dice.chance(0.3), dice.chance(0.06)
    promotions = []
    if discounted:
        promotions.append(f"PAWS-V2-{dice.digits(12)}")
    if shipping and free_shipping:
        promotions.append("Core Free Shipping")
    charges = Charges(
        item=item,
        shipping=shipping,
        gift_wrap=price_in(marketplace.currency_code, 350) if gift else 0,
        item_discount=item * dice.pick((5, 10, 15)) // 100 if discounted else 0,
        shipping_discount=shipping if free_shipping else 0,
    )
    return _Item(
        order_item_id_of(order.order_id, number),
        product,
        unit_price,
        quantity,
        charges,
        tuple(promotions),
        dice.pick(GIFT_MESSAGES[shop.language]) if gift else "",
        item // 10,
        dice.chance(0.04),
        dice.chance(0.05),
    )


def _item_lines(item: _Item, number: int, order: PlannedOrder, progress: Progress, tax_bps: int) -> dict[str, Any]:
    if number >= order.item_count - progress.cancelled_items:
        return {}
    charges = item.charges
    if progress.corrected and number == 0:
        # The late correction: a price reduction agreed with the buyer, weeks after delivery.
        charges = charges._replace(item_discount=charges.item_discount + item.goodwill)
    return charge_lines(charges, tax_bps)


def _item_cancellation(progress: Progress, order: PlannedOrder, shop: Shop) -> dict[str, Any]:
    reasons = CANCEL_REASONS[shop.language]
    reason = reasons[int(order.order_id[-1]) % len(reasons)]
    if not progress.paid:
        return {"cancellationExecution": {"cancelledBy": "AMAZON", "cancelReason": "Payment was not authorized"}}
    return {
        "cancellationRequest": {"requester": "BUYER", "cancelReason": reason},
        "cancellationExecution": {"cancelledBy": "MERCHANT", "cancelReason": reason},
    }


def _item_product(item: _Item, order: PlannedOrder, currency: str) -> dict[str, Any]:
    price: dict[str, Any] = {"unitPrice": money(item.unit_price, currency)}
    if order.is_business:
        price["priceDesignation"] = "BUSINESS_PRICE"
    product: dict[str, Any] = {
        "asin": item.product.asin,
        "title": item.product.title,
        "sellerSku": item.product.sku,
        "condition": {"conditionType": "NEW", "conditionSubtype": "NEW"},
        "price": price,
    }
    if item.customized:
        product["customization"] = {
            "customizedUrl": f"https://zme-caps.amazon.com/t/{item.item_id}/{item.product.asin}"
        }
    return product


def _item_json(
    item: _Item, number: int, order: PlannedOrder, progress: Progress, shop: Shop, lines: dict[str, Any]
) -> dict[str, Any]:
    marketplace = BY_COUNTRY[order.country_code]
    currency = marketplace.currency_code
    cancelled = number >= order.item_count - progress.cancelled_items
    body: dict[str, Any] = {"orderItemId": item.item_id, "quantityOrdered": item.quantity}
    if item.subscribed:
        body["programs"] = ["SUBSCRIBE_AND_SAVE"]
    body["product"] = _item_product(item, order, currency)
    if progress.paid:
        body["proceeds"] = item_proceeds(lines, currency)
    if currency == "JPY":
        points = item.unit_price * item.quantity // 100
        granted = {"pointsNumber": points, "pointsMonetaryValue": money(points, currency)}
        body["expense"] = {"pointsCost": {"pointsGranted": granted}}
    if item.promotion_ids:
        body["promotion"] = {"breakdowns": [{"promotionId": promotion} for promotion in item.promotion_ids]}
    if cancelled:
        body["cancellation"] = _item_cancellation(progress, order, shop)
    fulfilled = item.quantity if number < progress.shipped_items else 0
    fulfillment: dict[str, Any] = {
        "quantityFulfilled": fulfilled,
        "quantityUnfulfilled": 0 if cancelled else item.quantity - fulfilled,
    }
    if item.gift_message:
        gift = {"giftMessage": item.gift_message, "giftWrapLevel": "Classic"}
        fulfillment["packing"] = {"giftOption": gift}
    body["fulfillment"] = fulfillment
    if marketplace.region == "na":
        party = "Amazon Services, Inc."
        body["tax"] = {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR", "responsibleParty": party}]}
    return body


def _buyer_json(buyer: Buyer, order: PlannedOrder) -> dict[str, str]:
    fields = {
        "buyerName": buyer.name,
        "buyerEmail": buyer.email if order.fulfilled_by == "MERCHANT" else "",
        "buyerCompanyName": buyer.company,
        "buyerPurchaseOrderNumber": buyer.purchase_order_number,
    }
    return {key: value for key, value in fields.items() if value}


def _tax_json(buyer: Buyer, shop: Shop) -> dict[str, Any]:
    registrations: list[dict[str, Any]] = [{"entityType": "MERCHANT", "legalName": shop.store_name}]
    if buyer.vat_number:
        address = {key: value for key, value in buyer.address.items() if key not in ("phone", "addressType")}
        registrations.append(
            {
                "entityType": "BUYER",
                "legalName": buyer.company,
                "taxRegistrationType": "VAT",
                "taxRegistrationNumber": buyer.vat_number,
                "taxRegistrationAddress": address,
            }
        )
    return {"taxRegistrations": registrations}


def _programs(dice: Dice, order: PlannedOrder) -> list[str]:
    prime = order.fulfilled_by == "AMAZON" or dice.chance(0.1)
    business = ["AMAZON_BUSINESS"] if order.is_business else []
    return (["PRIME"] if prime else []) + business


def _payment_json(dice: Dice, grand_total: dict[str, str]) -> dict[str, Any]:
    method = dice.pick(("CreditCard", "CreditCard", "Invoice", "GiftCard"))
    return {"paymentExecutions": [{"paymentMethod": method, "paymentAmount": grand_total}]}


def write_order(seed: int, shop: Shop, order: PlannedOrder, step_index: int) -> dict[str, Any]:
    """Write the order as of one of its steps.

    Everything is drawn from the order's own key before the steps are looked at, so that its versions differ only in
    what has happened to it.
    """
    dice = Dice("body", seed, shop.shop_id, order.order_id)
    marketplace = BY_COUNTRY[order.country_code]
    steps = order.steps[: step_index + 1]
    progress = progress_after(steps, order.item_count)
    buyer = draw_buyer(dice, order.country_code, marketplace.domain_name[4:], is_business=order.is_business)
    items = [_draw_item(dice, order, number, shop, marketplace) for number in range(order.item_count)]
    lines = [_item_lines(item, n, order, progress, marketplace.tax_bps) for n, item in enumerate(items)]
    body: dict[str, Any] = {
        "orderId": order.order_id,
        "createdTime": format_instant(order.created_utc),
        "lastUpdatedTime": format_instant(steps[-1].at_utc),
        "programs": _programs(dice, order),
        "salesChannel": {
            "channelName": "AMAZON",
            "marketplaceId": marketplace.marketplace_id,
            "marketplaceName": marketplace.name,
        },
        "buyer": _buyer_json(buyer, order),
        "recipient": {"deliveryAddress": buyer.address},
    }
    if progress.paid:
        body["proceeds"] = order_proceeds(lines, marketplace.currency_code)
        body["payment"] = _payment_json(dice, body["proceeds"]["grandTotal"])
    body["tax"] = _tax_json(buyer, shop)
    body["fulfillment"] = packing.order_fulfillment(order, steps[-1].status)
    body["orderItems"] = [_item_json(item, n, order, progress, shop, lines[n]) for n, item in enumerate(items)]
    if order.fulfilled_by == "MERCHANT" and progress.shipped_items:
        quantities = {item.item_id: item.quantity for item in items[: progress.shipped_items]}
        body["packages"] = packing.packages(order, steps, quantities, shop)
    return body
