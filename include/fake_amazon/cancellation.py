"""How an order looks once it is cancelled, whatever it looked like before."""

from __future__ import annotations

from msgspec import Raw

from include.fake_amazon.documents import OrderDocument, RawObject, inner, merged, raw


def cancelled(document: OrderDocument, reason: str) -> OrderDocument:
    """The order with every item cancelled by the merchant: nothing shipped, proceeds of zero, no packages."""
    fields = dict(document.fields)
    items = [_cancelled_item(item, reason) for item in document.items]
    fields["fulfillment"] = merged(fields.get("fulfillment", raw({})), raw({"fulfillmentStatus": "CANCELLED"}))
    _zero(fields, "grandTotal")
    fields.pop("packages", None)
    fields["orderItems"] = raw(items)
    return OrderDocument(fields, items)


def _cancelled_item(item: RawObject, reason: str) -> RawObject:
    item = dict(item)
    execution = {"cancelledBy": "MERCHANT", "cancelReason": reason}
    item["cancellation"] = merged(item.get("cancellation", raw({})), raw({"cancellationExecution": execution}))
    nothing = {"quantityFulfilled": 0, "quantityUnfulfilled": 0}
    item["fulfillment"] = merged(item.get("fulfillment", raw({})), raw(nothing))
    _zero(item, "proceedsTotal")
    return item


def _zero(fields: RawObject, total: str) -> None:
    proceeds: Raw | None = fields.get("proceeds")
    amount = inner(proceeds, total, "amount")
    if proceeds is not None and isinstance(amount, str):
        fields["proceeds"] = merged(proceeds, raw({total: {"amount": zero_like(amount)}, "breakdowns": []}))


def zero_like(amount: str) -> str:
    """Nothing, written with as many decimals as this amount: `19.99` gives `0.00`, `1999` gives `0`."""
    _, point, decimals = amount.partition(".")
    return "0" + point + "0" * len(decimals)
