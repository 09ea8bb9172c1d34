"""What the cluster's processes get is what docker-compose.yaml gives its containers, but for this machine's places."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from include.errors import SettingsError
from include.fake_amazon.client import ApplicationCredentials
from include.local_stack.cluster_places import ClusterPlaces
from include.local_stack.compose import Service, read_services
from include.local_stack.ports import on_free_ports
from include.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

APPLICATION = ApplicationCredentials("client", "secret", "application")
# Names that only Compose's network, and places that only a container knows.
THEIRS = (
    "metadata:5432",
    "warehouse:5432",
    "@redis:",
    "api-server:8080",
    "/run/secrets",
    "/opt/",
    "/var/lib",
    "0.0.0.0",
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> ClusterPlaces:
    folder = tmp_path_factory.mktemp("places")
    subprocess.run([sys.executable, PROJECT_ROOT / "docker" / "make_env.py", folder], check=True)
    return ClusterPlaces(on_free_ports(folder), folder / "sellers.yaml")


@pytest.fixture(scope="module")
def services(places: ClusterPlaces) -> dict[str, Service]:
    variables = {**places.variables(APPLICATION, "http://sellercentral.localhost:1"), "WORKERS": "3"}
    return read_services(places.folder / ".env", variables, profile="cluster")


def test_every_variable_of_compose_reaches_its_process_with_nothing_but_places_changed(
    places: ClusterPlaces, services: dict[str, Service]
):
    for name in ("init", "api-server", "scheduler", "dag-processor", "triggerer", "worker", "consent"):
        given, here = services[name].environment, places.environment(name, services[name], {})
        assert len(given) > 40
        assert {variable: here[variable] for variable in given} == {v: places.here(text) for v, text in given.items()}
        assert set(here) - set(given) == set(places.added(name))
        assert [text for text in here.values() if any(theirs in text for theirs in THEIRS)] == []


def test_what_the_environment_of_this_process_holds_reaches_none_of_them(
    places: ClusterPlaces, services: dict[str, Service], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "1")
    monkeypatch.setenv("WAREHOUSE_DSN", "postgresql://somebody-elses")
    here = places.environment("worker-1", services["worker"], {})
    assert (here["AIRFLOW__CORE__PARALLELISM"], here.get("WAREHOUSE_DSN")) == ("16", None)


def test_a_variable_is_shortened_only_where_compose_gives_it(places: ClusterPlaces, services: dict[str, Service]):
    name = "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"
    assert places.environment("scheduler", services["scheduler"], {name: "20"})[name] == "20"
    assert name not in places.environment("consent", services["consent"], {name: "20"})


def test_commands_are_composes_with_this_machines_programs(places: ClusterPlaces, services: dict[str, Service]):
    assert services["worker"].replicas == 3
    assert places.command("worker-2", services["worker"]) == [
        *(sys.executable, "-m", "airflow", "celery", "worker", "--skip-serve-logs"),
        *("--celery-hostname", "celery@worker-2"),
    ]
    consent = places.command("consent", services["consent"])
    assert consent[:3] == [sys.executable, "-m", "include.reconnect.consent_app"]
    assert consent[3:] == ["--host", "127.0.0.1", "--port", str(places.stack.start_page_port)]
    assert places.command("init", services["init"]) == ["/bin/bash", str(PROJECT_ROOT / "docker" / "init.sh")]
    redis = places.command("redis", services["redis"])
    assert redis[:4] == ["redis-server", str(places.secrets / "redis_config"), "--appendonly", "yes"]
    assert redis[redis.index("--bind") + 1] == "127.0.0.1"


def test_without_docker_compose_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="There is no docker-compose here"):
        read_services(tmp_path / ".env", {}, profile="cluster")


def test_what_compose_refuses_is_said_in_its_words(tmp_path: Path):
    (tmp_path / ".env").write_text("")
    with pytest.raises(SettingsError, match=r"set \w+ in \.env"):
        read_services(tmp_path / ".env", {}, profile="cluster")
