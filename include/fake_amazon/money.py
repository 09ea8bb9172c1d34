"""Amounts in minor units, never floats, and the proceeds structure of Orders v2026-01-01 made from them.

Choices where Amazon's documentation is silent: a discount is a negative amount, so that the breakdowns of an item
always add up to its `proceedsTotal`; the items' totals add up to the order's `grandTotal`; tax, where a marketplace
has any, comes on top of the listed price.
"""

from __future__ import annotations

from typing import Any, NamedTuple

_WITHOUT_DECIMALS = frozenset({"JPY"})
_TYPES = ("ITEM", "SHIPPING", "GIFT_WRAP", "TAX", "DISCOUNT")


def amount_text(minor: int, currency_code: str) -> str:
    """Minor units as Amazon's decimal text: `-1999` is `-19.99`, in yen `-1999`."""
    if currency_code in _WITHOUT_DECIMALS:
        return str(minor)
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def money(minor: int, currency_code: str) -> dict[str, str]:
    """Amazon's `Money` object."""
    return {"amount": amount_text(minor, currency_code), "currencyCode": currency_code}


def share_half_up(minor: int, bps: int) -> int:
    """So many hundredths of a percent of an amount, rounded half up by magnitude."""
    share = (abs(minor) * bps + 5_000) // 10_000
    return share if minor >= 0 else -share


class Charges(NamedTuple):
    """What is charged for one order item, in minor units before tax; discounts as positive numbers."""

    item: int
    shipping: int = 0
    gift_wrap: int = 0
    item_discount: int = 0
    shipping_discount: int = 0


def charge_lines(charges: Charges, tax_bps: int) -> dict[str, dict[str, int]]:
    """Split charges into proceeds types and their subtypes; the sum of everything is what the seller receives."""
    net = {"ITEM": charges.item, "SHIPPING": charges.shipping, "GIFT_WRAP": charges.gift_wrap}
    discount = {"ITEM": -charges.item_discount, "SHIPPING": -charges.shipping_discount}
    tax = {subtype: share_half_up(minor, tax_bps) for subtype, minor in net.items()}
    tax["DISCOUNT"] = share_half_up(sum(discount.values()), tax_bps)
    lines = {kind: {"": minor} for kind, minor in net.items()} | {"TAX": tax, "DISCOUNT": discount}
    kept = {kind: {subtype: minor for subtype, minor in parts.items() if minor} for kind, parts in lines.items()}
    return {kind: kept[kind] for kind in _TYPES if kept[kind]}


def item_proceeds(lines: dict[str, dict[str, int]], currency_code: str) -> dict[str, Any]:
    """An order item's `proceeds` object; only TAX and DISCOUNT have finer breakdowns, as documented."""
    breakdowns = []
    for kind, parts in lines.items():
        entry: dict[str, Any] = {"type": kind, "subtotal": money(sum(parts.values()), currency_code)}
        if kind in ("TAX", "DISCOUNT"):
            entry["detailedBreakdowns"] = [
                {"subtype": subtype, "value": money(minor, currency_code)} for subtype, minor in parts.items()
            ]
        breakdowns.append(entry)
    return {"proceedsTotal": money(total_of(lines), currency_code), "breakdowns": breakdowns}


def order_proceeds(items: list[dict[str, dict[str, int]]], currency_code: str) -> dict[str, Any]:
    """An order's `proceeds` object, each type added up over the items."""
    breakdowns = [
        {"type": kind, "subtotal": money(subtotal, currency_code)}
        for kind in _TYPES
        if (subtotal := sum(sum(lines.get(kind, {}).values()) for lines in items))
    ]
    return {"grandTotal": money(sum(map(total_of, items)), currency_code), "breakdowns": breakdowns}


def total_of(lines: dict[str, dict[str, int]]) -> int:
    """What one item brings in all, in minor units."""
    return sum(sum(parts.values()) for parts in lines.values())
