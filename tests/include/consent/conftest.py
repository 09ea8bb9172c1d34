"""What the tests of consents share: the fake Amazon, two sellers, and an Airflow that keeps what it is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest

from include.authorization import consent_state
from include.authorization.consent_state import Consent, Purpose
from include.authorization.status import read_authorization
from include.clock import utc_now
from include.consent.completion import receive
from include.consent.means import Means
from include.consent.outcome import Result
from include.fake_amazon.server import RunningFake, serve_in_thread
from include.sellers.registry import Seller
from include.settings import ConsentSettings, NotificationSettings, Settings
from include.warehouse.connection import Connection
from tests.payloads.airflow_in_memory import Airflow
from tests.payloads.consents import give_consent, hold_order
from tests.payloads.sellers import acme

PUBLIC_BASE_URL = "http://127.0.0.1:8092"


@dataclass
class Desk:
    """A seller's way through Amazon's page and back, and what it left."""

    amazon: RunningFake
    airflow: Airflow
    warehouse: Connection
    means: Means
    sellers: dict[str, Seller]

    def come_back(
        self, seller_id: str = "acme", *, account_of: str | None = None, purpose: Purpose = Purpose.RECONNECT
    ) -> tuple[Consent, str]:
        """Begin, sign in as the owner of a shop, confirm, and bring the state back."""
        issued = consent_state.issue(
            self.warehouse,
            seller_id="" if purpose is Purpose.LOGIN else seller_id,
            purpose=purpose,
            generation=0,
            language="de",
            now_utc=utc_now(),
        )
        account, code = give_consent(self.amazon, account_of or seller_id, redirect_uri=self.means.redirect_uri)
        consent = consent_state.consume(
            self.warehouse, issued.state, issued.browser, selling_partner_id=account, now_utc=utc_now()
        )
        return consent, code

    def consent(self, seller_id: str = "acme", **how: Any) -> Result:
        """The whole way."""
        return receive(self.warehouse, *self.come_back(seller_id, **how), self.means)

    def has_order(self, seller_id: str = "acme") -> None:
        """Let the tables hold one of the seller's orders."""
        hold_order(self.warehouse, self.amazon, seller_id)

    def standing(self, seller_id: str = "acme"):
        return read_authorization(self.warehouse, seller_id)

    def step(self, consent_id: int) -> str:
        consent = consent_state.read_consent(self.warehouse, consent_id)
        assert consent
        return consent.step

    def open_classes(self) -> list[str]:
        query = "SELECT error_class FROM ops.incident WHERE closed_utc IS NULL ORDER BY incident_id"
        return [str(row[0]) for row in self.warehouse.execute(query)]


@pytest.fixture
def amazon() -> Iterator[RunningFake]:
    with serve_in_thread() as fake:
        for shop_id in ("acme", "other"):
            fake.client.ensure_shop(shop_id, region="eu", marketplaces=["DE", "FR"], orders_per_day=1)
        fake.client.ensure_shop("twin", region="eu", marketplaces=["DE", "FR"], orders_per_day=1, store_name="Acme")
        fake.client.ensure_shop("nameless", region="eu", marketplaces=["DE", "FR"], orders_per_day=1, store_name="")
        fake.client.ensure_shop("third", region="eu", marketplaces=["DE"], orders_per_day=1)
        yield fake


@pytest.fixture
def desk(amazon: RunningFake, warehouse: Connection, warehouse_dsn: str) -> Desk:
    airflow, application = Airflow(), amazon.client.application()
    first = acme(date(2026, 10, 1))
    sellers = {"acme": first, "other": replace(first, seller_id="other", name="Other")}
    settings = Settings(
        secret_key="any long random text",
        warehouse_dsn=warehouse_dsn,
        lwa_token_url=amazon.lwa_token_url,
        spapi_endpoints={region: amazon.spapi_endpoint(region) for region in ("eu", "na", "fe")},
        rate_scale=1000,
        http_timeout_s=5,
    )
    notifications = NotificationSettings(
        public_base_url=PUBLIC_BASE_URL, secret_key="any long random text", operator_contacts=("ops@example.com",)
    )
    consent = ConsentSettings(
        application_id=application.application_id,
        client_id=application.client_id,
        client_secret=application.client_secret,
    )
    means = Means(settings, notifications, consent, airflow, airflow, lambda: sellers, utc_now)
    return Desk(amazon, airflow, warehouse, means, sellers)


@pytest.fixture
def year() -> timedelta:
    return timedelta(days=365)
