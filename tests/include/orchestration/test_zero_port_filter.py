"""The middleware behind the Test button: it takes out a zero port, for our types alone."""

from __future__ import annotations

import json

import pytest

from include.orchestration.zero_port_filter import LONGEST_BODY, ZeroPortFilter
from tests.payloads.event_loops import run_in_a_loop

PATH = "/api/v2/connections/test"


def _passed_on(body: bytes, *, path: str = PATH, method: str = "POST", parts: int = 1) -> tuple[bytes, int]:
    """Send a request through the middleware; returns the body and content-length that the application got."""
    got: list[tuple[bytes, int]] = []

    async def application(scope, receive, _send):
        whole, more = b"", True
        while more:
            message = await receive()
            whole, more = whole + message["body"], message["more_body"]
        got.append((whole, int(dict(scope["headers"])[b"content-length"])))

    size = -(-len(body) // parts) or 1
    pieces = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
    waiting = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, 1)
    ]

    async def receive():
        return waiting.pop(0)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(b"content-length", str(len(body)).encode())],
    }
    run_in_a_loop(ZeroPortFilter(application)(scope, receive, None))
    return got[0]


def _body(**fields: object) -> bytes:
    return json.dumps({"connection_id": "x", "conn_type": "amazon_sp_seller", "port": 0} | fields).encode()


@pytest.mark.parametrize("conn_type", ["amazon_sp_seller", "amazon_sp_application"])
@pytest.mark.parametrize("parts", [1, 3])
def test_a_zero_port_of_our_types_is_gone_and_the_rest_is_there(conn_type: str, parts: int):
    body, length = _passed_on(_body(conn_type=conn_type, password="***"), parts=parts)
    assert json.loads(body) == {"connection_id": "x", "conn_type": conn_type, "password": "***"}
    assert length == len(body)


@pytest.mark.parametrize(
    "body",
    [
        _body(conn_type="postgres"),
        _body(port=5432),
        _body(port=None),
        b"no json",
        b"[0]",
        b"",
        _body(password="x" * LONGEST_BODY),
    ],
    ids=["another type", "a real port", "no port", "no JSON", "a list", "nothing", "more than any Connection"],
)
def test_everything_else_passes_untouched(body: bytes):
    assert _passed_on(body) == (body, len(body))


def test_other_requests_pass_untouched():
    assert _passed_on(_body(), path="/api/v2/connections") == (_body(), len(_body()))
    assert _passed_on(_body(), method="PATCH") == (_body(), len(_body()))


def test_nesting_without_end_passes_untouched():
    assert _passed_on(b"[" * 60_000) == (b"[" * 60_000, 60_000)
