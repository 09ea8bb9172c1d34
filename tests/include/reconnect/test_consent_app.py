"""The sellers' start page as its readers, its monitors and its enemies meet it: over HTTP, with a real warehouse."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import requests
from itsdangerous import URLSafeSerializer

from include.authorization import consent_state
from include.authorization.status import Status
from include.local_stack.ports import free_port
from include.local_stack.waiting import wait_until
from include.notifications.health import Health
from include.notifications.links import SALT
from include.notifications.lookout import beat
from include.reconnect import consent_app, envelope
from include.reconnect.consent_app import ROUTES
from include.warehouse.connection import Connection
from tests.include.reconnect.conftest import ACME, NOTIFICATIONS, PUBLIC_BASE_URL, SECRET_KEY, Serve, Site, path_of

START_S = 60.0
# The instant is 22:30 UTC; in the shop's own zone a new day has begun.
SENTENCES = {
    "connected": (
        "Alles ist in Ordnung, Sie müssen nichts tun.",
        "Everything is fine, there is nothing for you to do.",
    ),
    "expires_soon": (
        "die Erlaubnis endet am 4. November 2026; bitte erneuern Sie vorher die Anbindung.",
        "the permission ends on 4 November 2026; please renew the connection before then.",
    ),
    "verifying": ("Wir prüfen gerade die Anbindung", "We are checking the connection"),
    "reauthorization_required": (
        "Seit dem 1. Oktober 2026 dürfen wir die Bestellungen dieses Shops nicht mehr abrufen; bitte erneuern",
        "Since 1 October 2026 we have no longer been allowed to read the orders of this shop; please renew",
    ),
    "never_connected": ("Wir kümmern uns gerade um die Anbindung", "We are working on the connection"),
    "access_denied": ("Wir kümmern uns gerade um die Anbindung", "We are working on the connection"),
    "application_credentials": ("Wir kümmern uns gerade um die Anbindung", "We are working on the connection"),
}
HOSTILE_NAMES = [
    "<script>alert(1)</script>",
    "</title></style><img src=x onerror=alert(1)>",
    "\"><a href='https://evil.example'>x</a>",
    "{{ app_name }} {% raw %}",
    "\u202egnp.exe\u202c \u2066x",
    "Müller & Söhne „Ümläut“",
    "x" * 80,
]
ODD_METHODS = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
FOREIGN_LINKS = [
    "/",
    "/shop",
    "/shop/",
    path_of(ACME["id"]) + "/",
    path_of(ACME["id"]) + "/more",
    path_of(ACME["id"])[:-1],
    path_of(ACME["id"]).replace("/shop/", "/shop/x"),
    path_of(ACME["id"]).replace("/shop/", "/Shop/"),
    path_of("no_such_shop"),
    path_of("entry_1"),
    path_of("../../etc/passwd"),
    path_of(ACME["id"], dataclasses.replace(NOTIFICATIONS, secret_key="another key")),
    f"/shop/{ACME['id']}",
    "/shop/" + URLSafeSerializer(SECRET_KEY, salt="another purpose").dumps(ACME["id"]),
    "/shop/" + URLSafeSerializer(SECRET_KEY, salt=SALT).dumps([ACME["id"]]),
    "/shop/%FF%00%0d%0aSet-Cookie:x",
    "/shop/" + "A" * 10_000,
    "/favicon.ico",
    "/robots.txt",
    "/style.css",
    "/templates/layout.html",
]

each_language = pytest.mark.parametrize("language", ["de", "en"])


@pytest.mark.parametrize("status", Status)
@each_language
def test_the_page_says_in_one_plain_sentence_how_things_stand(
    site: Site, stands: Callable[..., None], status: Status, language: str
):
    stands(status, expires_utc="2026-11-04T12:00:00Z" if status == "expires_soon" else None)
    answer = site.shop(f"?lang={language}")
    assert answer.status == 200
    for name, sentences in SENTENCES.items():
        sentence = sentences[language == "en"]
        assert (sentence in answer.page.text) == (sentence == SENTENCES[status][language == "en"]), name
    acts = status in ("expires_soon", "reauthorization_required")
    assert ("nichts tun" in answer.page.text or "nothing for you to do" in answer.page.text) != acts
    heading = {"de": "So erneuern Sie die Anbindung", "en": "How to renew the connection"}[language]
    assert (heading in answer.page.text) == acts


@each_language
def test_the_page_says_what_it_is_what_to_do_whom_to_ask_and_how_to_know_it(site: Site, language: str):
    page = site.shop(f"?lang={language}").page
    wanted = {
        "de": (
            "Acme Kerzen: Anbindung an Amazon erneuern",
            "Melden Sie sich bei Seller Central (sellercentral-europe.amazon.com) mit dem Konto dieses Shops an.",
            "„Meine Apps verwalten“ und suchen Sie Order Loader",
            "„Autorisierung aktivieren“",
            "Die App ist nicht aufgeführt: Verbinden Sie den Shop mit der Schaltfläche",
            "Klicken Sie hier auf „Anbindung erneuern“ und danach auf „Weiter zu Amazon“.",
            "Setzen Sie das Häkchen und klicken Sie auf „Bestätigen“ („Confirm“).",
            "Wir fragen Sie nie nach einem Passwort.",
            "Die Adresse in Ihrem Browser beginnt mit https://orders.example.com/",
        ),
        "en": (
            "Acme Kerzen: renew the connection to Amazon",
            "Sign in to Seller Central (sellercentral-europe.amazon.com) with the account of this shop.",
            "“Manage Your Apps” there and look for Order Loader",
            "“Enable authorization”",
            "The app is not listed: connect the shop with the button",
            "Press “Renew the connection” here, then “On to Amazon”.",
            "Tick the box and press “Confirm”.",
            "We never ask you for a password.",
            "The address in your browser begins with https://orders.example.com/",
        ),
    }[language]
    assert [words for words in wanted if words not in page.text] == []
    assert page.links == ["?lang=de", "?lang=en", "mailto:anna@orders.example"]


@each_language
def test_a_shop_reads_its_own_language_unless_it_asks_for_the_other(site: Site, language: str):
    site.write({**ACME, "language": language})
    other = "en" if language == "de" else "de"
    assert site.shop().page.language == language
    assert site.shop(f"?lang={other}").page.language == other
    for strange in ("?lang=fr", "?lang=", "?lang=de%22%3E%3Cscript%3E", "?language=en&x=1"):
        answer = site.shop(strange)
        assert answer.page.language == language
        assert "script" not in answer.body


def test_nothing_unknown_is_dated(site: Site, stands: Callable[..., None]):
    stands("expires_soon")
    assert "die Erlaubnis endet bald; bitte" in site.shop().page.text
    assert "the permission ends soon; please" in site.shop("?lang=en").page.text


def test_a_shop_with_an_application_of_its_own_is_asked_for_nothing(site: Site, stands: Callable[..., None]):
    site.write({**ACME, "authorization": "private"})
    stands("reauthorization_required")
    text = site.shop().page.text
    assert "Wir kümmern uns gerade um die Anbindung" in text
    assert "über eine eigene App Ihres Amazon-Kontos angebunden" in text
    assert "365 Tage" not in text
    assert "„Meine Apps verwalten“" not in text


def test_older_applications_of_ours_are_named_where_there_are_any(serve: Serve, dead_dsn: str):
    site = serve(dead_dsn, dataclasses.replace(NOTIFICATIONS, old_app_names=("Loader <2>", "Loader 1")))
    assert "(Loader <2>, Loader 1): Diese dürfen Sie deaktivieren." in site.shop().page.text


@pytest.mark.parametrize(
    ("reply_to", "operators", "mailto"),
    [
        ("", ("ops@orders.example",), ["mailto:ops@orders.example"]),
        ("a?cc=x&y@orders.example", (), ["mailto:a%3Fcc%3Dx%26y@orders.example"]),
        ("", (), []),
    ],
    ids=["the first operator's", "an odd one", "none"],
)
def test_questions_go_to_a_person(serve: Serve, dead_dsn: str, reply_to: str, operators: tuple[str, ...], mailto: list):
    site = serve(dead_dsn, dataclasses.replace(NOTIFICATIONS, mail_reply_to=reply_to, operator_contacts=operators))
    page = site.shop().page
    assert page.links[2:] == mailto
    assert ("Antworten Sie einfach auf unsere E-Mail." in page.text) == (not mailto)


@pytest.mark.parametrize("path", FOREIGN_LINKS)
def test_a_link_that_is_not_ours_finds_the_same_page_as_any_other(serve: Serve, dead_dsn: str, path: str):
    site = serve(dead_dsn)
    answer, nowhere = site.ask(path), site.ask("/nowhere")
    assert (answer.status, answer.body) == (404, nowhere.body)
    assert "Diese Seite gibt es nicht" in answer.page.text
    assert "Please open it once more from our latest mail." in answer.page.text
    assert "location" not in answer.headers
    assert {("html", "de"), ("section", "en")} <= {(tag, found.get("lang", "")) for tag, found in answer.page.tags}


def test_a_link_to_a_shop_that_left_or_came_today_needs_no_restart(serve: Serve, dead_dsn: str):
    site = serve(dead_dsn)
    site.write({**ACME, "id": "newcomer", "name": "New & Co"})
    assert site.shop().status == 404
    assert "New & Co: Anbindung" in site.shop(seller_id="newcomer").page.text


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_shops_name_stays_a_name(site: Site, name: str):
    plain = site.shop("?lang=en").page
    site.write({**ACME, "name": name})
    answer = site.shop("?lang=en")
    assert answer.status == 200
    assert answer.page.tags == plain.tags
    assert not any(sign in answer.body for sign in "\u202e\u202c\u2066")
    if name.isprintable():
        assert f"{name}: renew the connection" in answer.page.text


@pytest.mark.parametrize("path", [path_of(ACME["id"]), "/nowhere"], ids=["the shop's page", "no page"])
def test_the_page_brings_all_it_needs_and_runs_nothing(serve: Serve, dead_dsn: str, path: str):
    answer = serve(dead_dsn).ask(path)
    page = answer.page
    assert {tag for tag, _ in page.tags} <= {
        *("html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section"),
        *("h1", "h2", "p", "ol", "ul", "li", "a", "bdi", "strong", "form", "input", "button"),
    }
    names = {name for _, attributes in page.tags for name in attributes}
    assert not {name for name in names if name.startswith("on")} | (names & {"src", "style"})
    assert "url(" not in page.style
    assert "@import" not in page.style
    assert page.headings == [1] + [2] * (len(page.headings) - 1)
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]


def _known_path(path: str) -> str:
    return path.replace("/shop/{signed}", path_of(ACME["id"]))


# What each route answers to somebody without a link, a cookie or a form of ours. A new route needs a row here.
TO_A_STRANGER = {
    "shop": 404,
    "start": 403,
    "callback": 303,
    "done": 404,
    "login page": 400,
    "login": 403,
    "health": 503,
}


def test_every_row_of_the_table_has_a_guard_that_holds(site: Site):
    assert {row.name for row in ROUTES} == TO_A_STRANGER.keys()
    for row in ROUTES:
        path = row.path.replace("{signed}", "forged")
        assert site.ask(path, row.methods[0]).status == TO_A_STRANGER[row.name], row.name
        for method in {"GET", "POST"} - {
            method for other in ROUTES if other.path == row.path for method in other.methods
        }:
            assert site.ask(path, method).status == 405, row.name
    own = {"Sec-Fetch-Site": "same-origin"}
    assert site.ask("/start/forged", "POST", own).status == 404
    assert site.ask("/login", "POST", own).status == 400


def test_every_answer_carries_the_headers_errors_among_them(
    site: Site, monkeypatch: pytest.MonkeyPatch, warehouse: Connection
):
    for row in ROUTES:
        site.ask(_known_path(row.path))
        site.ask(_known_path(row.path), "HEAD")
        for method in {*ODD_METHODS} - {"POST"}:
            assert site.ask(_known_path(row.path), method).status == 405, (row.path, method)
    site.ask("/nowhere")
    site.sellers_file.write_text("sellers: [")
    site.shop()
    site.write(ACME)
    beat(warehouse, now_utc=site.clock())
    site.ask("/health")
    monkeypatch.setattr(consent_app, "start_page", lambda *_, **__: 1 / 0)
    site.shop()
    assert {answer.status for answer in site.answers} == {200, 303, 400, 404, 405, 429, 500, 503} - {429} | (
        {answer.status for answer in site.answers} & {429}
    )
    for answer in site.answers:
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
        for promise in ("frame-ancestors 'none'", "base-uri 'none'", "form-action '"):
            assert promise in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        if answer.body:
            assert ("form-action 'self'" in answer.headers["content-security-policy"]) == ("<form" in answer.body)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex"
        assert "server" not in answer.headers
        assert "set-cookie" not in answer.headers


def test_head_is_get_without_its_body(site: Site):
    for row in (row for row in ROUTES if "GET" in row.methods):
        head, get = (site.ask(_known_path(row.path), method) for method in ("HEAD", "GET"))
        assert (head.status, head.body) == (get.status, "")
        assert head.headers["content-length"] == get.headers["content-length"]
    assert set(site.ask("/health", "POST").headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_a_file_or_an_entry_that_cannot_be_read_is_our_trouble_and_says_no_more(serve: Serve, dead_dsn: str):
    site = serve(dead_dsn)
    for broken in ("sellers: [", "sellers: no list", "\x00"):
        site.sellers_file.write_text(broken)
        assert site.shop().status == 503
        assert site.ask("/shop/forged").status == 404
    site.write({**ACME, "timezone": "Mars/Olympus"})
    misconfigured = site.shop()
    site.sellers_file.unlink()
    missing = site.shop()
    assert (misconfigured.status, missing.status) == (503, 503)
    assert misconfigured.body == missing.body
    assert "Das liegt an uns, nicht an Ihnen." in missing.page.text
    assert "The fault is ours, not yours." in missing.page.text


def test_a_warehouse_that_is_down_takes_nothing_but_the_status_from_the_page(serve: Serve, dead_dsn: str):
    answer = serve(dead_dsn).shop()
    assert answer.status == 200
    assert "Acme Kerzen: Anbindung an Amazon erneuern" in answer.page.text
    assert "So steht es" not in answer.page.text
    assert "So erneuern Sie die Anbindung" in answer.page.text


def test_a_warehouse_that_thinks_too_long_is_not_waited_for(site: Site, warehouse: Connection):
    with warehouse.transaction():
        warehouse.execute("LOCK TABLE ops.seller_authorization, ops.heartbeat")
        began = time.monotonic()
        assert "So steht es" not in site.shop().page.text
        assert site.ask("/health").json == UNREACHABLE
        assert time.monotonic() - began < 15
    assert "So steht es" in site.shop().page.text


def test_a_crowd_gets_no_more_than_a_few_of_the_warehouses_connections(site: Site, monkeypatch: pytest.MonkeyPatch):
    asking, seen = [], []
    # Nobody leaves before as many have come as may be in at once.
    full_house = threading.Barrier(consent_app.WAREHOUSE_AT_ONCE)

    def slow_and_counting(*_: object) -> tuple[str, str]:
        asking.append(1)
        seen.append(len(asking))
        full_house.wait(timeout=10)
        asking.pop()
        return "", ""

    monkeypatch.setattr(consent_state, "language_of", slow_and_counting)
    states = [f"/callback?state={secrets.token_urlsafe(32)}" for _ in range(16)]
    crowd = [threading.Thread(target=site.ask, args=(state,)) for state in states]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert len(seen) == 16
    assert 2 <= max(seen) <= consent_app.WAREHOUSE_AT_ONCE


UNREACHABLE = {
    "status": "warehouse_unreachable",
    "warehouse": "unreachable",
    "migrations": "unknown",
    "watch_ran_s_ago": None,
}
ALL_IS_WELL = {"status": "ok", "warehouse": "reachable", "migrations": "current", "watch_ran_s_ago": 0}


def test_health_is_read_once_for_a_crowd_of_monitors(site: Site, monkeypatch: pytest.MonkeyPatch):
    reads = []
    monkeypatch.setattr(consent_app, "read_health", lambda *_, **__: reads.append(1) or Health("silent", True))
    crowd = [threading.Thread(target=site.ask, args=("/health",)) for _ in range(16)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert {answer.status for answer in site.answers} == {503}
    assert {answer.json["status"] for answer in site.answers} == {"silent"}
    # All within a second, else once more.
    assert len(reads) <= 2


def test_a_read_of_health_that_takes_long_is_waited_for_and_not_begun_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    reads, came, goes_on, answer = [], threading.Semaphore(0), threading.Event(), consent_app._Site.answer

    async def counted(*arguments: object) -> object:
        came.release()
        return await answer(*arguments)

    def slow(*_: object, **__: object) -> Health:
        reads.append(1)
        assert goes_on.wait(timeout=10)
        return Health("silent", True)

    monkeypatch.setattr(consent_app, "read_health", slow)
    monkeypatch.setattr(consent_app._Site, "answer", counted)
    crowd = [threading.Thread(target=site.ask, args=("/health",)) for _ in range(4)]
    for one in crowd:
        one.start()
        assert came.acquire(timeout=10)
        # Long after whoever came first would be answered.
        site.clock.advance(seconds=5)
    goes_on.set()
    for one in crowd:
        one.join()
    assert [answer.json["status"] for answer in site.answers] == ["silent"] * 4
    assert len(reads) == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/callback", 303),
        ("/callback?state=x&spapi_oauth_code=y&selling_partner_id=z", 303),
        (f"/callback?state={'A' * 44}", 303),
        ("/callback?state=%FF%00", 303),
        ("/done/forged", 404),
    ],
)
def test_what_cannot_be_ours_is_refused_without_the_warehouse(serve: Serve, dead_dsn: str, path: str, status: int):
    assert serve(dead_dsn).ask(path).status == status


def test_a_form_that_cannot_be_seller_centrals_is_refused_without_the_warehouse(serve: Serve, dead_dsn: str):
    body = "amazon_callback_uri=https://evil.example/&amazon_state=x"
    assert serve(dead_dsn).ask("/login", "POST", {"Sec-Fetch-Site": "same-origin"}, body).status == 400


def test_health_tells_when_the_watch_last_ran(site: Site, warehouse: Connection):
    answer = site.ask("/health")
    assert (answer.status, answer.json) == (503, {**ALL_IS_WELL, "status": "silent", "watch_ran_s_ago": None})
    beat(warehouse, now_utc=site.clock())
    site.clock.advance(minutes=44, seconds=59)
    answer = site.ask("/health")
    assert (answer.status, answer.json) == (200, {**ALL_IS_WELL, "watch_ran_s_ago": 44 * 60 + 59})
    site.clock.advance(seconds=1)
    answer = site.ask("/health")
    assert (answer.status, answer.json) == (503, {**ALL_IS_WELL, "status": "silent", "watch_ran_s_ago": 45 * 60})


def test_health_forgives_a_clock_that_runs_behind(site: Site, warehouse: Connection):
    beat(warehouse, now_utc=site.clock())
    site.clock.advance(seconds=-20)
    assert site.ask("/health").json == ALL_IS_WELL


@pytest.mark.parametrize("spoil", ["dead", "no address", "wrong password"])
def test_health_says_no_more_than_that_the_warehouse_is_out_of_reach(
    serve: Serve, dead_dsn: str, shared_warehouse: str, spoil: str
):
    dsn = {
        "dead": dead_dsn,
        "no address": "planted-pass-Xk93",
        "wrong password": shared_warehouse.replace("loader:loader@", "loader:planted-pass-Xk93@"),
    }[spoil]
    answer = serve(dsn).ask("/health")
    assert (answer.status, answer.json) == (503, UNREACHABLE)


def test_health_tells_a_warehouse_that_was_not_brought_to_this_version(
    serve: Serve, shared_warehouse: str, site: Site, warehouse: Connection
):
    empty = serve(shared_warehouse.replace("/warehouse", "/postgres")).ask("/health")
    behind = {"status": "migrations_missing", "warehouse": "reachable", "migrations": "missing"}
    assert (empty.status, empty.json) == (503, {**behind, "watch_ran_s_ago": None})
    beat(warehouse, now_utc=site.clock())
    (newest,) = warehouse.execute("SELECT version_num FROM ops.alembic_version").fetchone()
    warehouse.execute("UPDATE ops.alembic_version SET version_num = '0001'")
    try:
        older = site.ask("/health")
    finally:
        warehouse.execute("UPDATE ops.alembic_version SET version_num = %s", (newest,))
    assert (older.status, older.json) == (503, {**behind, "watch_ran_s_ago": 0})


def test_the_log_names_method_route_and_status_and_nothing_else(
    serve: Serve, dead_dsn: str, caplog: pytest.LogCaptureFixture
):
    site = serve(dead_dsn)
    caplog.set_level(logging.INFO, logger=envelope.__name__)
    caplog.clear()
    site.shop("?lang=en")
    site.ask("/shop/forged", "HEAD")
    site.ask("/health", "POST")
    site.ask("/a%0Ab")
    lines = [record.getMessage() for record in caplog.records if record.name == envelope.__name__]
    assert lines == ["GET shop 200", "HEAD shop 404", "POST health 405", "GET no route 404"]


def test_no_answer_and_no_log_holds_a_secret_an_id_or_amazons_words(
    serve: Serve,
    warehouse_dsn: str,
    dead_dsn: str,
    stands: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    caplog.set_level(logging.DEBUG)
    stands("access_denied")
    sites = [serve(warehouse_dsn), serve(dead_dsn)]
    link = path_of(ACME["id"])

    def defect(*_: object, **__: object) -> str:
        raise RuntimeError(f"{link} {SECRET_KEY} {dead_dsn}")

    for site in sites:
        for path in (link, link + "?lang=en", link[:-1], "/health", "/nowhere"):
            for method in ("GET", "HEAD", "POST"):
                site.ask(path, method, {"Authorization": "Bearer planted-bearer", "Host": "planted.example"})
        site.sellers_file.write_text("sellers: [{id: acme_id_7}]")
        site.shop()
        site.write(ACME)
        monkeypatch.setattr(consent_app, "start_page", defect)
        assert site.shop().status == 500
        monkeypatch.undo()
    secrets = (
        *(SECRET_KEY, "planted", "Xk93", "loader:loader", "postgresql://", "Traceback"),
        *("acme_id_7", "invalid grant", "A1PA6795UKMFR9", "owner@acme.example", str(sites[0].sellers_file)),
    )
    said = [answer.body + str(answer.headers) for site in sites for answer in site.answers]
    logged = [f"{record.getMessage()} {record.exc_text or ''} {record.exc_info or ''}" for record in caplog.records]
    assert any("A defect: RuntimeError in " in line for line in logged)
    assert [(secret, text) for secret in secrets for text in [*said, *logged] if secret in text] == []
    assert [line for line in logged if link.removeprefix("/shop/") in line] == []


def _environment(**changes: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
    return {**kept, "SECRET_KEY": SECRET_KEY, "PUBLIC_BASE_URL": PUBLIC_BASE_URL, **changes}


@pytest.mark.slow
@pytest.mark.parametrize("log_format", ["", "json"])
def test_the_program_serves_until_it_is_told_to_end(
    project_root: Path, warehouse_dsn: str, site: Site, tmp_path: Path, log_format: str
):
    port, log_file = free_port(), tmp_path / "log"
    environment = _environment(WAREHOUSE_DSN=warehouse_dsn, SELLERS_FILE=str(site.sellers_file), LOG_FORMAT=log_format)
    with log_file.open("w") as log:
        program = subprocess.Popen(
            [sys.executable, "-m", "include.reconnect.consent_app", "--host", "127.0.0.1", "--port", str(port)],
            cwd=project_root,
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            assert wait_until(lambda: _listens(port) or program.poll() is not None, START_S)
            health = requests.get(f"http://127.0.0.1:{port}/health", timeout=30)
            page = requests.get(f"http://127.0.0.1:{port}{path_of(ACME['id'])}", timeout=30)
            program.send_signal(signal.SIGTERM)
            assert program.wait(30) == 0
        finally:
            program.kill()
            program.wait()
    assert (health.status_code, health.json()["status"]) == (503, "silent")
    assert "Acme Kerzen" in page.text
    assert "Server" not in page.headers
    told = log_file.read_text()
    if log_format == "json":
        lines = [json.loads(line) for line in told.splitlines()]
        assert [line["event"] for line in lines][-2:] == ["GET health 503", "GET shop 200"]
        assert all(datetime.fromisoformat(line["timestamp"]).tzinfo and line["level"] for line in lines)
    assert f"answer on port {port} of 127.0.0.1" in told
    assert "GET health 503" in told
    assert "GET shop 200" in told
    assert path_of(ACME["id"]) not in told
    assert "loader" not in told


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["SECRET_KEY", "WAREHOUSE_DSN", "port"])
def test_the_program_says_in_a_line_why_it_cannot_start(project_root: Path, trouble: str):
    environment = _environment(WAREHOUSE_DSN="postgresql://loader:planted-pass@127.0.0.1/warehouse") | {trouble: ""}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1] if trouble == "port" else free_port()
        ended = subprocess.run(
            [sys.executable, "-m", "include.reconnect.consent_app", "--port", str(port)],
            cwd=project_root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=START_S,
            check=False,
        )
    assert ended.returncode == 2
    assert ended.stderr.startswith("The sellers' pages cannot start: ")
    assert ended.stderr.count("\n") == 1
    assert "planted" not in ended.stderr
    assert trouble in ended.stderr or trouble == "port"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
