"""The door to Amazon over real sockets: headers, tokens, waits, odd answers, and what never shows anywhere."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from include.authorization.credentials import ApplicationCredentials
from include.authorization.lwa import CachedAccessToken, exchange_refresh_token
from include.errors import (
    AccessDeniedError,
    ApplicationCredentialsError,
    ContractError,
    NotYetError,
    ReauthorizationRequiredError,
    SellerOrdersError,
    ServiceUnavailableError,
    ThrottledError,
    TransportError,
)
from include.local_stack.ports import free_port
from include.spapi.client import SellingPartnerClient
from include.spapi.operations import GET_MARKETPLACE_PARTICIPATIONS, SEARCH_ORDERS, Operation
from tests.payloads.clocks import HandClock
from tests.payloads.scripted_server import ScriptedServer

OpenClient = Callable[..., SellingPartnerClient]
QUERY = {"paginationToken": "secret+/= &token", "marketplaceIds": "A,B"}


def denied(details: str) -> dict[str, Any]:
    """A 403 of the API with these words."""
    words = {"code": "Unauthorized", "message": "Access to requested resource is denied.", "details": details}
    return {"errors": [words]}


EXPIRED = denied("The access token you provided has expired.")
REVOKED = denied("The access token you provided is revoked, malformed or invalid.")
PAGE = b"<!DOCTYPE html><html><head><title>x</title></head><body></body></html>"


def test_a_call_carries_token_date_and_name(client: SellingPartnerClient, server: ScriptedServer) -> None:
    server.say(200, {"orders": []}, x_amzn_RequestId="request-1")
    reply = client.get(SEARCH_ORDERS, QUERY)
    (asked,) = server.asked
    assert (reply.body, reply.request_id) == (b'{"orders": []}', "request-1")
    assert (asked.method, asked.path, asked.query) == ("GET", "/orders/2026-01-01/orders", QUERY)
    assert asked.headers["x-amz-access-token"] == "Atza|secret-1"
    assert asked.headers["x-amz-date"] == "20261005T120000Z"
    assert asked.headers["user-agent"] == "SellerOrders/0.1 (Language=Python)"
    assert "authorization" not in asked.headers


def test_an_answer_without_a_request_id_is_an_answer(client: SellingPartnerClient, server: ScriptedServer) -> None:
    server.say(200, b"anything")
    assert client.get(SEARCH_ORDERS, {}).request_id == ""


def test_each_repetition_carries_the_time_it_is_sent(client: SellingPartnerClient, server: ScriptedServer) -> None:
    server.say(500)
    server.say(200)
    client.get(SEARCH_ORDERS, {})
    assert [asked.headers["x-amz-date"] for asked in server.asked] == ["20261005T120000Z", "20261005T120002Z"]


def test_a_short_wait_after_throttling_is_slept(
    open_client: OpenClient, server: ScriptedServer, clock: HandClock
) -> None:
    server.say(429)
    server.say(429)
    server.say(200)
    open_client(rate_scale=1000.0).get(SEARCH_ORDERS, {})
    assert clock.slept_s == [pytest.approx(1 / 5.6)] * 2


@pytest.mark.parametrize(
    ("operation", "seconds"),
    [(SEARCH_ORDERS, 1 / 0.0056), (GET_MARKETPLACE_PARTICIPATIONS, 62.5)],
    ids=lambda value: getattr(value, "name", None),
)
def test_after_throttling_a_long_wait_says_when_to_come_back(
    client: SellingPartnerClient, server: ScriptedServer, clock: HandClock, operation: Operation, seconds: float
) -> None:
    server.say(429)
    with pytest.raises(NotYetError, match=f"throttled {operation.name}") as wait:
        client.get(operation, {})
    assert (wait.value.until_utc - clock()).total_seconds() == pytest.approx(seconds)
    assert (clock.slept_s, len(server.asked)) == ([], 1)


@pytest.mark.parametrize(
    ("rate_scale", "slept"),
    [pytest.param(1 / (10.1 * 0.0056), False, id="10.1 s"), pytest.param(1 / (9.9 * 0.0056), True, id="9.9 s")],
)
def test_ten_seconds_are_too_long_to_sleep(
    open_client: OpenClient, server: ScriptedServer, clock: HandClock, rate_scale: float, slept: bool
) -> None:
    server.say(429)
    server.say(200)
    with nullcontext() if slept else pytest.raises(NotYetError):
        open_client(rate_scale=rate_scale).get(SEARCH_ORDERS, {})
    assert bool(clock.slept_s) == slept


class CountingQuota:
    """A bucket that grants what it is told to and remembers what it heard."""

    def __init__(self, *, tokens: float = 5.0) -> None:
        self.tokens = tokens
        self.taken: list[tuple[str, int]] = []
        self.emptied: list[str] = []
        self.adopted: list[tuple[str, float]] = []

    def take(self, operation: Operation, *, come_back_for: int = 1) -> float:
        self.taken.append((operation.name, come_back_for))
        if self.tokens < 1:
            raise NotYetError("No call left.", until_utc=datetime(2026, 10, 5, 13, 0, tzinfo=UTC))
        self.tokens -= 1
        return self.tokens

    def empty(self, operation: Operation) -> None:
        self.emptied.append(operation.name)

    def adopt(self, operation: Operation, rate_per_s: float) -> None:
        self.adopted.append((operation.name, rate_per_s))

    def left(self, operation: Operation) -> float:
        return self.tokens


def test_each_call_takes_from_the_bucket_and_tells_what_is_left(
    open_client: OpenClient, server: ScriptedServer
) -> None:
    quota = CountingQuota()
    client = open_client(quota=quota)
    server.say(503)
    server.say(200)
    server.say(200)
    assert client.get(SEARCH_ORDERS, {}).quota_left == 3, "a call repeated is a call"
    assert client.get(GET_MARKETPLACE_PARTICIPATIONS, {}).quota_left == client.quota_left(SEARCH_ORDERS) == 2
    assert quota.taken == [("searchOrders", 1)] * 2 + [("getMarketplaceParticipations", 1)]
    assert (quota.emptied, quota.adopted) == ([], [])


def test_without_quota_amazon_is_not_asked_and_nothing_is_slept(
    open_client: OpenClient, server: ScriptedServer, clock: HandClock
) -> None:
    quota = CountingQuota(tokens=0)
    with pytest.raises(NotYetError, match="No call left"):
        open_client(quota=quota).get(SEARCH_ORDERS, {}, come_back_for=5)
    assert quota.taken == [("searchOrders", 5)]
    assert (server.asked, clock.slept_s) == ([], [])


def test_a_throttled_call_empties_the_bucket_of_its_operation(open_client: OpenClient, server: ScriptedServer) -> None:
    quota = CountingQuota()
    server.say(429)
    with pytest.raises(NotYetError):
        open_client(quota=quota).get(GET_MARKETPLACE_PARTICIPATIONS, {})
    assert quota.emptied == ["getMarketplaceParticipations"]


@pytest.mark.parametrize("status", [200, 400, 403, 500])
def test_the_rate_that_amazon_tells_is_adopted_whatever_the_answer(
    open_client: OpenClient, server: ScriptedServer, status: int
) -> None:
    quota = CountingQuota()
    server.say(status, x_amzn_RateLimit_Limit="0.5")
    with suppress(SellerOrdersError):
        open_client(quota=quota, patience_s=0).get(SEARCH_ORDERS, {})
    assert quota.adopted == [("searchOrders", 0.5)]


@pytest.mark.parametrize("told", ["", "fast", "0", "-1", "nan", "inf", "1e999", "0.5;w=1"])
def test_a_rate_that_is_none_is_passed_over(open_client: OpenClient, server: ScriptedServer, told: str) -> None:
    quota = CountingQuota()
    server.say(200, b"answer", x_amzn_RateLimit_Limit=told)
    assert open_client(quota=quota).get(SEARCH_ORDERS, {}).body == b"answer"
    assert quota.adopted == []


def test_an_outage_is_waited_out(client: SellingPartnerClient, server: ScriptedServer, clock: HandClock) -> None:
    server.say(503, b"<html><title>Website Temporarily Unavailable</title></html>")
    server.say(400, PAGE)
    server.say(200, b"there again")
    assert client.get(SEARCH_ORDERS, {}).body == b"there again"
    assert clock.slept_s == [2, 4]


def test_a_connection_that_breaks_is_tried_again(
    client: SellingPartnerClient, server: ScriptedServer, clock: HandClock
) -> None:
    server.slam()
    server.cut_off()
    server.say(200, b"whole")
    assert client.get(SEARCH_ORDERS, {}).body == b"whole"
    assert clock.slept_s == [2, 4]


@pytest.mark.parametrize("fault", ["slam", "cut_off"])
def test_without_patience_a_broken_connection_is_a_transport_error(
    open_client: OpenClient, server: ScriptedServer, fault: str
) -> None:
    getattr(server, fault)()
    with pytest.raises(TransportError, match="searchOrders"):
        open_client(patience_s=0).get(SEARCH_ORDERS, QUERY)


def test_nobody_listening_is_a_transport_error_after_all_patience(open_client: OpenClient, clock: HandClock) -> None:
    with pytest.raises(TransportError):
        open_client(endpoint=f"http://127.0.0.1:{free_port()}", patience_s=20).get(SEARCH_ORDERS, {})
    assert clock.slept_s == [2, 4, 8]


def test_a_server_that_stays_silent_is_a_transport_error(open_client: OpenClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = open_client(endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.1, patience_s=0)
        with pytest.raises(TransportError, match="ReadTimeout"):
            client.get(SEARCH_ORDERS, {})


@pytest.mark.parametrize("dead", [EXPIRED, REVOKED], ids=["expired", "revoked, malformed or invalid"])
def test_a_dead_access_token_is_exchanged_once_and_the_call_repeated_at_once(
    client: SellingPartnerClient, server: ScriptedServer, clock: HandClock, dead: dict[str, Any]
) -> None:
    server.say(403, dead)
    server.say(200, b"answer")
    assert client.get(SEARCH_ORDERS, QUERY).body == b"answer"
    assert [asked.headers["x-amz-access-token"] for asked in server.asked] == ["Atza|secret-1", "Atza|secret-2"]
    assert [asked.query for asked in server.asked] == [QUERY, QUERY]
    assert clock.slept_s == []


@pytest.mark.parametrize("dead", [EXPIRED, REVOKED], ids=["expired", "revoked, malformed or invalid"])
def test_a_fresh_token_refused_like_the_old_one_is_for_the_operators(
    client: SellingPartnerClient, server: ScriptedServer, dead: dict[str, Any]
) -> None:
    server.say(403, EXPIRED)
    server.say(403, dead, x_amzn_RequestId="request-2")
    with pytest.raises(AccessDeniedError, match="The access token was fresh") as refused:
        client.get(SEARCH_ORDERS, {})
    assert (refused.value.request_id, refused.value.code) == ("request-2", "Unauthorized")
    assert refused.value.amazon_said.endswith(dead["errors"][0]["details"])
    assert refused.value.remedy
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("", AccessDeniedError),
        ("The marketplaces you provided are not valid for region.", AccessDeniedError),
        ("The LWA secret token you provided has expired.", ApplicationCredentialsError),
        ("Access token is missing in the request header.", ContractError),
    ],
    ids=["no reason", "a foreign marketplace", "an old client secret", "a missing token"],
)
def test_a_403_that_does_not_call_the_token_dead_is_not_worth_a_fresh_one(
    client: SellingPartnerClient, server: ScriptedServer, words: str, error: type[SellerOrdersError]
) -> None:
    server.say(403, denied(words))
    server.say(200)
    with pytest.raises(error):
        client.get(SEARCH_ORDERS, {})
    client.get(SEARCH_ORDERS, {})
    assert [asked.headers["x-amz-access-token"] for asked in server.asked] == ["Atza|secret-1"] * 2


def test_a_fresh_token_is_used_by_the_next_call_too(client: SellingPartnerClient, server: ScriptedServer) -> None:
    server.say(403, EXPIRED)
    server.say(200)
    server.say(200)
    client.get(SEARCH_ORDERS, {})
    client.get(SEARCH_ORDERS, {})
    assert server.asked[-1].headers["x-amz-access-token"] == "Atza|secret-2"


def test_a_fresh_token_has_its_own_patience(
    client: SellingPartnerClient, server: ScriptedServer, clock: HandClock
) -> None:
    server.say(503)
    server.say(403, EXPIRED)
    server.say(503)
    server.say(200)
    client.get(SEARCH_ORDERS, {})
    assert clock.slept_s == [2, 2]


@pytest.fixture
def exchanging_client(open_client: OpenClient, server: ScriptedServer, clock: HandClock) -> SellingPartnerClient:
    """A door whose tokens come from Login with Amazon, at the scripted server too."""
    application = ApplicationCredentials("amzn1.application-oa2-client.acme", "secret")
    url = f"{server.url}/auth/o2/token"
    return open_client(
        access_token=CachedAccessToken(
            lambda: exchange_refresh_token("Atzr|secret", application, token_url=url, now=clock), clock
        )
    )


LWA_PATH, ORDERS_PATH = "/auth/o2/token", SEARCH_ORDERS.path


def test_a_token_kept_is_dropped_when_it_is_refused_and_login_with_amazon_asked_for_one_more(
    exchanging_client: SellingPartnerClient, server: ScriptedServer
) -> None:
    server.say(200, {"access_token": "Atza|old", "expires_in": 3600})
    server.say(200)
    server.say(403, REVOKED)
    server.say(200, {"access_token": "Atza|fresh", "expires_in": 3600})
    server.say(200, b"answer")
    exchanging_client.get(SEARCH_ORDERS, {})
    assert exchanging_client.get(SEARCH_ORDERS, {}).body == b"answer"
    assert [(asked.path, asked.headers.get("x-amz-access-token")) for asked in server.asked] == [
        (LWA_PATH, None),
        (ORDERS_PATH, "Atza|old"),
        (ORDERS_PATH, "Atza|old"),
        (LWA_PATH, None),
        (ORDERS_PATH, "Atza|fresh"),
    ]


def test_a_fresh_token_of_login_with_amazon_that_is_refused_too_is_the_last(
    exchanging_client: SellingPartnerClient, server: ScriptedServer, clock: HandClock
) -> None:
    for token in ("Atza|old", "Atza|fresh"):
        server.say(200, {"access_token": token, "expires_in": 3600})
        server.say(403, EXPIRED)
    with pytest.raises(AccessDeniedError, match="The access token was fresh"):
        exchanging_client.get(SEARCH_ORDERS, {})
    assert [asked.path for asked in server.asked] == [LWA_PATH, ORDERS_PATH] * 2
    assert clock.slept_s == []


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "invalid_grant", ReauthorizationRequiredError),
        (401, "invalid_client", ApplicationCredentialsError),
        (400, "invalid_request", ContractError),
    ],
)
def test_what_login_with_amazon_says_of_a_fresh_token_is_final(
    exchanging_client: SellingPartnerClient,
    server: ScriptedServer,
    clock: HandClock,
    status: int,
    code: str,
    error: type[SellerOrdersError],
) -> None:
    server.say(200, {"access_token": "Atza|old", "expires_in": 3600})
    server.say(403, EXPIRED)
    server.say(status, {"error": code})
    with pytest.raises(error):
        exchanging_client.get(SEARCH_ORDERS, {})
    assert [asked.path for asked in server.asked] == [LWA_PATH, ORDERS_PATH, LWA_PATH]
    assert clock.slept_s == []


def test_an_outage_of_login_with_amazon_while_a_token_is_renewed_is_waited_out(
    exchanging_client: SellingPartnerClient, server: ScriptedServer, clock: HandClock
) -> None:
    server.say(200, {"access_token": "Atza|old", "expires_in": 3600})
    server.say(403, EXPIRED)
    server.say(403, PAGE)
    server.say(503, {"error": "temporarily_unavailable"})
    server.say(200, {"access_token": "Atza|fresh", "expires_in": 3600})
    server.say(200, b"answer")
    assert exchanging_client.get(SEARCH_ORDERS, {}).body == b"answer"
    assert clock.slept_s == [2, 4]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b"", ContractError),
        (403, b"", AccessDeniedError),
        (403, b'{"errors":[{"code":"Unauth', AccessDeniedError),
        (404, b"not here", ContractError),
        (204, b"", ContractError),
        (206, b"half", ContractError),
    ],
    ids=["400 and nothing", "403 and nothing", "403 cut off", "404", "a success without answer", "a part"],
)
def test_an_odd_answer_is_not_asked_for_again(
    client: SellingPartnerClient, server: ScriptedServer, status: int, body: bytes, error: type[SellerOrdersError]
) -> None:
    server.say(status, body)
    with pytest.raises(error):
        client.get(SEARCH_ORDERS, {})
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirection_is_not_followed_because_the_token_would_go_along(
    client: SellingPartnerClient, server: ScriptedServer, status: int
) -> None:
    server.say(status, Location=f"{server.url}/elsewhere")
    with pytest.raises(ContractError, match=str(status)):
        client.get(SEARCH_ORDERS, {})
    assert [asked.path for asked in server.asked] == ["/orders/2026-01-01/orders"]


@pytest.mark.parametrize(
    "fault",
    [
        lambda server: server.slam(),
        lambda server: server.cut_off(),
        lambda server: server.say(429),
        lambda server: server.say(503, b"<html>"),
        lambda server: server.say(400, {"errors": [{"code": "InvalidInput", "message": "bad"}]}),
        lambda server: [server.say(403, EXPIRED), server.say(403, EXPIRED)],
    ],
    ids=["reset", "cut off", "throttled", "unavailable", "invalid", "a dead token twice"],
)
def test_neither_token_nor_query_shows_in_an_error_or_in_the_log(
    open_client: OpenClient,
    server: ScriptedServer,
    caplog: pytest.LogCaptureFixture,
    fault: Callable[[ScriptedServer], None],
) -> None:
    caplog.set_level("INFO")
    fault(server)
    client = open_client(patience_s=0)
    with pytest.raises(SellerOrdersError) as refused:
        client.get(SEARCH_ORDERS, QUERY)
    told = "".join(traceback.format_exception(refused.value)) + caplog.text + repr(client)
    assert "secret" not in told
    assert "Atza" not in told


def test_the_query_does_not_show_where_nobody_listens_either(open_client: OpenClient) -> None:
    client = open_client(endpoint=f"http://127.0.0.1:{free_port()}", patience_s=0)
    with pytest.raises(TransportError) as lost:
        client.get(SEARCH_ORDERS, QUERY)
    assert "secret" not in "".join(traceback.format_exception(lost.value))


def test_waits_and_fresh_tokens_are_told_in_the_log(
    client: SellingPartnerClient, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="include")
    server.say(503)
    server.say(403, EXPIRED)
    server.say(200)
    client.get(SEARCH_ORDERS, QUERY)
    wait, fresh = [record.getMessage() for record in caplog.records]
    assert wait.startswith("Waiting 2.0 s, then asking again (wait 1): Amazon answered HTTP 503")
    assert fresh == "searchOrders: the access token is not accepted any more; exchanging a fresh one"


def test_the_date_of_a_call_is_utc_whatever_the_clocks_zone(open_client: OpenClient, server: ScriptedServer) -> None:
    server.say(200)
    open_client(now=lambda: datetime.fromisoformat("2026-10-05T14:00:00+02:00")).get(SEARCH_ORDERS, {})
    assert server.asked[0].headers["x-amz-date"] == "20261005T120000Z"


@pytest.mark.parametrize(
    ("error", "status"), [(ThrottledError, 429), (ServiceUnavailableError, 500)], ids=["throttled", "unavailable"]
)
def test_without_patience_it_asks_once(
    open_client: OpenClient, server: ScriptedServer, clock: HandClock, error: type[SellerOrdersError], status: int
) -> None:
    server.say(status)
    with pytest.raises(error):
        open_client(patience_s=0).get(SEARCH_ORDERS, {})
    assert (clock.slept_s, len(server.asked)) == ([], 1)
