"""Around every answer, errors among them: the same headers, one line in the log, and no trace of an error.

Knows no routes and no words.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from include.reconnect.start_page import NO_FORMS

log = logging.getLogger(__name__)
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
KNOWN_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")


class WithHeaders:
    """The same headers on every answer of an application.

    Args:
        app: Answers.
        headers: By name.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Envelope:
    """An application as the world may see it.

    Args:
        app: Answers its own errors before it raises them.
        names: What the log calls an endpoint.
    """

    def __init__(self, app: ASGIApp, names: Mapping[Any, str]) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; nothing it raises goes further."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Content-Security-Policy", NO_FORMS)
                method = scope["method"] if scope["method"] in KNOWN_METHODS else "other"
                log.info("%s %s %s", method, self._names.get(scope.get("endpoint"), "no route"), message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 - it was answered; its text could hold a link or a password
            log.error("A defect: %s in %s", type(error).__name__, _place(error))  # noqa: TRY400 - the same


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "an unknown place"
