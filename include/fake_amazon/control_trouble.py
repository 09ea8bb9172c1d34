"""The part of the control API that makes this Amazon misbehave. `client_trouble.py` speaks it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from starlette.requests import Request

from include.fake_amazon.changes import AddBrokenOrder, ChangeError, ClientSecretExpiry
from include.fake_amazon.faults import Fault
from include.fake_amazon.page_order import PageOrder
from include.fake_amazon.usage_plans import DOCUMENTED_PLANS, UsagePlan
from include.fake_amazon.world import World

Handler = Callable[[World, Request, bytes], object]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _BrokenBody(msgspec.Struct):
    document: str
    at_utc: Instant
    marketplace_id: str | None = None


class _UsagePlanBody(msgspec.Struct):
    rate_per_s: Annotated[float, msgspec.Meta(gt=0)]
    burst: Annotated[int, msgspec.Meta(ge=1)] | None = None


class _BucketBody(msgspec.Struct):
    tokens: Annotated[float, msgspec.Meta(ge=0)]


class _ReportsBody(msgspec.Struct):
    generation_s: Annotated[float, msgspec.Meta(ge=0)] | None = None
    fatal_text: str | None = None


def _add_fault(world: World, _: Request, body: bytes) -> object:
    fault = msgspec.json.decode(body, type=Fault)
    if fault.shop_id is not None:
        world.shop(fault.shop_id)
    world.faults.add(fault)
    return {}


def _faults(world: World, _: Request, __: bytes) -> object:
    return [
        {"operation": operation, "shop_id": shop_id, "count": count}
        for (operation, shop_id), count in world.faults.coming().items()
    ]


def _clear_faults(world: World, _: Request, __: bytes) -> object:
    world.faults.clear()
    return {}


def _client_secret(world: World, _: Request, body: bytes) -> object:
    wanted = msgspec.json.decode(body, type=ClientSecretExpiry)
    if wanted.expired != world.client_secret_expired:
        world.change(wanted)
    return {}


def _set_page_order(world: World, request: Request, body: bytes) -> object:
    world.shop(request.path_params["shop_id"]).page_order = msgspec.json.decode(body, type=PageOrder)
    return {}


def _add_broken_order(world: World, request: Request, body: bytes) -> object:
    wanted = msgspec.json.decode(body, type=_BrokenBody)
    shop_id, at_utc = request.path_params["shop_id"], wanted.at_utc.astimezone(UTC)
    world.change(AddBrokenOrder(shop_id, wanted.document, at_utc, wanted.marketplace_id))
    return {}


def _bucket_of(world: World, request: Request) -> tuple[str, str, str]:
    shop_id, operation = request.path_params["shop_id"], request.path_params["operation"]
    world.shop(shop_id)
    if operation not in DOCUMENTED_PLANS:
        raise ChangeError(f"{operation!r} has no usage plan; known are {', '.join(DOCUMENTED_PLANS)}.")
    return world.mint.application.client_id, shop_id, operation


def _set_usage_plan(world: World, request: Request, body: bytes) -> object:
    client_id, shop_id, operation = _bucket_of(world, request)
    wanted = msgspec.json.decode(body, type=_UsagePlanBody)
    burst = wanted.burst or world.plans.plan(shop_id, operation).burst
    world.plans.set_plan(client_id, shop_id, operation, UsagePlan(wanted.rate_per_s, burst))
    return {}


def _set_bucket(world: World, request: Request, body: bytes) -> object:
    world.plans.set_tokens(*_bucket_of(world, request), msgspec.json.decode(body, type=_BucketBody).tokens)
    return {}


def _set_reports(world: World, _: Request, body: bytes) -> object:
    wanted = msgspec.json.decode(body, type=_ReportsBody)
    if wanted.generation_s is not None:
        world.report_settings.generation_s = wanted.generation_s
    if wanted.fatal_text is not None:
        world.report_settings.fatal_texts.append(wanted.fatal_text)
    return {}


TROUBLE_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/control/faults", _add_fault),
    ("GET", "/control/faults", _faults),
    ("DELETE", "/control/faults", _clear_faults),
    ("PUT", "/control/client-secret", _client_secret),
    ("PUT", "/control/reports", _set_reports),
    ("PUT", "/control/shops/{shop_id}/page-order", _set_page_order),
    ("POST", "/control/shops/{shop_id}/broken-orders", _add_broken_order),
    ("PUT", "/control/shops/{shop_id}/usage-plans/{operation}", _set_usage_plan),
    ("PUT", "/control/shops/{shop_id}/buckets/{operation}", _set_bucket),
)
