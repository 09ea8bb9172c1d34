"""The operators' page inside a real Airflow application: who sees what, who may do what, and what it says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
import yaml

from include.authorization import consent_state
from include.authorization.status import read_authorization, read_authorizations, record_authorized, record_good
from include.notifications.lookout import beat
from include.sellers.registry import load_sellers
from include.warehouse.connection import Connection
from tests.include.reconnect.conftest import ROLES

pytestmark = pytest.mark.airflow

NOW = datetime.now(UTC)
ENTRY = {
    "region": "eu",
    "marketplaces": ["DE", "FR"],
    "contacts": ["owner@acme.example"],
    "language": "de",
    "timezone": "Europe/Berlin",
}
SELLERS = [
    {**ENTRY, "id": "acme", "name": "Acme <b>Kerzen</b>"},
    {**ENTRY, "id": "own_app", "name": "Own App", "authorization": "private"},
    {**ENTRY, "id": "newcomer", "name": "Newcomer", "region": "na", "marketplaces": ["US"]},
]


@pytest.fixture
def ask(api, warehouse_dsn, tmp_path, monkeypatch) -> Iterator:
    """Ask as somebody; the page is made anew for this test's warehouse and sellers."""
    from include.reconnect import operators_app
    from include.settings import load_consent_settings, load_notification_settings, load_settings

    client, tokens = api
    path = tmp_path / "sellers.yaml"
    path.write_text(yaml.safe_dump({"sellers": SELLERS}), encoding="utf-8")
    environment = {
        "WAREHOUSE_DSN": warehouse_dsn,
        "SELLERS_FILE": str(path),
        "SECRET_KEY": "of this test",
        "PUBLIC_BASE_URL": "https://orders.example",
        "AIRFLOW_API_URL": "http://127.0.0.1:9",
    }
    from include.consent.means import make_means

    means = make_means(
        load_settings(environment), load_notification_settings(environment), load_consent_settings(environment)
    )
    mounted = next(route for route in client.app.routes if getattr(route, "path", "") == "/seller-orders")
    mounted.app._app = operators_app.create_app(means)

    def ask(role: str, path: str, method: str = "GET", headers: dict[str, str] | None = None, **how):
        given = {"Authorization": f"Bearer {tokens[role]}"} if role != "anonymous" else {}
        return client.request(method, f"/seller-orders{path}", headers={**given, **(headers or {})}, **how)

    yield ask
    mounted.app._app = None


@pytest.fixture
def acme(warehouse: Connection, ask, tmp_path):
    (seller, *_) = load_sellers(tmp_path / "sellers.yaml")
    record_good(warehouse, seller, "a:b", now_utc=NOW)
    record_authorized(warehouse, seller, NOW - timedelta(days=353, hours=1), now_utc=NOW)
    return seller


OWN = {"Origin": "http://airflow.example", "Sec-Fetch-Site": "same-origin"}
# What each route answers whom, in the order of ROLES; a new route needs a row here.
ANSWERS = {
    ("GET", "/"): (303, 200, 200, 200, 200),
    ("GET", "/seller/{dag_id}"): (303, 200, 200, 200, 200),
    ("GET", "/go/{connection_id}"): (303, 403, 403, 303, 303),
    ("POST", "/invite/{connection_id}"): (401, 403, 403, 303, 303),
    ("POST", "/paste/{connection_id}"): (401, 403, 403, 409, 409),
    ("POST", "/confirm/{connection_id}/{consent_id}"): (401, 403, 403, 404, 404),
    ("POST", "/discard/{connection_id}/{consent_id}"): (401, 403, 403, 404, 404),
    ("GET", "/health"): (503, 503, 503, 503, 503),
    ("GET", "/style.css"): (200, 200, 200, 200, 200),
    ("GET", "/page.js"): (200, 200, 200, 200, 200),
}


def _path(pattern: str) -> str:
    named = {"dag_id": "amazon_orders__acme", "connection_id": "amazon_seller_acme", "consent_id": "1"}
    return pattern.format(**named)


def test_every_route_answers_each_role_as_the_table_says(ask, acme):
    from include.reconnect.operators_app import ROUTES

    assert {(row.method, row.path) for row in ROUTES} == ANSWERS.keys()
    for (method, pattern), wanted in ANSWERS.items():
        how = {"data": {"refresh_token": "Atzr|x"}} if pattern.startswith("/paste") else {}
        found = tuple(ask(role, _path(pattern), method, OWN, **how).status_code for role in ROLES)
        assert found == wanted, pattern


def test_whoever_is_not_signed_in_is_sent_to_sign_in_and_back_here(ask):
    answer = ask("anonymous", "/seller/amazon_orders__acme?lang=de")
    assert "/auth/login" in answer.headers["location"]
    assert "seller-orders%2Fseller%2Famazon_orders__acme" in answer.headers["location"]
    go = ask("anonymous", "/go/amazon_seller_acme")
    assert "orders.example/shop" not in go.headers["location"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://airflow.example", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site_is_refused_whoever_is_signed_in(ask, acme, warehouse, headers):
    assert ask("admin", "/invite/amazon_seller_acme", "POST", headers).status_code == 403
    assert warehouse.execute("SELECT count(*) FROM ops.outbox").fetchone() == (0,)


def test_health_tells_anybody_how_warehouse_and_watch_are_and_nothing_of_any_seller(ask, acme, warehouse):
    known = {"warehouse": "reachable", "migrations": "current"}
    silent = ask("anonymous", "/health")
    assert (silent.status_code, silent.json()) == (503, {"status": "silent", **known, "watch_ran_s_ago": None})
    beat(warehouse, now_utc=datetime.now(UTC) - timedelta(minutes=3))
    assert ask("anonymous", "/health").json() == silent.json(), "a crowd is told what was seen a moment ago"


def test_health_is_well_once_the_watch_ran(ask, warehouse):
    beat(warehouse, now_utc=datetime.now(UTC) - timedelta(minutes=3))
    well = ask("anonymous", "/health")
    assert (well.status_code, well.json()["status"]) == (200, "ok")
    assert 180 <= well.json()["watch_ran_s_ago"] < 240


def test_health_waits_for_no_lock_and_says_that_the_warehouse_does_not_answer(ask, warehouse):
    with warehouse.transaction():
        warehouse.execute("LOCK TABLE ops.heartbeat")
        away = ask("anonymous", "/health")
    assert (away.status_code, away.json()["status"]) == (503, "warehouse_unreachable")


def test_a_connection_that_is_no_sellers_is_not_found(ask):
    for connection_id in ("amazon_application", "smtp_default", "amazon_seller_nobody"):
        assert ask("admin", f"/go/{connection_id}").status_code == 404
        assert ask("admin", f"/invite/{connection_id}", "POST", OWN).status_code == 404


def test_the_plugin_itself_is_loaded_not_airflows_page_in_its_place(api, ask):
    client, _ = api
    style = client.get("/seller-orders/style.css")
    assert (style.headers["content-type"].partition(";")[0], "light-dark(" in style.text) == ("text/css", True)
    assert "Amazon-Verkäufer" in ask("viewer", "/?lang=de").text
    from airflow.plugins_manager import get_import_errors

    assert get_import_errors() == {}
    from airflow import plugins_manager

    (ours,) = [one for one in plugins_manager._get_plugins()[0] if one.name == "seller_orders_reconnect"]
    # Two views of one route name are one view: the tab of a DAG would show the list.
    assert len({view["url_route"] for view in ours.external_views}) == len(ours.external_views)


@pytest.mark.parametrize(
    ("lang", "words"),
    [("de", ("Läuft in 12 Tagen ab", "Noch nie verbunden")), ("en", ("Expires in 12 days", "Never connected"))],
)
def test_the_list_says_of_each_seller_how_it_stands_in_both_languages(ask, acme, lang, words):
    from airflow.api_fastapi.app import get_auth_manager

    manager = get_auth_manager()
    known = {f"amazon_orders__{entry['id']}" for entry in SELLERS}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(manager), "get_authorized_dag_ids", lambda *_, **__: known)
        page = ask("viewer", f"/?lang={lang}").text
        only = ask("viewer", f"/?lang={lang}&q=newc").text
        due = ask("viewer", f"/?lang={lang}&status=expires_soon").text
    assert all(word in page for word in words)
    assert ("Newcomer" in only, "Kerzen" in only) == (True, False)
    assert ("Newcomer" in due, "Kerzen" in due) == (False, True)
    assert "<b>Kerzen" not in page


def test_a_seller_whose_dag_one_may_not_read_is_not_in_the_list(ask, acme):
    assert "Kerzen" not in ask("viewer", "/").text


def test_a_viewer_sees_no_button_and_no_link_and_an_operator_does(ask, acme):
    viewer, operator = (ask(role, "/seller/amazon_orders__acme?lang=de").text for role in ("viewer", "op"))
    assert ("Bei Amazon EU anmelden" in viewer, "orders.example/shop" in viewer) == (False, False)
    assert ("Bei Amazon EU anmelden" in operator, "https://orders.example/shop/" in operator) == (True, True)
    assert ask("op", "/go/amazon_seller_acme").headers["location"].startswith("https://orders.example/shop/")


def test_a_new_seller_is_invited_and_again_only_by_another_invitation(ask, warehouse):
    assert "Einladung senden" in ask("op", "/seller/amazon_orders__newcomer?lang=de").text
    for count in (1, 2):
        assert ask("op", "/invite/amazon_seller_newcomer", "POST", OWN).status_code == 303
        owed = warehouse.execute(
            "SELECT count(*), count(*) FILTER (WHERE dropped_utc IS NULL) FROM ops.outbox WHERE kind = 'invitation'"
        ).fetchone()
        assert owed == (count, 1)


def test_a_private_sellers_page_has_a_field_for_the_token_that_is_shown_nowhere(ask, warehouse):
    page = ask("op", "/seller/amazon_orders__own_app?lang=de").text
    assert ('type="password"' in page, "Bei Amazon EU anmelden" in page) == (True, False)
    answer = ask("op", "/paste/amazon_seller_own_app", "POST", OWN, data={"refresh_token": "Atzr|planted"})
    assert answer.status_code == 303
    assert "planted" not in ask("op", "/seller/amazon_orders__own_app").text
    assert "planted" not in str(warehouse.execute("SELECT * FROM ops.consent").fetchall())


def test_a_dag_without_a_seller_says_so(ask):
    assert "Zu diesem DAG gehört kein Verkäufer" in ask("op", "/seller/authorization_watch?lang=de").text


def test_nobody_frames_it_but_airflow_and_nothing_runs_but_its_own_script(ask, acme):
    for path in ("/", "/seller/amazon_orders__acme", "/nowhere"):
        headers = ask("admin", path).headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'self'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["cache-control"] == "no-store"


@pytest.fixture
def waiting(ask, acme, warehouse) -> int:
    """A consent of acme's whose account an operator should look at."""
    consent_id = consent_state.begin_kept(
        warehouse, seller_id="acme", sealed_token="sealed", generation=1, started_by="seller", now_utc=NOW
    )
    consent_state.await_confirmation(warehouse, consent_id, "acme: The shop was called <b>Acme</b>.")
    return consent_id


def test_a_consent_that_waits_says_why_and_is_discarded_by_a_button(ask, waiting, warehouse):
    page = ask("op", "/seller/amazon_orders__acme?lang=de").text
    assert "The shop was called &lt;b&gt;Acme&lt;/b&gt;." in page
    assert "The shop was called" not in ask("viewer", "/seller/amazon_orders__acme").text
    assert ask("op", f"/discard/amazon_seller_acme/{waiting}", "POST", OWN).status_code == 303
    consent = consent_state.read_consent(warehouse, waiting)
    assert (consent.step, consent.sealed_token, consent.trouble) == ("refused", "", "discarded by op")
    assert "refused" in ask("viewer", "/seller/amazon_orders__acme").text


def test_a_consent_that_waits_goes_on_by_the_other_button(ask, waiting, warehouse):
    assert ask("op", f"/confirm/amazon_seller_acme/{waiting}", "POST", OWN).status_code == 303
    consent = consent_state.read_consent(warehouse, waiting)
    # Nobody can open this seal, so it ends there; that it was confirmed is noted all the same.
    assert (consent.confirmed_by, consent.step) == ("op", "refused")


def test_another_sellers_consent_is_out_of_reach(ask, waiting, warehouse):
    for way in ("confirm", "discard"):
        assert ask("op", f"/{way}/amazon_seller_newcomer/{waiting}", "POST", OWN).status_code == 404
    assert consent_state.read_consent(warehouse, waiting).step == "confirming"


def test_a_paused_seller_keeps_its_status_its_filter_and_its_invitation(ask, acme, warehouse, monkeypatch):
    from include.reconnect.operator_pages import overview_page, seller_page
    from include.reconnect.overview import Overview
    from include.reconnect.seller_list import list_page

    (entry,) = [acme]
    paused = frozenset({entry.dag_id})
    standings = {"acme": read_authorization(warehouse, "acme")}
    overview = Overview(entry, standings["acme"])
    for status in ("", "paused", "expires_soon"):
        shown = list_page({"acme": entry}, standings, paused=paused, status=status)
        assert list(shown.sellers) == ["acme"]
        page = overview_page([overview], "de", now_utc=NOW, paused=paused, shown=shown)
        assert "Läuft in 12 Tagen ab" in page
        assert "Pausiert</span>" in page
    nobody = list_page({"acme": entry}, standings, status="paused")
    assert not nobody.sellers
    assert "Kein Verkäufer passt" in overview_page([], "de", now_utc=NOW, shown=nobody)
    page = seller_page(Overview(entry), "de", now_utc=NOW, paused=paused, may_act=True, link="x")
    assert "Einladung senden" in page


def test_nothing_is_no_token_to_paste(ask, warehouse):
    for nothing in (" ", "\n", "Atzr|x\x07y"):
        answer = ask("op", "/paste/amazon_seller_own_app", "POST", OWN, data={"refresh_token": nothing})
        assert answer.status_code == 409
        assert "plain text" in answer.text
    assert warehouse.execute("SELECT count(*) FROM ops.consent").fetchone() == (0,)


@pytest.mark.parametrize("field", ["refresh_token", "refreshtoken"])
def test_what_is_refused_in_the_form_is_not_repeated(ask, field):
    answer = ask("op", "/paste/amazon_seller_own_app", "POST", OWN, data={field: "Atzr|planted" * 400})
    assert answer.status_code in (409, 422)
    assert "planted" not in answer.text


def test_the_history_tells_incidents_and_consents(ask, acme, warehouse):
    consent_state.begin_kept(
        warehouse, seller_id="acme", sealed_token="", generation=1, started_by="Petra <P>", now_utc=NOW
    )
    warehouse.execute(
        "INSERT INTO ops.incident (seller_id, error_class, opened_utc, facts)"
        " VALUES ('acme', 'ReauthorizationRequiredError', now(), '{\"amazon_said\": \"invalid <grant>\"}')"
    )
    page = ask("viewer", "/seller/amazon_orders__acme?lang=de").text
    assert "ReauthorizationRequiredError" in page
    assert "invalid &lt;grant&gt;" in page
    assert "paste: kept" in page
    assert "Petra &lt;P&gt;" in page
    assert read_authorization(warehouse, "acme").generation == 1


def _thousand(tmp_path):
    entries = [{**ENTRY, "id": f"s{number}", "name": f"Shop {number}"} for number in range(1000)]
    path = tmp_path / "many.yaml"
    path.write_text(yaml.safe_dump({"sellers": entries}), encoding="utf-8")
    return {seller.seller_id: seller for seller in load_sellers(path)}


def test_a_thousand_sellers_are_shown_quickly(warehouse, tmp_path):
    from include.reconnect.operator_pages import overview_page
    from include.reconnect.overview import read_overviews
    from include.reconnect.seller_list import list_page

    sellers = _thousand(tmp_path)
    for seller_id in sellers:
        read_authorization(warehouse, seller_id, locked=True)
    seconds = []
    for _ in range(5):
        begun = time.perf_counter()
        standings = read_authorizations(warehouse)
        shown = list_page(sellers, standings)
        overviews = read_overviews(warehouse, shown.sellers, standings, now_utc=NOW)
        page = overview_page(overviews, "de", now_utc=NOW, shown=shown)
        seconds.append(time.perf_counter() - begun)
    assert page.count("<tr>") == 101
    assert "page=2" in page
    assert median(seconds) < 1


def test_every_seller_is_on_one_page_of_the_list_and_who_needs_somebody_on_the_first(warehouse, tmp_path):
    from include.reconnect.seller_list import list_page

    sellers = _thousand(tmp_path)
    for seller in sellers.values():
        record_good(warehouse, seller, f"{seller.seller_id}:b", now_utc=NOW)
    warehouse.execute(
        "UPDATE ops.seller_authorization SET status = 'reauthorization_required' WHERE seller_id = 's777'"
    )
    standings = read_authorizations(warehouse)
    pages = [list_page(sellers, standings, number=number) for number in range(1, 11)]
    assert next(iter(pages[0].sellers)) == "s777"
    assert sorted(seller_id for page in pages for seller_id in page.sellers) == sorted(sellers)
    assert list_page(sellers, standings, number=99) == pages[-1]
    assert list_page(sellers, standings, query="Shop 77", number=2).number == 1
    assert len(list_page(sellers, standings, query="shop 77").sellers) == 11


def test_a_gap_that_is_being_closed_says_by_when(acme, warehouse):
    from include.reconnect.operator_pages import overview_page, seller_page
    from include.reconnect.overview import read_overviews
    from include.reconnect.seller_list import ListPage

    warehouse.execute(
        "INSERT INTO ops.catch_up (seller_id, way, gap_start_utc, gap_end_utc, expected_orders, planned_utc,"
        " totals_expected_utc, detail_expected_utc) VALUES ('acme', 'report', %(now)s - interval '20 days', %(now)s,"
        " 10000, %(now)s, %(now)s + interval '12 minutes', %(now)s + interval '2 hours')",
        {"now": NOW},
    )
    entry = acme
    shown = ListPage({"acme": entry})
    (overview,) = read_overviews(warehouse, {"acme": entry}, read_authorizations(warehouse), now_utc=NOW)
    german = "etwa 10.000 Bestellungen, Summen bis etwa"
    assert german in overview_page([overview], "de", now_utc=NOW, shown=shown)
    assert german in seller_page(overview, "de", now_utc=NOW)
    warehouse.execute("UPDATE ops.catch_up SET totals_utc = %s", (NOW,))
    (overview,) = read_overviews(warehouse, {"acme": entry}, read_authorizations(warehouse), now_utc=NOW)
    page = overview_page([overview], "en", now_utc=NOW, shown=shown)
    assert "about 10,000 orders, everything by about" in page
    warehouse.execute("UPDATE ops.catch_up SET detail_utc = %s", (NOW,))
    (overview,) = read_overviews(warehouse, {"acme": entry}, read_authorizations(warehouse), now_utc=NOW)
    assert "Catching up" not in overview_page([overview], "en", now_utc=NOW, shown=shown)


@pytest.fixture
def kept_for_long(monkeypatch):
    """What was read for the list is shown again for as long as a test takes."""
    from include.reconnect import operators_app

    monkeypatch.setattr(operators_app, "READ_FOR_S", 600.0)


@pytest.fixture
def may_read(monkeypatch, api):
    """Which sellers' DAGs each role may read, to be changed by a test."""
    from airflow.api_fastapi.app import get_auth_manager

    known = {role: {f"amazon_orders__{entry['id']}" for entry in SELLERS} for role in ROLES}

    def ids(*_, user, **__):
        return known[user.role.lower()]

    monkeypatch.setattr(type(get_auth_manager()), "get_authorized_dag_ids", ids)
    return known


def _lapse(warehouse):
    warehouse.execute("UPDATE ops.seller_authorization SET status = 'reauthorization_required'")


def test_what_was_read_a_moment_ago_is_shown_again_and_whoever_acts_sees_at_once(
    kept_for_long, may_read, ask, acme, warehouse, api
):
    client, _ = api
    client.cookies.clear()
    assert "Expires in 12 days" in ask("op", "/").text
    _lapse(warehouse)
    assert "Expires in 12 days" in ask("op", "/").text
    answer = ask("op", "/invite/amazon_seller_newcomer", "POST", OWN)
    assert "Expires in 12 days" not in ask("op", "/").text
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Path=/seller-orders"))
    client.cookies.clear()
    # What the operator saw, the others see too.
    assert "Expires in 12 days" not in ask("viewer", "/").text


def test_what_was_read_a_moment_ago_is_soon_read_anew(may_read, ask, acme, warehouse, api, monkeypatch):
    from include.local_stack.waiting import wait_until

    api[0].cookies.clear()
    assert "Expires in 12 days" in ask("op", "/").text
    _lapse(warehouse)
    assert wait_until(lambda: "Expires in 12 days" not in ask("op", "/").text, 10)


@pytest.mark.parametrize("first", ["admin", "viewer"])
def test_a_viewer_never_gets_a_page_that_was_made_for_somebody_who_may_read_more(
    kept_for_long, may_read, ask, acme, api, first
):
    api[0].cookies.clear()
    may_read["viewer"] = {"amazon_orders__newcomer"}
    ask(first, "/")
    viewer, admin = ask("viewer", "/").text, ask("admin", "/").text
    assert ("Kerzen" in viewer, "Newcomer" in viewer) == (False, True)
    assert ("Kerzen" in admin, "Newcomer" in admin) == (True, True)


def test_a_seller_that_came_into_the_file_today_needs_no_restart(may_read, ask, api, tmp_path):
    api[0].cookies.clear()
    may_read["op"] = {"amazon_orders__late"}
    assert "Late Shop" not in ask("op", "/").text
    entries = [*SELLERS, {**ENTRY, "id": "late", "name": "Late Shop"}]
    (tmp_path / "sellers.yaml").write_text(yaml.safe_dump({"sellers": entries}), encoding="utf-8")
    assert "Late Shop" in ask("op", "/?q=late").text


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_the_list_is_packed_for_whoever_can_unpack_it(may_read, ask, acme, encoding):
    answer = ask("op", "/", headers={"Accept-Encoding": encoding})
    assert answer.headers.get("content-encoding", "identity") == encoding
    assert answer.text.endswith("</html>")


def test_fifty_at_once_are_answered_although_airflow_itself_does_not_answer(may_read, ask, acme, api):
    """Each would hold a thread of the server that Airflow's answer needs, did it wait for it."""
    begun = time.monotonic()
    with ThreadPoolExecutor(50) as crowd:
        codes = list(crowd.map(lambda number: ask("op", f"/?page={number % 10}").status_code, range(50)))
    assert codes == [200] * 50
    assert time.monotonic() - begun < 20
