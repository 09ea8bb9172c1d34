"""One call of an operation, as the operations get it: who asks, and what for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from include.fake_amazon.world import ShopState


class Call(NamedTuple):
    """A call that may be answered.

    Attributes:
        state: Of the seller who asks.
        query: The parameters, in order.
        id_: What stands in the path, "" where nothing does.
        body: As sent.
        base_url: Where the fake was reached, without a slash at its end.
    """

    state: ShopState
    query: Sequence[tuple[str, str]] = ()
    id_: str = ""
    body: bytes = b""
    base_url: str = ""
