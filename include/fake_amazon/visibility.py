"""Which orders a seller's searchOrders can show, in the order it shows them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from include.fake_amazon.instants import years_before
from include.fake_amazon.lifecycle import LONGEST_LIFE
from include.fake_amazon.marketplaces import BY_ID
from include.fake_amazon.page_order import ORDERLY, PageOrder, SortKey
from include.fake_amazon.versions import OrderVersion
from include.fake_amazon.world import ShopState

_SINCE_2016 = datetime(2016, 1, 1, tzinfo=UTC)
_WINDOWS_KEPT = 256


class Window(NamedTuple):
    """What is looked for; both bounds belong to it.

    Attributes:
        by_creation: Whether the bounds are about the orders' creation, not their last update.
        as_of_utc: The instant whose state of the orders is shown.
    """

    start_utc: datetime
    end_utc: datetime
    by_creation: bool
    as_of_utc: datetime
    marketplace_ids: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    fulfilled_by: frozenset[str] = frozenset()

    def time_of(self, version: OrderVersion) -> datetime:
        """The time of an order that the bounds are about."""
        return version.created_utc if self.by_creation else version.updated_utc

    def placed(self) -> tuple[datetime, datetime]:
        """Between which instants the orders of this window can have been placed, with room to spare."""
        return self.start_utc if self.by_creation else self.start_utc - LONGEST_LIFE, self.end_utc

    def updated(self) -> tuple[datetime, datetime] | None:
        """Between which instants an order of this window changed, where the bounds are about that."""
        return None if self.by_creation else (self.start_utc, self.end_utc)

    def holds(self, version: OrderVersion) -> bool:
        """Whether the order lies within the bounds and passes the filters.

        An empty filter passes everything, and an order that names no marketplace passes that filter.
        """
        return (
            self.start_utc <= self.time_of(version) <= self.end_utc
            and (not self.marketplace_ids or version.marketplace_id in {None, *self.marketplace_ids})
            and (not self.statuses or version.status in self.statuses)
            and (not self.fulfilled_by or version.fulfilled_by in self.fulfilled_by)
        )


class Found(NamedTuple):
    """The orders of a window, sorted by `keys`: the time the window is about, then the order's id.

    A shop whose pages are shuffled has other keys, see `PageOrder`.
    """

    keys: list[SortKey]
    versions: list[OrderVersion]


def _is_kept(now_utc: datetime) -> Callable[[OrderVersion], bool]:
    two_years_ago = years_before(now_utc, 2)

    def is_kept(version: OrderVersion) -> bool:
        marketplace = BY_ID.get(version.marketplace_id or "")
        years_visible = marketplace.years_visible if marketplace else 2
        return version.created_utc >= (_SINCE_2016 if years_visible is None else two_years_ago)

    return is_kept


def is_shown(state: ShopState, version: OrderVersion, now_utc: datetime) -> bool:
    """Whether Amazon shows this seller that order at this time, whatever is asked for; see `find_orders`."""
    return version.marketplace_id in {None, *state.marketplace_ids} and _is_kept(now_utc)(version)


def find_orders(state: ShopState, window: Window, now_utc: datetime, page_order: PageOrder = ORDERLY) -> Found:
    """All orders of a window that Amazon shows this seller at this time.

    Orders older than two years are hidden, but for Japan, Australia and Singapore. So are orders of marketplaces in
    which the seller does not take part; an order that names no marketplace is shown.
    """
    own = {None, *state.marketplace_ids}
    is_kept = _is_kept(now_utc)
    found = [
        (page_order.key(window.time_of(version), version.order_id), version)
        for version in state.book.orders_as_of(window.as_of_utc, window.placed(), window.updated())
        if window.holds(version) and version.marketplace_id in own and is_kept(version)
    ]
    found.sort(key=lambda pair: pair[0])
    return Found([key for key, _ in found], [version for _, version in found])


class RecentWindows:
    """Remembers the last windows, so that a page costs no more than its own orders."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[object, ...], Found] = OrderedDict()

    def find(self, state: ShopState, window: Window, now_utc: datetime) -> Found:
        """As `find_orders`; an answer is used again while the shop has not changed, within the same UTC day."""
        shop_id, revision = state.shop.shop_id, state.book.revision
        key = (shop_id, revision, state.marketplace_ids, window, now_utc.date(), state.page_order.shuffled)
        if key not in self._found:
            self._found[key] = find_orders(state, window, now_utc, state.page_order)
            if len(self._found) > _WINDOWS_KEPT:
                self._found.popitem(last=False)
        return self._found[key]
