"""The fake Amazon as one ASGI application: a prefix for each region, the token endpoint, the control API."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from include.fake_amazon import lwa
from include.fake_amazon.answers import json_answer
from include.fake_amazon.control import control_routes
from include.fake_amazon.instants import format_instant
from include.fake_amazon.marketplaces import REGIONS
from include.fake_amazon.reports import DOWNLOAD_PATH
from include.fake_amazon.seller_central import seller_central_app
from include.fake_amazon.spapi import SellingPartnerApi
from include.fake_amazon.world import World

SELLER_CENTRAL_DOMAIN = ".localhost"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_app(world: World) -> Starlette:
    """The application that serves a world.

    Every handler runs to its end on the event loop, one after the other, so the world needs no locks.
    """
    api = SellingPartnerApi(world)

    async def health(_: Request) -> Response:
        return json_answer({"status": "ok", "now_utc": format_instant(world.clock.now())})

    async def token(request: Request) -> Response:
        return lwa.exchange(world, await request.body())

    async def document(request: Request) -> Response:
        status, headers, body = api.reports.download(request.path_params["token"])
        return Response(body, status, headers)

    return Starlette(
        routes=[
            Route("/health", health, methods=["GET"]),
            Route("/auth/o2/token", token, methods=["POST"]),
            Route(f"/{DOWNLOAD_PATH}/{{token}}", document, methods=["GET"]),
            *(_region_route(name, api) for name in REGIONS),
            *control_routes(world),
        ],
        middleware=[Middleware(_NoBrowsers, pages=seller_central_app(world))],
    )


class _NoBrowsers:
    """Refuses what a web page sends: the control API needs no login, and any page in a person's browser reaches it.

    Seller Central is for browsers; it answers on hosts of its own, `*.localhost`, where nothing else does.

    A page on another site sends its origin along; one that made its own name point here sends that name as host.
    """

    def __init__(self, app: ASGIApp, pages: ASGIApp) -> None:
        self.app = app
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
        if host.endswith(SELLER_CENTRAL_DOMAIN):
            await self.pages(scope, receive, send)
        elif "origin" in headers or (host and host.strip("[]") not in _LOOPBACK):
            await json_answer({"message": "Not for browsers, and only on loopback."}, status=403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _region_route(region: str, api: SellingPartnerApi) -> Route:
    async def endpoint(request: Request) -> Response:
        return api.answer(region, request, await request.body())

    return Route(f"/{region}/{{path:path}}", endpoint, methods=_METHODS)
