"""searchOrders, `GET /orders/2026-01-01/orders`: windows of orders, page by page."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime

from include.fake_amazon.call import Call
from include.fake_amazon.instants import format_instant
from include.fake_amazon.pagination import PagePosition, digest_of, read_token, write_token
from include.fake_amazon.search_parameters import SearchParameters, latest_end, read_parameters
from include.fake_amazon.visibility import RecentWindows, Window
from include.fake_amazon.world import World


class SearchOrders:
    """Answers searchOrders for one world.

    A window over last updates shows the orders' state as of its end, a window over creation their state two minutes
    before its first page was asked for; both stay frozen from page to page (see `world`).
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._windows = RecentWindows()

    def __call__(self, call: Call) -> dict[str, object]:
        """One page.

        Raises:
            RefusedError: A rule of the model is broken.
        """
        state, now_utc = call.state, self._world.clock.now()
        parameters = read_parameters(call.query, state.shop.region, now_utc)
        # Positions in one order mean nothing in another.
        bound_to = digest_of(state.shop.shop_id, (parameters.bound(), state.page_order.shuffled))
        position = None
        if parameters.token is not None:
            position = read_token(self._world.mint, parameters.token, bound_to, now_utc)
        window = _window(parameters, position, latest_end(now_utc))
        found = self._windows.find(state, window, now_utc)
        following = bisect_right(found.keys, (position.last_utc, position.last_order_id)) if position else 0
        first = state.page_order.first_of_page(following, parameters.page_size)
        last = first + parameters.page_size
        page: dict[str, object] = {
            "orders": [version.shown(parameters.included) for version in found.versions[first:last]]
        }
        if last < len(found.keys):
            stand = PagePosition(bound_to, window.end_utc, window.as_of_utc, *found.keys[last - 1], now_utc)
            page["pagination"] = {"nextToken": write_token(self._world.mint, stand)}
        page["createdBefore" if window.by_creation else "lastUpdatedBefore"] = format_instant(window.end_utc)
        return page


def _window(parameters: SearchParameters, position: PagePosition | None, latest_utc: datetime) -> Window:
    if position:
        end_utc, as_of_utc = position.end_utc, position.as_of_utc
    else:
        end_utc = parameters.before_utc or latest_utc
        as_of_utc = latest_utc if parameters.by_creation else end_utc
    return Window(
        parameters.after_utc,
        end_utc,
        parameters.by_creation,
        as_of_utc,
        parameters.marketplace_ids,
        parameters.statuses,
        parameters.fulfilled_by,
    )
