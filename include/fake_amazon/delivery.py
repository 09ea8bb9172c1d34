"""The last step of every answer: it is counted, and a fault has its way with it."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from include.fake_amazon.faults import Fault
from include.fake_amazon.world import World

# What a call is counted with that got no answer.
NO_ANSWER = 0


def literal_answer(fault: Fault) -> Response:
    """The answer that a fault spells out."""
    content_type = {"Content-Type": fault.content_type} if fault.content_type else {}
    headers = {"x-amzn-RequestId": str(uuid.uuid4()), **content_type, **fault.headers}
    return Response(fault.body, fault.status or 200, headers)


def delivered(world: World, operation: str, shop_id: str, answer: Response, fault: Fault | None) -> Response:
    """Count a call and hand out its answer, or what a fault makes of it."""
    world.calls.count(operation, shop_id, NO_ANSWER if fault and fault.drop else answer.status_code)
    return _FaultyAnswer(answer, fault) if fault else answer


class _FaultyAnswer(Response):
    """Comes late, in half, or not at all. Only the way to the client waits: the world was asked before, at once."""

    def __init__(self, answer: Response, fault: Fault) -> None:
        super().__init__(answer.body, answer.status_code)
        self.raw_headers = answer.raw_headers
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _wait(receive, self._fault.latency_s)
        if self._fault.drop:
            scope["state"]["transport"].abort()
        elif self._fault.cut_off:
            # The headers promise the whole body; closing lets go of what was written, then ends the connection.
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            half = bytes(self.body)[: len(self.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            scope["state"]["transport"].close()
        else:
            await super().__call__(scope, receive, send)
            return
        # An application that returns before its connection has gone is reported as broken.
        await _client_gone(receive)


async def _wait(receive: Receive, latency_s: float) -> None:
    """Wait so long, but not for a client that has gone: its connection would hold up the server's end."""
    if latency_s:
        with suppress(TimeoutError):
            await asyncio.wait_for(_client_gone(receive), latency_s)


async def _client_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
