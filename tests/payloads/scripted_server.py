"""An HTTP server on loopback that answers what it was told to, in that order, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(slots=True)
class Answer:
    """One scripted answer.

    Attributes:
        reset: Slam the connection instead of answering.
        cut_off: Promise more bytes than are sent.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False
    cut_off: bool = False


@dataclass(slots=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The body as a form."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


class ScriptedServer:
    """What the server will say and what it was asked.

    Attributes:
        url: Base address, without a slash at the end.
        asked: Every request, in order.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Request] = []
        self._answers: list[Answer] = []

    def say(self, status: int = 200, body: bytes | dict[str, Any] | list[Any] = b"", **headers: str) -> None:
        """Answer the next unplanned request like this; a mapping or list is sent as JSON."""
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._answers.append(Answer(status, text, named))

    def slam(self) -> None:
        """Reset the next unplanned connection without an answer."""
        self._answers.append(Answer(reset=True))

    def cut_off(self, body: bytes = b'{"orders":[') -> None:
        """Answer the next unplanned request with 200 and half of what is promised."""
        self._answers.append(Answer(body=body, cut_off=True))

    def take(self, request: Request) -> Answer:
        """The answer to this request; a request nobody planned for gets 599."""
        self.asked.append(request)
        return self._answers.pop(0) if self._answers else Answer(599, b"nothing planned")


class _Handler(BaseHTTPRequestHandler):
    script: ScriptedServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.script.take(Request(self.command, parts.path, query, headers, body))
        self.close_connection = True
        if answer.reset:
            # Closing with bytes unsent to nobody: RST instead of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            self.connection.close()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body) + 100 * answer.cut_off))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names http.server calls

    def log_message(self, *_args: object) -> None:
        """Say nothing: a test that fails shows `asked`."""


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.script = ScriptedServer(f"http://127.0.0.1:{server.server_address[1]}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield handler.script
        finally:
            server.shutdown()
            thread.join()
