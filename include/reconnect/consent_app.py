"""The sellers' web application: `python -m include.reconnect.consent_app --host 127.0.0.1 --port 8092`.

Public and without a login: a signed link names the shop. Its routes are the rows of `ROUTES`, each with its guard.
Nothing it answers or logs holds a link, an id, a token or an error's text.
"""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final, Literal, cast

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from include.authorization.status import Authorization, read_authorization
from include.clock import Now, utc_now
from include.errors import SellerOrdersError, SettingsError, TransportError
from include.notifications.links import seller_of_link
from include.notifications.lookout import silent_for
from include.reconnect.envelope import Envelope
from include.reconnect.start_page import notice_page, start_page
from include.sellers.registry import DAG_ID_PREFIX, MisconfiguredSeller, Seller, load_sellers
from include.sellers.seller import Language
from include.settings import NotificationSettings, Settings, load_notification_settings, load_settings
from include.warehouse.connection import Connection, connect, warehouse_errors

log = logging.getLogger(__name__)
# Anybody may ask, so that a crowd must not take the warehouse's connections from the nightly runs.
WAREHOUSE_AT_ONCE: Final = 4
WAREHOUSE_TURN_S: Final = 2.0
STATEMENT_TIMEOUT: Final = "2s"
Guard = Literal["public", "signed link"]


class _Site:
    """What the routes answer; the sellers' file is read anew for each request, the settings are not."""

    def __init__(self, settings: Settings, notifications: NotificationSettings, now: Now) -> None:
        self._settings = settings
        self._notifications = notifications
        self._now = now
        self._warehouse_turns = threading.BoundedSemaphore(WAREHOUSE_AT_ONCE)

    def shop(self, request: Request) -> Response:
        seller = self._seller(request)
        wanted = request.query_params.get("lang")
        language = cast("Language", wanted) if wanted in ("de", "en") else seller.language
        return HTMLResponse(start_page(seller, self._standing(seller), self._notifications, language))

    def health(self, _: Request) -> Response:
        try:
            with self._warehouse() as connection:
                silent = silent_for(connection, now_utc=self._now())
        except SellerOrdersError as error:
            log.warning("health: %s", type(error).__name__)
            return JSONResponse({"status": "warehouse_unreachable"}, 503)
        ran_s_ago = None if silent is None else max(0, int(silent.total_seconds()))
        is_ok = silent is not None and silent < timedelta(minutes=self._notifications.silent_after_minutes)
        answer = {"status": "ok" if is_ok else "silent", "watch_ran_s_ago": ran_s_ago}
        return JSONResponse(answer, 200 if is_ok else 503)

    def _seller(self, request: Request) -> Seller:
        seller_id = seller_of_link(self._notifications, request.path_params["signed"])
        if seller_id is None:
            raise HTTPException(404)
        for seller in load_sellers(self._settings.sellers_file, dag_id=DAG_ID_PREFIX + seller_id):
            if isinstance(seller, MisconfiguredSeller):
                raise seller.to_error()
            return seller
        raise HTTPException(404)

    def _standing(self, seller: Seller) -> Authorization | None:
        try:
            with self._warehouse() as connection:
                return read_authorization(connection, seller.seller_id)
        except SellerOrdersError as error:
            log.warning("shop: the page goes out without its status, %s", type(error).__name__)
            return None

    @contextmanager
    def _warehouse(self) -> Iterator[Connection]:
        if not self._warehouse_turns.acquire(timeout=WAREHOUSE_TURN_S):
            raise TransportError("Too many ask the warehouse at once.")
        try:
            with warehouse_errors(), connect(self._settings.warehouse_dsn) as connection:
                connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
                yield connection
        finally:
            self._warehouse_turns.release()


@dataclass(frozen=True, slots=True)
class GuardedRoute:
    """A row of the table.

    Attributes:
        name: What the log calls it.
        path: As Starlette reads it.
        methods: GET includes HEAD.
        guard: Who gets an answer: everybody, or who holds a link that we signed.
        answer: What answers.
    """

    name: str
    path: str
    methods: tuple[str, ...]
    guard: Guard
    answer: Callable[[_Site, Request], Response]


ROUTES: Final = (
    GuardedRoute("shop", "/shop/{signed}", ("GET",), "signed link", _Site.shop),
    GuardedRoute("health", "/health", ("GET",), "public", _Site.health),
)


def create_app(settings: Settings, notifications: NotificationSettings, *, now: Now = utc_now) -> ASGIApp:
    """Build the application from `ROUTES`."""
    site = _Site(settings, notifications, now)

    def endpoint(row: GuardedRoute) -> Callable[[Request], Response]:
        return lambda request: row.answer(site, request)

    routes = [Route(row.path, endpoint(row), methods=list(row.methods), name=row.name) for row in ROUTES]
    app = Starlette(
        routes=routes,
        exception_handlers={HTTPException: _refusal, SettingsError: _unusable_sellers, 500: _defect},
    )
    # A redirect would repeat the address that a stranger's Host header names.
    app.router.redirect_slashes = False
    return Envelope(app, {route.endpoint: route.name for route in routes})


def _refusal(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return HTMLResponse(notice_page("nothing_here"), 404)
    return PlainTextResponse(HTTPStatus(status).phrase, status, headers=getattr(error, "headers", None))


def _unusable_sellers(_: Request, __: Exception) -> Response:
    log.error("The sellers' file, or the entry of a seller who asks, is not usable: see `python -m include.sellers`.")
    return HTMLResponse(notice_page("trouble"), 503)


def _defect(_: Request, __: Exception) -> Response:
    return HTMLResponse(notice_page("trouble"), 500)


def make_server(app: ASGIApp) -> uvicorn.Server:
    """A uvicorn server that logs no request by itself: their addresses are signed links."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
        )
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 2 when a setting is missing or the port cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m include.reconnect.consent_app", description="The sellers' pages.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8092, help="(default %(default)s)")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings, notifications = load_settings(), load_notification_settings()
        for name, value in (("SECRET_KEY", notifications.secret_key), ("WAREHOUSE_DSN", settings.warehouse_dsn)):
            if not value:
                raise SettingsError(f"{name} is not set.", remedy="The tasks in Airflow must have the same.")
        family = socket.AF_INET6 if ":" in chosen.host else socket.AF_INET
        with socket.create_server((chosen.host, chosen.port), family=family) as listener:
            server = make_server(create_app(settings, notifications))
            # uvicorn repeats, once it has ended, the signal that ended it; here the second one finds nothing to do.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: setattr(server, "should_exit", True))
            log.info("The sellers' pages answer on port %s of %s.", listener.getsockname()[1], chosen.host)
            server.run([listener])
    except (SettingsError, OSError, OverflowError) as error:
        parser.exit(2, f"The sellers' pages cannot start: {error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
