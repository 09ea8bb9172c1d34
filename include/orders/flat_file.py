"""Reports of orders as text: lines in, orders with their totals out; columns are known by their names alone.

Files differ between regions and years, so that an unknown column is passed over and a missing one is empty. No column
tells two equal lines of one order apart: they stay two. What names a buyer's place leaves a file before it lands.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from include.errors import ContractError
from include.sellers.regions import Region

OVER_RANGE: Final = "Date range exceeded"
PERSONAL: Final = ("ship-city", "ship-state", "ship-postal-code", "ship-country", "purchase-order-number", "buyer-")
NEEDED: Final = ("amazon-order-id", "last-updated-date", "purchase-date")
# A report's words for what the Orders API calls fulfillmentStatus.
STATUSES: Final = {
    "Pending": "PENDING",
    "Unshipped": "UNSHIPPED",
    "Shipping": "PARTIALLY_SHIPPED",
    "PartiallyShipped": "PARTIALLY_SHIPPED",
    "Partially Shipped": "PARTIALLY_SHIPPED",
    "Shipped": "SHIPPED",
    "Cancelled": "CANCELLED",
    "Canceled": "CANCELLED",
    "Unfulfillable": "UNFULFILLABLE",
}
PRICES: Final = (("item-price", "item-tax"), ("shipping-price", "shipping-tax"), ("gift-wrap-price", "gift-wrap-tax"))
# The columns of `amazon.order_items` that they become.
AMOUNTS: Final = (
    "item_amount",
    "item_tax_amount",
    "shipping_amount",
    "shipping_tax_amount",
    "gift_wrap_amount",
    "gift_wrap_tax_amount",
    "discount_amount",
)
DISCOUNTS: Final = ("item-promotion-discount", "ship-promotion-discount")
READ: Final = frozenset(
    (*NEEDED, "order-status", "sales-channel", "product-name", "sku", "asin", "quantity", "currency", *DISCOUNTS)
).union(*PRICES)
ROWS_AT_ONCE: Final = 20_000


@dataclass(frozen=True, slots=True)
class ReportedLine:
    """One line of an order.

    Attributes:
        amounts: As `AMOUNTS` names them, net and taxes beside them; None where the order has no price yet.
        total_amount: Their sum, None where all are.
    """

    asin: str | None
    seller_sku: str | None
    title: str | None
    quantity: int
    amounts: tuple[Decimal | None, ...]
    total_amount: Decimal | None


@dataclass(frozen=True, slots=True)
class ReportedOrder:
    """An order as a report tells it.

    Attributes:
        status: In the Orders API's words where it is one of those, else as it stands.
        total_amount: Of all lines, None where none has a price.
    """

    order_id: str
    created_utc: datetime
    last_updated_utc: datetime
    status: str | None
    marketplace_name: str | None
    currency_code: str | None
    lines: tuple[ReportedLine, ...]

    @property
    def total_amount(self) -> Decimal | None:
        """What the lines sum up to."""
        amounts = [line.total_amount for line in self.lines if line.total_amount is not None]
        return sum(amounts, Decimal(0)) if amounts else None


def without_personal_columns(text: str) -> str:
    """Return a file without the columns that tell where a buyer lives.

    Raises:
        ContractError: It is no report of orders; the message has its first words.
    """
    header, *lines = text.split("\n")
    names = [name.strip() for name in header.lstrip("\ufeff").rstrip("\r").split("\t")]
    if not set(NEEDED) <= set(names):
        raise ContractError(f"A report of orders: the file begins with {header[:80]!r} instead of its columns.")
    kept = [place for place, name in enumerate(names) if not name.startswith(PERSONAL)]
    rows = (line.rstrip("\r").split("\t") for line in (header.lstrip("\ufeff"), *lines) if line.strip())
    cut = ("\t".join(cells[place] if place < len(cells) else "" for place in kept) for cells in rows)
    return "\n".join(cut) + "\n"


def read_flat_file(text: str, region: Region) -> Iterator[list[ReportedOrder]]:
    """Read a file, some thousand rows at once; an order's lines stand together.

    Args:
        text: The file.
        region: Prices hold their tax but in North America, where it stands beside them.

    Raises:
        ContractError: A cell that must be an instant or a number is none; the message names column and order.
    """
    # Half a second of imports, for those alone who catch up.
    import pandas  # noqa: PLC0415, ICN001

    frame = pandas.read_csv(
        io.StringIO(text), sep="\t", dtype=str, keep_default_na=False, quoting=3, usecols=lambda name: name in READ
    )
    # Amazon promises no sequence; sorted, an order's lines stand together.
    frame = frame.sort_values("amazon-order-id", kind="stable")
    held: list[dict[str, str]] = []
    for start in range(0, len(frame), ROWS_AT_ONCE):
        rows = held + frame[start : start + ROWS_AT_ONCE].to_dict("records")
        last = rows[-1]["amazon-order-id"]
        # The last order may go on in the next rows.
        held = [row for row in rows if row["amazon-order-id"] == last]
        yield _orders([row for row in rows if row["amazon-order-id"] != last], region)
    if held:
        yield _orders(held, region)


def _orders(rows: Sequence[dict[str, str]], region: Region) -> list[ReportedOrder]:
    by_id: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_id.setdefault(row["amazon-order-id"], []).append(row)
    return [_order(lines, region) for order_id, lines in by_id.items() if order_id]


def _order(rows: list[dict[str, str]], region: Region) -> ReportedOrder:
    first = rows[0]
    status = first.get("order-status", "")
    return ReportedOrder(
        order_id=first["amazon-order-id"],
        created_utc=_instant(first, "purchase-date"),
        last_updated_utc=max(_instant(row, "last-updated-date") for row in rows),
        status=STATUSES.get(status, status) or None,
        marketplace_name=first.get("sales-channel") or None,
        currency_code=next((row["currency"] for row in rows if row.get("currency")), None),
        lines=tuple(_line(row, region) for row in rows),
    )


def _line(row: dict[str, str], region: Region) -> ReportedLine:
    amounts: list[Decimal | None] = []
    for price_column, tax_column in PRICES:
        price, tax = _amount(row, price_column), _amount(row, tax_column)
        if price is not None and tax is not None and region != "na":
            price -= tax
        amounts += [price, tax]
    discounts = [abs(amount) for column in DISCOUNTS if (amount := _amount(row, column)) is not None]
    amounts.append(-sum(discounts, Decimal(0)) if discounts else None)
    known = [amount for amount in amounts if amount is not None]
    return ReportedLine(
        row.get("asin") or None,
        row.get("sku") or None,
        row.get("product-name") or None,
        int(_amount(row, "quantity") or 0),
        tuple(amounts),
        sum(known, Decimal(0)) if known else None,
    )


def _amount(row: dict[str, str], column: str) -> Decimal | None:
    text = row.get(column, "").strip()
    if not text:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ContractError(f"A report of orders: {column} of {row['amazon-order-id'][:40]} is no number.")
    return amount


def _instant(row: dict[str, str], column: str) -> datetime:
    try:
        instant = datetime.fromisoformat(row[column].strip())
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ContractError(f"A report of orders: {column} of {row['amazon-order-id'][:40]} is no instant.")
    return instant
