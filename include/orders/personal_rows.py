"""From an order's personal part to the rows of `amazon_pii`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from include.orders.personal_due import Term
from include.orders.personal_parts import PersonalPart
from include.orders.records import Order

_json = msgspec.json.Encoder().encode
# Whose tax registration is not the buyer's.
OTHERS: Final = ("MERCHANT", "MARKETPLACE")


class _Record(msgspec.Struct, rename="camel"):
    """The common shape: Amazon's camelCase outside, ours inside."""


class _Buyer(_Record):
    buyer_name: str | None = None
    buyer_email: str | None = None
    buyer_company_name: str | None = None
    buyer_purchase_order_number: str | None = None


class _Address(_Record):
    name: str | None = None
    company_name: str | None = None
    address_line_1: str | None = msgspec.field(default=None, name="addressLine1")
    address_line_2: str | None = msgspec.field(default=None, name="addressLine2")
    address_line_3: str | None = msgspec.field(default=None, name="addressLine3")
    city: str | None = None
    district_or_county: str | None = None
    state_or_region: str | None = None
    municipality: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone: str | None = None
    address_type: str | None = None
    extended_fields: dict[str, Any] | None = None


class _Recipient(_Record):
    delivery_address: _Address | None = None
    delivery_preference: dict[str, Any] | None = None


class BuyerRow(NamedTuple):
    """A row of `amazon_pii.buyers` as far as Amazon tells it; the columns' comments say what each holds."""

    seller_id: str
    order_id: str
    name: str | None
    email: str | None
    company_name: str | None
    purchase_order_number: str | None
    tax_registrations: str | None
    last_updated_utc: datetime
    extracted_utc: datetime
    delivered_utc: datetime | None
    delete_after_utc: datetime


class RecipientRow(NamedTuple):
    """A row of `amazon_pii.recipients` as far as Amazon tells it; the columns' comments say what each holds."""

    seller_id: str
    order_id: str
    name: str | None
    company_name: str | None
    address_line_1: str | None
    address_line_2: str | None
    address_line_3: str | None
    city: str | None
    district_or_county: str | None
    state_or_region: str | None
    municipality: str | None
    postal_code: str | None
    country_code: str | None
    phone: str | None
    address_type: str | None
    extended_fields: str | None
    delivery_preference: str | None
    last_updated_utc: datetime
    extracted_utc: datetime
    delivered_utc: datetime | None
    delete_after_utc: datetime


def buyer_row(seller_id: str, order: Order, part: PersonalPart, extracted_utc: datetime, term: Term) -> BuyerRow | None:
    """Make the buyer's row, None where the part tells nothing of one.

    Raises:
        ValidationError: msgspec's; the part is not of the documented shape. Its text names no value.
    """
    buyer = msgspec.convert(part.buyer or {}, _Buyer)
    registrations = [
        one
        for one in msgspec.convert(part.tax_registrations or [], list[dict[str, Any]])
        if one.get("entityType") not in OTHERS
    ]
    told = msgspec.structs.astuple(buyer)
    if not (any(told) or registrations):
        return None
    read = (order.last_updated_time, extracted_utc, *term)
    return BuyerRow._make((seller_id, order.order_id, *told, _text(registrations), *read))


def recipient_row(
    seller_id: str, order: Order, part: PersonalPart, extracted_utc: datetime, term: Term
) -> RecipientRow | None:
    """Make the recipient's row, None where the part tells nothing of one.

    Raises:
        ValidationError: msgspec's; the part is not of the documented shape. Its text names no value.
    """
    recipient = msgspec.convert(part.recipient or {}, _Recipient)
    *address, extended = msgspec.structs.astuple(recipient.delivery_address or _Address())
    if not (any(address) or extended or recipient.delivery_preference):
        return None
    told = (*address, _text(extended), _text(recipient.delivery_preference))
    return RecipientRow._make((seller_id, order.order_id, *told, order.last_updated_time, extracted_utc, *term))


def _text(document: Any) -> str | None:
    return _json(document).decode() if document else None
