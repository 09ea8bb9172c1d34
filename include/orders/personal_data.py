"""Nothing about a buyer is written anywhere: the paths that can hold personal data leave a page before it lands.

Most pages hold none, so the page is looked at first and rewritten only where something was found.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec

from include.errors import ContractError

# A key can be written with escapes (`\u0062uyer`), so a page with any escape of ASCII is read properly as well.
SUSPICIOUS = re.compile(rb'"(?:buyer|recipient|payment|taxRegistrations|giftMessage|customizedUrl)"|\\u00')
ORDER_PATHS = (("buyer",), ("recipient",), ("payment",), ("tax", "taxRegistrations"))
ITEM_PATHS = (("fulfillment", "packing", "giftOption", "giftMessage"), ("product", "customization", "customizedUrl"))

_read = msgspec.json.Decoder(float_hook=Decimal).decode
_write = msgspec.json.Encoder(decimal_format="number").encode


def remove_personal_data(body: bytes) -> bytes:
    """Return the page without buyers, recipients, payments, tax registrations, gift messages, customization URLs.

    Args:
        body: A searchOrders answer.

    Returns:
        The same bytes where nothing personal is on the page, else the page written anew, numbers kept to the digit.

    Raises:
        ContractError: The page is not JSON, so nobody can tell what is in it.
    """
    if not SUSPICIOUS.search(body):
        return body
    try:
        page = _read(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise ContractError(f"searchOrders: {problem}.") from None
    found = False
    for order in _mappings(page.get("orders") if isinstance(page, dict) else None):
        found |= sum(_remove(order, path) for path in ORDER_PATHS) > 0
        for item in _mappings(order.get("orderItems")):
            found |= sum(_remove(item, path) for path in ITEM_PATHS) > 0
    return _write(page) if found else body


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _remove(holder: dict[str, Any], path: tuple[str, ...]) -> bool:
    for step in path[:-1]:
        inner = holder.get(step)
        if not isinstance(inner, dict):
            return False
        holder = inner
    return holder.pop(path[-1], None) is not None
