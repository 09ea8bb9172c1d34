"""Faults: the next answers of an operation are wrong, late, cut off or missing, as a client on the wire meets them."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
import requests

from include.fake_amazon import literal
from include.fake_amazon.client import FakeAmazonError
from include.fake_amazon.server import serve_in_thread

AFTER = "2026-10-01T00:00:00Z"
PARTICIPATIONS_PATH = "/sellers/v1/marketplaceParticipations"


@pytest.fixture(autouse=True)
def _no_fault_left(fake):
    fake.client.clear_faults()
    fake.client.reset_calls()


def _status(seller):
    return seller.search(lastUpdatedAfter=AFTER, maxResultsPerPage=1).status_code


def _impatient_search(seller, timeout_s):
    url = seller.fake.spapi_endpoint("eu") + "/orders/2026-01-01/orders"
    headers = {"x-amz-access-token": seller.access_token}
    return requests.get(url, {"lastUpdatedAfter": AFTER}, headers=headers, timeout=timeout_s, stream=True)


def test_the_next_answers_are_the_given_one_and_then_the_operations_own_again(fake, seller):
    fake.client.fail_next("searchOrders", times=2, status=503, body=b"<html>", content_type="text/html")
    response = seller.search(lastUpdatedAfter=AFTER)
    assert (response.status_code, response.content, response.headers["content-type"]) == (503, b"<html>", "text/html")
    assert response.headers["x-amzn-RequestId"]
    assert [_status(seller), _status(seller)] == [503, 200]


@pytest.mark.parametrize(
    "body", [b"", b'{"errors":[{"code"', b"\xff\x00\xfe", b"<!DOCTYPE html>"], ids=["none", "broken", "bytes", "html"]
)
def test_a_body_arrives_byte_for_byte(fake, seller, body):
    fake.client.fail_next("searchOrders", status=200, body=body)
    assert seller.search(lastUpdatedAfter=AFTER).content == body


def test_headers_are_sent_along_and_a_content_type_can_be_left_out(fake, seller):
    headers = {"Retry-After": "7", "x-amzn-RequestId": "mine"}
    fake.client.fail_next("searchOrders", status=429, content_type="", headers=headers)
    answer = seller.search(lastUpdatedAfter=AFTER)
    assert (answer.headers["retry-after"], answer.headers["x-amzn-requestid"]) == ("7", "mine")
    assert "content-type" not in answer.headers


@pytest.mark.parametrize(
    ("name", "status", "excerpt"),
    [
        ("QUOTA_EXCEEDED", 429, b'"You exceeded your quota for the requested resource.", "details": ""'),
        ("INTERNAL_FAILURE", 500, b'"We encountered an internal error. Please try again.", "details": ""'),
        ("INTERNAL_FAILURE_WITHOUT_DETAILS", 500, b'"We encountered an internal error. Please try again."}]}'),
        ("CLIENT_SECRET_EXPIRED", 403, b'"details": "The LWA secret token you provided has expired."'),
        ("ACCESS_DENIED", 403, b'"Access to requested resource is denied.", "details": ""'),
        ("RESOURCE_NOT_FOUND", 404, b'"ResourceNotFound", "message": "Cannot find resource by the given URI"}'),
        ("HTML_REJECTED", 400, b"<!DOCTYPE html><html>"),
        ("HTML_UNAVAILABLE", 503, b"<title>Website Temporarily Unavailable<"),
        ("LWA_REFRESH_TOKEN_INVALID", 400, b'"error": "invalid_grant"'),
        ("LWA_SERVER_ERROR", 500, b'"error": "server_error"'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_answers_on_record_are_there_by_name(fake, seller, name, status, excerpt):
    answer = getattr(literal, name)
    operation = "lwa.refresh_token" if name.startswith("LWA") else "searchOrders"
    fake.client.fail_next(operation, **answer._asdict())
    response = seller.exchange() if name.startswith("LWA") else seller.search(lastUpdatedAfter=AFTER)
    assert response.status_code == status
    assert excerpt in response.content == answer.body


def test_an_answer_by_name_is_the_one_the_fake_gives_itself(fake, seller):
    own = seller.get("/unknown")
    fake.client.fail_next("unknown", **literal.ACCESS_DENIED._asdict())
    by_name = seller.get("/unknown")
    assert by_name.json() == own.json()
    assert by_name.headers["x-amzn-errortype"] == own.headers["x-amzn-errortype"]


def test_faults_come_in_the_order_they_were_given(fake, seller):
    for status in (500, 503, 404):
        fake.client.fail_next("searchOrders", status=status)
    assert [_status(seller) for _ in range(4)] == [500, 503, 404, 200]


def test_a_fault_of_one_operation_leaves_the_others_alone(fake, seller):
    fake.client.fail_next("getMarketplaceParticipations", status=500)
    fake.client.fail_next("lwa.client_credentials", status=500)
    assert (_status(seller), seller.exchange().status_code) == (200, 200)
    assert seller.get(PARTICIPATIONS_PATH).status_code == 500


def test_a_fault_of_one_shop_leaves_the_others_alone(fake, new_seller):
    one, other = new_seller(), new_seller()
    assert (_status(one), _status(other)) == (200, 200)
    for operation in ("searchOrders", "lwa.refresh_token"):
        fake.client.fail_next(operation, shop_id=one.shop_id, status=500)
    assert (other.exchange().status_code, _status(other)) == (200, 200)
    assert (one.exchange().status_code, _status(one)) == (500, 500)


def test_a_shops_fault_also_meets_its_expired_token(fake, seller):
    assert _status(seller) == 200
    fake.client.expire_access_tokens(seller.shop_id)
    fake.client.fail_next("searchOrders", shop_id=seller.shop_id, status=503)
    assert [_status(seller), _status(seller)] == [503, 403]


def test_what_is_still_to_come_is_told_and_can_be_forgotten(fake, seller):
    fake.client.fail_next("searchOrders", times=3, status=500)
    fake.client.fail_next("searchOrders", times=4, status=503)
    fake.client.fail_next("lwa.refresh_token", shop_id=seller.shop_id, drop=True)
    seller.access_token = "Atza|anything"
    assert _status(seller) == 500
    assert fake.client.faults() == {("searchOrders", None): 6, ("lwa.refresh_token", seller.shop_id): 1}
    fake.client.clear_faults()
    assert fake.client.faults() == {}
    assert seller.exchange().status_code == 200


def test_a_spoilt_call_is_counted_with_the_status_it_got(fake, seller):
    fake.client.fail_next("searchOrders", status=503)
    fake.client.fail_next("lwa.refresh_token", status=500)
    assert seller.exchange().status_code == 500
    assert _status(seller) == 503
    calls = fake.client.calls()
    assert calls["searchOrders", seller.shop_id, 503] == calls["lwa.refresh_token", seller.shop_id, 500] == 1


def test_a_late_answer_is_the_operations_own_and_others_do_not_wait_for_it(fake, new_seller):
    late, other = new_seller(), new_seller()
    assert (_status(late), _status(other)) == (200, 200)
    fake.client.fail_next("searchOrders", shop_id=late.shop_id, latency_s=0.5)
    started, took = time.perf_counter(), []
    thread = threading.Thread(target=lambda: took.append((_status(late), time.perf_counter() - started)))
    thread.start()
    while fake.client.faults():
        pass
    assert _status(other) == 200
    assert time.perf_counter() - started < 0.5
    thread.join()
    assert took[0][0] == 200
    assert took[0][1] >= 0.5


def test_a_client_that_stops_waiting_for_a_late_answer_holds_nothing_up(seller_at):
    with serve_in_thread() as fake:
        seller = seller_at(fake)
        assert _status(seller) == 200
        fake.client.fail_next("searchOrders", latency_s=60)
        with pytest.raises(requests.ReadTimeout):
            _impatient_search(seller, timeout_s=0.05)
        started = time.perf_counter()
    assert time.perf_counter() - started < 1


def test_a_dropped_connection_brings_no_answer_but_the_call_had_its_effect(fake, seller):
    assert _status(seller) == 200
    fake.client.fail_next("searchOrders", drop=True)
    with pytest.raises(requests.ConnectionError):
        _status(seller)
    assert fake.client.calls()["searchOrders", seller.shop_id, 0] == 1
    assert _status(seller) == 200


def test_a_token_request_can_be_dropped_too(fake, seller):
    fake.client.fail_next("lwa.refresh_token", drop=True)
    with pytest.raises(requests.ConnectionError):
        seller.exchange()
    assert seller.exchange().status_code == 200


@pytest.mark.parametrize("literally", [False, True], ids=["the operation's own answer", "a given answer"])
def test_an_answer_that_is_cut_off_ends_in_its_middle(fake, seller, literally):
    whole = seller.search(lastUpdatedAfter=AFTER).content
    given = {"status": 200, "body": whole} if literally else {}
    fake.client.fail_next("searchOrders", cut_off=True, **given)
    with _impatient_search(seller, timeout_s=10) as response:
        assert (response.status_code, int(response.headers["content-length"])) == (200, len(whole))
        pieces, arrived = response.iter_content(1), []
        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
            arrived.extend(pieces)
    assert b"".join(arrived) == whole[: len(whole) // 2]
    assert seller.search(lastUpdatedAfter=AFTER).content == whole


def test_an_answer_can_come_late_and_cut_off(fake, seller):
    assert _status(seller) == 200
    fake.client.fail_next("searchOrders", latency_s=0.1, cut_off=True)
    started = time.perf_counter()
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        _status(seller)
    assert time.perf_counter() - started >= 0.1


def test_closed_connections_leave_no_word_on_stderr_and_in_no_log(fake, seller, capfd, caplog):
    assert _status(seller) == 200
    for fault in ({"drop": True}, {"cut_off": True}, {"latency_s": 5, "status": 200}):
        fake.client.fail_next("searchOrders", **fault)
        with pytest.raises(requests.RequestException):
            _ = _impatient_search(seller, timeout_s=0.3).content
    assert fake.client.health()
    assert capfd.readouterr().err == ""
    assert [record for record in caplog.records if record.name.startswith(("uvicorn", "asyncio"))] == []


@pytest.fixture
def throttled_fake():
    """Buckets that do not fill up while a test runs."""
    with serve_in_thread(monotonic=lambda: 0.0) as running:
        yield running


@pytest.fixture
def throttled_seller(throttled_fake, seller_at):
    return seller_at(throttled_fake)


def test_a_given_answer_costs_a_token_like_any_other(throttled_fake, throttled_seller):
    throttled_fake.client.fail_next("searchOrders", times=19, status=503)
    assert [_status(throttled_seller) for _ in range(21)] == [503] * 19 + [200, 429]


def test_a_given_429_empties_the_bucket_of_that_seller(throttled_fake, throttled_seller):
    throttled_fake.client.fail_next("searchOrders", **literal.QUOTA_EXCEEDED._asdict())
    assert [_status(throttled_seller) for _ in range(2)] == [429, 429]
    assert throttled_fake.client.faults() == {}
    assert throttled_seller.get(PARTICIPATIONS_PATH).status_code == 200


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"operation": "getOrders", "status": 500}, "There is no operation 'getOrders'; known are"),
        ({"operation": "searchOrders"}, "A fault is a status, a latency_s, drop or cut_off"),
        ({"operation": "searchOrders", "status": 500, "drop": True}, "A dropped answer has neither"),
        ({"operation": "searchOrders", "status": 500, "cut_off": True}, "without a body cannot be cut off"),
        ({"operation": "searchOrders", "status": 204, "body": b"x"}, "An answer of status 204 has no body"),
        ({"operation": "searchOrders", "status": 99}, "status"),
        ({"operation": "searchOrders", "status": 500, "times": 0}, "times"),
        ({"operation": "searchOrders", "latency_s": -1.0}, "latency_s"),
        ({"operation": "searchOrders", "status": 500, "shop_id": "nobody"}, "There is no shop 'nobody'."),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_a_sentence(fake, wish, sentence):
    with pytest.raises(FakeAmazonError) as refusal:
        fake.client.fail_next(**wish)
    assert sentence in str(refusal.value)
    assert fake.client.faults() == {}


def test_a_fault_waits_as_long_as_its_operation_is_not_called(fake, seller):
    fake.client.fail_next("searchOrders", status=500)
    fake.client.set_clock(fake.client.clock() + timedelta(days=1), frozen=True)
    seller.access_token = ""
    assert [_status(seller), _status(seller)] == [500, 200]
