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
    # Whatever the umask, containers' users can read the secrets.
    subprocess.run(["/bin/sh", "-c", f"umask 077; exec {sys.executable} {script}"], check=True)
    return folder / ".env"


def _composed(project_root: Path, environment_file: Path) -> dict:
    """The file as Compose understands it, every variable filled in."""
    command = ["docker-compose", "--project-directory", str(project_root), "--env-file", str(environment_file)]
    command += ["--file", str(project_root / "docker-compose.yaml"), "config"]
    given = {"PATH": "/usr/bin:/bin:/usr/local/bin", "SECRETS_DIR": str(environment_file.parent / "secrets")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=given)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


@pytest.fixture(scope="module")
def composed(project_root: Path, environment_file: Path) -> dict:
    return _composed(project_root, environment_file)


SHAPES = {
    "one-machine": "postgres airflow-init airflow-apiserver airflow-scheduler airflow-dag-processor start-page",
    "demo": "fake-amazon demo-connections",
    "backup": "backup",
    "cluster-backup": "cluster-backup",
    "cluster": "metadata warehouse redis init api-server scheduler dag-processor triggerer worker consent",
    "cluster-demo": "cluster-fake-amazon cluster-demo-connections",
}


def _of(composed: dict, profile: str) -> dict[str, dict]:
    return {name: service for name, service in composed["services"].items() if service["profiles"] == [profile]}


@pytest.mark.parametrize("profile", SHAPES)
def test_each_profile_has_its_services_and_every_service_one_profile(composed: dict, profile: str):
    assert set(_of(composed, profile)) == set(SHAPES[profile].split())
    assert set(composed["services"]) == set(" ".join(SHAPES.values()).split())


@pytest.mark.parametrize(
    ("file", "profiles"),
    [("demo", "one-machine,demo"), ("cluster", "cluster"), ("cluster-demo", "cluster,cluster-demo")],
)
def test_the_files_that_are_laid_over_choose_the_shape(
    project_root: Path, environment_file: Path, file: str, profiles: str
):
    text = (project_root / "docker" / f"{file}.env").read_text()
    assert f"COMPOSE_PROFILES={profiles}\n" in text
    assert 'COMPOSE_PROFILES="one-machine"' in environment_file.read_text()


def test_make_env_writes_over_nothing_that_is_there(environment_file: Path):
    folder = environment_file.parent
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    subprocess.run([sys.executable, folder / "docker" / "make_env.py"], check=True, capture_output=True)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_make_env_keeps_others_out_of_a_folder_of_secrets_that_somebody_made(environment_file: Path):
    folder = environment_file.parent
    (folder / "secrets").chmod(0o755)
    subprocess.run([sys.executable, folder / "docker" / "make_env.py"], check=True, capture_output=True)
    assert oct((folder / "secrets").stat().st_mode & 0o777) == "0o700"


def test_make_env_adds_the_secrets_that_a_newer_version_wants(environment_file: Path):
    folder = environment_file.parent
    before = {path: path.read_bytes() for path in (folder / "secrets").iterdir()}
    for name in ("warehouse_dsn", "personal_data_key"):
        (folder / "secrets" / name).unlink()
    subprocess.run([sys.executable, folder / "docker" / "make_env.py"], check=True, capture_output=True)
    after = {path: path.read_bytes() for path in (folder / "secrets").iterdir()}
    new_key = folder / "secrets" / "personal_data_key"
    assert after.keys() == before.keys()
    # The address holds the password that is there already.
    assert {path for path in after if after[path] != before[path]} == {new_key}


def test_nobody_waits_for_a_service_of_another_shape(composed: dict):
    for name, service in composed["services"].items():
        awaited = {composed["services"][other]["profiles"][0] for other in service.get("depends_on", {})}
        # Demo and backup belong to the shape in whose name they stand, or to the one machine.
        shape = "cluster" if service["profiles"][0].startswith("cluster") else "one-machine"
        assert awaited <= {service["profiles"][0], shape}, name


def test_the_cluster_publishes_the_ui_and_the_sellers_pages_alone(composed: dict):
    published = {name: service["ports"] for name, service in _of(composed, "cluster").items() if "ports" in service}
    assert sorted(published) == ["api-server", "consent"]
    assert sum(map(len, published.values())) == 2


def test_whatever_runs_on_in_the_cluster_is_looked_after_and_started_again(composed: dict):
    for name, service in _of(composed, "cluster").items():
        if name != "init":
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"], name


def test_no_secret_is_in_the_environment_of_a_service_of_the_cluster(composed: dict, environment_file: Path):
    written = environment_file.read_text() + "\n".join(
        path.read_text() for path in (environment_file.parent / "secrets").iterdir()
    )
    secrets = set(re.findall(r"[\w=-]{30,}", written))
    assert len(secrets) > 15
    shown = [yaml.safe_dump(service) for service in _of(composed, "cluster").values()]
    assert [secret for secret in secrets if any(secret in text for text in shown)] == []


def test_the_service_that_the_world_may_reach_holds_no_key_of_airflows(composed: dict):
    consent = _of(composed, "cluster")["consent"]
    assert [name for name in consent["environment"] if name.startswith("AIRFLOW__")] == []
    held = {secret["source"] for secret in consent["secrets"]}
    assert held == {"airflow_api_password", "amazon_client_secret", "old_secret_keys", "secret_key", "warehouse_dsn"}


def test_nor_does_the_start_page_of_one_machine(composed: dict):
    page = composed["services"]["start-page"]
    assert [name for name in page["environment"] if name.startswith("AIRFLOW__")] == []
    assert "PERSONAL_DATA_KEY" not in page["environment"]
    (mounted,) = page["volumes"]
    assert str(mounted).count("sellers.yaml") >= 1


def test_the_processes_of_the_cluster_share_keys_database_broker_and_raw_pages(composed: dict):
    services = _of(composed, "cluster")
    airflow = [services[name] for name in ("api-server", "scheduler", "dag-processor", "triggerer", "worker")]
    for service in airflow:
        environment = {**service["environment"]}
        assert {**environment, **airflow[2]["environment"]} == environment
        assert any(volume.startswith("raw:/var/lib/seller-orders/raw") for volume in service["volumes"])
    assert {"FERNET_KEY", "JWT_SECRET"} <= {
        name.rsplit("__", 1)[1].removesuffix("_CMD") for name in airflow[0]["environment"] if name.endswith("_CMD")
    }


def test_every_secret_that_a_service_reads_is_mounted_there_and_made_by_make_env(
    composed: dict, environment_file: Path
):
    made = {path.name for path in (environment_file.parent / "secrets").iterdir()}
    assert set(composed["secrets"]) == made
    assert all(oct(path.stat().st_mode & 0o777) == "0o644" for path in (environment_file.parent / "secrets").iterdir())
    assert oct((environment_file.parent / "secrets").stat().st_mode & 0o777) == "0o700"
    for name, service in _of(composed, "cluster").items():
        read = set(re.findall(r"/run/secrets/(\w+)", yaml.safe_dump(service, width=10_000)))
        assert read <= {secret["source"] for secret in service.get("secrets", [])}, name


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


def test_only_known_variables_are_laid_over_the_example(project_root: Path):
    for file in (project_root / "docker").glob("*.env"):
        assert set(re.findall(r"^(\w+)=", file.read_text(), re.MULTILINE)) <= _example_names(project_root)


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
    # The sellers' file is mounted at its default place instead; the world's pages hold no key of personal data.
    public = {"PERSONAL_DATA_KEY"}
    services = {"airflow-scheduler": set(), "worker": set(), "start-page": public, "consent": public}
    for name, kept in services.items():
        given = {variable.removesuffix("_FILE") for variable in composed["services"][name]["environment"]}
        assert asked - given == {"SELLERS_FILE"} | kept, name


@pytest.mark.airflow
@pytest.mark.parametrize("service", ["airflow-scheduler", "scheduler"])
def test_every_airflow_variable_names_an_option_that_airflow_has(composed: dict, service: str):
    from airflow.configuration import conf
    from airflow.providers_manager import ProvidersManager

    ProvidersManager().initialize_providers_configuration()
    given = composed["services"][service]["environment"]
    options = [name.removesuffix("_CMD").split("__")[1:] for name in given if name.startswith("AIRFLOW__")]
    described = {
        (section, option) for section, facts in conf.configuration_description.items() for option in facts["options"]
    }
    unknown = {(section.lower(), option.lower()) for section, option in options} - described
    assert len(options) > 10
    assert unknown == set()


@pytest.mark.airflow
def test_what_was_found_by_measuring_is_the_same_on_a_laptop_and_in_compose(composed: dict, tmp_path: Path):
    from include.local_stack.airflow_processes import airflow_environment
    from include.local_stack.passwords import load_or_make_passwords
    from include.settings import StackSettings

    laptop = airflow_environment(
        StackSettings(run_dir=tmp_path), load_or_make_passwords(tmp_path), metadata_dsn="postgresql://", inherited={}
    )
    given = composed["services"]["airflow-scheduler"]["environment"]
    sections = ("AIRFLOW__SCHEDULER__", "AIRFLOW__WORKERS__", "AIRFLOW__DAG_PROCESSOR__", "AIRFLOW__CORE__PARALLELISM")
    # Compose asks the scheduler for its health by a port of its own, which a laptop would have open for everybody.
    measured = {name for name in given if name.startswith(sections)} - {"AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK"}
    assert {name: given[name] for name in measured} == {
        name: value for name, value in laptop.items() if name.startswith(sections)
    }


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
    assert len(published) == 5
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
