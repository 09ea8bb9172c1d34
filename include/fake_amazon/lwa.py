"""Login with Amazon's token endpoint, `POST /auth/o2/token`, one for all regions."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs

from starlette.responses import Response

from include.fake_amazon.answers import amazon_answer, lwa_refused
from include.fake_amazon.credentials import ACCESS_TOKEN_LIFE, FOREIGN
from include.fake_amazon.delivery import delivered, literal_answer
from include.fake_amazon.errors import (
    CLIENT_INVALID,
    CLIENT_UNAUTHORIZED,
    CODE_INVALID,
    GRANT_TYPE_UNSUPPORTED,
    REFRESH_TOKEN_INVALID,
    SCOPE_INVALID,
    LwaRefusal,
    parameter_missing,
)
from include.fake_amazon.world import World

_GRANTS = ("refresh_token", "authorization_code", "client_credentials")
_SCOPES = frozenset(
    {
        "sellingpartnerapi::notifications",
        "sellingpartnerapi::client_credential:rotation",
        "sellingpartnerapi::shipments:track",
    }
)
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class _LwaError(Exception):
    def __init__(self, refusal: LwaRefusal) -> None:
        self.refusal = refusal


def exchange(world: World, body: bytes) -> Response:
    """Answer a token request, given as form fields, and count it by grant and shop."""
    form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    grant = form.get("grant_type", "")
    operation = f"lwa.{grant if grant in _GRANTS else 'unknown'}"
    shop_id = _shop_of(world, form)
    fault = world.faults.take(operation, shop_id)
    if fault and fault.status is not None:
        return delivered(world, operation, shop_id, literal_answer(fault), fault)
    try:
        response = amazon_answer(_granted(world, form, grant), headers=_NO_STORE)
    except _LwaError as error:
        response = lwa_refused(error.refusal)
    return delivered(world, operation, shop_id, response, fault)


def _shop_of(world: World, form: dict[str, str]) -> str:
    claims = world.mint.read_refresh_token(form.get("refresh_token", ""))
    return claims.shop_id if claims else world.consents.shop_of(form.get("code", ""))


def _required(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise _LwaError(parameter_missing(name))
    return form[name]


def _granted(world: World, form: dict[str, str], grant: str) -> dict[str, object]:
    _required(form, "grant_type")
    if grant not in _GRANTS:
        raise _LwaError(GRANT_TYPE_UNSUPPORTED)
    application = world.mint.application
    sent = f"{_required(form, 'client_id')}\n{_required(form, 'client_secret')}"
    good = f"{application.client_id}\n{application.client_secret}"
    if world.client_secret_expired or not hmac.compare_digest(sent.encode(), good.encode()):
        raise _LwaError(CLIENT_INVALID)
    if grant == "refresh_token":
        return _refreshed(world, _required(form, "refresh_token"))
    if grant == "client_credentials":
        return _for_application(world, _required(form, "scope"))
    return _for_code(world, _required(form, "code"))


def _refreshed(world: World, refresh_token: str) -> dict[str, object]:
    claims = world.mint.read_refresh_token(refresh_token)
    state = world.shops.get(claims.shop_id) if claims else None
    if claims is None or state is None:
        raise _LwaError(REFRESH_TOKEN_INVALID)
    if claims.generation == FOREIGN:
        raise _LwaError(CLIENT_UNAUTHORIZED)
    now_utc = world.clock.now()
    # That an authorization past its 365 days is refused in the words of a revoked one is what users report, not
    # what Amazon documents.
    if claims.generation != state.generation or not state.is_authorized(now_utc):
        raise _LwaError(REFRESH_TOKEN_INVALID)
    access_token = world.mint.access_token(claims.shop_id, state.access_generation, now_utc)
    return {**_token(access_token), "refresh_token": refresh_token}


def _for_code(world: World, code: str) -> dict[str, object]:
    now_utc = world.clock.now()
    state = world.shops.get(world.consents.redeem(code, now_utc))
    if state is None or not state.is_authorized(now_utc):
        raise _LwaError(CODE_INVALID)
    shop_id = state.shop.shop_id
    access_token = world.mint.access_token(shop_id, state.access_generation, now_utc)
    return {**_token(access_token), "refresh_token": world.mint.refresh_token(shop_id, state.generation)}


def _for_application(world: World, scope: str) -> dict[str, object]:
    if scope not in _SCOPES:
        raise _LwaError(SCOPE_INVALID)
    return _token(world.mint.access_token("", 0, world.clock.now()))


def _token(access_token: str) -> dict[str, object]:
    life_s = int(ACCESS_TOKEN_LIFE.total_seconds())
    return {"access_token": access_token, "token_type": "bearer", "expires_in": life_s}
