"""The Selling Partner API of one region: who may call, how often, and which operation answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response

from include.fake_amazon.answers import amazon_answer, refused
from include.fake_amazon.errors import (
    NO_ACCESS,
    QUOTA_EXCEEDED,
    TOKEN_EXPIRED,
    TOKEN_INVALID,
    TOKEN_MISSING,
    TOKEN_REQUEST_HERE,
    RefusedError,
)
from include.fake_amazon.participations import marketplace_participations
from include.fake_amazon.search_orders import SearchOrders
from include.fake_amazon.world import ShopState, World

Operation = Callable[[ShopState, Iterable[tuple[str, str]]], object]


class SellingPartnerApi:
    """Answers every path below a region's prefix for one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._operations: dict[tuple[str, str], tuple[str, Operation]] = {
            ("GET", "orders/2026-01-01/orders"): ("searchOrders", SearchOrders(world)),
            ("GET", "sellers/v1/marketplaceParticipations"): (
                "getMarketplaceParticipations",
                lambda state, _: marketplace_participations(state),
            ),
        }

    def answer(self, region: str, request: Request) -> Response:
        """Answer one request to a region and count it."""
        name, operation = self._operations.get((request.method, request.path_params["path"]), ("unknown", None))
        shop_id = ""
        try:
            state = self._seller(region, request)
            shop_id = state.shop.shop_id
            if operation is None:
                raise RefusedError(NO_ACCESS)
            response = self._answer(name, operation, state, request)
        except RefusedError as error:
            response = refused(error.refusal)
        self._world.calls.count(name, shop_id, response.status_code)
        return response

    def _seller(self, region: str, request: Request) -> ShopState:
        token = request.headers.get("x-amz-access-token")
        if not token and request.path_params["path"] == "auth/o2/token":
            raise RefusedError(TOKEN_REQUEST_HERE)
        if not token:
            raise RefusedError(TOKEN_MISSING)
        claims = self._world.mint.read_access_token(token)
        if claims is None:
            raise RefusedError(TOKEN_INVALID)
        # A token of the application itself opens no seller's data.
        state = self._world.shops.get(claims.shop_id)
        generation = state.access_generation if state else claims.generation
        # Whether a revoked seller's token is refused before its hour ends is not known; here it works until then.
        if claims.is_expired(self._world.clock.now(), generation):
            raise RefusedError(TOKEN_EXPIRED)
        if state is None or state.shop.region != region:
            raise RefusedError(NO_ACCESS)
        return state

    def _answer(self, name: str, operation: Operation, state: ShopState, request: Request) -> Response:
        client_id = self._world.mint.application.client_id
        if not self._world.plans.take(client_id, state.shop.shop_id, name):
            return refused(QUOTA_EXCEEDED)
        limit = {"x-amzn-RateLimit-Limit": f"{self._world.plans.rate_per_s(name):.10g}"}
        try:
            return amazon_answer(operation(state, request.query_params.multi_items()), headers=limit)
        except RefusedError as error:
            # Amazon shows the limit with 200, 400 and 404 only.
            return refused(error.refusal, limit if error.refusal.status in (400, 404) else None)
