"""Nothing about a buyer is written anywhere: the paths that can hold personal data leave a page before it lands.

Most pages hold none, so the page is looked at first and rewritten only where something personal may be.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec

from include.errors import ContractError

# A key can be written with escapes (`\u0062uyer`), so a page with any escape of ASCII is rewritten as well. Rewriting
# is also what undoes a key that stands twice: the reader keeps the last, the page would keep both.
SUSPICIOUS = re.compile(rb'"(?:buyer|recipient|payment|taxRegistrations|giftMessage|customizedUrl)"|\\u00')
Paths = tuple[tuple[str, ...], ...]
ORDER_PATHS: Paths = (("buyer",), ("recipient",), ("payment",), ("tax", "taxRegistrations"))
ITEM_PATHS: Paths = (
    ("fulfillment", "packing", "giftOption", "giftMessage"),
    ("product", "customization", "customizedUrl"),
)

_read = msgspec.json.Decoder(float_hook=Decimal).decode
_write = msgspec.json.Encoder(decimal_format="number").encode


def remove_personal_data(body: bytes) -> bytes:
    """Return the page without buyers, recipients, payments, tax registrations, gift messages, customization URLs.

    Args:
        body: A searchOrders answer.

    Returns:
        The same bytes where nothing on the page looks personal, else the page written anew, numbers to the digit.

    Raises:
        ContractError: The page is not JSON, so nobody can tell what is in it.
    """
    if not SUSPICIOUS.search(body):
        return body
    try:
        page = _read(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise ContractError(f"searchOrders: {problem}.") from None
    for order in _mappings(page.get("orders") if isinstance(page, dict) else None):
        _remove(order, ORDER_PATHS)
        for item in _mappings(order.get("orderItems")):
            _remove(item, ITEM_PATHS)
    return _write(page)


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _remove(whole: dict[str, Any], paths: Paths) -> None:
    for *steps, last in paths:
        holder: Any = whole
        for step in steps:
            holder = holder.get(step) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder.pop(last, None)
