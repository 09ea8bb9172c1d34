"""The exchange at Login with Amazon over real sockets, the token kept for its hour, and secrets that never show."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from include.authorization.credentials import ApplicationCredentials, SellerCredentials
from include.authorization.lwa import (
    AccessToken,
    CachedAccessToken,
    exchange_code,
    exchange_refresh_token,
    probe_application,
)
from include.errors import (
    ApplicationCredentialsError,
    AuthorizationCodeExpiredError,
    ContractError,
    ReauthorizationRequiredError,
    SellerOrdersError,
    ServiceUnavailableError,
    ThrottledError,
    TransportError,
)
from include.local_stack.ports import free_port
from tests.payloads.clocks import HandClock
from tests.payloads.scripted_server import ScriptedServer

REFRESH_TOKEN = "Atzr|s3cr3t"
TOKEN = {"access_token": "Atza|s3cr3t", "token_type": "bearer", "expires_in": 3600, "refresh_token": "Atzr|s3cr3t"}
Exchange = Callable[[], AccessToken]


@pytest.fixture
def exchange(server: ScriptedServer, application: ApplicationCredentials, clock: HandClock) -> Exchange:
    """One exchange of a refresh token at the scripted server."""
    return lambda: exchange_refresh_token(
        REFRESH_TOKEN, application, token_url=f"{server.url}/auth/o2/token", now=clock, timeout_s=5
    )


@pytest.fixture
def probe(server: ScriptedServer, application: ApplicationCredentials, clock: HandClock) -> Callable[[], None]:
    """One probe of the application at the scripted server."""
    return lambda: probe_application(application, token_url=f"{server.url}/auth/o2/token", now=clock, timeout_s=5)


def test_a_refresh_token_is_exchanged_by_a_form(exchange: Exchange, server: ScriptedServer) -> None:
    server.say(200, TOKEN)
    token = exchange()
    assert token == AccessToken("Atza|s3cr3t", datetime(2026, 10, 5, 13, 0, tzinfo=UTC))
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/auth/o2/token", {})
    assert asked.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert asked.form == {
        "grant_type": "refresh_token",
        "refresh_token": "Atzr|s3cr3t",
        "client_id": "amzn1.application-oa2-client.acme",
        "client_secret": "s3cr3t-of-the-application",
    }


def test_an_hour_counts_from_the_question_not_from_the_answer(
    server: ScriptedServer, application: ApplicationCredentials
) -> None:
    asked_then_answered = iter([datetime(2026, 10, 5, 12, 0, tzinfo=UTC), datetime(2026, 10, 5, 12, 9, tzinfo=UTC)])
    server.say(200, {"access_token": "Atza|s3cr3t", "expires_in": 600})
    token = exchange_refresh_token(
        "Atzr|s3cr3t", application, token_url=f"{server.url}/auth/o2/token", now=lambda: next(asked_then_answered)
    )
    assert token.expires_utc == datetime(2026, 10, 5, 12, 10, tzinfo=UTC)


def test_a_token_that_tells_no_life_lives_an_hour(exchange: Exchange, server: ScriptedServer) -> None:
    server.say(200, {"access_token": "Atza|s3cr3t"})
    assert exchange().expires_utc == datetime(2026, 10, 5, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"error": "invalid_grant", "error_description": "…"}, ReauthorizationRequiredError),
        (401, {"error": "invalid_client", "error_description": "…"}, ApplicationCredentialsError),
        (400, {"error": "unauthorized_client"}, ApplicationCredentialsError),
        (400, {"error": "invalid_request"}, ContractError),
        (429, b"", ThrottledError),
        (503, b"<html>", ServiceUnavailableError),
        (302, b"", ContractError),
        (200, b"<html>s3cr3t</html>", ContractError),
        (200, b"", ContractError),
        (200, {"token_type": "s3cr3t"}, ContractError),
        (200, {"access_token": None}, ContractError),
        (200, {"access_token": "Atza|s3cr3t", "expires_in": "s3cr3t"}, ContractError),
        (200, b'{"access_token":"\xff s3cr3t"}', ContractError),
    ],
    ids=[
        "a lapsed authorization",
        "a refused client secret",
        "a token of another application",
        "a request that LWA does not understand",
        "throttling",
        "an outage",
        "a redirection",
        "HTML",
        "nothing",
        "no token",
        "a token of null",
        "a life that is text",
        "no UTF-8",
    ],
)
def test_what_is_no_token_is_named_for_who_must_act_and_shows_no_secret(
    exchange: Exchange,
    server: ScriptedServer,
    caplog: pytest.LogCaptureFixture,
    status: int,
    body: bytes | dict[str, str],
    error: type[SellerOrdersError],
) -> None:
    caplog.set_level("INFO")
    server.say(status, body, Location="https://elsewhere.example")
    with pytest.raises(error) as refused:
        exchange()
    assert "s3cr3t" not in "".join(traceback.format_exception(refused.value)) + caplog.text
    assert len(server.asked) == 1


@pytest.mark.parametrize("fault", ["slam", "cut_off"])
def test_a_broken_connection_is_a_transport_error_without_secrets(
    exchange: Exchange, server: ScriptedServer, fault: str
) -> None:
    getattr(server, fault)()
    with pytest.raises(TransportError, match="Login with Amazon") as lost:
        exchange()
    assert "s3cr3t" not in "".join(traceback.format_exception(lost.value))


def test_nobody_listening_is_a_transport_error(application: ApplicationCredentials, clock: HandClock) -> None:
    with pytest.raises(TransportError):
        exchange_refresh_token("x", application, token_url=f"http://127.0.0.1:{free_port()}", now=clock)


def test_an_application_is_probed_without_any_seller(probe: Callable[[], None], server: ScriptedServer) -> None:
    server.say(200, {"access_token": "Atza|s3cr3t", "expires_in": 3600})
    probe()
    assert server.asked[0].form == {
        "grant_type": "client_credentials",
        "scope": "sellingpartnerapi::notifications",
        "client_id": "amzn1.application-oa2-client.acme",
        "client_secret": "s3cr3t-of-the-application",
    }


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"error": "invalid_client"}, ApplicationCredentialsError),
        (400, {"error": "invalid_grant"}, ContractError),
        (400, {"error": "invalid_scope"}, ContractError),
    ],
    ids=["a refused secret", "a grant that was never sent", "a scope that LWA does not know"],
)
def test_a_probe_never_blames_a_seller(
    probe: Callable[[], None], server: ScriptedServer, status: int, body: dict[str, str], error: type[Exception]
) -> None:
    server.say(status, body)
    with pytest.raises(error):
        probe()


class Exchanges:
    """An exchange that counts, each token good for an hour."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.count = 0

    def __call__(self) -> AccessToken:
        self.count += 1
        return AccessToken(f"token {self.count}", self.clock() + timedelta(hours=1))


@pytest.mark.parametrize(
    ("later", "exchanges"),
    [
        pytest.param(timedelta(minutes=58, seconds=59), 1, id="it is kept until a minute before its end"),
        pytest.param(timedelta(minutes=59), 2, id="its last minute is not used"),
        pytest.param(timedelta(hours=9), 2, id="a token long dead is exchanged once"),
    ],
)
def test_a_token_is_kept_for_its_hour(clock: HandClock, later: timedelta, exchanges: int) -> None:
    exchange = Exchanges(clock)
    token = CachedAccessToken(exchange, clock)
    assert token() == "token 1"
    clock.instant += later
    assert (token(), token(), exchange.count) == (f"token {exchanges}", f"token {exchanges}", exchanges)


def test_nothing_is_exchanged_before_the_first_call(clock: HandClock) -> None:
    exchange = Exchanges(clock)
    CachedAccessToken(exchange, clock)
    assert exchange.count == 0


def test_a_token_forgotten_is_exchanged_anew(clock: HandClock) -> None:
    token = CachedAccessToken(Exchanges(clock), clock)
    token()
    token.forget()
    assert token() == "token 2"


def test_an_exchange_that_failed_is_tried_again_by_the_next_call(clock: HandClock) -> None:
    exchange = Exchanges(clock)

    def fail_first() -> AccessToken:
        if not exchange.count:
            exchange.count = 1
            raise TransportError("reset")
        return exchange()

    token = CachedAccessToken(fail_first, clock)
    with pytest.raises(TransportError):
        token()
    assert token() == "token 2"


def test_secrets_stay_out_of_every_repr(application: ApplicationCredentials, clock: HandClock) -> None:
    seller = SellerCredentials("Atzr|s3cr3t", "A2SELLER", "eu")
    token = AccessToken("Atza|s3cr3t", clock())
    cached = CachedAccessToken(lambda: token, clock)
    cached()
    for holder in (application, seller, token, cached):
        assert "s3cr3t" not in repr(holder)
    assert "A2SELLER" in repr(seller)


@pytest.mark.parametrize("token", ["Atza|s3cr3t€", "Atza|s3cr3t\r\nx: y", "", "Atza s3cr3t"])
def test_a_token_that_could_not_travel_in_a_header_is_refused_without_being_quoted(
    exchange: Exchange, server: ScriptedServer, token: str
) -> None:
    server.say(200, {"access_token": token, "expires_in": 3600})
    with pytest.raises(ContractError, match="not plain text") as refused:
        exchange()
    assert "s3cr3t" not in "".join(traceback.format_exception(refused.value))


def test_a_life_without_end_is_a_day(exchange: Exchange, server: ScriptedServer, clock: HandClock) -> None:
    server.say(200, {"access_token": "Atza|1", "expires_in": 10**18})
    assert exchange().expires_utc == clock() + timedelta(days=1)


def test_a_consents_code_is_exchanged_for_the_refresh_token(server, application, clock):
    server.say(200, b'{"access_token":"Atza|1","refresh_token":"Atzr|new","token_type":"bearer","expires_in":3600}')
    token = exchange_code(
        "c0de",
        application,
        redirect_uri="https://o.example/callback",
        token_url=f"{server.url}/auth/o2/token",
        now=clock,
    )
    assert token == "Atzr|new"


@pytest.mark.parametrize("body", [b'{"access_token":"Atza|1"}', b'{"access_token":"a","refresh_token":"a b"}'])
def test_an_exchange_without_a_usable_refresh_token_is_an_undocumented_answer(server, application, clock, body):
    server.say(200, body)
    with pytest.raises(ContractError, match="refresh_token"):
        exchange_code(
            "c0de",
            application,
            redirect_uri="https://o.example/callback",
            token_url=f"{server.url}/auth/o2/token",
            now=clock,
        )


def test_a_used_code_is_for_the_seller_to_begin_anew_and_no_lapse(server, application, clock):
    server.say(
        400, b'{"error":"invalid_grant","error_description":"The request has an invalid grant parameter : code"}'
    )
    with pytest.raises(AuthorizationCodeExpiredError):
        exchange_code(
            "c0de",
            application,
            redirect_uri="https://o.example/callback",
            token_url=f"{server.url}/auth/o2/token",
            now=clock,
        )
