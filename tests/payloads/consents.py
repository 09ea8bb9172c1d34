"""A seller who gives a consent in the fake's Seller Central, without a browser."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from include.clock import utc_now
from include.fake_amazon.server import RunningFake
from include.warehouse.connection import Connection


def give_consent(fake: RunningFake, shop_id: str, *, redirect_uri: str, state: str = "s") -> tuple[str, str]:
    """Sign in, tick, confirm; returns the selling partner id and the code that Amazon sends back."""
    central = urlsplit(fake.client.seller_central_url)
    fake.client.register_application(redirect_uris=[redirect_uri])
    account = next(shop["selling_partner_id"] for shop in fake.client.shops() if shop["shop_id"] == shop_id)
    browser = requests.Session()
    browser.headers.update({"Host": central.netloc, "Origin": fake.client.seller_central_url})
    query = {
        "application_id": fake.client.application().application_id,
        "state": state,
        "redirect_uri": redirect_uri,
    }
    consent = f"{fake.base_url}/apps/authorize/consent?{urlencode(query)}"
    signed_in = browser.post(f"{fake.base_url}/signin", data={"account": account}, allow_redirects=False, timeout=10)
    cookie = re.match(r"[^;]+", signed_in.headers["set-cookie"])
    browser.headers["Cookie"] = cookie[0] if cookie else ""
    confirmed = browser.post(consent, data={**query, "agree": "on", "do": "confirm"}, allow_redirects=False, timeout=10)
    returned = parse_qs(urlsplit(confirmed.headers["location"]).query)
    assert returned["state"] == [state]
    return returned["selling_partner_id"][0], returned["spapi_oauth_code"][0]


def hold_order(warehouse: Connection, fake: RunningFake, seller_id: str) -> None:
    """Let the tables hold one order of the seller's, as Amazon has it."""
    order = fake.client.truth(seller_id, utc_now() - timedelta(minutes=3))["orders"][0]
    warehouse.execute(
        "INSERT INTO amazon.orders (seller_id, order_id, created_utc, last_updated_utc, programs, extracted_utc)"
        " VALUES (%s, %s, now(), now(), '{}', now())",
        (seller_id, order["order_id"]),
    )
