"""Order ids that look like Amazon's, are unique across shops, and lead back to the day and place they came from.

A number made of shop, day and place on that day is scrambled by a multiplication that can be undone, so no two orders
share an id and none has to be searched for.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from include.fake_amazon.dice import digest_number

_ORDER_ID = re.compile(r"[0-9]{3}-[0-9]{7}-[0-9]{7}")
_FIRST_DAY = date(2016, 1, 1)
_SPACE = 10**17
_ITEM_SPACE = 10**14
_PLACES, _DAYS = 10**5, 10**4
# Coprime to ten, so multiplying by it is one-to-one within the space.
_FACTOR = 61_803_398_874_989_481
_SHIFT = 14_142_135_623_730_951
_INVERSE = pow(_FACTOR, -1, _SPACE)


def _shop_number(seed: int, shop_id: str) -> int:
    return digest_number("order ids", seed, shop_id) % (_SPACE // _PLACES // _DAYS)


def order_id_of(seed: int, shop_id: str, day: date, place: int) -> str:
    """The id of the shop's order at this place (from 0) of this UTC day."""
    number = (_shop_number(seed, shop_id) * _DAYS + (day - _FIRST_DAY).days) * _PLACES + place
    text = f"{(number * _FACTOR + _SHIFT) % _SPACE:017d}"
    return f"{text[:3]}-{text[3:10]}-{text[10:]}"


def _number_of(order_id: str) -> int:
    return (int(order_id.replace("-", "")) - _SHIFT) * _INVERSE % _SPACE


def day_and_place_of(seed: int, shop_id: str, order_id: str) -> tuple[date, int] | None:
    """Where an id comes from, or None when this shop's generator cannot have made it."""
    if not _ORDER_ID.fullmatch(order_id):
        return None
    rest, place = divmod(_number_of(order_id), _PLACES)
    shop_number, day_number = divmod(rest, _DAYS)
    if shop_number != _shop_number(seed, shop_id):
        return None
    return _FIRST_DAY + timedelta(days=day_number), place


def order_item_id_of(order_id: str, item_number: int) -> str:
    """Fourteen digits for an item (0 to 9), unique within the shop."""
    number = _number_of(order_id) % (_ITEM_SPACE // 10) * 10 + item_number
    return f"{(number * _FACTOR + _SHIFT) % _ITEM_SPACE:014d}"
