"""The sellers' pages inside Airflow's real application, on a laptop: reached, and out of its access log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from include.authorization.status import read_authorization
from include.clock import utc_now
from include.notifications.links import link_for, start_page_url
from include.settings import load_notification_settings
from include.warehouse.connection import Connection
from tests.include.reconnect.conftest import ACME

pytestmark = pytest.mark.airflow

HERE = "http://127.0.0.1:8080/seller-consent"


@pytest.fixture
def ask(api, warehouse_dsn, tmp_path, monkeypatch) -> Iterator[Any]:
    """Ask without any login; the pages are made anew from the environment that a test sets."""
    client, _ = api
    path = tmp_path / "sellers.yaml"
    path.write_text(yaml.safe_dump({"sellers": [ACME]}), encoding="utf-8")
    environment = {
        "WAREHOUSE_DSN": warehouse_dsn,
        "SELLERS_FILE": str(path),
        "SECRET_KEY": "of this test",
        "PUBLIC_BASE_URL": HERE,
        "AMAZON_APPLICATION_ID": "amzn1.sp.solution.x",
        "AMAZON_CLIENT_ID": "x",
        "AMAZON_CLIENT_SECRET": "y",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    mounted = next(route for route in client.app.routes if getattr(route, "path", "") == "/seller-consent")
    mounted.app._app = None
    yield lambda path, method="GET", **how: client.request(method, f"/seller-consent{path}", **how)
    mounted.app._app = None


def _shop(warehouse: Connection) -> str:
    link = link_for(read_authorization(warehouse, ACME["id"]), now_utc=utc_now())
    return start_page_url(load_notification_settings(), link).removeprefix(HERE)


def test_without_a_login_a_link_shows_the_shop_and_its_form_leads_on_to_amazon(ask, warehouse):
    page = ask(_shop(warehouse))
    assert page.status_code == 200
    assert ACME["name"] in page.text
    assert f'action="{HERE}/start/' in page.text
    on = ask(_shop(warehouse).replace("/shop/", "/start/"), "POST", headers={"Origin": "http://127.0.0.1:8080"})
    assert on.status_code == 200
    assert "apps/authorize/consent" in on.text


@pytest.mark.parametrize(
    "changed",
    [{"PUBLIC_BASE_URL": "https://orders.example"}, {"PUBLIC_BASE_URL": ""}, {"SECRET_KEY": ""}],
    ids=["elsewhere", "by default", "without a key"],
)
def test_where_public_base_url_does_not_lead_here_there_is_nothing(ask, warehouse, monkeypatch, changed):
    shop = _shop(warehouse) if "PUBLIC_BASE_URL" not in changed else "/shop/x"
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    assert ask(shop).status_code == 404
    assert ask("/health").status_code == 404
    assert ask("/callback").status_code == 404


def test_airflows_access_log_sees_no_link_code_or_state(ask, warehouse, capfd, caplog):
    import structlog

    shop = _shop(warehouse)
    with structlog.testing.capture_logs() as logged:
        ask(shop)
        ask("/callback?state=planted-state&spapi_oauth_code=planted-code&selling_partner_id=planted-id")
    lines = [entry for entry in logged if entry.get("event") == "request finished"]
    assert [(line["path"], line["query"]) for line in lines] == [("/seller-consent", "")] * 2
    everything = f"{logged} {caplog.text} {capfd.readouterr()}"
    for secret in ("planted-", shop.rpartition("/")[2]):
        assert secret not in everything
