"""What the tests of the gateway share: a scripted Airflow and a gateway that speaks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.airflow_gateway.gateway import AirflowGateway
from tests.payloads.scripted_server import ScriptedServer, scripted_server


@pytest.fixture
def airflow() -> Iterator[ScriptedServer]:
    """Answers what the test says, in that order."""
    with scripted_server() as server:
        yield server


@pytest.fixture
def signed_in(airflow: ScriptedServer) -> None:
    """The first answer is a token."""
    airflow.say(201, {"access_token": "jwt-s3cr3t"})


@pytest.fixture
def gateway(airflow: ScriptedServer) -> AirflowGateway:
    """Speaks as the user admin."""
    return AirflowGateway(airflow.url, "admin", "s3cr3t-password")
