"""An order as JSON that is never reinterpreted: fields keep their order, numbers their text, unknown ones their place.

Only the first two levels (order, order item) are taken apart, because `includedData` chooses among them; everything
below stays the bytes it was.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from msgspec import Raw

from include.fake_amazon.included_data import ITEM_DATASETS, ORDER_DATASETS

RawObject = dict[str, Raw]

_object = msgspec.json.Decoder(RawObject)
_objects = msgspec.json.Decoder(list[RawObject])
_encode = msgspec.json.Encoder().encode


class OrderDocument:
    """One version of an order: its fields and, taken apart once more, its items."""

    __slots__ = ("fields", "items")

    def __init__(self, fields: RawObject, items: list[RawObject]) -> None:
        self.fields = fields
        self.items = items

    @classmethod
    def of_json(cls, text: bytes | Raw) -> OrderDocument:
        """Take an order's JSON apart; it must be an object with a list of objects in `orderItems`."""
        fields = _object.decode(text)
        return cls(fields, _objects.decode(fields["orderItems"]))

    def selected(self, included: Collection[str]) -> dict[str, object]:
        """The order as searchOrders shows it when these datasets are asked for."""
        order: dict[str, object] = {
            field: value
            for field, value in self.fields.items()
            if (dataset := ORDER_DATASETS.get(field)) is None or dataset in included
        }
        # Assigning to a present key keeps its place.
        order["orderItems"] = [
            {
                field: value
                for field, value in item.items()
                if (dataset := ITEM_DATASETS.get(field)) is None or dataset in included
            }
            for item in self.items
        ]
        return order


def raw(value: object) -> Raw:
    """A value as raw JSON."""
    return Raw(_encode(value))


def merged(base: Raw, patch: Raw) -> Raw:
    """Apply a JSON merge patch (RFC 7386) without touching what it does not name: null removes, objects merge."""
    if not bytes(patch).lstrip().startswith(b"{"):
        return patch
    result = _object.decode(base) if bytes(base).lstrip().startswith(b"{") else {}
    for field, value in _object.decode(patch).items():
        if bytes(value).strip() == b"null":
            result.pop(field, None)
        else:
            result[field] = merged(result.get(field, Raw(b"null")), value)
    return Raw(_encode(result))


def inner(value: Raw | None, *path: str) -> object:
    """The value at a path of fields inside raw JSON, or None where the path ends early or leads through no object."""
    for field in path:
        if value is None or not bytes(value).lstrip().startswith(b"{"):
            return None
        value = _object.decode(value).get(field)
    return None if value is None else msgspec.json.decode(value)
