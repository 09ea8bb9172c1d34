"""What the tests of the sellers' pages share: the real server in a thread, shops in a file, a reader of its HTML."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.consent.means import make_means
from include.local_stack.waiting import wait_until
from include.notifications.links import StartLink, start_page_url
from include.reconnect.consent_app import create_app, make_server
from include.settings import ConsentSettings, NotificationSettings, Settings
from include.warehouse.connection import Connection
from tests.payloads.clocks import HandClock

# Of Airflow's simple auth manager, the least first.
ROLES = ("anonymous", "viewer", "user", "op", "admin")

SECRET_KEY = "planted-key-Zq81"
PUBLIC_BASE_URL = "https://orders.example.com"
NOTIFICATIONS = NotificationSettings(
    public_base_url=PUBLIC_BASE_URL,
    secret_key=SECRET_KEY,
    app_name="Order Loader",
    mail_reply_to="Anna Berg <anna@orders.example>",
    operator_contacts=("ops@orders.example",),
)
CONSENT = ConsentSettings(
    application_id="amzn1.sp.solution.planted", client_id="amzn1.planted", client_secret="planted-secret-Wq55"
)
# What `stands` writes, so that the link is of the present authorization.
GENERATION = 3
LINK_ENDS_UTC = datetime(2036, 10, 19, 12, tzinfo=UTC)
ACME = {
    "id": "acme_id_7",
    "name": "Acme Kerzen",
    "region": "eu",
    "marketplaces": ["DE", "FR"],
    "contacts": ["owner@acme.example"],
    "language": "de",
    "timezone": "Europe/Berlin",
}


class Page(HTMLParser):
    """What a reader sees and what is behind it: words, tags, headings, addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.style = ""
        self._words: list[str] = []
        self._inside: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "input"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop() == tag, "every tag ends where it should"

    def handle_data(self, data: str) -> None:
        if "style" in self._inside:
            self.style += data
        else:
            self._words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self._words).split())

    @property
    def language(self) -> str:
        return next(attributes["lang"] for tag, attributes in self.tags if tag == "html")

    @property
    def headings(self) -> list[int]:
        return [int(tag[1]) for tag, _ in self.tags if tag in ("h1", "h2", "h3", "h4")]

    @property
    def links(self) -> list[str]:
        return [attributes["href"] for tag, attributes in self.tags if tag == "a"]


@dataclass(frozen=True)
class Answer:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def page(self) -> Page:
        return Page(self.body)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Site:
    """A running site and the files it reads."""

    port: int
    sellers_file: Path
    clock: HandClock
    answers: list[Answer] = field(default_factory=list)

    def ask(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: str | None = None
    ) -> Answer:
        """Ask for a path exactly as written."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers=dict(headers or {}))
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, names, response.read().decode())
        finally:
            connection.close()
        self.answers.append(answer)
        return answer

    def shop(self, query: str = "", seller_id: str = ACME["id"]) -> Answer:
        return self.ask(path_of(seller_id) + query)

    def write(self, *entries: Mapping[str, Any]) -> None:
        self.sellers_file.write_text(yaml.safe_dump({"sellers": list(entries)}, allow_unicode=True), encoding="utf-8")


Serve = Callable[..., Site]


def path_of(
    seller_id: str,
    settings: NotificationSettings = NOTIFICATIONS,
    *,
    generation: int = GENERATION,
    ends_utc: datetime = LINK_ENDS_UTC,
) -> str:
    link = StartLink(
        seller_id=seller_id,
        purpose="reconnect" if generation else "connect",
        generation=generation,
        ends_utc=ends_utc,
    )
    return start_page_url(settings, link).removeprefix(settings.public_base_url)


@contextmanager
def serving(
    site: Site, settings: Settings, notifications: NotificationSettings, consent: ConsentSettings
) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", site.port)) as listener:
        site.port = listener.getsockname()[1]
        server = make_server(create_app(make_means(settings, notifications, consent, now=site.clock)))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            assert wait_until(lambda: server.started, 10)
            yield
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serves the site against a warehouse, with Acme in its file; keywords change the notification settings."""
    with ExitStack() as stack:

        def make(
            dsn: str,
            notifications: NotificationSettings = NOTIFICATIONS,
            consent: ConsentSettings = CONSENT,
            **product: Any,
        ) -> Site:
            site = Site(0, tmp_path / "sellers.yaml", HandClock())
            site.write(ACME)
            settings = Settings(
                sellers_file=site.sellers_file, warehouse_dsn=dsn, secret_key=notifications.secret_key, **product
            )
            stack.enter_context(serving(site, settings, notifications, consent))
            return site

        yield make


@pytest.fixture
def dead_dsn() -> Iterator[str]:
    """The address of a warehouse that refuses every connection; nobody else can take its port."""
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"postgresql://loader:planted-pass-Xk93@127.0.0.1:{taken.getsockname()[1]}/warehouse"


@pytest.fixture
def site(serve: Serve, warehouse_dsn: str) -> Site:
    """The site with its warehouse."""
    return serve(warehouse_dsn)


@pytest.fixture
def stands(warehouse: Connection) -> Callable[..., None]:
    """Writes how Acme's authorization stands."""

    def write(status: str, **instants: Any) -> None:
        warehouse.execute(
            "INSERT INTO ops.seller_authorization (seller_id, status, since_utc, expires_utc, amazon_said, generation,"
            " token_fingerprint) VALUES (%s, %s, %s, %s, %s, 3, %s)",
            (
                ACME["id"],
                status,
                instants.get("since_utc", "2026-09-30T22:30:00Z"),
                instants.get("expires_utc"),
                "The request has an invalid grant parameter",
                "planted:fingerprint",
            ),
        )

    return write


@pytest.fixture(scope="session")
def api():
    """Airflow's own application with our plugin in it, and a token of each role."""
    from airflow.utils.db import initdb

    initdb()
    home = Path(os.environ["AIRFLOW_HOME"])
    passwords = {role: role for role in ROLES[1:]}
    (home / "roles.json").write_text(json.dumps(passwords))
    os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] = ",".join(f"{role}:{role}" for role in ROLES[1:])
    os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"] = str(home / "roles.json")
    os.environ["AIRFLOW__API_AUTH__JWT_SECRET"] = (
        "of this test, and long enough for its algorithm, which wants 64 bytes"
    )
    from airflow.api_fastapi.app import create_app as create_airflow
    from starlette.testclient import TestClient

    with TestClient(create_airflow(), base_url="http://airflow.example", follow_redirects=False) as client:
        tokens = {}
        for role in ROLES[1:]:
            answer = client.post("/auth/token", json={"username": role, "password": role})
            assert answer.status_code == 201, answer.text
            tokens[role] = answer.json()["access_token"]
        yield client, tokens
