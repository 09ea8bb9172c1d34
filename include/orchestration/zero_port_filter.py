"""Lets the UI's Test button work for our Connection types, which have no host and no port.

Airflow 3.3.2's list of Connections sends `"port": 0` for a port that is not set; its API takes that for another
destination and answers 400 before any hook is asked. This middleware of the api-server takes the zero out of such a
request for our types alone; everything else passes untouched. It can go when Airflow counts 0 as unset.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from include.orchestration.provider_info import APPLICATION_CONNECTION_TYPE, SELLER_CONNECTION_TYPE

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

TEST_PATHS = ("/api/v2/connections/test", "/api/v2/connections/enqueue-test")
OUR_TYPES = (APPLICATION_CONNECTION_TYPE, SELLER_CONNECTION_TYPE)
# The request may come from anybody; a Connection is far smaller than this.
LONGEST_BODY = 64 * 1024


class ZeroPortFilter:
    """ASGI middleware; see the module."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith(TEST_PATHS):
            length = dict(scope["headers"]).get(b"content-length", b"")
            if length.isdigit() and len(length) <= len(str(LONGEST_BODY)) and int(length) <= LONGEST_BODY:
                body = without_zero_port(await _whole(receive))
                others = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
                scope = {**scope, "headers": [*others, (b"content-length", str(len(body)).encode())]}
                receive = _replay(body, receive)
        await self.app(scope, receive, send)


def without_zero_port(body: bytes) -> bytes:
    """Return the request's body without `"port": 0` where it is one of our types, else as it is."""
    try:
        connection = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if not isinstance(connection, dict) or connection.get("conn_type") not in OUR_TYPES or connection.get("port") != 0:
        return body
    del connection["port"]
    return json.dumps(connection).encode()


async def _whole(receive: Receive) -> bytes:
    body, more = b"", True
    while more and len(body) <= LONGEST_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def first_the_body() -> Message:
        return waiting.pop() if waiting else await receive()

    return first_the_body
