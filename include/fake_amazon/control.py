"""The control API under `/control`: what tests and the demonstration do to this Amazon. `client.py` speaks it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Any

import msgspec
from msgspec import Raw
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from include.fake_amazon.answers import json_answer
from include.fake_amazon.changes import (
    AddOrders,
    Authorize,
    CancelOrder,
    ChangeError,
    EnsureShop,
    ExpireAccessTokens,
    RegisterApplication,
    Revoke,
    UpdateOrder,
)
from include.fake_amazon.control_trouble import TROUBLE_ROUTES, Handler, Instant
from include.fake_amazon.credentials import FOREIGN
from include.fake_amazon.instants import format_instant, parse_instant
from include.fake_amazon.truth import truth_of
from include.fake_amazon.world import World


class _ClockBody(msgspec.Struct):
    instant_utc: Instant | None = None
    frozen: bool = False


class _ExpireBody(msgspec.Struct):
    shop_id: str | None = None


class _OrdersBody(msgspec.Struct):
    orders: list[Raw]


class _UpdateBody(msgspec.Struct):
    at_utc: Instant | None = None
    changes: Raw = Raw()
    order: Raw = Raw()


class _CancelBody(msgspec.Struct):
    at_utc: Instant | None = None
    reason: str = "Cancelled on request"


def _clock(world: World, _: Request, __: bytes) -> object:
    clock = world.clock
    return {"now_utc": format_instant(clock.now()), "is_set": clock.is_set, "is_frozen": clock.is_frozen}


def _set_clock(world: World, request: Request, body: bytes) -> object:
    wanted = msgspec.json.decode(body, type=_ClockBody)
    world.clock.set(wanted.instant_utc and wanted.instant_utc.astimezone(UTC), frozen=wanted.frozen)
    return _clock(world, request, body)


def _application(world: World, _: Request, __: bytes) -> object:
    return world.mint.application


def _register(world: World, _: Request, body: bytes) -> object:
    wanted = msgspec.json.decode(body, type=RegisterApplication)
    if wanted != world.registered:
        world.change(wanted)
    return {}


def _shops(world: World, _: Request, __: bytes) -> object:
    now_utc = world.clock.now()
    return [
        {**msgspec.to_builtins(state.shop), "authorized": state.is_authorized(now_utc)}
        for state in world.shops.values()
    ]


def _ensure_shop(world: World, _: Request, body: bytes) -> object:
    fields = msgspec.json.decode(body, type=dict[str, Any])
    world.change(EnsureShop(fields))
    return world.shop(fields["shop_id"]).shop


def _authorize(world: World, request: Request, _: bytes) -> object:
    shop_id = request.path_params["shop_id"]
    now_utc = world.clock.now()
    if not world.shop(shop_id).is_authorized(now_utc):
        world.change(Authorize(shop_id, now_utc))
    state = world.shop(shop_id)
    return {
        "refresh_token": world.mint.refresh_token(shop_id, state.generation),
        "selling_partner_id": state.shop.selling_partner_id,
    }


def _foreign_token(world: World, request: Request, _: bytes) -> object:
    shop = world.shop(request.path_params["shop_id"]).shop
    return {"refresh_token": world.mint.refresh_token(shop.shop_id, FOREIGN)}


def _revoke(world: World, request: Request, _: bytes) -> object:
    world.change(Revoke(request.path_params["shop_id"]))
    return {}


def _expire(world: World, _: Request, body: bytes) -> object:
    world.change(ExpireAccessTokens(msgspec.json.decode(body, type=_ExpireBody).shop_id))
    return {}


def _add_orders(world: World, request: Request, body: bytes) -> object:
    orders = msgspec.json.decode(body, type=_OrdersBody).orders
    # One line of the journal each, so line breaks between values have to go.
    compact = [Raw(msgspec.json.format(bytes(order), indent=-1)) for order in orders]
    world.change(AddOrders(request.path_params["shop_id"], compact))
    return {"added": len(orders)}


def _update_order(world: World, request: Request, body: bytes) -> object:
    wanted = msgspec.json.decode(body, type=_UpdateBody)
    text = bytes(wanted.order) or bytes(wanted.changes)
    if not text.startswith(b"{"):
        raise ChangeError("Give either `changes`, a merge patch, or `order`, a full one.")
    path = request.path_params
    world.change(
        UpdateOrder(
            path["shop_id"],
            path["order_id"],
            Raw(msgspec.json.format(text, indent=-1)),
            (wanted.at_utc or world.clock.now()).astimezone(UTC),
            full=bool(bytes(wanted.order)),
        )
    )
    return {}


def _cancel_order(world: World, request: Request, body: bytes) -> object:
    wanted = msgspec.json.decode(body, type=_CancelBody)
    path = request.path_params
    at_utc = (wanted.at_utc or world.clock.now()).astimezone(UTC)
    world.change(CancelOrder(path["shop_id"], path["order_id"], at_utc, wanted.reason))
    return {}


def _truth(world: World, request: Request, _: bytes) -> object:
    query = request.query_params
    since = query.get("since_utc")
    as_of_utc = parse_instant(query.get("as_of_utc", ""))
    state = world.shop(request.path_params["shop_id"])
    return {"orders": truth_of(state, world.clock.now(), as_of_utc, parse_instant(since) if since else None)}


def _calls(world: World, _: Request, __: bytes) -> object:
    return [
        {"operation": operation, "shop_id": shop_id, "status": status, "count": count}
        for (operation, shop_id, status), count in world.calls.counts.items()
    ]


def _reset_calls(world: World, _: Request, __: bytes) -> object:
    world.calls.counts.clear()
    return {}


_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/control/clock", _clock),
    ("PUT", "/control/clock", _set_clock),
    ("GET", "/control/application", _application),
    ("PUT", "/control/application", _register),
    ("GET", "/control/shops", _shops),
    ("POST", "/control/shops", _ensure_shop),
    ("POST", "/control/shops/{shop_id}/authorize", _authorize),
    ("POST", "/control/shops/{shop_id}/foreign-token", _foreign_token),
    ("POST", "/control/shops/{shop_id}/revoke", _revoke),
    ("POST", "/control/expire-access-tokens", _expire),
    ("POST", "/control/shops/{shop_id}/orders", _add_orders),
    ("POST", "/control/shops/{shop_id}/orders/{order_id}/update", _update_order),
    ("POST", "/control/shops/{shop_id}/orders/{order_id}/cancel", _cancel_order),
    ("GET", "/control/shops/{shop_id}/truth", _truth),
    ("GET", "/control/calls", _calls),
    ("DELETE", "/control/calls", _reset_calls),
    *TROUBLE_ROUTES,
)


def control_routes(world: World) -> list[Route]:
    """The routes of the control API; a change that makes no sense answers 400 with one sentence."""
    return [Route(path, _endpoint(world, handler), methods=[method]) for method, path, handler in _ROUTES]


def _endpoint(world: World, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        try:
            return json_answer(handler(world, request, body))
        except ValueError as error:  # among them ChangeError and msgspec's own
            return json_answer({"error": str(error)}, 400)

    return endpoint
