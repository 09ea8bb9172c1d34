"""The sellers' web application: `python -m include.reconnect.consent_app --host 127.0.0.1 --port 8092`.

Public and without a login: a signed link names the shop. Its routes are the rows of `ROUTES`, each with its guard.
Nothing it answers or logs holds a link, an id, a token or an error's text.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, cast

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from include.authorization.status import GOOD, Authorization, Status, read_authorization
from include.consent.means import Means, make_means
from include.errors import SellerOrdersError, SettingsError, TransportError
from include.listening import listen
from include.log_context import JsonLines
from include.notifications.health import UNREACHABLE, read_health
from include.notifications.links import StartLink, read_link
from include.reconnect.consent_way import ConsentWay
from include.reconnect.envelope import Envelope
from include.reconnect.one_read import OneRead
from include.reconnect.refusals import REFUSALS
from include.reconnect.start_page import OWN_FORMS, start_page
from include.reconnect.visitor import RateLimit, address_of
from include.reconnect.way_page import way_page
from include.sellers.registry import DAG_ID_PREFIX, MisconfiguredSeller, Seller, load_sellers
from include.sellers.seller import Language
from include.settings import load_consent_settings, load_notification_settings, load_settings
from include.settings.consent import LogFormat
from include.warehouse.connection import CONNECT_TIMEOUT_S, Connection, connect, warehouse_errors

log = logging.getLogger(__name__)
# Anybody may ask, so that a crowd must not take the warehouse's connections from the nightly runs.
WAREHOUSE_AT_ONCE: Final = 4
WAREHOUSE_TURN_S: Final = 2.0
# Fewer than the server has threads, so that slow ones leave room for the pages.
CALLBACKS_AT_ONCE: Final = 8
CALLBACK_TURN_S: Final = 5.0
# More than those that may wait for the two of them; beside Airflow's own, where the pages are mounted in its server.
THREADS: Final = 20
HEALTH_FOR_S: Final = 1.0
# Shorter than whoever watches waits for its answer.
HEALTH_WAITS_S: Final = 2
# A person begins one, and some more after mistakes.
LOGINS_AT_ONCE: Final = 15.0
LOGINS_PER_S: Final = 1 / 60
STATEMENT_TIMEOUT: Final = "2s"
Guard = Literal["public", "signed link", "signed link, own page", "own page", "state and cookie", "signed result"]
Form = dict[str, str]


class _Site:
    """What the routes answer; the sellers' file is read anew for each request, the settings are not."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._settings = means.settings
        self._notifications = means.notifications
        self._now = means.now
        self._way = ConsentWay(means)
        self._limit = RateLimit()
        self._logins = RateLimit(burst=LOGINS_AT_ONCE, rate_per_s=LOGINS_PER_S)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sellers-pages")
        self._health = OneRead(HEALTH_FOR_S, most=2, monotonic=lambda: self._now().timestamp())
        self._callback_turns = threading.BoundedSemaphore(CALLBACKS_AT_ONCE)
        self._warehouse_turns = threading.BoundedSemaphore(WAREHOUSE_AT_ONCE)

    def shop(self, request: Request, _: Form) -> Response:
        link, seller = self._seller(request)
        language = _language(request.query_params.get("lang"), seller)
        standing = self._standing(seller)
        if ended := self._ended(link, standing):
            return HTMLResponse(way_page(ended, language, facts={"shop": seller.name}))
        start_url = ""
        if self._way.is_possible(seller):
            start_url = f"{self._notifications.public_base_url}/start/{request.path_params['signed']}"
        page = start_page(
            seller, standing, self._notifications, language, start_url=start_url, is_first=link.purpose == "connect"
        )
        return HTMLResponse(page, headers={"Content-Security-Policy": OWN_FORMS} if start_url else None)

    def start(self, request: Request, form: Form) -> Response:
        link, seller = self._seller(request)
        language = _language(form.get("lang"), seller)
        with self._warehouse() as connection:
            if ended := self._ended(link, read_authorization(connection, seller.seller_id)):
                return HTMLResponse(way_page(ended, language, facts={"shop": seller.name}))
            if not self._way.is_possible(seller):
                raise HTTPException(404)
            return self._way.start(connection, seller, link, language)

    def callback(self, request: Request, _: Form) -> Response:
        if refused := self._way.refuse_impossible(request):
            return refused
        with self._warehouse() as connection:
            if refused := self._way.refuse_unknown(connection, request):
                return refused
        # Amazon is asked on the way, which takes longer than a turn of the crowd's.
        if not self._callback_turns.acquire(timeout=CALLBACK_TURN_S):
            raise TransportError("Too many come back from Amazon at once.")
        try:
            with warehouse_errors(), connect(self._settings.warehouse_dsn) as connection:
                return self._way.callback(connection, request)
        finally:
            self._callback_turns.release()

    def done(self, request: Request, _: Form) -> Response:
        stop = self._way.stop_of(request)
        with self._warehouse() as connection:
            return self._way.done(connection, *stop)

    def login_page(self, request: Request, _: Form) -> Response:
        return self._way.login_page(request)

    def login(self, _: Request, form: Form) -> Response:
        fields = self._way.login_fields(form)
        with self._warehouse() as connection:
            return self._way.login(connection, fields, "en" if form.get("lang") == "en" else "de")

    def is_too_much(self, row: GuardedRoute, request: Request) -> bool:
        """Tell whether an address asks more often than people do, or begins more logins than a person."""
        address = address_of(request, self._means.consent.trusted_proxies)
        # A login leaves a row, and only so many may be under way together: no one address shall use them up.
        return not self._limit.allows(address) or (row.name == "login" and not self._logins.allows(address))

    async def answer(self, row: GuardedRoute, request: Request, form: Form) -> Response:
        """Let a route answer in a thread of ours; who waits for one holds none of the server's around."""

        def answer() -> Response:
            return row.answer(self, request, form)

        if row.name != "health":
            return await asyncio.get_running_loop().run_in_executor(self._threads, answer)
        # Not counted by address, as monitors ask through everybody's proxy; so it is read once a second for all.
        told: Response = await self._health.of(request.method, answer)
        return Response(told.body, told.status_code, media_type=told.media_type)

    async def form_of(self, request: Request) -> Form:
        """Read a form that one of our own pages sent."""
        return await self._way.form_of(request)

    def health(self, _: Request, __: Form) -> Response:
        try:
            with self._warehouse(connect_timeout_s=HEALTH_WAITS_S) as connection:
                health = read_health(connection, self._notifications, now_utc=self._now())
        except SellerOrdersError as error:
            log.warning("health: %s", type(error).__name__)
            health = UNREACHABLE
        return JSONResponse(health.facts, health.http_status)

    def _seller(self, request: Request) -> tuple[StartLink, Seller]:
        link = read_link(self._notifications, request.path_params["signed"])
        if link is None:
            raise HTTPException(404)
        for seller in load_sellers(self._settings.sellers_file, dag_id=DAG_ID_PREFIX + link.seller_id):
            if isinstance(seller, MisconfiguredSeller):
                raise seller.to_error()
            return link, seller
        raise HTTPException(404)

    def _ended(self, link: StartLink, standing: Authorization | None) -> str:
        """Name the page of a link that has ended, "" of one that has not."""
        if standing and standing.generation > link.generation:
            # An earlier mail's link says nothing good of an authorization that has lapsed since.
            return "active" if standing.status in (*GOOD, Status.VERIFYING) else "too_old"
        return "too_old" if self._now() >= link.ends_utc else ""

    def _standing(self, seller: Seller) -> Authorization | None:
        try:
            with self._warehouse() as connection:
                return read_authorization(connection, seller.seller_id)
        except SellerOrdersError as error:
            log.warning("shop: the page goes out without its status, %s", type(error).__name__)
            return None

    @contextmanager
    def _warehouse(self, connect_timeout_s: int = CONNECT_TIMEOUT_S) -> Iterator[Connection]:
        if not self._warehouse_turns.acquire(timeout=WAREHOUSE_TURN_S):
            raise TransportError("Too many ask the warehouse at once.")
        try:
            with warehouse_errors(), connect(self._settings.warehouse_dsn, connect_timeout_s) as connection:
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
        guard: Who gets an answer: everybody, who holds what we signed, who sends a form of our own page, or who brings
            back the state that this browser was given.
        answer: What answers.
    """

    name: str
    path: str
    methods: tuple[str, ...]
    guard: Guard
    answer: Callable[[_Site, Request, Form], Response]


ROUTES: Final = (
    GuardedRoute("shop", "/shop/{signed}", ("GET",), "signed link", _Site.shop),
    GuardedRoute("start", "/start/{signed}", ("POST",), "signed link, own page", _Site.start),
    GuardedRoute("callback", "/callback", ("GET",), "state and cookie", _Site.callback),
    GuardedRoute("done", "/done/{signed}", ("GET",), "signed result", _Site.done),
    GuardedRoute("login page", "/login", ("GET",), "public", _Site.login_page),
    GuardedRoute("login", "/login", ("POST",), "own page", _Site.login),
    GuardedRoute("health", "/health", ("GET",), "public", _Site.health),
)


def create_app(means: Means) -> ASGIApp:
    """Build the application from `ROUTES`."""
    site = _Site(means)

    def endpoint(row: GuardedRoute) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            if row.name != "health" and site.is_too_much(row, request):
                raise HTTPException(429)
            form = await site.form_of(request) if request.method == "POST" else {}
            return await site.answer(row, request, form)

        return answer

    routes = [Route(row.path, endpoint(row), methods=list(row.methods), name=row.name) for row in ROUTES]
    app = Starlette(
        routes=routes,
        exception_handlers=REFUSALS,
    )
    # A redirect would repeat the address that a stranger's Host header names.
    app.router.redirect_slashes = False
    return Envelope(app, {route.endpoint: route.name for route in routes})


def _language(wanted: str | None, seller: Seller) -> Language:
    return cast("Language", wanted) if wanted in ("de", "en") else seller.language


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


def _start_log(log_format: LogFormat) -> None:
    lines = logging.StreamHandler()
    readable = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    lines.setFormatter(JsonLines() if log_format == "json" else readable)
    logging.basicConfig(level=logging.INFO, handlers=[lines])


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; 2 when a setting is missing or the port cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m include.reconnect.consent_app", description="The sellers' pages.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8092, help="(default %(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        settings, notifications, consent = load_settings(), load_notification_settings(), load_consent_settings()
        _start_log(consent.log_format)
        for name, value in (("SECRET_KEY", notifications.secret_key), ("WAREHOUSE_DSN", settings.warehouse_dsn)):
            if not value:
                raise SettingsError(f"{name} is not set.", remedy="The tasks in Airflow must have the same.")
        with listen(chosen.host, chosen.port) as listener:
            server = make_server(create_app(make_means(settings, notifications, consent)))
            # uvicorn repeats, once it has ended, the signal that ended it; here the second one finds nothing to do.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: setattr(server, "should_exit", True))
            if not (consent.application_id and consent.client_id and consent.client_secret):
                log.warning("AMAZON_APPLICATION_ID, AMAZON_CLIENT_ID, AMAZON_CLIENT_SECRET: not all set, so no button.")
            log.info("The sellers' pages answer on port %s of %s.", listener.getsockname()[1], chosen.host)
            server.run([listener])
    except (SettingsError, OSError, OverflowError) as error:
        parser.exit(2, f"The sellers' pages cannot start: {error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
