"""An answer has an end: in time, in size, and whole or not at all."""

from __future__ import annotations

import gzip
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests

from include.errors import ContractError, TransportError
from include.spapi.answers import read_body

Write = Callable[[Callable[[bytes], int | None], threading.Event], None]


@contextmanager
def answering(write: Write) -> Iterator[requests.Response]:
    """An answer whose bytes `write` sends; it may go on until the event is set."""
    over = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            try:
                write(self.wfile.write, over)
            except OSError:
                over.set()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield requests.get(f"http://127.0.0.1:{server.server_address[1]}", stream=True, timeout=5)
        finally:
            over.set()
            server.shutdown()


def _whole(headers: bytes, body: bytes) -> Write:
    return lambda send, _: send(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n\r\n" + body)


BODY = b"x" * 200_000
PACKED = gzip.compress(BODY)
CHUNKED = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (BODY[:777], BODY[777:])) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    "write",
    [
        _whole(b"Content-Length: %d" % len(BODY), BODY),
        _whole(b"Content-Encoding: gzip\r\nContent-Length: %d" % len(PACKED), PACKED),
        _whole(b"Transfer-Encoding: chunked", CHUNKED),
    ],
    ids=["plain", "packed", "in chunks"],
)
def test_a_whole_answer_is_read_however_it_is_sent(write: Write) -> None:
    with answering(write) as answer:
        assert read_body(answer, "searchOrders", timeout_s=5) == BODY


def test_a_drip_without_end_is_given_up_although_every_byte_comes_in_time() -> None:
    def drip(send: Callable[[bytes], int | None], over: threading.Event) -> None:
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not over.wait(0.01):
            send(b"x")

    with answering(drip) as answer, pytest.raises(TransportError, match="searchOrders did not come to its end"):
        read_body(answer, "searchOrders", timeout_s=0.05)


def test_a_small_packed_answer_that_unfolds_without_measure_is_refused() -> None:
    bomb = gzip.compress(b"0" * 30_000_000)
    write = _whole(b"Content-Encoding: gzip\r\nContent-Length: %d" % len(bomb), bomb)
    with answering(write) as answer, pytest.raises(ContractError, match="larger than 1 MB"):
        read_body(answer, "searchOrders", timeout_s=5, most_bytes=2**20)


@pytest.mark.parametrize(
    "write",
    [
        _whole(b"Content-Length: 1000", b"x"),
        _whole(b"Content-Encoding: gzip\r\nContent-Length: 4", b"none"),
        _whole(b"Transfer-Encoding: chunked", b"5\r\nabc"),
    ],
    ids=["cut off", "no gzip", "half a chunk"],
)
def test_a_broken_answer_is_one_that_did_not_come(write: Write) -> None:
    with answering(write) as answer, pytest.raises(TransportError, match="broke off"):
        read_body(answer, "searchOrders", timeout_s=0.5)
