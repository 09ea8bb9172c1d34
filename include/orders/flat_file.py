"""Reports of orders as text: lines in, orders with their totals out; columns are known by their names alone.

Files differ between regions and years, so that an unknown column is passed over and a missing one is empty. No column
tells two equal lines of one order apart: they stay two. What names a buyer's place leaves a file before it lands.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import IO, Any, Final

from include.clock import AMAZON_BEGAN, AMAZON_ENDS
from include.errors import ContractError
from include.sellers.regions import Region

OVER_RANGE: Final = "Date range exceeded"
PERSONAL: Final = ("ship-city", "ship-state", "ship-postal-code", "ship-country", "purchase-order-number", "buyer-")
ORDER_ID: Final = "amazon-order-id"
NEEDED: Final = (ORDER_ID, "last-updated-date", "purchase-date")
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
ROWS_AT_ONCE: Final = 5_000
# No quantity or amount is as large, and the warehouse's integers end soon after.
ABSURD: Final = 2_000_000_000


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


def without_personal_columns(lines: Iterable[str]) -> Iterator[str]:
    """Return a file's lines without the columns that tell where a buyer lives.

    Raises:
        ContractError: It is no report of orders; the message has its first words.
    """
    rows = (line.rstrip("\r\n").split("\t") for line in lines if line.strip())
    header = next(rows, [""])
    header[0] = header[0].lstrip("\ufeff")
    names = [name.strip() for name in header]
    if not set(NEEDED) <= set(names):
        begins = "\t".join(header)[:80]
        raise ContractError(f"A report of orders: the file begins with {begins!r} instead of its columns.")
    kept = [place for place, name in enumerate(names) if not name.startswith(PERSONAL)]
    for cells in chain([names], rows):
        yield "\t".join([cells[place] if place < len(cells) else "" for place in kept]) + "\n"


def read_flat_file(file: IO[bytes], region: Region) -> Iterator[list[ReportedOrder]]:
    """Read a file, some thousand rows at once; an order comes with its last line.

    Args:
        file: The file in UTF-8; read twice.
        region: Prices hold their tax but in North America, where it stands beside them.

    Raises:
        ContractError: A cell that must be an instant or a number is none; the message names column and order.
    """
    # Amazon promises no sequence, so the lines of one order may stand apart.
    ids = _read(file, columns=(ORDER_ID,))[ORDER_ID]
    several = ids[ids.duplicated(keep=False)]
    last_row: dict[str, int] = dict(zip(several, several.index, strict=True))
    held: dict[str, list[dict[str, str]]] = {}
    for rows in _read(file, columns=READ, chunksize=ROWS_AT_ONCE):
        orders = []
        for number, row in zip(rows.index, rows.to_dict("records"), strict=True):
            order_id = row[ORDER_ID]
            lines = held.pop(order_id, [])
            lines.append(row)
            if number < last_row.get(order_id, 0):
                held[order_id] = lines
            elif order_id:
                orders.append(_order(lines, region))
        yield orders


def _read(file: IO[bytes], columns: Collection[str], **options: Any) -> Any:
    # Half a second of imports, for those alone who catch up.
    import pandas  # noqa: PLC0415, ICN001

    file.seek(0)
    # What stands for a new line in a cell is part of the cell.
    wanted = {"lineterminator": "\n", "dtype": str, "keep_default_na": False, "usecols": lambda name: name in columns}
    return pandas.read_csv(file, sep="\t", quoting=csv.QUOTE_NONE, **wanted, **options)


def _order(rows: list[dict[str, str]], region: Region) -> ReportedOrder:
    first = rows[0]
    status = first.get("order-status", "")
    return ReportedOrder(
        order_id=first[ORDER_ID],
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
    if not amount.is_finite() or abs(amount) >= ABSURD:
        raise ContractError(f"A report of orders: {column} of {row[ORDER_ID][:40]} is no number.")
    return amount


def _instant(row: dict[str, str], column: str) -> datetime:
    try:
        instant = datetime.fromisoformat(row[column].strip())
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not AMAZON_BEGAN <= instant.year <= AMAZON_ENDS:
        raise ContractError(f"A report of orders: {column} of {row[ORDER_ID][:40]} is no instant.")
    return instant
