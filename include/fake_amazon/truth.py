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


class ItemTruth(TypedDict):
    """One order item; amount and currency are None where the item has no proceeds."""

    order_item_id: str
    quantity_ordered: int
    proceeds_total_amount: str | None
    currency_code: str | None


class OrderTruth(TypedDict):
    """One order; amount and currency are None where the order has no proceeds."""

    order_id: str
    last_updated_utc: str
    grand_total_amount: str | None
    currency_code: str | None
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
    return [_order_truth(version) for version in find_orders(state, window, now_utc).versions]


def _order_truth(version: OrderVersion) -> OrderTruth:
    document = version.document()
    amount, currency = _total(document.fields.get("proceeds"), "grandTotal")
    return {
        "order_id": version.order_id,
        "last_updated_utc": exact_instant(version.updated_utc),
        "grand_total_amount": amount,
        "currency_code": currency,
        "items": [_item_truth(item) for item in document.items],
    }


def _item_truth(item: dict[str, Raw]) -> ItemTruth:
    amount, currency = _total(item.get("proceeds"), "proceedsTotal")
    identity, quantity = inner(item.get("orderItemId")), inner(item.get("quantityOrdered"))
    return {
        "order_item_id": str(identity),
        "quantity_ordered": quantity if isinstance(quantity, int) else 0,
        "proceeds_total_amount": amount,
        "currency_code": currency,
    }


def _total(proceeds: Raw | None, total: str) -> tuple[str | None, str | None]:
    money = inner(proceeds, total)
    if not isinstance(money, dict):
        return None, None
    amount, currency = money.get("amount"), money.get("currencyCode")
    return (
        amount if isinstance(amount, str) else None,
        currency if isinstance(currency, str) else None,
    )
