"""The Selling Partner API of one region: who may call, how often, and which operation answers."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from include.fake_amazon.answers import amazon_answer, refused
from include.fake_amazon.call import Call
from include.fake_amazon.credentials import AccessClaims
from include.fake_amazon.delivery import delivered, literal_answer
from include.fake_amazon.errors import (
    CLIENT_SECRET_EXPIRED,
    NO_ACCESS,
    QUOTA_EXCEEDED,
    TOKEN_EXPIRED,
    TOKEN_INVALID,
    TOKEN_MISSING,
    TOKEN_REQUEST_HERE,
    RefusedError,
)
from include.fake_amazon.get_order import GetOrder
from include.fake_amazon.participations import marketplace_participations
from include.fake_amazon.reports import Reports
from include.fake_amazon.search_orders import SearchOrders
from include.fake_amazon.usage_plans import DOCUMENTED_PLANS
from include.fake_amazon.world import ShopState, World

Operation = Callable[[Call], object]


class SellingPartnerApi:
    """Answers every path below a region's prefix for one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.reports = Reports(world)
        # `{}` stands for an id.
        self._operations: dict[tuple[str, str], tuple[str, Operation]] = {
            ("GET", "orders/2026-01-01/orders"): ("searchOrders", SearchOrders(world)),
            ("GET", "orders/2026-01-01/orders/{}"): ("getOrder", GetOrder(world)),
            ("GET", "sellers/v1/marketplaceParticipations"): (
                "getMarketplaceParticipations",
                lambda call: marketplace_participations(call.state),
            ),
            ("POST", "reports/2021-06-30/reports"): ("createReport", self.reports.create),
            ("GET", "reports/2021-06-30/reports/{}"): ("getReport", self.reports.get),
            ("GET", "reports/2021-06-30/documents/{}"): ("getReportDocument", self.reports.document),
        }

    def answer(self, region: str, request: Request, body: bytes) -> Response:
        """Answer one request to a region and count it."""
        name, operation, id_ = self._operation(request.method, request.path_params["path"])
        claims = self._world.mint.read_access_token(request.headers.get("x-amz-access-token", ""))
        told = claims.shop_id if claims else ""
        fault = self._world.faults.take(name, told)
        if fault and fault.status is not None:
            self._use_quota(name, told, fault.status)
            return delivered(self._world, name, told, literal_answer(fault), fault)
        shop_id = ""
        try:
            state = self._seller(region, request, claims)
            shop_id = state.shop.shop_id
            if operation is None:
                raise RefusedError(NO_ACCESS)
            base_url = f"{request.url.scheme}://{request.url.netloc}"
            call = Call(state, request.query_params.multi_items(), id_, body, base_url)
            response = self._answer(name, operation, call)
        except RefusedError as error:
            response = refused(error.refusal)
        return delivered(self._world, name, shop_id, response, fault)

    def _operation(self, method: str, path: str) -> tuple[str, Operation | None, str]:
        if found := self._operations.get((method, path)):
            return *found, ""
        parent, _, id_ = path.rpartition("/")
        found = self._operations.get((method, f"{parent}/{{}}"))
        return (*found, id_) if found and id_ else ("unknown", None, "")

    def _use_quota(self, name: str, shop_id: str, status: int) -> None:
        """A literal answer costs a token as every call does; one that says 429 is true of the bucket too."""
        if name not in DOCUMENTED_PLANS:
            return
        client_id = self._world.mint.application.client_id
        self._world.plans.take(client_id, shop_id, name)
        if status == QUOTA_EXCEEDED.status:
            self._world.plans.set_tokens(client_id, shop_id, name, 0)

    def _seller(self, region: str, request: Request, claims: AccessClaims | None) -> ShopState:
        token = request.headers.get("x-amz-access-token")
        if not token and request.path_params["path"] == "auth/o2/token":
            raise RefusedError(TOKEN_REQUEST_HERE)
        if not token:
            raise RefusedError(TOKEN_MISSING)
        if claims is None:
            raise RefusedError(TOKEN_INVALID)
        # Users report every call refused, also with a token that would have been good for a while.
        if self._world.client_secret_expired:
            raise RefusedError(CLIENT_SECRET_EXPIRED)
        # A token of the application itself opens no seller's data.
        state = self._world.shops.get(claims.shop_id)
        generation = state.access_generation if state else claims.generation
        # Whether a revoked seller's token is refused before its hour ends is not known; here it works until then.
        if claims.is_expired(self._world.clock.now(), generation):
            raise RefusedError(TOKEN_EXPIRED)
        if state is None or state.shop.region != region:
            raise RefusedError(NO_ACCESS)
        return state

    def _answer(self, name: str, operation: Operation, call: Call) -> Response:
        client_id, shop_id = self._world.mint.application.client_id, call.state.shop.shop_id
        if not self._world.plans.take(client_id, shop_id, name):
            return refused(QUOTA_EXCEEDED)
        limit = {"x-amzn-RateLimit-Limit": f"{self._world.plans.plan(shop_id, name).rate_per_s:.10g}"}
        try:
            return amazon_answer(operation(call), 202 if name == "createReport" else 200, headers=limit)
        except RefusedError as error:
            # Amazon shows the limit with 200, 400 and 404 only.
            return refused(error.refusal, limit if error.refusal.status in (400, 404) else None)
