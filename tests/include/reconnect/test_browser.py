"""The seller's way in a real Chromium: cookies between two sites, forms and redirects as they are in life.

Pictures of each page are kept in the folder that SCREENSHOTS names, else in the test's own.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from include.authorization.status import read_authorization
from include.clock import utc_now
from include.consent import means as means_module
from include.fake_amazon.server import RunningFake, serve_in_thread
from include.notifications.links import link_for, start_page_url
from include.settings import ConsentSettings, NotificationSettings, Settings
from tests.include.consent.conftest import Airflow
from tests.include.reconnect.conftest import ACME, Site, serving
from tests.payloads.clocks import HandClock
from tests.payloads.consents import hold_order

pytestmark = pytest.mark.slow

ID = ACME["id"]


@pytest.fixture
def amazon() -> Iterator[RunningFake]:
    with serve_in_thread() as fake:
        for shop_id in (ID, "other"):
            fake.client.ensure_shop(shop_id, region="eu", marketplaces=["DE", "FR"], orders_per_day=1)
        yield fake


@pytest.fixture
def site(tmp_path, amazon, warehouse_dsn, warehouse, monkeypatch) -> Iterator[Site]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base_url = f"http://127.0.0.1:{port}"
    airflow, application = Airflow(), amazon.client.application()
    monkeypatch.setattr(means_module, "AirflowGateway", lambda *_: airflow)
    monkeypatch.setattr(means_module, "AirflowTokens", lambda _: airflow)
    amazon.client.register_application(redirect_uris=[f"{base_url}/callback"], login_uri=f"{base_url}/login")
    site = Site(port, tmp_path / "sellers.yaml", HandClock(utc_now()))
    site.write(ACME)
    settings = Settings(
        sellers_file=site.sellers_file,
        warehouse_dsn=warehouse_dsn,
        secret_key="of this test",
        lwa_token_url=amazon.lwa_token_url,
        spapi_endpoints={region: amazon.spapi_endpoint(region) for region in ("eu", "na", "fe")},
        seller_central_url=amazon.client.seller_central_url,
    )
    consent = ConsentSettings(
        application_id=application.application_id,
        client_id=application.client_id,
        client_secret=application.client_secret,
    )
    site.notifications = NotificationSettings(public_base_url=base_url, secret_key="of this test")
    with serving(site, settings, site.notifications, consent):
        yield site


def _context(chromium, **how):
    return chromium.new_context(**{"locale": "de-DE", **how})


def _link(site, warehouse) -> str:
    return start_page_url(site.notifications, link_for(read_authorization(warehouse, ID), now_utc=utc_now()))


def _to_amazon(page, link: str, account: str) -> None:
    page.goto(link)
    page.click("button.act")
    page.click("a.act")
    page.select_option("#account", account)
    page.click("#sign-in")


def _account_of(amazon: RunningFake, shop_id: str) -> str:
    return next(shop["selling_partner_id"] for shop in amazon.client.shops() if shop["shop_id"] == shop_id)


def test_from_the_mails_link_through_amazon_and_back(chromium, site, amazon, warehouse, pictures):
    page = _context(chromium, color_scheme="dark").new_page()
    page.goto(_link(site, warehouse))
    page.screenshot(path=pictures / "start_dark.png", full_page=True)
    _to_amazon(page, _link(site, warehouse), _account_of(amazon, ID))
    assert "sellercentral.localhost" in page.url
    page.screenshot(path=pictures / "consent.png")
    page.click("#confirm")
    assert "Häkchen" in page.inner_text("[role=alert]")
    page.check("#agree")
    page.click("#confirm")
    assert "Die Anbindung steht" in page.inner_text("h1")
    assert "code" not in page.url
    assert page.context.cookies(site.notifications.public_base_url) == []
    page.screenshot(path=pictures / "done.png")
    assert read_authorization(warehouse, ID).generation == 1


def test_with_another_account_the_page_says_how_to_switch_and_then_it_works(chromium, site, amazon, warehouse):
    page = _context(chromium).new_page()
    _to_amazon(page, _link(site, warehouse), _account_of(amazon, ID))
    page.check("#agree")
    page.click("#confirm")
    link = _link(site, warehouse)
    page.goto(f"{amazon.client.seller_central_url}/")
    page.click("#sign-out")
    _to_amazon(page, link, _account_of(amazon, "other"))
    page.check("#agree")
    page.click("#confirm")
    assert "anderes Amazon-Konto" in page.inner_text("h1")
    page.goto(f"{amazon.client.seller_central_url}/")
    page.click("#sign-out")
    page.goto(link)
    page.click("button.act")
    page.click("a.act")
    page.select_option("#account", _account_of(amazon, ID))
    page.click("#sign-in")
    page.check("#agree")
    page.click("#confirm")
    assert "Die Anbindung steht" in page.inner_text("h1")
    assert read_authorization(warehouse, ID).generation == 2


def test_who_cancels_at_amazon_can_begin_again(chromium, site, amazon, warehouse):
    page = _context(chromium).new_page()
    _to_amazon(page, _link(site, warehouse), _account_of(amazon, ID))
    page.click("#cancel")
    assert page.url == f"{amazon.client.seller_central_url}/"
    assert read_authorization(warehouse, ID).generation == 0
    page.goto(_link(site, warehouse))
    assert page.is_visible("button.act")


def test_seller_centrals_own_renewal_in_english_on_a_phone(chromium, site, amazon, warehouse, pictures):
    page = _context(chromium).new_page()
    _to_amazon(page, _link(site, warehouse), _account_of(amazon, ID))
    page.check("#agree")
    page.click("#confirm")
    hold_order(warehouse, amazon, ID)
    phone = _context(chromium, locale="en-GB", viewport={"width": 360, "height": 740}).new_page()
    phone.goto(f"{amazon.client.seller_central_url}/apps/manage")
    phone.select_option("#account", _account_of(amazon, ID))
    phone.click("#sign-in")
    phone.click("#reauthorize")
    phone.click("#login-to-app")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    phone.screenshot(path=pictures / "login_phone.png")
    phone.click("button.act")
    phone.click("a.act")
    assert "The connection is there" in phone.inner_text("h1")
    assert read_authorization(warehouse, ID).generation == 2


def test_nobody_can_put_the_page_into_a_frame(chromium, site, warehouse):
    page = _context(chromium).new_page()
    page.goto(_link(site, warehouse))
    script = "address => { const f = document.createElement('iframe'); f.src = address; document.body.append(f); }"
    with page.expect_console_message(lambda message: "frame" in message.text.lower()) as told:
        page.evaluate(script, page.url)
    assert "Content Security Policy" in told.value.text
