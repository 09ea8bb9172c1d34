"""Ports for servers of asyncio's."""

from __future__ import annotations

import asyncio
import socket

import pytest

from include.listening import listen
from tests.payloads.event_loops import run_in_a_loop


def test_an_answer_on_a_connection_that_is_kept_goes_out_at_once() -> None:
    async def accepted_sends_at_once() -> bool:
        loop = asyncio.get_running_loop()
        accepted: asyncio.Future[asyncio.BaseTransport] = loop.create_future()

        class Protocol(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                accepted.set_result(transport)

        listener = listen("127.0.0.1", 0)
        async with await loop.create_server(Protocol, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            transport = await accepted
            at_once = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            writer.close()
            transport.close()
            return bool(at_once)

    assert run_in_a_loop(accepted_sends_at_once())


def test_a_port_that_is_taken_is_refused_and_nothing_stays_open() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_a_port_of_ipv6_takes_no_visitor_of_ipv4() -> None:
    with listen("::", 0) as listener, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.getsockname()[1]), timeout=1)
