"""The Reports API: a report is asked for, comes about in its time, and its document is good for five minutes."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from include.fake_amazon.clock import Clock
from include.fake_amazon.errors import INVALID_INPUT, MARKETPLACE_NOT_IN_REGION, RESOURCE_NOT_FOUND
from include.fake_amazon.reports import REPORT_TYPE, TOO_LONG
from include.fake_amazon.server import RunningFake, serve_in_thread
from tests.include.fake_amazon.conftest import NOW, Seller

REPORTS = "/reports/2021-06-30/reports"
DOCUMENTS = "/reports/2021-06-30/documents"
GERMANY, FRANCE, JAPAN, AMERICA = "A1PA6795UKMFR9", "A13V1IB3VIYZZH", "A1VC38T7YXB528", "ATVPDKIKX0DER"


def create(seller: Seller, **changed: Any) -> requests.Response:
    body = {
        "reportType": REPORT_TYPE,
        "dataStartTime": "2026-10-20T00:00:00Z",
        "dataEndTime": "2026-11-10T11:00:00Z",
        "marketplaceIds": [GERMANY],
    } | changed
    token = seller.access_token or seller.exchange().json()["access_token"]
    url = seller.fake.spapi_endpoint(seller.region) + REPORTS
    present = {name: value for name, value in body.items() if value is not None}
    return requests.post(url, json=present, headers={"x-amz-access-token": token}, timeout=10)


def made(seller: Seller, **changed: Any) -> str:
    answer = create(seller, **changed)
    assert answer.status_code == 202
    return str(answer.json()["reportId"])


def report(seller: Seller, report_id: str) -> dict[str, Any]:
    return dict(seller.get(f"{REPORTS}/{report_id}").json())


def document(seller: Seller, report_id: str) -> requests.Response:
    given = seller.get(f"{DOCUMENTS}/{report(seller, report_id)['reportDocumentId']}").json()
    assert given["compressionAlgorithm"] == "GZIP"
    # The address is as good as a key: no token goes along.
    return requests.get(given["url"], timeout=10)


def text(answer: requests.Response) -> str:
    return gzip.decompress(answer.content).decode(answer.headers["Content-Type"].partition("charset=")[2])


def rows(seller: Seller, **changed: Any) -> list[dict[str, str]]:
    lines = text(document(seller, made(seller, **changed))).splitlines()
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.fixture(autouse=True)
def _done_at_once(request: pytest.FixtureRequest) -> None:
    if "fake" in request.fixturenames:
        request.getfixturevalue("fake").client.set_reports(generation_s=0)


@pytest.fixture
def slow() -> Iterator[Callable[[float], RunningFake]]:
    """A world of real rates whose seconds pass when a test says so."""
    seconds = [0.0]
    clock = Clock()
    clock.set(NOW, frozen=True)
    with serve_in_thread(clock=clock, rate_scale=1, monotonic=lambda: seconds[0]) as fake:

        def pass_(more: float) -> RunningFake:
            seconds[0] += more
            return fake

        yield pass_


def test_a_report_is_queued_then_worked_on_then_done(slow, seller_at):
    seller = seller_at(slow(0))
    report_id = made(seller)
    said = report(seller, report_id)
    assert said["processingStatus"] == "IN_QUEUE"
    assert (said["reportType"], said["marketplaceIds"]) == (REPORT_TYPE, [GERMANY])
    assert said["dataEndTime"] == "2026-11-10T11:00:00.000Z"
    slow(30)
    assert report(seller, report_id)["processingStatus"] == "IN_PROGRESS"
    slow(30)
    said = report(seller, report_id)
    assert (said["processingStatus"], "reportDocumentId" in said) == ("DONE", True)


def test_every_line_of_every_order_of_the_window_is_a_row_and_the_money_is_the_orders(seller):
    window = {"lastUpdatedAfter": "2026-10-20T00:00:00Z", "lastUpdatedBefore": "2026-11-10T11:00:00Z"}
    orders = {order["orderId"]: order for order in seller.orders(**window, includedData="PROCEEDS")}
    found: dict[str, list[dict[str, str]]] = {}
    for row in rows(seller):
        found.setdefault(row["amazon-order-id"], []).append(row)
    assert found.keys() == orders.keys()
    for order_id, lines in found.items():
        order = orders[order_id]
        assert len(lines) == len(order["orderItems"])
        assert {line["last-updated-date"] for line in lines} == {order["lastUpdatedTime"]}
        total = sum((_total(line) for line in lines), Decimal(0))
        assert total == Decimal(order.get("proceeds", {}).get("grandTotal", {}).get("amount", "0")), order_id


def _total(line: dict[str, str]) -> Decimal:
    plus = ("item-price", "shipping-price", "gift-wrap-price")
    minus = ("item-promotion-discount", "ship-promotion-discount")
    amounts = {name: Decimal(line[name] or "0") for name in (*plus, *minus)}
    return sum((amounts[name] for name in plus), Decimal(0)) - sum((amounts[name] for name in minus), Decimal(0))


def test_europes_file_has_a_column_more_and_americas_tax_stands_beside_the_price(seller, new_seller):
    european, american = rows(seller)[0], rows(new_seller("na", ("US",)), marketplaceIds=[AMERICA])[0]
    assert european.keys() - american.keys() == {"url"}
    assert len(american) == 31


def test_an_order_without_a_price_has_empty_cells(fake, quiet_seller, make_order):
    fake.client.add_orders(quiet_seller.shop_id, [make_order("300-0000000-0000003", "2026-11-01T08:00:00Z")])
    (row,) = rows(quiet_seller)
    assert (row["item-price"], row["currency"]) == ("", "")


def test_two_equal_lines_stay_two(fake, quiet_seller, make_order):
    item = {"orderItemId": "1", "quantityOrdered": 1, "product": {"asin": "B0TEST0001", "sellerSku": "S"}}
    order = make_order("300-0000000-0000004", "2026-11-01T08:00:00Z", orderItems=[item, {**item, "orderItemId": "2"}])
    fake.client.add_orders(quiet_seller.shop_id, [order])
    first, second = rows(quiet_seller)
    assert first == second


def test_japan_writes_shift_jis(new_seller):
    seller = new_seller("fe", ("JP",))
    answer = document(seller, made(seller, marketplaceIds=[JAPAN]))
    assert answer.headers["Content-Type"] == "text/plain; charset=Shift_JIS"
    assert "Amazon.co.jp" in text(answer)


def test_a_window_without_a_change_is_cancelled(quiet_seller):
    said = report(quiet_seller, made(quiet_seller))
    assert (said["processingStatus"], "reportDocumentId" in said) == ("CANCELLED", False)


def test_more_than_thirty_days_end_in_a_document_that_says_so(seller):
    report_id = made(seller, dataStartTime="2026-10-10T10:59:59Z")
    assert report(seller, report_id)["processingStatus"] == "FATAL"
    assert text(document(seller, report_id)) == TOO_LONG
    assert report(seller, made(seller, dataStartTime="2026-10-11T11:00:00Z"))["processingStatus"] == "DONE"


def test_a_report_fails_where_a_test_wants_it_to(fake, seller):
    fake.client.set_reports(fatal_text="Report generation failed.")
    report_id = made(seller)
    assert report(seller, report_id)["processingStatus"] == "FATAL"
    assert text(document(seller, report_id)) == "Report generation failed."
    assert report(seller, made(seller))["processingStatus"] == "DONE"


def test_an_address_is_good_for_five_minutes(fake, seller):
    report_id = made(seller)
    given = seller.get(f"{DOCUMENTS}/{report(seller, report_id)['reportDocumentId']}").json()
    fake.client.set_clock(NOW + timedelta(minutes=4, seconds=59), frozen=True)
    assert requests.get(given["url"], timeout=10).status_code == 200
    fake.client.set_clock(NOW + timedelta(minutes=5, seconds=1), frozen=True)
    late = requests.get(given["url"], timeout=10)
    assert late.status_code == 403
    assert "Request has expired" in late.text
    assert requests.get(given["url"] + "x", timeout=10).status_code == 403


def test_packed_by_a_header_the_client_unpacks_it(seller):
    document_id = report(seller, made(seller))["reportDocumentId"]
    given = seller.get(f"{DOCUMENTS}/{document_id}", query={"enableContentEncodingUrlHeader": "true"}).json()
    answer = requests.get(given["url"], timeout=10)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.text.startswith("amazon-order-id\t")


def test_a_report_is_its_sellers_alone(seller, new_seller):
    report_id = made(seller)
    document_id = report(seller, report_id)["reportDocumentId"]
    other = new_seller()
    for path in (f"{REPORTS}/{report_id}", f"{DOCUMENTS}/{document_id}", f"{REPORTS}/1", f"{DOCUMENTS}/1"):
        answer = other.get(path)
        assert (answer.status_code, answer.json()) == (404, RESOURCE_NOT_FOUND.body())


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA"}, INVALID_INPUT),
        ({"marketplaceIds": None}, INVALID_INPUT),
        ({"marketplaceIds": []}, INVALID_INPUT),
        ({"marketplaceIds": [GERMANY] * 26}, INVALID_INPUT),
        ({"dataStartTime": "yesterday"}, INVALID_INPUT),
        ({"dataStartTime": "2026-10-20T00:00:00"}, INVALID_INPUT),
        ({"marketplaceIds": [GERMANY, AMERICA]}, MARKETPLACE_NOT_IN_REGION),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(seller, changed, refusal):
    answer = create(seller, **changed)
    assert (answer.status_code, answer.json()) == (refusal.status, refusal.body())


def test_the_sixteenth_report_at_once_is_one_too_many(slow, seller_at):
    seller = seller_at(slow(0))
    assert [create(seller).status_code for _ in range(16)] == [202] * 15 + [429]
    slow(60)
    assert create(seller).status_code == 202
