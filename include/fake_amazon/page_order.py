"""The disorder that users report of Amazon's pages: orders shown again, and orders in no order of time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from include.fake_amazon.dice import digest_number

_NO_TIME = datetime(2000, 1, 1, tzinfo=UTC)
SortKey = tuple[datetime, str]


class PageOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the pages of a shop follow each other.

    Attributes:
        repeat: How many orders of the page before each page shows again; less than a page of 100 holds.
        shuffled: Whether the orders come in an order that has nothing to do with time.
    """

    repeat: Annotated[int, msgspec.Meta(ge=0, lt=100)] = 0
    shuffled: bool = False

    def key(self, time_utc: datetime, order_id: str) -> SortKey:
        """What the orders of a window are sorted by: their time, then their id, or a digest of the id alone."""
        return (_NO_TIME, f"{digest_number('shuffled', order_id):032x}") if self.shuffled else (time_utc, order_id)

    def first_of_page(self, following: int, page_size: int) -> int:
        """The index a page begins at, given the one it should begin at; at least one of its orders is a new one."""
        return max(0, following - min(self.repeat, page_size - 1))


ORDERLY = PageOrder()
