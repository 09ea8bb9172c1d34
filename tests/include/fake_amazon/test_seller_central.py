"""Seller Central's pages, as a seller's browser meets them: sign in, consent, re-authorize."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from include.fake_amazon.server import RunningFake, serve_in_thread

CALLBACK = "http://127.0.0.1:9/callback"
LOGIN = "http://127.0.0.1:9/login"
CONSENT = "/apps/authorize/consent"
CODE_REFUSED = {"error_description": "The request has an invalid grant parameter : code", "error": "invalid_grant"}


class Page(NamedTuple):
    """An answer: its status, where it leads, its text."""

    status: int
    location: str
    text: str

    def query(self) -> dict[str, str]:
        """What the address it leads to says."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.location).query).items()}


class Browser:
    """One person's browser at Seller Central, with its cookie."""

    def __init__(self, fake: RunningFake) -> None:
        self.fake = fake
        self.host = urlsplit(fake.client.seller_central_url).netloc
        self.origin = fake.client.seller_central_url
        self.cookie = ""
        self.set_cookie = ""

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> Page:
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(self.fake.base_url).port, timeout=10)
        sent = {"Host": self.host, "Cookie": self.cookie} | headers
        if method == "POST":
            sent = {"Origin": self.origin, "Content-Type": "application/x-www-form-urlencoded"} | sent
        try:
            connection.request(method, path, urlencode(form or {}) if method == "POST" else None, sent)
            answer = connection.getresponse()
            if new := answer.getheader("set-cookie"):
                self.set_cookie, self.cookie = new, new.partition(";")[0]
            return Page(answer.status, answer.getheader("location") or "", answer.read().decode())
        finally:
            connection.close()

    def sign_in(self, account: str, then: str = "/") -> Page:
        return self.ask("POST", "/signin", {"account": account, "then": then})

    def fields(self, **changed: str) -> dict[str, str]:
        return {"application_id": self.fake.client.application().application_id, "state": "s&1"} | changed

    def open_consent(self, **changed: str) -> Page:
        return self.ask("GET", f"{CONSENT}?{urlencode(self.fields(**changed))}")

    def consent(self, **changed: str) -> Page:
        return self.ask("POST", CONSENT, self.fields(do="confirm", agree="on") | changed)


def _account(seller: Any) -> str:
    return seller.fake.client.authorize(seller.shop_id).selling_partner_id


@pytest.fixture
def browser(fake: RunningFake, seller: Any) -> Browser:
    """Signed in as `seller`, at an Amazon that knows the application's addresses."""
    fake.client.register_application([CALLBACK], LOGIN, "Orders <&> Co")
    browser = Browser(fake)
    browser.sign_in(_account(seller))
    return browser


def _redeem(seller: Any, page: Page) -> requests.Response:
    code = page.query()["spapi_oauth_code"]
    return seller.exchange(grant_type="authorization_code", code=code, refresh_token=None)


def test_a_seller_signs_in_consents_and_the_application_gets_a_new_token(fake, seller, browser):
    account, browser.cookie = _account(seller), ""
    asked = browser.open_consent()
    assert 'id="account"' in asked.text
    assert 'id="sign-in"' in asked.text
    then = f"{CONSENT}?{urlencode(browser.fields())}"
    assert browser.sign_in(account, then).location == then
    assert "HttpOnly" in browser.set_cookie
    assert "samesite=lax" in browser.set_cookie.lower()
    shown = browser.open_consent().text
    assert all(f'id="{name}"' in shown for name in ("agree", "confirm", "cancel", "sign-out"))
    assert "Orders &lt;&amp;&gt; Co" in shown
    assert "Orders <&>" not in shown
    given = browser.consent()
    assert (given.status, given.location.partition("?")[0]) == (303, CALLBACK)
    assert given.query().keys() == {"state", "selling_partner_id", "spapi_oauth_code"}
    assert (given.query()["state"], given.query()["selling_partner_id"]) == ("s&1", account)
    body = _redeem(seller, given).json()
    assert (body["token_type"], body["expires_in"]) == ("bearer", 3600)
    assert body["refresh_token"] != seller.refresh_token
    assert seller.exchange().json()["error"] == "invalid_grant"
    assert seller.exchange(refresh_token=body["refresh_token"]).status_code == 200
    assert fake.client.calls()["lwa.authorization_code", seller.shop_id, 200] == 1


def test_a_code_is_good_once(seller, browser):
    given = browser.consent()
    assert _redeem(seller, given).status_code == 200
    again = _redeem(seller, given)
    assert (again.status_code, again.json()) == (400, CODE_REFUSED)


def test_a_code_is_good_for_five_minutes_of_the_fakes_clock(fake, seller, browser):
    now_utc = fake.client.clock()
    first, second = browser.consent(), browser.consent()
    fake.client.set_clock(now_utc + timedelta(minutes=5, seconds=-1), frozen=True)
    assert _redeem(seller, first).status_code == 200
    fake.client.set_clock(now_utc + timedelta(minutes=5), frozen=True)
    assert _redeem(seller, second).json() == CODE_REFUSED


def test_another_account_comes_back_with_its_own_selling_partner_id(new_seller: Callable[..., Any], seller, browser):
    other = new_seller()
    browser.sign_in(_account(other))
    assert browser.consent().query()["selling_partner_id"] == _account(other) != _account(seller)


def test_without_the_tick_the_page_asks_again_and_nothing_changes(seller, browser):
    page = browser.consent(agree="")
    assert (page.status, 'role="alert"' in page.text) == (200, True)
    assert seller.exchange().status_code == 200


def test_cancel_returns_nothing_to_the_application(seller, browser):
    assert browser.consent(do="cancel")[:2] == (303, "/")
    assert seller.exchange().status_code == 200


@pytest.mark.parametrize(
    ("registered", "asked", "code"),
    [
        ({"redirect_uris": [CALLBACK]}, {"redirect_uri": "http://evil.example/"}, "MD5101"),
        ({}, {}, "MD9100"),
        ({"redirect_uris": [CALLBACK], "is_draft": True}, {}, "MD1000"),
        ({"redirect_uris": [CALLBACK]}, {"application_id": "<unknown>"}, "SPSA0404"),
    ],
)
def test_amazons_own_page_names_the_error(fake, browser, registered, asked, code):
    fake.client.register_application(**registered)
    for page in (browser.open_consent(**asked), browser.consent(**asked)):
        assert (page.status, page.location) == (400, "")
        assert f'<p id="error">{code}</p>' in page.text


def test_a_draft_opens_as_beta(fake, browser):
    fake.client.register_application([CALLBACK], is_draft=True)
    assert browser.open_consent(version="beta").status == 200


@pytest.mark.parametrize("origin", ["http://127.0.0.1:9", "null", ""], ids=["product", "null", "none"])
def test_what_another_site_posts_is_refused(seller, browser, origin):
    assert browser.ask("POST", "/apps/deactivate", Origin=origin).status == 403
    assert browser.ask("POST", CONSENT, browser.fields(do="confirm", agree="on"), Origin=origin).status == 403
    assert seller.exchange().status_code == 200


@pytest.mark.parametrize("host", ["sellercentral.localhost", "other.localhost:80"], ids=["its own", "another"])
def test_seller_centrals_host_serves_pages_and_no_api(browser, host):
    assert browser.ask("GET", "/signin", Host=host).status == 200
    for path in ("/control/application", "/control/shops", "/auth/o2/token", "/eu/sellers", "/health"):
        for method in ("GET", "POST", "PUT"):
            page = browser.ask(method, path, Host=host, Origin=f"http://{host}")
            assert page.status == 404


def test_the_pages_are_not_on_the_apis_host(browser):
    assert browser.ask("GET", "/signin", Host="127.0.0.1").status == 404


def test_the_control_api_takes_a_registration_of_its_four_fields(fake, browser):
    body = {"redirect_uris": [CALLBACK], "login_uri": LOGIN, "name": "Plain", "is_draft": False}
    fake.client.ask("PUT", "/control/application", body)
    assert "Plain" in browser.open_consent().text


def test_re_authorize_leads_over_the_login_uri_back_to_the_application_once(fake, seller, browser):
    assert 'id="reauthorize"' in browser.ask("GET", "/apps/manage").text
    text = browser.ask("POST", "/apps/reauthorize").text
    link = text.partition('id="login-to-app" href="')[2].partition('"')[0].replace("&amp;", "&")
    sent = Page(0, link, "").query()
    assert (link.partition("?")[0], sent["selling_partner_id"]) == (LOGIN, _account(seller))
    application_id = fake.client.application().application_id
    assert sent["amazon_callback_uri"] == f"{browser.origin}/apps/authorize/confirm/{application_id}"
    back = {"redirect_uri": CALLBACK, "amazon_state": sent["amazon_state"], "state": "own"}
    path = f"{urlsplit(sent['amazon_callback_uri']).path}?{urlencode(back)}"
    given = browser.ask("GET", path)
    assert (given.location.partition("?")[0], given.query()["state"]) == (CALLBACK, "own")
    assert _redeem(seller, given).status_code == 200
    assert browser.ask("GET", path).status == 400


def test_deactivating_revokes_and_the_page_offers_to_enable_again(seller, browser):
    browser.ask("POST", "/apps/deactivate")
    assert seller.exchange().json()["error"] == "invalid_grant"
    german = browser.ask("GET", "/apps/manage?lang=de").text
    assert "Deaktiviert" in german
    assert "Autorisierung aktivieren" in german


def test_signing_out_forgets_the_account(browser):
    browser.ask("POST", "/signout")
    assert 'id="account"' in browser.open_consent().text


def test_a_forged_cookie_is_nobody(browser):
    browser.cookie += "x"
    assert 'id="account"' in browser.open_consent().text


def test_a_consent_and_the_registration_outlive_a_restart(tmp_path, seller_at):
    with serve_in_thread(state_dir=tmp_path) as fake:
        seller = seller_at(fake)
        fake.client.register_application([CALLBACK])
        browser = Browser(fake)
        browser.sign_in(_account(seller))
        token = _redeem(seller, browser.consent()).json()["refresh_token"]
    with serve_in_thread(state_dir=tmp_path) as again:
        seller.fake = again
        assert seller.exchange(refresh_token=token).status_code == 200
        assert seller.exchange().json()["error"] == "invalid_grant"
        browser = Browser(again)
        browser.sign_in(_account(seller))
        assert browser.open_consent().status == 200
