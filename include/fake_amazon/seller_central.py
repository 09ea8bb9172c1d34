"""The fake's Seller Central on `sellercentral.localhost`: sign in, give a consent, manage applications.

Another site than the product on 127.0.0.1, so that a browser treats cookies as in life. Sessions are signed by the
world; passwords are not checked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from include.fake_amazon.changes import Consented, Revoke
from include.fake_amazon.seller_central_pages import Words, app_table, consent_form, page, sign_in_form
from include.fake_amazon.world import AUTHORIZATION_LIFE, ShopState, World

COOKIE = "seller-central"
CONFIRM_PATH = "/apps/authorize/confirm/{application_id}"
CONSENT_FIELDS = ("application_id", "state", "redirect_uri", "version")
Form = dict[str, str]
Handler = Callable[["_SellerCentral", Request, Form], Response]


class _SellerCentral:
    """Every page, for the sellers of one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def sign_in_page(self, request: Request, _: Form) -> Response:
        return self._sign_in(request, request.query_params.get("then", "/"))

    def sign_in(self, _: Request, form: Form) -> Response:
        state = self._shop_of_account(form.get("account", ""))
        then = form.get("then", "/")
        answer = _to(then if then.startswith("/") and not then.startswith(("//", "/\\")) else "/")
        signed = self._world.mint.signed(state.shop.shop_id.encode())
        answer.set_cookie(COOKIE, signed, httponly=True, samesite="lax")
        return answer

    def sign_out(self, _: Request, __: Form) -> Response:
        answer = _to("/signin")
        answer.delete_cookie(COOKIE)
        return answer

    def home(self, request: Request, _: Form) -> Response:
        words = self._words(request)
        body = f'<p><a href="/apps/manage">{words["manage"]}</a></p>'
        return self._page(request, "home", body)

    def consent_page(self, request: Request, _: Form) -> Response:
        fields = {name: request.query_params.get(name, "") for name in CONSENT_FIELDS}
        self._check(fields)
        if self._signed_in(request) is None:
            return self._sign_in(request, f"{request.url.path}?{request.url.query}")
        return self._page(request, "consent", consent_form(self._words(request), fields, is_unticked=False))

    def consent(self, request: Request, form: Form) -> Response:
        fields = {name: form.get(name, "") for name in CONSENT_FIELDS}
        redirect_uri = self._check(fields)
        state = self._signed_in(request)
        if state is None:
            return self._sign_in(request, f"/apps/authorize/consent?{urlencode(fields)}")
        if form.get("do") != "confirm":
            # That an application hears of a cancelled consent is documented nowhere.
            return _to("/")
        if not form.get("agree"):
            return self._page(request, "consent", consent_form(self._words(request), fields, is_unticked=True))
        return self._give(state, redirect_uri, fields["state"])

    def manage(self, request: Request, _: Form) -> Response:
        state = self._signed_in(request)
        if state is None:
            return self._sign_in(request, "/apps/manage")
        words, registered = self._words(request), self._world.registered
        if not state.generation:
            return self._page(request, "manage", f"<p>{words['unlisted']}</p>")
        is_active = state.is_authorized(self._world.clock.now())
        facts = [("status", words.plain("active" if is_active else "deactivated"))]
        if state.authorized_utc:
            facts.append(("since", f"{state.authorized_utc:%Y-%m-%d}"))
            facts.append(("until", f"{state.authorized_utc + AUTHORIZATION_LIFE:%Y-%m-%d}"))
        actions = [("reauthorize" if is_active else "enable", "reauthorize", "/apps/reauthorize")]
        if is_active:
            actions.append(("deactivate", "deactivate", "/apps/deactivate"))
        return self._page(request, "manage", app_table(words, registered.name, facts, actions))

    def deactivate(self, request: Request, _: Form) -> Response:
        if state := self._signed_in(request):
            self._world.change(Revoke(state.shop.shop_id))
        return _to("/apps/manage")

    def reauthorize(self, request: Request, _: Form) -> Response:
        state = self._signed_in(request)
        if state is None:
            return self._sign_in(request, "/apps/manage")
        if not self._world.registered.login_uri:
            raise HTTPException(400, "MD9100")
        origin = f"{request.url.scheme}://{request.url.netloc}"
        application_id = self._world.mint.application.application_id
        query = {
            "amazon_callback_uri": origin + CONFIRM_PATH.format(application_id=application_id),
            "amazon_state": self._world.consents.leave_for_login(state.shop.shop_id),
            "selling_partner_id": state.shop.selling_partner_id,
        } | ({"version": "beta"} if self._world.registered.is_draft else {})
        words = self._words(request)
        link = escape(f"{self._world.registered.login_uri}?{urlencode(query)}")
        body = f'<p>{words["wants"]}</p><p><a id="login-to-app" href="{link}">{words["login"]}</a></p>'
        return self._page(request, "reauthorize", body)

    def confirm(self, request: Request, _: Form) -> Response:
        query = request.query_params
        fields = {name: query.get(name, "") for name in ("state", "redirect_uri", "version")}
        redirect_uri = self._check({**fields, "application_id": request.path_params["application_id"]})
        state = self._signed_in(request)
        if state is None or self._world.consents.amazon_states.pop(query.get("amazon_state", ""), "") != (
            state.shop.shop_id
        ):
            raise HTTPException(400, "SPSA0404")
        return self._give(state, redirect_uri, fields["state"])

    def _give(self, state: ShopState, redirect_uri: str, app_state: str) -> Response:
        now_utc = self._world.clock.now()
        self._world.change(Consented(state.shop.shop_id, now_utc))
        query = {
            "state": app_state,
            "selling_partner_id": state.shop.selling_partner_id,
            "spapi_oauth_code": self._world.consents.issue(state.shop.shop_id, now_utc),
        }
        return _to(f"{redirect_uri}{'&' if urlsplit(redirect_uri).query else '?'}{urlencode(query)}")

    def _check(self, fields: Form) -> str:
        """Return where Amazon would send the browser; refuse as Amazon's consent page does."""
        registered = self._world.registered
        if fields["application_id"] != self._world.mint.application.application_id:
            raise HTTPException(400, "SPSA0404")
        if not registered.redirect_uris:
            raise HTTPException(400, "MD9100")
        if registered.is_draft and fields.get("version") != "beta":
            raise HTTPException(400, "MD1000")
        if "#" in fields["redirect_uri"]:
            raise HTTPException(400, "MD5110")
        wanted = fields["redirect_uri"] or registered.redirect_uris[0]
        if wanted not in registered.redirect_uris:
            raise HTTPException(400, "MD5101")
        return wanted

    def _shop_of_account(self, account: str) -> ShopState:
        for state in self._world.shops.values():
            if state.shop.selling_partner_id == account:
                return state
        raise HTTPException(400, "No such account")

    def _signed_in(self, request: Request) -> ShopState | None:
        shop_id = self._world.mint.opened(request.cookies.get(COOKIE, ""))
        return self._world.shops.get(shop_id.decode()) if shop_id else None

    def _sign_in(self, request: Request, then: str) -> Response:
        accounts = [(state.shop.selling_partner_id, state.shop.store_name) for state in self._world.shops.values()]
        return self._page(request, "sign_in", sign_in_form(self._words(request), accounts, then))

    def _words(self, request: Request) -> Words:
        wanted = request.query_params.get("lang") or request.headers.get("accept-language", "")
        return Words("de" if wanted.lower().startswith("de") else "en", self._world.registered.name)

    def _page(self, request: Request, title: str, body: str, status: int = 200) -> Response:
        words, state = self._words(request), self._signed_in(request)
        account = state.shop.store_name if state else ""
        headers = {"X-Frame-Options": "DENY", "Cache-Control": "no-store"}
        return HTMLResponse(page(words, words[title], body, account=account), status, headers)

    def refusal(self, request: Request, error: Exception) -> Response:
        """Amazon's error page with its code."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        code = error.detail if isinstance(error, HTTPException) else ""
        return self._page(request, "error", f'<p id="error">{escape(code)}</p>', status)


_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/", _SellerCentral.home),
    ("GET", "/signin", _SellerCentral.sign_in_page),
    ("POST", "/signin", _SellerCentral.sign_in),
    ("POST", "/signout", _SellerCentral.sign_out),
    ("GET", "/apps/authorize/consent", _SellerCentral.consent_page),
    ("POST", "/apps/authorize/consent", _SellerCentral.consent),
    ("GET", CONFIRM_PATH, _SellerCentral.confirm),
    ("GET", "/apps/manage", _SellerCentral.manage),
    ("POST", "/apps/deactivate", _SellerCentral.deactivate),
    ("POST", "/apps/reauthorize", _SellerCentral.reauthorize),
)


def seller_central_app(world: World) -> Starlette:
    """The application that answers on its host; what another site posts is refused."""
    central = _SellerCentral(world)

    def endpoint(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            form: Form = {}
            if request.method == "POST":
                if request.headers.get("origin") != f"{request.url.scheme}://{request.url.netloc}":
                    raise HTTPException(403, "From another site")
                form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
            return handler(central, request, form)

        return answer

    routes = [Route(path, endpoint(handler), methods=[method]) for method, path, handler in _ROUTES]
    return Starlette(routes=routes, exception_handlers={HTTPException: central.refusal})


def _to(address: str) -> Response:
    return RedirectResponse(address, 303)
