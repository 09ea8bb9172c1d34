"""The fake judged by python-amazon-sp-api: what it reads here is the truth, what it is refused it understands."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from sp_api.api import Reports, Sellers
from sp_api.api.orders.orders_2026_01_01 import OrdersV20260101
from sp_api.auth import AccessTokenClient
from sp_api.auth.exceptions import AuthorizationError
from sp_api.base import ReportType
from sp_api.base.credential_provider import FromCodeCredentialProvider
from sp_api.base.exceptions import SellingApiForbiddenException, SellingApiRequestThrottledException
from sp_api.util import load_all_pages

from include.fake_amazon.included_data import DATASETS

WATERMARK = datetime(2026, 11, 5, tzinfo=UTC)
WINDOW = {"lastUpdatedAfter": "2026-10-20T00:00:00Z", "lastUpdatedBefore": "2026-11-05T00:00:00Z"}


class _OnLoopback:
    """The package takes every address for one that begins with https://."""

    @property
    def headers(self):
        return super().headers | {"host": urlsplit(self.endpoint).netloc}


class _Orders(_OnLoopback, OrdersV20260101):
    @load_all_pages(throttle_by_seconds=0, next_token_param="paginationToken")
    def every_page(self, **query):
        return self.search_orders(**query)


class _Sellers(_OnLoopback, Sellers):
    pass


def _client(seller, kind=_Orders):
    application = seller.fake.client.application()
    token_url = urlsplit(seller.fake.lwa_token_url)

    class Tokens(AccessTokenClient):
        scheme, host = f"{token_url.scheme}://", token_url.netloc

    return kind(
        SimpleNamespace(
            endpoint=seller.fake.spapi_endpoint(seller.region), marketplace_id="A1PA6795UKMFR9", region=seller.region
        ),
        refresh_token=seller.refresh_token,
        credentials={"lwa_app_id": application.client_id, "lwa_client_secret": application.client_secret},
        # The others look for files and environment variables.
        credential_providers=[FromCodeCredentialProvider],
        auth_token_client_class=Tokens,
        version="2026-01-01",
    )


def _row(order):
    items = [
        (item["orderItemId"], item["quantityOrdered"], *_money(item, "proceedsTotal")) for item in order["orderItems"]
    ]
    return (order["orderId"], order["lastUpdatedTime"], *_money(order, "grandTotal"), items)


def _money(fields, total):
    value = fields.get("proceeds", {}).get(total, {})
    return (value.get("amount"), value.get("currencyCode"))


def _true_row(order):
    items = [
        (item["order_item_id"], item["quantity_ordered"], item["proceeds_total_amount"], item["currency_code"])
        for item in order["items"]
    ]
    return (
        order["order_id"],
        order["last_updated_utc"],
        order["grand_total_amount"],
        order["currency_code"],
        items,
    )


def test_it_reads_every_order_of_a_window_over_several_pages(fake, seller):
    with _client(seller) as orders:
        pages = list(orders.every_page(**WINDOW, maxResultsPerPage=30, includedData=",".join(sorted(DATASETS))))
    truth = fake.client.truth(seller.shop_id, WATERMARK, datetime(2026, 10, 20, tzinfo=UTC))["orders"]
    assert [_row(order) for page in pages for order in page.orders] == [_true_row(order) for order in truth]
    assert len(pages) > 2
    assert pages[0].rate_limit


def test_it_reads_where_the_seller_takes_part(new_seller):
    seller = new_seller(marketplaces=("DE", "FR"))
    with _client(seller, _Sellers) as sellers:
        participations = sellers.get_marketplace_participation().payload
    assert [entry["marketplace"]["countryCode"] for entry in participations] == ["DE", "FR"]


@pytest.mark.parametrize(
    ("lapse", "code", "status"),
    [
        (lambda client, shop_id: client.revoke(shop_id), "invalid_grant", 400),
        (lambda client, _: client.expire_client_secret(), "invalid_client", 401),
    ],
    ids=["a revoked authorization", "an expired client secret"],
)
def test_its_token_request_is_refused_after(fake, seller, lapse, code, status):
    lapse(fake.client, seller.shop_id)
    with _client(seller) as orders, pytest.raises(AuthorizationError) as refusal:
        orders.search_orders(**WINDOW)
    assert (refusal.value.error_code, refusal.value.status_code) == (code, status)


def test_it_understands_that_it_is_throttled(fake, seller):
    fake.client.set_usage_plan(seller.shop_id, "searchOrders", rate_per_s=1e-12)
    fake.client.set_bucket(seller.shop_id, "searchOrders", 0)
    with _client(seller) as orders, pytest.raises(SellingApiRequestThrottledException) as refusal:
        orders.search_orders(**WINDOW)
    assert refusal.value.amzn_code == "QuotaExceeded"


def test_it_understands_that_its_secret_has_expired_while_its_token_lives(fake, seller):
    with _client(seller) as orders:
        assert orders.search_orders(**WINDOW).orders
        fake.client.expire_client_secret()
        with pytest.raises(SellingApiForbiddenException) as refusal:
            orders.search_orders(**WINDOW)
    assert refusal.value.error[0]["details"] == "The LWA secret token you provided has expired."


class _Reports(_OnLoopback, Reports):
    pass


def test_a_report_is_asked_for_waited_for_and_read(fake, seller):
    fake.client.set_reports(generation_s=0)
    reports = _client(seller, _Reports)
    created = reports.create_report(
        reportType=ReportType.GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL,
        dataStartTime="2026-10-20T00:00:00Z",
        dataEndTime="2026-11-05T00:00:00Z",
        marketplaceIds=["A1PA6795UKMFR9"],
    )
    said = reports.get_report(created.payload["reportId"]).payload
    assert said["processingStatus"] == "DONE"
    document = reports.get_report_document(said["reportDocumentId"], download=True).payload["document"]
    header, *lines = document.splitlines()
    assert header.startswith("amazon-order-id\t")
    orders = _client(seller).search_orders(**WINDOW).payload["orders"]
    assert {line.split("\t")[0] for line in lines} == {order["orderId"] for order in orders}
