"""The fake judged by Amazon's own SDK: what it reads here is the truth, what it is refused it understands."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from spapi import ApiException, Configuration, SPAPIClient, SPAPIConfig
from spapi.api.orders_v2026_01_01.search_orders_api import SearchOrdersApi
from spapi.api.sellers_v1.sellers_api import SellersApi
from spapi.auth.lwa_exception import LwaException

from include.fake_amazon.included_data import DATASETS

WATERMARK = datetime(2026, 11, 5, tzinfo=UTC)
WINDOW = {"last_updated_after": "2026-10-20T00:00:00Z", "last_updated_before": "2026-11-05T00:00:00Z"}


@pytest.fixture(autouse=True)
def _loggers_as_before():
    """The SDK hangs handlers on its loggers, one more for each configuration."""
    loggers = [logging.getLogger(name) for name in ("spapi", "urllib3")]
    before = [(logger.handlers[:], logger.level) for logger in loggers]
    yield
    Configuration.set_default(None)
    for logger, (handlers, level) in zip(loggers, before, strict=True):
        logger.handlers[:] = handlers
        logger.setLevel(level)


class _ImpatientClient(SPAPIClient):
    """The SDK as it is, but for the fourteen seconds it takes to believe that a token request is refused."""

    def _initialize_client(self):
        self.access_token_cache.max_retries = 0
        super()._initialize_client()


def _client(seller):
    application = seller.fake.client.application()
    config = SPAPIConfig(application.client_id, application.client_secret, seller.refresh_token, region="EU")
    client = _ImpatientClient(config, seller.fake.lwa_token_url, seller.fake.spapi_endpoint(seller.region))
    # Otherwise every object of an answer makes a configuration of its own.
    Configuration.set_default(client.api_client.configuration)
    return client.api_client


def _money(value):
    return (value.amount, value.currency_code) if value else (None, None)


def _row(order):
    items = [
        (item.order_item_id, item.quantity_ordered, *_money(item.proceeds and item.proceeds.proceeds_total))
        for item in order.order_items
    ]
    return (order.order_id, order.last_updated_time, *_money(order.proceeds and order.proceeds.grand_total), items)


def _true_row(order):
    items = [
        (item["order_item_id"], item["quantity_ordered"], item["proceeds_total_amount"], item["currency_code"])
        for item in order["items"]
    ]
    updated = datetime.fromisoformat(order["last_updated_utc"])
    return (order["order_id"], updated, order["grand_total_amount"], order["currency_code"], items)


def test_it_reads_every_order_of_a_window_over_several_pages(fake, seller):
    api, token, rows, pages = SearchOrdersApi(_client(seller)), {}, [], 0
    while True:
        page = api.search_orders(**WINDOW, max_results_per_page=30, included_data=sorted(DATASETS), **token)
        rows += [_row(order) for order in page.orders]
        pages += 1
        if page.pagination is None:
            break
        token = {"pagination_token": page.pagination.next_token}
    truth = fake.client.truth(seller.shop_id, WATERMARK, datetime(2026, 10, 20, tzinfo=UTC))["orders"]
    assert rows == [_true_row(order) for order in truth]
    assert pages > 2
    assert page.last_updated_before == WATERMARK


def test_it_reads_where_the_seller_takes_part(new_seller):
    seller = new_seller(marketplaces=("DE", "FR"))
    participations = SellersApi(_client(seller)).get_marketplace_participations().payload
    assert [entry.marketplace.country_code for entry in participations] == ["DE", "FR"]
    assert all(entry.participation.is_participating for entry in participations)


@pytest.mark.parametrize(
    "lapse",
    [lambda client, shop_id: client.revoke(shop_id), lambda client, _: client.expire_client_secret()],
    ids=["a revoked authorization", "an expired client secret"],
)
def test_its_token_request_is_refused_after(fake, seller, lapse):
    lapse(fake.client, seller.shop_id)
    with pytest.raises(LwaException) as refusal:
        _client(seller)
    # It takes every refused answer for a missing one, so the code is the same for both; the cause knows better.
    assert refusal.value.get_error_code() == "server_error"
    assert refusal.value.__cause__.response.json()["error"] in ("invalid_grant", "invalid_client")


def _refusal(api_client):
    with pytest.raises(ApiException) as refusal:
        SearchOrdersApi(api_client).search_orders(**WINDOW)
    return refusal.value


def test_it_understands_that_it_is_throttled(fake, seller):
    api_client = _client(seller)
    fake.client.set_usage_plan(seller.shop_id, "searchOrders", rate_per_s=1e-12)
    fake.client.set_bucket(seller.shop_id, "searchOrders", 0)
    refusal = _refusal(api_client)
    assert refusal.status == 429
    assert "QuotaExceeded" in refusal.body


def test_it_understands_that_its_secret_has_expired_while_its_token_lives(fake, seller):
    api_client = _client(seller)
    fake.client.expire_client_secret()
    refusal = _refusal(api_client)
    assert refusal.status == 403
    assert "The LWA secret token you provided has expired." in refusal.body
