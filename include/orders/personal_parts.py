"""The personal part of a page, order by order: what a seller with `personal_data: yes` asks for beyond the others.

Only what has a place in `amazon_pii` is taken: buyer, recipient, tax registrations, where Amazon documents them. The
page itself lands without anything personal, whoever's it is; see `personal_data`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from include.orders.personal_due import Term
from include.orders.records import Order
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.answers import UNREADABLE

PERSONAL_WORDS: Final = ("BUYER", "RECIPIENT", "TAX")


class PersonalPart(msgspec.Struct, rename="camel", omit_defaults=True):
    """What an order says of its buyer and its recipient, as Amazon wrote it; None where it says nothing."""

    buyer: Any = None
    recipient: Any = None
    tax_registrations: Any = None

    def __bool__(self) -> bool:
        """Whether it says anything."""
        return bool(self.buyer or self.recipient or self.tax_registrations)


class LandedPart(NamedTuple):
    """A part on its way to the tables, with how long it may stay: whoever deletes it knows its order no more."""

    part: PersonalPart
    term: Term


class _Page(msgspec.Struct):
    orders: list[msgspec.Raw]


class _Told(msgspec.Struct):
    buyer: Any = None
    recipient: Any = None
    tax: Any = None


_page = msgspec.json.Decoder(_Page)
_order = msgspec.json.Decoder(Order)
# No number here is an amount; one that is too large for a float is too large for PostgreSQL, and refused in time.
_told = msgspec.json.Decoder(_Told)
_parts = msgspec.json.Decoder(dict[str, LandedPart])
_write = msgspec.json.Encoder().encode


def included_data(seller: Seller, settings: Settings) -> tuple[str, ...]:
    """Return the `includedData` words that this seller's orders are asked with."""
    wanted = settings.included_data
    return (*wanted, *(word for word in PERSONAL_WORDS if seller.personal_data and word not in wanted))


def personal_parts(body: bytes) -> Iterator[tuple[Order, PersonalPart]]:
    """Yield the orders of a searchOrders answer that say something of a person, with what they say.

    An order that cannot be read is passed over: nobody could tell when its part is due.
    """
    for raw in _page.decode(body).orders:
        try:
            order, told = _order.decode(raw), _told.decode(raw)
        except UNREADABLE:
            continue
        registrations = told.tax.get("taxRegistrations") if isinstance(told.tax, dict) else None
        if part := PersonalPart(told.buyer, told.recipient, registrations):
            yield order, part


def write_parts(parts: Mapping[str, LandedPart]) -> bytes:
    """Write parts by order id, as `read_parts` reads them."""
    return _write(parts)


def read_parts(body: bytes) -> dict[str, LandedPart]:
    """Read what `write_parts` wrote."""
    return _parts.decode(body)
