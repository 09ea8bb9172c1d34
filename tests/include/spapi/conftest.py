"""What the tests of asking Amazon share: a scripted server, a client whose waits take no time, a token that counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from include.spapi.client import SellingPartnerClient
from include.spapi.quota import UncountedQuota
from tests.payloads.clocks import HandClock
from tests.payloads.scripted_server import ScriptedServer, scripted_server


class CountedToken:
    """An access token that tells how often it was exchanged."""

    def __init__(self) -> None:
        self.exchanges = 1

    def __call__(self) -> str:
        """The token held."""
        return f"Atza|secret-{self.exchanges}"

    def forget(self) -> None:
        """Exchange the next one."""
        self.exchanges += 1


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Answers what the test says, in that order."""
    with scripted_server() as server:
        yield server


@pytest.fixture
def clock() -> HandClock:
    """A clock that only `sleep` moves."""
    return HandClock()


@pytest.fixture
def token() -> CountedToken:
    """The seller's access token."""
    return CountedToken()


@pytest.fixture
def open_client(server: ScriptedServer, clock: HandClock, token: CountedToken) -> Callable[..., SellingPartnerClient]:
    """Opens a door to the scripted server; keywords as the client's own."""

    def make(**options: Any) -> SellingPartnerClient:
        common = {"endpoint": server.url, "access_token": token, "now": clock, "sleep": clock.sleep, "timeout_s": 5.0}
        return SellingPartnerClient(**{**common, "quota": UncountedQuota(), **options})

    return make


@pytest.fixture
def client(open_client: Callable[..., SellingPartnerClient]) -> SellingPartnerClient:
    """A door to the scripted server."""
    return open_client()
