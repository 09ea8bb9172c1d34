"""The way through Amazon's page and back, as answers: start, callback, done, and Seller Central's own Re-Authorize.

What becomes of a consent is decided in `include.consent`; here are the words, the cookie and where to go next.
"""

from __future__ import annotations

import logging
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlsplit

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from include.authorization import consent_state
from include.authorization.consent_state import STATE_LIFE, Purpose
from include.authorization.consent_url import amazon_origins, consent_url, is_amazon_callback, login_return_url
from include.authorization.status import read_authorization
from include.consent.completion import receive
from include.consent.means import Means
from include.consent.outcome import Outcome
from include.errors import OtherBrowserError, StateExpiredError, StateUnknownError
from include.log_context import of_seller
from include.notifications.links import StartLink, link_for, start_page_url
from include.reconnect.start_page import OWN_FORMS
from include.reconnect.visitor import BrowserCookies, posts_from_own_page
from include.reconnect.way_page import way_page
from include.sellers.registry import Seller
from include.sellers.seller import Language
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)
DONE_SALT: Final = "done page"
MOST_FORM_BYTES: Final = 4096
MOST_STATE: Final = 2000
# On their way at once, all addresses together.
MOST_LOGINS: Final = 500
STOPS_OF_USED: Final = {
    "returned": "working",
    "kept": "working",
    "confirming": "confirming",
    "stored": "done",
    "done": "done",
}
# After these the seller begins again; the others need nothing more.
AGAIN: Final = (Outcome.WRONG_ACCOUNT, Outcome.CODE_EXPIRED, Outcome.AMAZON_AWAY)


class ConsentWay:
    """The answers of the way.

    Args:
        means: What it takes.
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self._base_url = means.notifications.public_base_url
        self._cookies = BrowserCookies(self._base_url)
        self._done = URLSafeTimedSerializer(
            [*means.notifications.old_secret_keys, means.notifications.secret_key], salt=DONE_SALT
        )

    def is_possible(self, seller: Seller) -> bool:
        """Tell whether there is a button: not for private applications, nor without an application of our own."""
        ours = self._means.consent
        return bool(ours.application_id and ours.client_id and ours.client_secret) and seller.authorization == "public"

    def start(self, connection: Connection, seller: Seller, link: StartLink, language: Language) -> Response:
        """Issue a state for this browser, and show the way on; nothing is redirected out of a form."""
        issued = consent_state.issue(
            connection,
            seller_id=seller.seller_id,
            purpose=Purpose(link.purpose),
            generation=link.generation,
            language=language,
            now_utc=self._means.now(),
        )
        address = consent_url(
            self._seller_central(seller),
            application_id=self._means.consent.application_id,
            state=issued.state,
            redirect_uri=self._redirect_uri(),
            is_draft=self._means.consent.is_draft,
        )
        answer = HTMLResponse(way_page("go_to_amazon", language, facts={"shop": seller.name}, go_to=address))
        self._cookies.give(answer, issued.state, issued.browser)
        return answer

    def refuse_impossible(self, request: Request) -> Response | None:
        """Answer whoever brings what cannot be a state of ours; None for all others. The warehouse is not asked."""
        is_possible = consent_state.could_be(request.query_params.get("state", ""))
        return None if is_possible else self._go_to("unknown_state", "", "")

    def refuse_unknown(self, connection: Connection, request: Request) -> Response | None:
        """Answer whoever brings a state that was never issued; None for all others."""
        language, _ = consent_state.language_of(connection, request.query_params.get("state", ""))
        return None if language else self._go_to("unknown_state", "", "")

    def callback(self, connection: Connection, request: Request) -> Response:
        """Take what Amazon brought, as far as it goes, and send on to a page whose address says nothing."""
        query = request.query_params
        state, code = query.get("state", ""), query.get("spapi_oauth_code", "")[:MOST_STATE]
        browser = self._cookies.take(request, state)
        language, seller_id = consent_state.language_of(connection, state)
        mine = consent_state.of_browser(connection, state, browser)
        # Whoever else has this address learns no shop and gets no link.
        named = mine.seller_id if mine and mine.purpose is not Purpose.LOGIN else ""
        if not code and language:
            return self._go_to("not_confirmed", named, language)
        try:
            consent = consent_state.consume(
                connection,
                state,
                browser,
                selling_partner_id=query.get("selling_partner_id", ""),
                now_utc=self._means.now(),
            )
        except StateUnknownError:
            # Read anew: whoever was quicker with the same address has moved it.
            mine = consent_state.of_browser(connection, state, browser)
            return self._go_to(STOPS_OF_USED.get(mine.step if mine else "", "unknown_state"), named, language)
        except StateExpiredError:
            return self._go_to("expired_state", named, language)
        except OtherBrowserError:
            # It is fresh and unused: who brings it here began it a few minutes ago, in the browser next door.
            return self._go_to("other_browser", seller_id, language)
        with of_seller(consent.seller_id):
            result = receive(connection, consent, code, self._means)
            log.info("consent %s: %s", result.consent_id, result.outcome)
        stop = "done_paused" if result.outcome is Outcome.DONE and result.paused else result.outcome.value
        if consent.purpose is Purpose.LOGIN:
            # Anybody can begin in Seller Central's name: what is said must not tell whom we know.
            named = next(iter(result.seller_ids), "") if result.outcome is Outcome.DONE else ""
            stop = stop if result.outcome is Outcome.DONE else "login_unsure"
        answer = self._go_to(stop, named, language)
        self._cookies.drop(answer, state)
        return answer

    def stop_of(self, request: Request) -> tuple[str, str, str]:
        """Return how a way ended, whose it was and in which language, as we signed it ten minutes ago at most.

        Raises:
            HTTPException: We did not (404).
        """
        try:
            payload: Any = self._done.loads(request.path_params["signed"], max_age=int(STATE_LIFE.total_seconds()))
            stop, seller_id, language = payload
        except (BadData, ValueError, TypeError):
            raise HTTPException(404) from None
        return stop, seller_id, language

    def done(self, connection: Connection, stop: str, seller_id: str, language: str) -> Response:
        """Show how a way ended; its address is for reading only."""
        seller = self._means.sellers().get(seller_id)
        facts = {"shop": seller.name if seller else "", "app": self._means.notifications.app_name}
        again = ""
        if seller:
            facts["central"] = urlsplit(self._seller_central(seller)).netloc
            standing = read_authorization(connection, seller.seller_id)
            again = start_page_url(self._means.notifications, link_for(standing, now_utc=self._means.now()))
        copy = again if stop == "other_browser" else ""
        begins_again = stop in (*AGAIN, "unknown_state", "expired_state", "not_confirmed")
        page = way_page(
            stop, cast("Language | None", language or None), facts=facts, go_to=again if begins_again else "", copy=copy
        )
        return HTMLResponse(page)

    def login_page(self, request: Request) -> Response:
        """Show a form to whoever comes from Seller Central; it is never told whether we know the account."""
        fields = self.login_fields(dict(request.query_params))
        language = _language(request)
        page = way_page(
            "login",
            language,
            facts={"app": self._means.notifications.app_name},
            post_to=f"{self._base_url}/login",
            hidden={**fields, "lang": language},
        )
        return HTMLResponse(page, headers={"Content-Security-Policy": OWN_FORMS})

    def login(self, connection: Connection, fields: dict[str, str], language: Language) -> Response:
        """Issue a state that is for whichever account comes back, and show the way back to Seller Central.

        Raises:
            HTTPException: More have begun than can be sellers (429): anybody can, and each leaves a row for a day.
        """
        if consent_state.count_begun_logins(connection, now_utc=self._means.now()) >= MOST_LOGINS:
            log.error(
                "Renewals begun in Seller Central: %d are under way, so no more begin; mailed links go on", MOST_LOGINS
            )
            raise HTTPException(429)
        issued = consent_state.issue(
            connection,
            seller_id="",
            purpose=Purpose.LOGIN,
            generation=0,
            language=language,
            now_utc=self._means.now(),
        )
        address = login_return_url(
            fields["amazon_callback_uri"],
            amazon_state=fields["amazon_state"],
            state=issued.state,
            redirect_uri=self._redirect_uri(),
            is_draft=fields["version"] == "beta",
        )
        answer = HTMLResponse(way_page("login_go", language, go_to=address))
        self._cookies.give(answer, issued.state, issued.browser)
        return answer

    async def form_of(self, request: Request) -> dict[str, str]:
        """Read a form that one of our own pages sent.

        Raises:
            HTTPException: It came from elsewhere (403), or is too long (413).
        """
        if not posts_from_own_page(request, self._base_url):
            raise HTTPException(403)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MOST_FORM_BYTES:
                raise HTTPException(413)
        return dict(parse_qsl(body.decode("utf-8", "replace")))

    def login_fields(self, given: dict[str, str]) -> dict[str, str]:
        """Return what Seller Central sends along.

        Raises:
            HTTPException: It was not Seller Central (400).
        """
        fields = {name: given.get(name, "") for name in ("amazon_callback_uri", "amazon_state", "version")}
        # A Seller Central of one's own is the fake's; it counts on this machine alone.
        is_local = urlsplit(self._base_url).hostname in ("127.0.0.1", "localhost", "::1")
        allowed = amazon_origins(self._means.settings.seller_central_url if is_local else "")
        is_amazon = is_amazon_callback(fields["amazon_callback_uri"], allowed_origins=allowed)
        if not is_amazon or not 0 < len(fields["amazon_state"]) <= MOST_STATE:
            raise HTTPException(400)
        return fields

    def _go_to(self, stop: str, seller_id: str, language: str) -> Response:
        return RedirectResponse(f"{self._base_url}/done/{self._done.dumps([stop, seller_id, language])}", 303)

    def _seller_central(self, seller: Seller) -> str:
        return self._means.settings.seller_central_url or seller.marketplaces[0].seller_central_url

    def _redirect_uri(self) -> str | None:
        return self._means.redirect_uri if self._means.consent.sends_redirect_uri else None


def _language(request: Request) -> Language:
    wanted = request.query_params.get("lang") or request.headers.get("accept-language", "de")
    return "de" if wanted.lower().startswith("de") else "en"
