"""All orders of one shop, generated, given and changed, and their state as of any instant."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec

from include.fake_amazon.documents import OrderDocument
from include.fake_amazon.generator import OrderGenerator, PlannedOrder
from include.fake_amazon.marketplaces import BY_COUNTRY
from include.fake_amazon.order_body import write_order
from include.fake_amazon.versions import OrderVersion, broken_version, newest_at

# Some 4 KB each; every order of the demonstration fits.
_WRITTEN_KEPT = 10_000


class WrittenOrders:
    """The texts of the generated orders written last, of all shops of a world."""

    def __init__(self) -> None:
        self._texts: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()

    def document(self, generator: OrderGenerator, order: PlannedOrder, step: int) -> OrderDocument:
        """An order as of one of its steps, written when it is not at hand."""
        key = (generator.shop.shop_id, order.order_id, step)
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = msgspec.json.encode(write_order(generator.seed, generator.shop, order, step))
            if len(self._texts) > _WRITTEN_KEPT:
                self._texts.popitem(last=False)
        return OrderDocument.of_json(text)


class OrderBook:
    """One shop's orders.

    Orders from files and from the control API are held here as lists of versions. A generated order that somebody
    changes moves here too: its planned steps up to the change are kept, the later ones no longer happen.

    Attributes:
        revision: Grows with every change; what was computed for an older revision is stale.
    """

    def __init__(self, generator: OrderGenerator, written: WrittenOrders) -> None:
        self.generator = generator
        self._written = written
        self.revision = 0
        self._held: dict[str, list[OrderVersion]] = {}
        self._broken: list[OrderVersion] = []
        self._by_update: list[tuple[datetime, str]] = []
        self._indexed_revision = -1

    def add(self, versions: Iterable[OrderVersion]) -> None:
        """Take in versions of orders; an order of the same instant as a held version replaces it."""
        for version in versions:
            held = self._held.setdefault(version.order_id, self._generated_versions(version.order_id))
            held[:] = [other for other in held if other.updated_utc != version.updated_utc]
            held.append(version)
            held.sort(key=lambda other: other.updated_utc)
        self.revision += 1

    def supersede(self, version: OrderVersion) -> None:
        """Make this the state of its order from its instant on: later versions are dropped, earlier ones stay."""
        versions = self._versions(version.order_id)
        earlier = [other for other in versions if other.updated_utc < version.updated_utc]
        self._held[version.order_id] = [*earlier, version]
        self.revision += 1

    def add_broken(self, text: str, at_utc: datetime, marketplace_id: str | None) -> None:
        """Take in a JSON text that is shown as it is from an instant on, and can be neither changed nor cancelled.

        Raises:
            ValueError: It is no JSON.
        """
        self._broken.append(broken_version(text, at_utc, marketplace_id, len(self._broken)))
        self.revision += 1

    def order_as_of(self, order_id: str, as_of_utc: datetime) -> OrderVersion | None:
        """One order's state at an instant, None when it did not exist."""
        return newest_at(self._versions(order_id), as_of_utc)

    def orders_as_of(
        self,
        as_of_utc: datetime,
        placed: tuple[datetime, datetime],
        updated: tuple[datetime, datetime] | None = None,
    ) -> Iterator[OrderVersion]:
        """The state of the orders at an instant.

        Bounds only save work: orders beyond them may be among the result.

        Args:
            as_of_utc: The instant.
            placed: Bounds of the orders' creation.
            updated: Bounds of a change, where one is looked for.
        """
        for order in self.generator.orders_between(placed[0].date(), placed[1].date()):
            step = order.step_at(as_of_utc)
            if step >= 0 and order.order_id not in self._held:
                yield self._generated_version(order, step)
        for order_id in self._changed_between(*updated) if updated else self._held:
            version = newest_at(self._held[order_id], as_of_utc)
            if version is not None:
                yield version
        yield from (version for version in self._broken if version.updated_utc <= as_of_utc)

    def _changed_between(self, start_utc: datetime, end_utc: datetime) -> Iterable[str]:
        """The held orders that changed between two instants, both included."""
        if self._indexed_revision != self.revision:
            self._by_update = sorted((v.updated_utc, order_id) for order_id, held in self._held.items() for v in held)
            self._indexed_revision = self.revision
        first = bisect_left(self._by_update, (start_utc, ""))
        last = bisect_left(self._by_update, (end_utc + timedelta(microseconds=1), ""))
        return dict.fromkeys(order_id for _, order_id in self._by_update[first:last])

    def _versions(self, order_id: str) -> list[OrderVersion]:
        return self._held.get(order_id) or self._generated_versions(order_id)

    def _generated_versions(self, order_id: str) -> list[OrderVersion]:
        order = self.generator.find(order_id)
        return [] if order is None else [self._generated_version(order, step) for step in range(len(order.steps))]

    def _generated_version(self, order: PlannedOrder, step: int) -> OrderVersion:
        return OrderVersion(
            order.order_id,
            order.created_utc,
            order.steps[step].at_utc,
            BY_COUNTRY[order.country_code].marketplace_id,
            order.steps[step].status,
            order.fulfilled_by,
            lambda: self._written.document(self.generator, order, step),
        )
