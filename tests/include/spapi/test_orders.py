"""searchOrders: what is sent, what of the answer is read, and what is no answer."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from include.errors import ContractError
from include.spapi.client import SellingPartnerClient
from include.spapi.orders import OrdersQuery, search_orders
from tests.payloads.orders import a_page, an_order
from tests.payloads.scripted_server import ScriptedServer

QUERY = OrdersQuery(
    datetime(2026, 10, 1, tzinfo=UTC),
    datetime(2026, 10, 5, 11, 58, tzinfo=UTC),
    ("A1PA6795UKMFR9", "A13V1IB3VIYZZH"),
    ("PROCEEDS", "FULFILLMENT"),
)
SENT = {
    "lastUpdatedAfter": "2026-10-01T00:00:00Z",
    "lastUpdatedBefore": "2026-10-05T11:58:00Z",
    "marketplaceIds": "A1PA6795UKMFR9,A13V1IB3VIYZZH",
    "includedData": "PROCEEDS,FULFILLMENT",
    "maxResultsPerPage": "100",
}


def test_the_first_page_is_asked_for_with_both_bounds(client: SellingPartnerClient, server: ScriptedServer) -> None:
    server.say(200, a_page())
    search_orders(client, QUERY, None)
    assert server.asked[0].query == SENT


def test_the_next_page_is_asked_for_with_the_same_and_the_token(
    client: SellingPartnerClient, server: ScriptedServer
) -> None:
    server.say(200, a_page())
    search_orders(client, QUERY, "abc+/=&d")
    assert server.asked[0].query == {**SENT, "paginationToken": "abc+/=&d"}


def test_what_is_empty_is_not_sent(client: SellingPartnerClient, server: ScriptedServer) -> None:
    server.say(200, a_page())
    search_orders(client, dataclasses.replace(QUERY, marketplace_ids=(), included_data=()), None)
    assert set(server.asked[0].query) == {"lastUpdatedAfter", "lastUpdatedBefore", "maxResultsPerPage"}


def test_a_page_is_its_bytes_its_count_its_token_and_its_bound(
    client: SellingPartnerClient, server: ScriptedServer
) -> None:
    body = a_page(an_order("A"), an_order("B"), next_token="n", last_updated_before="2026-10-05T11:57:30.250Z")
    server.say(200, body, x_amzn_RequestId="request-1")
    page = search_orders(client, QUERY, None)
    assert (page.body, page.orders, page.next_token, page.request_id) == (body, 2, "n", "request-1")
    assert page.last_updated_before_utc == datetime(2026, 10, 5, 11, 57, 30, 250000, tzinfo=UTC)


@pytest.mark.parametrize(
    "pagination",
    [
        b"",
        b',"pagination":null',
        b',"pagination":{}',
        b',"pagination":{"nextToken":null}',
        b',"pagination":{"nextToken":""}',
    ],
    ids=["absent", "null", "empty", "a token of null", "an empty token"],
)
def test_the_last_page_has_no_token(client: SellingPartnerClient, server: ScriptedServer, pagination: bytes) -> None:
    server.say(200, b'{"orders":[]' + pagination + b"}")
    page = search_orders(client, QUERY, "before")
    assert (page.next_token, page.last_updated_before_utc) == (None, None)


def test_a_bound_in_another_zone_is_the_same_instant(client: SellingPartnerClient, server: ScriptedServer) -> None:
    server.say(200, a_page(last_updated_before="2026-10-05T13:58:00+02:00"))
    bound = search_orders(client, QUERY, None).last_updated_before_utc
    assert bound is not None
    assert bound - QUERY.last_updated_before_utc == timedelta(0)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "truncated"),
        (b"<html>secret</html>", "malformed"),
        (b'{"orders":[{"orderId":"secret"}', "truncated"),
        (b"{}", "`orders`"),
        (b'{"orders":null}', "`$.orders`"),
        (b'{"payload":{"Orders":["secret"]}}', "`orders`"),
        (b'{"orders":[],"pagination":"secret"}', "`$.pagination`"),
        (b'{"orders":[],"pagination":{"nextToken":7}}', "`$.pagination.nextToken`"),
        (b'{"orders":[],"lastUpdatedBefore":"secret"}', "`$.lastUpdatedBefore`"),
        (b'{"orders":[],"lastUpdatedBefore":"2026-10-05T11:58:00"}', "`$.lastUpdatedBefore`"),
        (b'{"orders":[],"pagination":{"nextToken":"\xff"}}', "decode"),
    ],
    ids=[
        "nothing",
        "HTML",
        "cut off",
        "no orders",
        "orders of null",
        "an answer of the old API",
        "pagination as text",
        "a token that is a number",
        "a bound that is no time",
        "a bound without zone",
        "no UTF-8",
    ],
)
def test_an_answer_of_another_shape_is_refused_with_its_place_and_without_its_content(
    client: SellingPartnerClient, server: ScriptedServer, body: bytes, said: str
) -> None:
    server.say(200, body, x_amzn_RequestId="request-9")
    with pytest.raises(ContractError, match="searchOrders") as refused:
        search_orders(client, QUERY, None)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)
    assert refused.value.request_id == "request-9"


@pytest.mark.parametrize(
    "bound", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "1990-01-01T00:00:00Z", "2026-10-05T08:00:00"]
)
def test_a_bound_that_is_no_instant_is_refused_before_it_becomes_a_watermark(
    client: SellingPartnerClient, server: ScriptedServer, bound: str
) -> None:
    server.say(200, {"orders": [], "lastUpdatedBefore": bound})
    with pytest.raises(ContractError, match="lastUpdatedBefore"):
        search_orders(client, QUERY, None)
