"""A seller's way from the link through Amazon's page and back, against the fake Amazon, and what goes wrong on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import unescape
from threading import Event, Semaphore
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from starlette.requests import Request

from include.authorization.status import Status, read_authorization, record_refused
from include.clock import utc_now
from include.consent import means as means_module
from include.errors import TransportError
from include.fake_amazon.server import RunningFake, serve_in_thread
from include.local_stack.waiting import wait_until
from include.reconnect import consent_app, consent_way
from include.reconnect.visitor import BURST, RateLimit, address_of
from include.settings import ConsentSettings
from include.warehouse.connection import Connection
from tests.include.consent.conftest import Airflow
from tests.include.reconnect.conftest import ACME, NOTIFICATIONS, Answer, Serve, Site, path_of
from tests.payloads.consents import give_consent, hold_order

ID = ACME["id"]
OWN = {"Origin": "https://orders.example.com"}
CALLBACK = "https://orders.example.com/callback"


@pytest.fixture
def amazon() -> Iterator[RunningFake]:
    with serve_in_thread() as fake:
        for shop_id in (ID, "other"):
            fake.client.ensure_shop(shop_id, region="eu", marketplaces=["DE", "FR"], orders_per_day=1)
        yield fake


@dataclass
class Seller:
    """A seller in front of a browser that keeps cookies."""

    site: Site
    amazon: RunningFake
    airflow: Airflow
    warehouse: Connection
    cookies: str = ""

    def open_link(self, query: str = "") -> Answer:
        return self.site.ask(first_link() + query)

    def start(self, path: str = "", headers: dict[str, str] | None = None, body: str = "lang=de") -> Answer:
        path = path or first_link().replace("/shop/", "/start/")
        answer = self.site.ask(path, "POST", OWN if headers is None else headers, body)
        self.cookies = answer.headers.get("set-cookie", "").partition(";")[0] or self.cookies
        return answer

    def state_of(self, answer: Answer) -> str:
        return parse_qs(urlsplit(_link(answer)).query)["state"][0]

    def come_back(self, state: str, *, account_of: str = ID, cookies: str | None = None, **changes: str) -> Answer:
        account, code = give_consent(self.amazon, account_of, redirect_uri=CALLBACK, state=state)
        query = {"state": state, "selling_partner_id": account, "spapi_oauth_code": code} | changes
        return self.bring(query, cookies=cookies)

    def bring(self, query: dict[str, str], *, cookies: str | None = None) -> Answer:
        answer = self.site.ask(
            f"/callback?{urlencode(query)}", headers={"Cookie": self.cookies if cookies is None else cookies}
        )
        assert answer.status == 303
        assert not any(value in answer.headers["location"] for value in query.values() if len(value) > 8)
        return self.site.ask(urlsplit(answer.headers["location"]).path)

    def generation(self) -> int:
        return read_authorization(self.warehouse, ID).generation


def first_link() -> str:
    """The link of a shop that was never connected, or not since this test began."""
    return path_of(ID, generation=0)


def _link(answer: Answer) -> str:
    return unescape(re.findall(r'<a class="act" href="([^"]+)"', answer.body)[0])


@pytest.fixture
def seller(serve: Serve, warehouse_dsn: str, warehouse, amazon: RunningFake, monkeypatch) -> Seller:
    airflow, application = Airflow(), amazon.client.application()
    monkeypatch.setattr(means_module, "AirflowGateway", lambda *_: airflow)
    monkeypatch.setattr(means_module, "AirflowTokens", lambda _: airflow)
    consent = ConsentSettings(
        application_id=application.application_id,
        client_id=application.client_id,
        client_secret=application.client_secret,
    )
    site = serve(
        warehouse_dsn,
        NOTIFICATIONS,
        consent,
        lwa_token_url=amazon.lwa_token_url,
        spapi_endpoints={region: amazon.spapi_endpoint(region) for region in ("eu", "na", "fe")},
        seller_central_url=amazon.client.seller_central_url,
    )
    site.clock.instant = utc_now()
    return Seller(site, amazon, airflow, warehouse)


def test_from_the_link_to_amazon_and_back_the_connection_is_renewed(seller: Seller):
    first = seller.open_link().page.text
    assert "Mit Amazon verbinden" in first
    assert "erneuern" not in first.partition("Was Sie in Seller Central")[0]
    assert "Sie müssen nichts tun" not in first
    on = seller.start()
    link = urlsplit(_link(on))
    assert (link.hostname, link.path) == ("sellercentral.localhost", "/apps/authorize/consent")
    assert parse_qs(link.query)["redirect_uri"] == [CALLBACK]
    page = seller.come_back(seller.state_of(on)).page
    assert "Die Anbindung steht" in page.text
    assert "Acme Kerzen" in page.text
    assert (seller.generation(), len(seller.airflow.runs)) == (1, 2)
    assert "Die Anbindung ist bereits aktiv" in seller.open_link().page.text
    assert "Die Anbindung ist bereits aktiv" in seller.start().page.text


def test_the_pages_speak_english_too(seller: Seller):
    on = seller.start(body="lang=en")
    assert "On to Amazon" in on.page.text
    assert "The connection is there" in seller.come_back(seller.state_of(on)).page.text


def test_the_cookie_is_this_hosts_alone_and_no_script_reads_it(seller: Seller):
    cookie = seller.start().headers["set-cookie"]
    assert cookie.startswith("__Host-consent-")
    for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age=3600"):
        assert word in cookie
    assert "Domain" not in cookie


def test_another_account_changes_nothing_and_the_page_says_how_to_switch(seller: Seller):
    seller.come_back(seller.state_of(seller.start()))
    before = read_authorization(seller.warehouse, ID)
    again = seller.start(path_of(ID, generation=1).replace("/shop/", "/start/"))
    page = seller.come_back(seller.state_of(again), account_of="other").page
    assert "Das war ein anderes Amazon-Konto" in page.text
    assert "sellercentral.localhost" in page.text
    assert read_authorization(seller.warehouse, ID) == before


def test_an_edited_account_waits_for_an_operator(seller: Seller):
    seller.come_back(seller.state_of(seller.start()))
    known = read_authorization(seller.warehouse, ID).selling_partner_id
    again = seller.start(path_of(ID, generation=1).replace("/shop/", "/start/"))
    page = seller.come_back(seller.state_of(again), account_of="other", selling_partner_id=known).page
    assert "Wir sehen noch einmal nach" in page.text
    assert seller.generation() == 1


def test_a_replayed_address_does_nothing_twice(seller: Seller):
    state = seller.state_of(seller.start())
    assert "Die Anbindung steht" in seller.come_back(state).page.text
    # The same browser, as by a reload, is told what became of it; whoever else has the address learns nothing.
    assert "Die Anbindung steht" in seller.come_back(state).page.text
    assert "Bitte noch einmal von vorn" in seller.come_back(state, cookies="").page.text
    assert len(seller.airflow.runs) == 2


def test_of_two_callbacks_with_one_state_exactly_one_wins(seller: Seller):
    state = seller.state_of(seller.start())
    account, code = give_consent(seller.amazon, ID, redirect_uri=CALLBACK, state=state)
    query = {"state": state, "selling_partner_id": account, "spapi_oauth_code": code}
    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda _: seller.bring(query).page.text, range(4)))
    told = ("Die Anbindung steht", "Einen Moment noch")
    assert [page for page in pages if not any(words in page for words in told)] == []
    assert (seller.generation(), len(seller.airflow.stored[f"amazon_seller_{ID}"])) == (1, 1)


def test_after_ten_minutes_it_is_too_late(seller: Seller):
    state = seller.state_of(seller.start())
    seller.site.clock.advance(minutes=11)
    page = seller.come_back(state).page
    assert "Das hat zu lange gedauert" in page.text
    assert seller.generation() == 0


@pytest.mark.parametrize("state", ["", "forged", "x" * 5000])
def test_a_forged_state_is_a_page_in_both_languages_that_names_nobody(seller: Seller, state: str):
    page = seller.bring({"state": state, "selling_partner_id": "A1", "spapi_oauth_code": "c"}).page
    assert "Bitte noch einmal von vorn" in page.text
    assert "Please begin again" in page.text
    assert "Acme" not in page.text


def test_another_browser_gets_the_link_to_copy_and_the_first_one_goes_on(seller: Seller):
    state = seller.state_of(seller.start())
    for cookies in ("", "__Host-consent-00000000=x"):
        page = seller.come_back(state, cookies=cookies)
        assert "Bitte im selben Browser" in page.page.text
        assert "https://orders.example.com/shop/" in page.body
    assert "Die Anbindung steht" in seller.come_back(state).page.text


def test_the_state_of_one_shop_with_the_cookie_of_another_is_refused(seller: Seller):
    seller.site.write(ACME, {**ACME, "id": "other", "name": "Other"})
    first = seller.state_of(seller.start())
    mine = seller.cookies
    seller.start(path_of("other", generation=0).replace("/shop/", "/start/"))
    assert "Bitte im selben Browser" in seller.come_back(first, cookies=seller.cookies).page.text
    assert "Die Anbindung steht" in seller.come_back(first, cookies=mine).page.text


def test_a_return_without_a_code_is_no_permission(seller: Seller):
    state = seller.state_of(seller.start())
    assert "Noch nicht bestätigt" in seller.bring({"state": state, "selling_partner_id": "A1"}).page.text
    assert "Die Anbindung steht" in seller.come_back(state).page.text


def test_a_code_that_was_made_up_or_an_amazon_that_is_away_lets_the_seller_begin_again(seller: Seller):
    page = seller.come_back(seller.state_of(seller.start()), spapi_oauth_code="made-up").page
    assert "Bitte noch einmal von vorn" in page.text
    seller.amazon.client.fail_next("lwa.authorization_code", status=503)
    page = seller.come_back(seller.state_of(seller.start())).page
    assert "Amazon antwortet gerade nicht" in page.text
    assert "Die Anbindung steht" in seller.come_back(seller.state_of(seller.start())).page.text


def test_nothing_is_started_by_get_or_from_another_site(seller: Seller):
    path = first_link().replace("/shop/", "/start/")
    assert seller.site.ask(path).status == 405
    for headers in (
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "http://orders.example.com"},
        {"Origin": "https://orders.example.com.evil.example"},
        {"Origin": "null"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert seller.start(headers=headers).status == 403
    assert seller.warehouse.execute("SELECT count(*) FROM ops.consent").fetchone() == (0,)
    assert seller.start(headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"}).status == 200


def test_a_link_ends_after_its_days(seller: Seller):
    old = path_of(ID, generation=0, ends_utc=utc_now().replace(microsecond=0))
    assert "Dieser Link ist abgelaufen" in seller.site.ask(old).page.text
    assert "Dieser Link ist abgelaufen" in seller.start(old.replace("/shop/", "/start/")).page.text


@pytest.mark.parametrize("change", [{"authorization": "private"}, {}], ids=["a private application", "no application"])
def test_without_an_application_of_ours_there_is_no_button(serve: Serve, warehouse_dsn: str, change):
    site = serve(warehouse_dsn, NOTIFICATIONS, ConsentSettings() if not change else ConsentSettings(application_id="a"))
    site.write({**ACME, **change})
    assert "<form" not in site.ask(first_link()).body
    assert site.ask(first_link().replace("/shop/", "/start/"), "POST", OWN).status == 404


def test_seller_centrals_own_renewal_comes_back_to_the_right_shop(seller: Seller):
    seller.come_back(seller.state_of(seller.start()))
    hold_order(seller.warehouse, seller.amazon, ID)
    answer = seller.site.ask(
        "/login", "POST", OWN, urlencode({"amazon_callback_uri": GOOD, "amazon_state": "theirs", "lang": "en"})
    )
    seller.cookies = answer.headers["set-cookie"].partition(";")[0]
    link = urlsplit(_link(answer))
    assert f"{link.scheme}://{link.netloc}{link.path}" == GOOD
    assert parse_qs(link.query)["amazon_state"] == ["theirs"]
    assert "The connection is there" in seller.come_back(seller.state_of(answer)).page.text
    assert seller.generation() == 2


def test_seller_centrals_renewal_never_tells_whether_an_account_is_known(seller: Seller):
    seller.come_back(seller.state_of(seller.start()))
    known = read_authorization(seller.warehouse, ID).selling_partner_id
    pages = [
        seller.site.ask(
            "/login?"
            + urlencode({"amazon_callback_uri": GOOD, "amazon_state": "theirs", "selling_partner_id": account})
        ).body
        for account in (known, "A0NOBODYKNOWS")
    ]
    assert pages[0] == pages[1]
    assert "Acme" not in pages[0]


GOOD = "https://amazon.com/apps/authorize/confirm/amzn1.sellerapps.app.2eca"


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/apps/authorize/confirm/x",
        "https://amazon.com@evil.example/apps/authorize/confirm/x",
        "https://amazon.com.evil.example/apps/authorize/confirm/x",
        "http://amazon.com/apps/authorize/confirm/x",
        "https://amazon.com:8443/apps/authorize/confirm/x",
        "//evil.example/apps/authorize/confirm/x",
        "https://amazon.com/elsewhere",
        "javascript:alert(1)",
        "http://sellercentral.localhost:8091/apps/authorize/confirm/x",
        "",
    ],
)
def test_the_login_uri_sends_nobody_anywhere_but_to_amazon(seller: Seller, uri: str):
    query = urlencode({"amazon_callback_uri": uri, "amazon_state": "s"})
    shown = seller.site.ask(f"/login?{query}")
    posted = seller.site.ask("/login", "POST", OWN, query)
    assert (shown.status, posted.status) == (400, 400)
    assert "evil" not in shown.body + posted.body


def test_no_log_holds_a_code_a_state_a_cookie_or_a_token(seller: Seller, caplog):
    caplog.set_level("DEBUG")
    state = seller.state_of(seller.start())
    account, code = give_consent(seller.amazon, ID, redirect_uri=CALLBACK, state=state)
    seller.bring({"state": state, "selling_partner_id": account, "spapi_oauth_code": code})
    token = seller.airflow.stored[f"amazon_seller_{ID}"][0]
    said = "\n".join(
        f"{record.name} {record.getMessage()}" for record in caplog.records if "urllib3" not in record.name
    )
    for secret in (state, code, seller.cookies.partition("=")[2], token, "Atza|"):
        assert secret not in said
    rows = str(
        [seller.warehouse.execute(f"SELECT * FROM ops.{t}").fetchall() for t in ("consent", "incident", "outbox")]
    )
    for secret in (state, code, seller.cookies.partition("=")[2], token):
        assert secret not in rows


def test_whoever_asks_very_often_waits():
    now = [0.0]
    limit = RateLimit(lambda: now[0])
    assert [limit.allows("a") for _ in range(int(BURST) + 1)] == [True] * int(BURST) + [False]
    assert limit.allows("b")
    now[0] = 1.0
    assert limit.allows("a")
    assert not limit.allows("a")


@pytest.mark.parametrize(
    ("peer", "lines", "address"),
    [
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),
    ],
)
def test_only_a_trusted_proxys_word_for_an_address_counts_and_its_last(peer, lines, address):
    headers = [(b"x-forwarded-for", line.encode()) for line in lines]
    request = Request({"type": "http", "client": (peer, 4711), "headers": headers})
    assert address_of(request, ["10.0.0.1", "10.0.0.2"]) == address


def test_guessing_links_is_slowed_down(site: Site):
    answers = [site.ask(f"/shop/guess-{number}").status for number in range(int(BURST) + 5)]
    assert answers[0] == 404
    assert answers[-1] == 429
    assert site.ask("/health").status in (200, 503)


def test_whoever_declines_on_seller_centrals_own_way_reads_that_nothing_was_confirmed(seller: Seller):
    seller.come_back(seller.state_of(seller.start()))
    fields = {"amazon_callback_uri": "https://amazon.com/apps/authorize/confirm/x", "amazon_state": "s", "lang": "de"}
    answer = seller.start("/login", body=urlencode(fields))
    page = seller.bring({"state": seller.state_of(answer)}).page
    assert "Noch nicht bestätigt" in page.text
    assert seller.generation() == 1


def test_an_earlier_mails_link_does_not_call_a_lapsed_connection_active(seller: Seller):
    link = first_link()
    seller.come_back(seller.state_of(seller.start()))
    assert "bereits aktiv" in seller.site.ask(link).page.text
    record_refused(seller.warehouse, ID, Status.REAUTHORIZATION_REQUIRED, "expired", now_utc=utc_now())
    page = seller.site.ask(link).page.text
    assert "bereits aktiv" not in page
    assert "abgelaufen" in page


def _strangers_state(seller: Seller) -> str:
    """What anybody gets without a link: a state, and its cookie."""
    fields = {"amazon_callback_uri": "https://amazon.com/apps/authorize/confirm/x", "amazon_state": "s", "lang": "en"}
    return seller.state_of(seller.start("/login", body=urlencode(fields)))


def test_a_stranger_learns_nothing_of_who_is_known_here_and_gets_no_link(seller: Seller):
    seller.come_back(seller.state_of(seller.start()))
    known = read_authorization(seller.warehouse, ID).selling_partner_id
    pages = []
    for account in (known, "A0NOBODY"):
        state = _strangers_state(seller)
        pages.append(seller.bring({"state": state, "selling_partner_id": account, "spapi_oauth_code": "bogus"}))
    state = _strangers_state(seller)
    pages.append(seller.come_back(state, account_of="other", selling_partner_id=known))
    assert len({page.page.text for page in pages}) == 1
    assert "could not be sure" in pages[0].page.text
    # The consent is noted under the seller's name now; its address, without the cookie, still says nothing.
    for cookies in ("", seller.cookies):
        again = seller.bring({"state": state}, cookies=cookies)
        assert "Acme" not in again.page.text
        assert "/shop/" not in again.body
    assert seller.generation() == 1


def test_an_old_address_in_somebodys_history_is_no_way_back_in(seller: Seller):
    state = seller.state_of(seller.start())
    seller.come_back(state)
    seller.site.clock.advance(days=700)
    for query in ({"state": state}, {"state": state, "spapi_oauth_code": "c", "selling_partner_id": "A1"}):
        page = seller.bring(query, cookies="")
        assert "/shop/" not in page.body
        assert "Acme" not in page.page.text


def test_who_comes_too_late_in_the_same_browser_begins_again_by_a_button(seller: Seller):
    state = seller.state_of(seller.start())
    seller.site.clock.advance(minutes=11)
    page = seller.come_back(state)
    assert "Das hat zu lange gedauert" in page.page.text
    assert "https://orders.example.com/shop/" in page.body


def test_a_crowd_that_comes_back_at_once_leaves_the_warehouse_to_others(seller: Seller, monkeypatch):
    from include.consent import completion
    from include.reconnect import consent_app, visitor

    monkeypatch.setattr(visitor, "BURST", 1000.0)
    monkeypatch.setattr(consent_app, "CALLBACK_TURN_S", 0.2)
    seller.come_back(seller.state_of(seller.start()))
    account = read_authorization(seller.warehouse, ID).selling_partner_id
    arrived, go_on = Semaphore(0), Event()

    def slow_amazon(*_: object, **__: object) -> str:
        arrived.release()
        go_on.wait(20)
        raise TransportError("slow")

    monkeypatch.setattr(completion, "exchange_code", slow_amazon)
    states = [(_strangers_state(seller), seller.cookies) for _ in range(consent_app.CALLBACKS_AT_ONCE + 4)]

    def come(state: str, cookies: str) -> int:
        query = {"state": state, "selling_partner_id": account, "spapi_oauth_code": "c"}
        return seller.site.ask(f"/callback?{urlencode(query)}", headers={"Cookie": cookies}).status

    with ThreadPoolExecutor(len(states)) as pool:
        answers = [pool.submit(come, *one) for one in states]
        for _ in range(consent_app.CALLBACKS_AT_ONCE):
            assert arrived.acquire(timeout=20)
        assert wait_until(lambda: sum(answer.done() for answer in answers) == 4, 20)
        assert seller.open_link().status == 200
        go_on.set()
        statuses = sorted(answer.result() for answer in answers)
    assert statuses == [303] * consent_app.CALLBACKS_AT_ONCE + [503] * 4


def test_all_addresses_of_one_household_are_one_visitor():
    limit = RateLimit(monotonic=lambda: 0.0)
    allowed = sum(limit.allows(f"2001:db8:1:2::{number:x}") for number in range(1, 200))
    assert allowed == BURST
    assert limit.allows("2001:db8:1:3::1")


def test_no_more_begin_in_seller_centrals_name_than_can_be_sellers(seller: Seller, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(consent_way, "MOST_LOGINS", 3)
    query = urlencode({"amazon_callback_uri": GOOD, "amazon_state": "theirs"})
    told = [seller.site.ask("/login", "POST", OWN, query).status for _ in range(5)]
    assert told == [200, 200, 200, 429, 429]
    assert seller.warehouse.execute("SELECT count(*) FROM ops.consent").fetchone() == (3,)
    assert "Mit Amazon verbinden" in seller.open_link().page.text
    assert seller.start().status == 200
    seller.site.clock.advance(minutes=10)
    assert seller.site.ask("/login", "POST", OWN, query).status == 200


def test_nobody_alone_takes_all_the_logins_that_may_be_under_way(seller: Seller, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(consent_app, "address_of", lambda request, _: request.headers.get("x-test-address", "one"))
    query = urlencode({"amazon_callback_uri": GOOD, "amazon_state": "theirs"})
    told = [seller.site.ask("/login", "POST", OWN, query).status for _ in range(17)]
    assert told == [200] * 15 + [429] * 2
    assert seller.site.ask("/login", "POST", {**OWN, "X-Test-Address": "another"}, query).status == 200
    # Only beginning is counted so: the same address goes on to read.
    assert seller.open_link().status == 200
