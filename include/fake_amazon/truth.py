"""The truth of a shop as of an instant, in the words of the product's tables, to compare them with.

It agrees with what searchOrders shows for a window that ends at that instant: an order updated later appears in its
older state, which is the one a client has loaded by then.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypedDict

from msgspec import Raw

from include.fake_amazon.documents import inner
from include.fake_amazon.instants import exact_instant
from include.fake_amazon.versions import OrderVersion
from include.fake_amazon.visibility import Window, find_orders
from include.fake_amazon.world import ShopState

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


# Type, subtype (of an item's) or status (of an order's), amount and currency, each as in the document or None.
Breakdown = tuple[str | None, str | None, str | None, str | None]


class ItemTruth(TypedDict):
    """One order item; amount and currency are None where the item has no proceeds.

    `breakdowns` has one entry for each breakdown, its subtype None, followed by one for each of its detailed ones.
    """

    order_item_id: str
    quantity_ordered: int
    proceeds_total_amount: str | None
    currency_code: str | None
    breakdowns: list[Breakdown]
    promotion_ids: list[str | None]


class OrderTruth(TypedDict):
    """One order; amount and currency are None where the order has no proceeds.

    `packages` are the packages' reference ids.
    """

    order_id: str
    last_updated_utc: str
    fulfillment_status: str | None
    grand_total_amount: str | None
    currency_code: str | None
    breakdowns: list[Breakdown]
    packages: list[str | None]
    items: list[ItemTruth]


def truth_of(
    state: ShopState, now_utc: datetime, as_of_utc: datetime, since_utc: datetime | None = None
) -> list[OrderTruth]:
    """The orders last updated between the two instants, both included, in their state as of the later one.

    Args:
        state: The shop.
        now_utc: The present, for the two years that Amazon shows.
        as_of_utc: The instant whose state counts, such as a watermark.
        since_utc: The start of the window; None means from the beginning.
    """
    window = Window(since_utc or _BEGINNING, as_of_utc, by_creation=False, as_of_utc=as_of_utc)
    found = find_orders(state, window, now_utc)
    return [_order_truth(version) for version in found.versions if version.verbatim is None]


def _order_truth(version: OrderVersion) -> OrderTruth:
    document = version.document()
    proceeds = inner(document.fields.get("proceeds"))
    amount, currency = _money(_field(proceeds, "grandTotal"))
    return {
        "order_id": version.order_id,
        "last_updated_utc": exact_instant(version.updated_utc),
        "fulfillment_status": version.status,
        "grand_total_amount": amount,
        "currency_code": currency,
        "breakdowns": [
            (_text(entry, "type"), _text(entry, "status"), *_money(_field(entry, "subtotal")))
            for entry in _entries(_field(proceeds, "breakdowns"))
        ],
        "packages": [
            _text(package, "packageReferenceId") for package in _entries(inner(document.fields.get("packages")))
        ],
        "items": [_item_truth(item) for item in document.items],
    }


def _item_truth(item: dict[str, Raw]) -> ItemTruth:
    proceeds = inner(item.get("proceeds"))
    amount, currency = _money(_field(proceeds, "proceedsTotal"))
    identity, quantity = inner(item.get("orderItemId")), inner(item.get("quantityOrdered"))
    promotions = _entries(_field(inner(item.get("promotion")), "breakdowns"))
    return {
        "order_item_id": str(identity),
        "quantity_ordered": quantity if isinstance(quantity, int) else 0,
        "proceeds_total_amount": amount,
        "currency_code": currency,
        "breakdowns": [
            row for entry in _entries(_field(proceeds, "breakdowns")) for row in _breakdown_with_details(entry)
        ],
        "promotion_ids": [_text(promotion, "promotionId") for promotion in promotions],
    }


def _breakdown_with_details(entry: object) -> list[Breakdown]:
    kind = _text(entry, "type")
    details = _entries(_field(entry, "detailedBreakdowns"))
    return [(kind, None, *_money(_field(entry, "subtotal")))] + [
        (kind, _text(detail, "subtype"), *_money(_field(detail, "value"))) for detail in details
    ]


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: object, name: str) -> str | None:
    text = _field(value, name)
    return text if isinstance(text, str) else None


def _entries(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _money(value: object) -> tuple[str | None, str | None]:
    return _text(value, "amount"), _text(value, "currencyCode")
