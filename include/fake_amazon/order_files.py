"""Orders given from outside: checked as far as Amazon's model requires fields, otherwise kept as they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Raw

from include.fake_amazon.documents import OrderDocument, RawObject, inner
from include.fake_amazon.instants import parse_instant
from include.fake_amazon.versions import OrderVersion

_object = msgspec.json.Decoder(RawObject)
_objects = msgspec.json.Decoder(list[RawObject])
_ORDER_FIELDS = ("orderId", "createdTime", "lastUpdatedTime", "salesChannel", "orderItems")
_ITEM_FIELDS: dict[str, tuple[type, str]] = {
    "orderItemId": (str, "a text"),
    "quantityOrdered": (int, "a whole number"),
    "product": (dict, "an object"),
}


class OrderError(ValueError):
    """A given order lacks what Amazon's model requires; the message names the field."""


class OrderFileError(ValueError):
    """A file of orders cannot be used; the message names file, line and what is wrong."""


def read_order(text: bytes | Raw) -> OrderVersion:
    """Check one order and prepare it.

    The text is kept but for the white space between its values, so that it fits a line of a journal.

    Raises:
        OrderError: It is no JSON object, or a required field is missing or of another type.
    """
    try:
        compact = msgspec.json.format(bytes(text), indent=-1)
        fields = _object.decode(compact)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OrderError(f"is no JSON object: {error}") from error
    for field in _ORDER_FIELDS:
        if field not in fields:
            raise OrderError(f"{field} is missing")
    if not isinstance(_value(fields, "orderId"), str) or not _value(fields, "orderId"):
        raise OrderError("orderId is no text")
    if not isinstance(_value(fields, "salesChannel"), dict):
        raise OrderError("salesChannel is no object")
    try:
        items = _objects.decode(fields["orderItems"])
    except msgspec.DecodeError as error:
        raise OrderError("orderItems is no list of objects") from error
    for place, item in enumerate(items):
        _check_item(item, f"orderItems[{place}]")
    return _version(fields, compact)


def _check_item(item: RawObject, where: str) -> None:
    for field, (expected, words) in _ITEM_FIELDS.items():
        if field not in item:
            raise OrderError(f"{where}.{field} is missing")
        value = _value(item, field)
        if not isinstance(value, expected) or isinstance(value, bool):
            raise OrderError(f"{where}.{field} is not {words}")


def _value(fields: RawObject, field: str) -> object:
    return msgspec.json.decode(fields[field])


def _instant(fields: RawObject, field: str) -> datetime:
    text = _value(fields, field)
    try:
        return parse_instant(str(text))
    except ValueError as error:
        raise OrderError(f"{field} is {text!r}; expected an instant such as 2026-10-05T08:13:44Z") from error


def _version(fields: RawObject, text: bytes) -> OrderVersion:
    texts = [
        inner(fields.get("salesChannel"), "marketplaceId"),
        inner(fields.get("fulfillment"), "fulfillmentStatus"),
        inner(fields.get("fulfillment"), "fulfilledBy"),
    ]
    marketplace_id, status, fulfilled_by = (text if isinstance(text, str) else None for text in texts)
    return OrderVersion(
        order_id=str(_value(fields, "orderId")),
        created_utc=_instant(fields, "createdTime"),
        updated_utc=_instant(fields, "lastUpdatedTime"),
        marketplace_id=marketplace_id,
        status=status,
        fulfilled_by=fulfilled_by,
        # Kept as text, a third of the size of a document taken apart.
        document=lambda: OrderDocument.of_json(text),
    )


def read_order_file(path: Path) -> Iterator[OrderVersion]:
    """The orders of an NDJSON file, one a line, empty lines skipped.

    Raises:
        OrderFileError: The file cannot be read, or a line is no order.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    yield read_order(line)
                except OrderError as error:
                    raise OrderFileError(f"{path}, line {number}: {error}.") from error
    except OSError as error:
        raise OrderFileError(f"{path} cannot be read: {error.strerror}.") from error
