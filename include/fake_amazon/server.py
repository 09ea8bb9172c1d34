"""A fake Amazon on a real loopback socket: in a thread for tests, or in the foreground for the command line."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from include.fake_amazon.app import create_app
from include.fake_amazon.client import FakeAmazonClient
from include.fake_amazon.clock import Clock
from include.fake_amazon.shops import Shop
from include.fake_amazon.world import World
from include.listening import listen

_START_S = 10.0


class RunningFake:
    """A served world.

    Attributes:
        base_url: Its address.
        client: The control API's client.
        world: The world itself; ask it through the client while it is served.
    """

    def __init__(self, base_url: str, world: World) -> None:
        self.base_url = base_url
        self.client = FakeAmazonClient(base_url)
        self.world = world

    @property
    def lwa_token_url(self) -> str:
        """The token endpoint of Login with Amazon."""
        return self.client.lwa_token_url

    def spapi_endpoint(self, region: str) -> str:
        """The Selling Partner API's base address of a region: eu, na or fe."""
        return self.client.spapi_endpoint(region)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class _Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Tells an answer its connection, as `scope["state"]["transport"]`, because some answers have to close it."""

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def make_server(world: World) -> _Server:
    """A uvicorn server that logs no request: their bodies and addresses carry tokens."""
    return _Server(
        uvicorn.Config(
            create_app(world),
            loop="asyncio",
            http=_Protocol,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    )


@contextmanager
def serve(world: World) -> Iterator[RunningFake]:
    """Serve a world on a free loopback port from a thread, until the block ends."""
    listener = listen("127.0.0.1", 0)
    server = make_server(world)
    thread = threading.Thread(target=server.run, args=([listener],), name="fake amazon", daemon=True)
    thread.start()
    try:
        if not server.ready.wait(_START_S):
            raise RuntimeError(f"The fake Amazon did not start within {_START_S:g} s.")
        yield RunningFake(f"http://127.0.0.1:{listener.getsockname()[1]}", world)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@contextmanager
def serve_in_thread(
    *,
    seed: int = 1,
    shops: Iterable[Shop] | None = None,
    order_files: Mapping[str, Path] | None = None,
    rate_scale: float = 1000.0,
    state_dir: Path | None = None,
    clock: Clock | None = None,
    monotonic: Callable[[], float] | None = None,
) -> Iterator[RunningFake]:
    """Make a world and serve it on a free loopback port until the block ends.

    The arguments are `World`'s; only the rate differs: a thousand times the documented one, as in `make run`, unless
    told otherwise.
    """
    world = World(
        seed=seed,
        shops=shops,
        order_files=order_files,
        rate_scale=rate_scale,
        state_dir=state_dir,
        clock=clock,
        monotonic=monotonic,
    )
    try:
        with serve(world) as running:
            yield running
    finally:
        world.close()
