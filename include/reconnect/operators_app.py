"""The operators' page inside Airflow's UI, behind its login: how every seller stands, and what operators do about it.

Its routes are the rows of `ROUTES`, each with its guards. What reaches Airflow goes through its REST API, as from the
sellers' pages.
"""

from __future__ import annotations

import gzip
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any, Final
from urllib.parse import quote

from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from include.authorization import consent_state
from include.authorization.status import read_authorization, read_authorizations
from include.clock import utc_now
from include.consent import completion
from include.consent.means import Means, make_means
from include.errors import SellerOrdersError
from include.log_context import of_seller
from include.notifications.health import UNREACHABLE, Health, read_health
from include.notifications.incidents import close_incident, open_incident, open_incidents
from include.notifications.links import link_for, start_page_url
from include.notifications.lookout import WATCH
from include.notifications.meanings import INVITATION
from include.notifications.outbox import owe
from include.reconnect import guards
from include.reconnect.envelope import WithHeaders
from include.reconnect.one_read import OneRead
from include.reconnect.operator_pages import ROOT, TEMPLATES, overview_page, seller_page
from include.reconnect.overview import Overview, read_history, read_overviews
from include.reconnect.paused_dags import PausedDags
from include.reconnect.seller_list import ListPage, list_page
from include.sellers.registry import DAG_ID_PREFIX, Seller
from include.sellers.seller import CONNECTION_ID_PREFIX, DAG_TAG
from include.settings import load_consent_settings, load_notification_settings, load_settings
from include.warehouse.connection import CONNECT_TIMEOUT_S, Connection, connect, warehouse_errors

log = logging.getLogger(__name__)
TOKEN: Final = re.compile(r"[!-~]{1,4096}")
PAGE: Final = re.compile(r"[0-9]{1,4}")
# How old the list may be; a page of it takes longer to make than Airflow takes to let a reader in.
READ_FOR_S: Final = 2.0
ACTED: Final = "seller_orders_acted"
STATEMENT_TIMEOUT: Final = "2s"
HEALTH_WAITS_S: Final = 2
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; frame-ancestors 'self'; "
        "base-uri 'none'"
    ),
    # Not `no-referrer`: a form would be sent with the origin "null" then.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class _List:
    now_utc: datetime
    paused: frozenset[str]
    shown: ListPage
    overviews: Sequence[Overview]


class _Page:
    """What the routes answer."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._paused = PausedDags(lambda: means.airflow.dag_ids(DAG_TAG, paused=True))
        self._reads = OneRead(READ_FOR_S)

    async def sellers(
        self, request: Request, user: guards.User, q: str = "", status: str = "", page: str = "1", lang: str = "en"
    ) -> Response:
        # Whoever has just changed something sees it; everybody else may be shown what was read a moment ago.
        acted = ACTED in request.cookies
        readable = await self._reads.of(guards.who(user), lambda: frozenset(guards.readable_dag_ids(user)))
        # Nothing else decides what is on a page: those who may read the same DAGs may see the same one.
        asked_for = (readable, q[:80], status[:40], int(page) if PAGE.fullmatch(page) else 1)
        read = await self._reads.of(asked_for, lambda: self._list(*asked_for), anew=acted)
        language = _language(lang)
        key = (asked_for, read.now_utc, language)
        packed = await self._reads.of(key, lambda: _packed(read, language), anew=acted)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return HTMLResponse(gzip.decompress(packed))
        return HTMLResponse(packed, headers={"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})

    def _list(self, readable: frozenset[str], query: str, status: str, number: int) -> _List:
        sellers = {seller_id: s for seller_id, s in self._means.sellers().items() if s.dag_id in readable}
        now_utc, paused = self._means.now(), self._paused.now()
        with self._warehouse() as connection:
            standings = read_authorizations(connection)
            shown = list_page(sellers, standings, paused=paused, query=query, status=status, number=number)
            return _List(now_utc, paused, shown, read_overviews(connection, shown.sellers, standings, now_utc=now_utc))

    def seller(self, dag_id: str, user: guards.User, lang: str = "en") -> Response:
        seller = self._means.sellers().get(dag_id.removeprefix(DAG_ID_PREFIX))
        now_utc = self._means.now()
        if seller is None or seller.dag_id != dag_id:
            return HTMLResponse(seller_page(None, _language(lang), now_utc=now_utc))
        may_act = guards.may_act(user, seller.connection_id)
        with self._warehouse() as connection:
            standings = {seller.seller_id: read_authorization(connection, seller.seller_id)}
            (overview,) = read_overviews(connection, {seller.seller_id: seller}, standings, now_utc=now_utc)
            history = read_history(connection, seller.seller_id, in_full=may_act)
            waiting = [one for one in consent_state.waiting(connection) if one.seller_id == seller.seller_id]
            link = self._link(connection, seller) if may_act else ""
        page = seller_page(
            overview,
            _language(lang),
            now_utc=now_utc,
            paused=self._paused.now(),
            history=history,
            waiting=waiting if may_act else (),
            may_act=may_act,
            link=link,
        )
        return HTMLResponse(page)

    def go(self, connection_id: str) -> Response:
        seller = self._seller_of(connection_id)
        with self._warehouse() as connection:
            return RedirectResponse(self._link(connection, seller), 303)

    def invite(self, connection_id: str, lang: str = "en") -> Response:
        seller = self._seller_of(connection_id)
        if seller.authorization == "private":
            raise HTTPException(409, "A private application has no link to invite to.")
        now_utc = self._means.now()
        with self._warehouse() as connection, connection.transaction():
            for earlier in open_incidents(connection, seller.seller_id, INVITATION):
                close_incident(connection, earlier, now_utc=now_utc)
            incident, _ = open_incident(connection, seller.seller_id, INVITATION, now_utc=now_utc)
            owe(connection, incident.incident_id, "invitation", "seller", seller.contacts, now_utc=now_utc)
        self._send_soon(f"invited__{incident.incident_id}")
        return self._back(seller, lang)

    def paste(self, connection_id: str, user: guards.User, refresh_token: str = Form(), lang: str = "en") -> Response:
        seller = self._seller_of(connection_id)
        token = refresh_token.strip()
        if seller.authorization != "private" or not TOKEN.fullmatch(token):
            raise HTTPException(409, "Only a private application's token is pasted, and it is plain text.")
        with of_seller(seller.seller_id), self._warehouse() as connection:
            result = completion.keep_pasted(connection, seller, token, self._means, started_by=guards.name_of(user))
            log.info("consent %s: %s", result.consent_id, result.outcome)
        return self._back(seller, lang)

    def confirm(self, connection_id: str, consent_id: int, user: guards.User, lang: str = "en") -> Response:
        seller = self._seller_of(connection_id)
        with self._warehouse() as connection:
            self._require_waiting(connection, seller, consent_id)
            completion.confirm(connection, consent_id, self._means, by=guards.name_of(user))
        return self._back(seller, lang)

    def discard(self, connection_id: str, consent_id: int, user: guards.User, lang: str = "en") -> Response:
        seller = self._seller_of(connection_id)
        with self._warehouse() as connection:
            self._require_waiting(connection, seller, consent_id)
            completion.discard(connection, consent_id, self._means, by=guards.name_of(user))
        return self._back(seller, lang)

    async def health(self) -> Response:
        # Anybody may ask, and a crowd costs one connection.
        health: Health = await self._reads.of("health", self._look_at_health)
        return JSONResponse(health.facts, health.http_status)

    def _look_at_health(self) -> Health:
        try:
            with self._warehouse(connect_timeout_s=HEALTH_WAITS_S) as connection:
                connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")
                return read_health(connection, self._means.notifications, now_utc=self._means.now())
        except SellerOrdersError as error:
            log.warning("health: %s", type(error).__name__)
            return UNREACHABLE

    def style(self) -> Response:
        return Response((TEMPLATES / "style.css").read_bytes(), media_type="text/css")

    def script(self) -> Response:
        return Response((TEMPLATES / "page.js").read_bytes(), media_type="text/javascript")

    def _seller_of(self, connection_id: str) -> Seller:
        """The seller of a Connection; Airflow's guard lets ids pass that do not exist."""
        seller = self._means.sellers().get(connection_id.removeprefix(CONNECTION_ID_PREFIX))
        if seller is None or seller.connection_id != connection_id:
            raise HTTPException(404, "No seller has this Connection.")
        return seller

    def _require_waiting(self, connection: Connection, seller: Seller, consent_id: int) -> None:
        waiting = {one.consent_id: one.seller_id for one in consent_state.waiting(connection)}
        if waiting.get(consent_id) != seller.seller_id:
            raise HTTPException(404, "Nothing of this seller waits under that number.")

    def _link(self, connection: Connection, seller: Seller) -> str:
        link = link_for(read_authorization(connection, seller.seller_id), now_utc=self._means.now())
        return start_page_url(self._means.notifications, link)

    def _back(self, seller: Seller, lang: str) -> Response:
        answer = RedirectResponse(f"{ROOT}/seller/{seller.dag_id}?lang={_language(lang)}", 303)
        # In the browser, because another process of the server may answer its next request.
        answer.set_cookie(ACTED, "1", max_age=int(2 * READ_FOR_S), path=ROOT, httponly=True, samesite="lax")
        return answer

    def _send_soon(self, run_id: str) -> None:
        try:
            self._means.airflow.start_run(WATCH, run_id)
        except SellerOrdersError as trouble:
            log.warning("What is owed goes out with the next watch: %s", trouble)

    @contextmanager
    def _warehouse(self, connect_timeout_s: int = CONNECT_TIMEOUT_S) -> Iterator[Connection]:
        with warehouse_errors(), connect(self._means.settings.warehouse_dsn, connect_timeout_s) as connection:
            yield connection


@dataclass(frozen=True, slots=True)
class OperatorRoute:
    """A row of the table.

    Attributes:
        method: GET changes nothing.
        path: `connection_id` and `dag_id` are what Airflow's guards look for.
        guards: Who gets an answer; none only for what says nothing of anybody.
        answer: What answers.
    """

    method: str
    path: str
    guards: tuple[Any, ...]
    answer: Callable[[_Page], Callable[..., Response | Awaitable[Response]]]


ACTS: Final = (guards.OWN_PAGE, guards.MAY_ACT)
ROUTES: Final = (
    OperatorRoute("GET", "/", (guards.SIGNED_IN,), lambda page: page.sellers),
    OperatorRoute("GET", "/seller/{dag_id}", (guards.MAY_SEE,), lambda page: page.seller),
    OperatorRoute("GET", "/go/{connection_id}", (guards.MAY_ACT,), lambda page: page.go),
    OperatorRoute("POST", "/invite/{connection_id}", ACTS, lambda page: page.invite),
    OperatorRoute("POST", "/paste/{connection_id}", ACTS, lambda page: page.paste),
    OperatorRoute("POST", "/confirm/{connection_id}/{consent_id}", ACTS, lambda page: page.confirm),
    OperatorRoute("POST", "/discard/{connection_id}/{consent_id}", ACTS, lambda page: page.discard),
    OperatorRoute("GET", "/health", (), lambda page: page.health),
    OperatorRoute("GET", "/style.css", (), lambda page: page.style),
    OperatorRoute("GET", "/page.js", (), lambda page: page.script),
)


def create_app(means: Means | None = None) -> FastAPI:
    """Build the application from `ROUTES`."""
    page = _Page(
        means or make_means(load_settings(), load_notification_settings(), load_consent_settings(), now=utc_now)
    )
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for row in ROUTES:
        app.add_api_route(
            row.path, row.answer(page), methods=[row.method], dependencies=list(row.guards), response_model=None
        )

    app.add_middleware(WithHeaders, headers=HEADERS)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if error.status_code == 401 and request.method == "GET":
            here = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
            return RedirectResponse(f"/auth/login/?next={quote(here, safe='')}", 303)
        return HTMLResponse(f"<p>{error.status_code}: {escape(str(error.detail))}</p>", error.status_code)

    @app.exception_handler(RequestValidationError)
    async def unreadable(_: Request, __: RequestValidationError) -> Response:
        # FastAPI's own answer repeats what was sent, a token among it.
        return HTMLResponse("<p>422: a field is missing or unreadable.</p>", 422)

    @app.exception_handler(SellerOrdersError)
    async def trouble(_: Request, error: SellerOrdersError) -> Response:
        log.warning("The operators' page cannot answer: %s", error)
        return HTMLResponse("<p>503: the warehouse or a setting is in the way; the log says more.</p>", 503)

    return app


def _packed(read: _List, language: str) -> bytes:
    page = overview_page(read.overviews, language, now_utc=read.now_utc, paused=read.paused, shown=read.shown)
    return gzip.compress(page.encode(), compresslevel=5)


def _language(wanted: str) -> str:
    return "de" if wanted == "de" else "en"
