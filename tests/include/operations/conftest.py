"""What the tests of operators' commands share: a set-up that is right in every part, for a test to spoil one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from include.authorization.status import record_good
from include.clock import utc_now
from include.consent.means import Means
from include.fake_amazon.server import RunningFake, serve_in_thread
from include.local_stack.ports import free_port
from include.notifications.lookout import beat
from include.settings import ConsentSettings, NotificationSettings, Settings
from include.warehouse.connection import Connection
from tests.payloads.airflow_in_memory import Airflow
from tests.payloads.mail_server import MailServer, mail_server
from tests.payloads.scripted_server import ScriptedServer, scripted_server
from tests.payloads.sellers import acme

SELLERS_FILE = """
sellers:
  - id: acme
    name: Acme
    region: eu
    marketplaces: [DE]
    contacts: [anna@acme.example]
    language: en
    timezone: Europe/Berlin
"""


@dataclass
class House:
    """Everything an installation consists of.

    Attributes:
        start_page: What answers at PUBLIC_BASE_URL; a plan of answers.
    """

    warehouse: Connection
    means: Means
    airflow: Airflow
    amazon: RunningFake
    start_page: ScriptedServer
    mails: MailServer
    sellers_file: Path


@pytest.fixture(scope="module")
def amazon() -> Iterator[RunningFake]:
    with serve_in_thread() as fake:
        yield fake


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def start_page() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture
def house(
    amazon: RunningFake,
    warehouse: Connection,
    warehouse_dsn: str,
    mails: MailServer,
    start_page: ScriptedServer,
    tmp_path: Path,
) -> House:
    application, seller = amazon.client.application(), acme(date(2026, 10, 1))
    file = tmp_path / "sellers.yaml"
    file.write_text(SELLERS_FILE)
    key = "a long random text of the tests"
    (tmp_path / "raw").mkdir()
    settings = Settings(
        sellers_file=file,
        secret_key=key,
        warehouse_dsn=warehouse_dsn,
        raw_url=f"file://{tmp_path / 'raw'}",
        lwa_token_url=amazon.lwa_token_url,
        spapi_endpoints={region: amazon.spapi_endpoint(region) for region in ("eu", "na", "fe")},
        rate_scale=1000,
    )
    notifications = NotificationSettings(
        public_base_url=start_page.url,
        secret_key=key,
        mail_from="orders@example.com",
        operator_contacts=("ops@example.com",),
    )
    consent = ConsentSettings(
        application_id=application.application_id,
        client_id=application.client_id,
        client_secret=application.client_secret,
        airflow_url=amazon.base_url,  # which tells the time as Airflow does
        airflow_password="one of the tests",
    )
    airflow = Airflow(
        dags={seller.dag_id, "authorization_watch"},
        states=dict.fromkeys(("metadatabase", "scheduler", "dag_processor"), "healthy"),
        connections={
            "amazon_application": {"login": application.client_id, "extra": f'{{"made_on": "{utc_now():%Y-%m-%d}"}}'},
            "amazon_seller_acme": {"login": "A1"},
            "smtp_default": {
                "host": "127.0.0.1",
                "port": mails.port,
                "extra": '{"disable_ssl": true, "disable_tls": true}',
            },
        },
    )
    means = Means(settings, notifications, consent, airflow, airflow, lambda: {"acme": seller}, utc_now)
    record_good(warehouse, seller, "mark", now_utc=utc_now())
    beat(warehouse, now_utc=utc_now())
    return House(warehouse, means, airflow, amazon, start_page, mails, file)


def with_settings(means: Means, part: str, **changes: object) -> Means:
    """The same set-up with some settings of one part changed."""
    return replace(means, **{part: replace(getattr(means, part), **changes)})


@pytest.fixture
def deserted() -> str:
    """An address at which nobody listens."""
    return f"http://127.0.0.1:{free_port()}"
