"""docker-compose.yaml is there and true: a real Compose parser reads it, and all it names exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)")


@pytest.fixture(scope="module")
def environment_file(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .env as `make env` writes it."""
    folder = tmp_path_factory.mktemp("compose")
    (folder / "docker").mkdir()
    (folder / ".env.example").write_text((project_root / ".env.example").read_text())
    script = folder / "docker" / "make_env.py"
    script.write_text((project_root / "docker" / "make_env.py").read_text())
    subprocess.run([sys.executable, script], check=True)
    return folder / ".env"


@pytest.fixture(scope="module")
def composed(project_root: Path, environment_file: Path) -> dict:
    """The file as Compose understands it, every variable filled in."""
    command = ["docker-compose", "--project-directory", str(project_root), "--env-file", str(environment_file)]
    command += ["--file", str(project_root / "docker-compose.yaml"), "--profile", "demo", "config"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


@pytest.fixture(scope="module")
def text(project_root: Path) -> str:
    return (project_root / "docker-compose.yaml").read_text()


def _example_names(project_root: Path) -> set[str]:
    return set(re.findall(r"^(\w+)=", (project_root / ".env.example").read_text(), re.MULTILINE))


def test_every_path_that_compose_mounts_or_builds_exists(composed: dict, project_root: Path):
    mounted = [
        volume.split(":")[0]
        for service in composed["services"].values()
        for volume in service.get("volumes", [])
        if volume.startswith(("/", "."))
    ]
    assert mounted
    assert [path for path in mounted if not Path(path).exists()] == []
    assert (project_root / "Dockerfile").exists()


def test_every_variable_of_compose_is_in_the_example(text: str, project_root: Path):
    assert set(VARIABLE.findall(text)) <= _example_names(project_root)


def test_the_demo_lays_only_known_variables_over_the_example(project_root: Path):
    demo = set(re.findall(r"^(\w+)=", (project_root / "docker" / "demo.env").read_text(), re.MULTILINE))
    assert demo <= _example_names(project_root) | {"COMPOSE_PROFILES"}


def test_every_product_setting_reaches_the_containers(composed: dict):
    from include.settings import load_consent_settings, load_notification_settings, load_settings

    asked: set[str] = set()

    class Recorder(dict):
        def get(self, name, default=None):
            asked.add(name)
            return default

    load_settings(Recorder())
    load_notification_settings(Recorder())
    load_consent_settings(Recorder())
    given = set(composed["services"]["airflow-scheduler"]["environment"])
    # The sellers' file is mounted at its default place instead.
    assert asked - given == {"SELLERS_FILE"}


@pytest.mark.airflow
def test_every_airflow_variable_names_an_option_that_airflow_has(composed: dict):
    from airflow.configuration import conf

    given = composed["services"]["airflow-scheduler"]["environment"]
    options = [name.split("__")[1:] for name in given if name.startswith("AIRFLOW__")]
    described = {
        (section, option) for section, facts in conf.configuration_description.items() for option in facts["options"]
    }
    unknown = {(section.lower(), option.lower()) for section, option in options} - described
    assert len(options) > 10
    assert unknown == set()


def test_every_image_is_pinned_and_airflows_is_the_locks(composed: dict, project_root: Path):
    images = {service["image"] for service in composed["services"].values()}
    assert all(re.fullmatch(r"[\w./-]+:\d+\.\d+(\.\d+)?(-\w+)?", image) for image in images), images
    base = re.search(
        r"^FROM apache/airflow:([\d.]+)-python3\.12$", (project_root / "Dockerfile").read_text(), re.MULTILINE
    )
    locked = re.search(r"^apache-airflow==([\d.]+) ", (project_root / "requirements.txt").read_text(), re.MULTILINE)
    assert base
    assert locked
    assert base[1] == locked[1]


def test_the_projects_image_carries_the_projects_version(composed: dict, project_root: Path):
    version = re.search(r'^version = "([\d.]+)"$', (project_root / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    ours = {service["image"] for service in composed["services"].values() if "seller-orders" in service["image"]}
    assert ours == {f"seller-orders:{version[1]}"}


def test_only_loopback_addresses_are_published(composed: dict):
    published = [port for service in composed["services"].values() for port in service.get("ports", [])]
    assert len(published) == 3
    assert all(str(port).startswith("127.0.0.1:") for port in published)


def test_every_copy_of_the_dockerfile_finds_its_source(project_root: Path):
    copies = re.findall(
        r"^COPY --chown=airflow:root (.+) \S+$", (project_root / "Dockerfile").read_text(), re.MULTILINE
    )
    ignored = (project_root / ".dockerignore").read_text()
    for source in " ".join(copies).split():
        assert (project_root / source).exists()
        assert f"!{source}\n" in ignored


def test_a_missing_password_is_refused_by_name(project_root: Path, tmp_path: Path):
    nothing = tmp_path / "empty.env"
    nothing.touch()
    done = subprocess.run(
        ["docker-compose", "--env-file", nothing, "--file", project_root / "docker-compose.yaml", "config"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin"},
    )
    assert done.returncode != 0
    assert re.search(r"set \w+ in \.env", done.stderr)
