"""What the tests of authorizations share: a scripted Login with Amazon, credentials, a clock moved by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.authorization.credentials import ApplicationCredentials
from tests.payloads.clocks import HandClock
from tests.payloads.scripted_server import ScriptedServer, scripted_server


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Answers what the test says, in that order."""
    with scripted_server() as server:
        yield server


@pytest.fixture
def clock() -> HandClock:
    """A clock that stands at noon of 5 October 2026 until moved."""
    return HandClock()


@pytest.fixture
def application() -> ApplicationCredentials:
    """Our application at Amazon."""
    return ApplicationCredentials("amzn1.application-oa2-client.acme", "s3cr3t-of-the-application")
