"""From a landed page to orders; one that cannot be read is set aside with its place and reason, never its content."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from include.errors import ContractError
from include.orders.records import Order
from include.spapi.answers import UNREADABLE, keepable

# What msgspec appends to its messages, such as " - at `$.orderItems[0].proceeds`"; a document that is no JSON has none.
AT_PATH = re.compile(r"(.*) - at `\$(.*)`", re.DOTALL)
ORDER_ID = re.compile(r"[\w-]{1,40}")


class _Page(msgspec.Struct):
    orders: list[Order]


class _RawPage(msgspec.Struct):
    orders: list[msgspec.Raw]


_page = msgspec.json.Decoder(_Page)
_raw_page = msgspec.json.Decoder(_RawPage)
_order = msgspec.json.Decoder(Order)
_anything = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Rejected:
    """An order that could not be read.

    Attributes:
        order_index: Its place on the page, from 0.
        order_id: Amazon's id of it, None where that is not readable either.
        json_path: What could not be read, from the page's root.
        reason: What was expected there.
    """

    order_index: int
    order_id: str | None
    json_path: str
    reason: str


def read_orders(body: bytes) -> tuple[list[Order], list[Rejected]]:
    """Read the orders of a landed page, in Amazon's sequence, and tell which could not be read.

    Raises:
        ContractError: The page as a whole is not as Amazon documents it; the message names the JSON path, never the
            value.
    """
    text = _as_text(body)
    try:
        # One pass for the ordinary page; only a page with something unreadable is taken apart.
        return _page.decode(text).orders, []
    except UNREADABLE:
        return _read_one_by_one(text)


def _as_text(body: bytes) -> bytes:
    try:
        return keepable(body)
    except UNREADABLE as problem:
        raise _spoilt(problem) from None


def _read_one_by_one(text: bytes) -> tuple[list[Order], list[Rejected]]:
    try:
        raw_orders = _raw_page.decode(text).orders
    except UNREADABLE as problem:
        raise _spoilt(problem) from None
    orders: list[Order] = []
    rejected: list[Rejected] = []
    for index, raw in enumerate(raw_orders):
        try:
            orders.append(_order.decode(raw))
        except UNREADABLE as problem:
            rejected.append(_rejected(index, raw, problem))
    return orders, rejected


def _rejected(index: int, raw: msgspec.Raw, problem: Exception) -> Rejected:
    found = AT_PATH.fullmatch(str(problem))
    reason, path = (found[1], found[2]) if found else (str(problem) or type(problem).__name__, "")
    return Rejected(index, _order_id(raw), f"$.orders[{index}]{path}", reason)


def _order_id(raw: msgspec.Raw) -> str | None:
    try:
        order_id = _anything.decode(raw).get("orderId")
    except UNREADABLE:
        return None
    return order_id if isinstance(order_id, str) and ORDER_ID.fullmatch(order_id) else None


def _spoilt(problem: Exception) -> ContractError:
    return ContractError(f"searchOrders: {problem}.", remedy="The page stays landed; nothing of it loads.")
