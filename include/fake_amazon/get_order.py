"""getOrder, `GET /orders/2026-01-01/orders/{orderId}`: one order, as searchOrders would show it now."""

from __future__ import annotations

from include.fake_amazon.call import Call
from include.fake_amazon.errors import INVALID_INPUT, RESOURCE_NOT_FOUND, RefusedError
from include.fake_amazon.included_data import DATASETS
from include.fake_amazon.search_parameters import latest_end
from include.fake_amazon.visibility import is_shown
from include.fake_amazon.world import World


class GetOrder:
    """Answers getOrder for one world; an order appears as late as in searchOrders's index."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, call: Call) -> dict[str, object]:
        """One order.

        Raises:
            RefusedError: The seller has no such order, or a dataset is unknown.
        """
        words = [word for name, text in call.query if name == "includedData" for word in text.split(",") if word]
        if not DATASETS.issuperset(words):
            raise RefusedError(INVALID_INPUT)
        now_utc = self._world.clock.now()
        version = call.state.book.order_as_of(call.id_, latest_end(now_utc))
        if version is None or not is_shown(call.state, version, now_utc):
            raise RefusedError(RESOURCE_NOT_FOUND)
        return {"order": version.shown(frozenset(words))}
