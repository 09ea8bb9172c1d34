"""The cluster of docker-compose.yaml as processes on this machine, where no Docker engine runs.

Commands and environments are read from the file; `cluster_places` says what differs. Each process can be killed,
stopped and started again by its name. Data stay in the run folder.

    with running_cluster(settings, sellers_file, Progress()) as cluster:
        cluster.kill("worker-1")        # as when its machine is gone
        cluster.start("worker-1")       # what Docker's restart policy would do
        cluster.metadata.stop(); cluster.metadata.start()
        run_sellers(cluster.stack, sellers, Progress())
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from include.airflow_gateway.gateway import AirflowGateway
from include.errors import OperatorActionError, SettingsError
from include.fake_amazon.client import FakeAmazonClient
from include.local_stack.airflow_processes import UI_USER, write_local_settings
from include.local_stack.cluster_places import ClusterPlaces
from include.local_stack.cluster_secrets import passwords_of, write_secrets
from include.local_stack.compose import Service, read_services
from include.local_stack.mail_client import MailSinkClient
from include.local_stack.postgres import (
    PERSONAL_DATA_READER,
    PostgresServer,
    ensure_database,
    ensure_role,
    ensure_role_to_grant,
    find_binaries,
    stop_leftover,
)
from include.local_stack.processes import Supervisor
from include.local_stack.product_environment import register_application
from include.local_stack.progress import Progress
from include.local_stack.run_folder import claim
from include.local_stack.run_lock import RunLock
from include.local_stack.sessions import clean_up_killed_run
from include.local_stack.stack import (
    ANALYST,
    Stack,
    start_fake_amazon,
    start_mail_sink,
    wait_for_airflow,
    wait_for_fake_amazon,
)
from include.settings import PROJECT_ROOT, StackSettings

PROFILE = "cluster"
# Those of the profile that are no processes here: our own servers stand for the databases, and init ends by itself.
NO_PROCESSES = ("metadata", "warehouse", "init")
BEFORE_INIT = ("redis",)
# It starts what is due at once, and a task whose api-server does not answer yet has failed.
LAST = "scheduler"
HEALTHY = ("metadatabase", "scheduler", "dag_processor", "triggerer")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster and the ways into it.

    Attributes:
        places: Its ports and folders.
        stack: What it shares with a laptop's stack: Airflow's API as admin, the fake Amazon's control, mails, the
            warehouse (`stack.postgres`) and the processes (`stack.supervisor`).
        metadata: The server of Airflow's own database.
        services: What Compose says of each.
        shortened: Variables of Compose that have other values here, to save time.
    """

    places: ClusterPlaces
    stack: Stack
    metadata: PostgresServer
    services: Mapping[str, Service]
    shortened: Mapping[str, str]

    @property
    def warehouse(self) -> PostgresServer:
        """The server of the tables."""
        return self.stack.postgres

    @property
    def metadata_dsn(self) -> str:
        """Airflow's own database, as its owner."""
        return self.metadata.dsn("airflow", user="airflow", password=self.stack.passwords.airflow)

    @property
    def processes(self) -> list[str]:
        """The names of all processes: those of the services, a worker with its number."""
        names = []
        for name, service in self.services.items():
            if name not in NO_PROCESSES:
                numbered = [f"{name}-{number}" for number in range(1, service.replicas + 1)]
                names += numbered if name == "worker" else [name]
        return names

    @property
    def workers(self) -> list[str]:
        """The names of the Celery workers."""
        return [name for name in self.processes if name.startswith("worker-")]

    def environment(self, name: str) -> dict[str, str]:
        """The whole environment of a process, or of a command that is run beside it."""
        return self.places.environment(name, self._service(name), self.shortened)

    def start(self, name: str) -> None:
        """Start a process, or start it again."""
        command = self.places.command(name, self._service(name))
        self.stack.supervisor.start(name, command, env=self.environment(name), cwd=PROJECT_ROOT)

    def stop(self, name: str) -> None:
        """End a process as Docker does: SIGTERM, some patience, SIGKILL."""
        self.stack.supervisor.stop(name)

    def kill(self, name: str) -> None:
        """End a process and everything it started by SIGKILL, as when its machine is gone."""
        self.stack.supervisor.kill(name)

    def health(self, name: str) -> subprocess.CompletedProcess[str]:
        """Look whether a process is well, the way Compose does."""
        kind, *words = self.places.here("\0".join(self._service(name).health)).split("\0")
        command = ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words
        return subprocess.run(
            command,
            env=self.environment(name),
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def _service(self, name: str) -> Service:
        return self.services["worker" if name.startswith("worker-") else name]


@contextmanager
def running_cluster(
    settings: StackSettings,
    sellers_file: Path,
    progress: Progress,
    *,
    variables: Mapping[str, str] | None = None,
    shortened: Mapping[str, str] | None = None,
) -> Iterator[Cluster]:
    """Start everything, with the fake Amazon; when the block is left, however, end every process that was started.

    Args:
        settings: Folder and ports, `on_free_ports`.
        sellers_file: Who trades.
        progress: Where the steps are told.
        variables: More of what an operator writes into .env, such as WORKERS and WORKER_CONCURRENCY.
        shortened: Variables of the containers that get other values here, to save time; each must be in the file.

    Raises:
        SettingsError: A tool is missing, the data are spoilt, or a run is on already.
        OperatorActionError: A process ended or does not answer; the message names its log.
    """
    claim(settings.run_dir)
    with ExitStack() as ending:
        ending.enter_context(RunLock(settings.run_dir))
        supervisor = Supervisor(settings.run_dir)
        clean_up_killed_run(supervisor.record_file)
        places = ClusterPlaces(settings, sellers_file)
        write_secrets(places)
        write_local_settings(settings.run_dir / "airflow")
        stack, metadata = _prepare(places, supervisor)
        for server in (stack.postgres, metadata):
            stop_leftover(server.data_dir)
            ending.callback(server.stop)
        ending.callback(supervisor.stop_all)
        with progress.step("The fake Amazon, PostgreSQL twice, mail sink"):
            start_fake_amazon(stack)
            start_mail_sink(stack)
            _start_databases(stack, metadata)
        cluster = _read_cluster(places, stack, metadata, variables or {}, shortened or {})
        with progress.step("Redis; tables, roles and logins"):
            for name in BEFORE_INIT:
                cluster.start(name)
            _init(cluster)
        with progress.step("Airflow and the sellers' pages"):
            for name in cluster.processes:
                if name not in (*BEFORE_INIT, LAST):
                    cluster.start(name)
            wait_for_airflow(stack, HEALTHY[:1])
            cluster.start(LAST)
            wait_for_airflow(stack, HEALTHY)
        yield cluster


def _prepare(places: ClusterPlaces, supervisor: Supervisor) -> tuple[Stack, PostgresServer]:
    settings, binaries = places.stack, find_binaries(places.stack.postgres_bin)
    passwords = passwords_of(places)
    warehouse = PostgresServer(places.folder / "postgres", binaries, settings.warehouse_port, passwords.superuser)
    metadata = PostgresServer(places.folder / "postgres_metadata", binaries, places.metadata_port, passwords.superuser)
    stack = Stack(
        settings,
        passwords,
        warehouse,
        supervisor,
        FakeAmazonClient(f"http://127.0.0.1:{settings.fake_amazon_port}"),
        AirflowGateway(f"http://127.0.0.1:{settings.ui_port}", UI_USER, passwords.ui),
        MailSinkClient(f"http://127.0.0.1:{settings.mails_port}"),
    )
    return stack, metadata


def _start_databases(stack: Stack, metadata: PostgresServer) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(PostgresServer.start, (stack.postgres, metadata)))
    ensure_role(stack.postgres, ANALYST, stack.passwords.analyst)
    ensure_role_to_grant(stack.postgres, PERSONAL_DATA_READER)
    ensure_database(
        stack.postgres, "warehouse", "loader", stack.passwords.loader, readers=[ANALYST, PERSONAL_DATA_READER]
    )
    ensure_database(metadata, "airflow", "airflow", stack.passwords.airflow)


def _read_cluster(
    places: ClusterPlaces,
    stack: Stack,
    metadata: PostgresServer,
    variables: Mapping[str, str],
    shortened: Mapping[str, str],
) -> Cluster:
    if stack.amazon is None:
        raise SettingsError("The cluster of this machine has the fake Amazon only.")
    wait_for_fake_amazon(stack, stack.amazon)
    register_application(stack.amazon, places.stack)
    application = stack.amazon.application()
    (places.secrets / "amazon_client_secret").write_text(application.client_secret)
    given = {**places.variables(application, stack.amazon.seller_central_url), **variables}
    services = read_services(places.folder / ".env", given, profile=PROFILE)
    if unknown := set(shortened) - set(services["worker"].environment):
        raise SettingsError(f"docker-compose.yaml gives no {', '.join(sorted(unknown))} that could be shortened.")
    if shutil.which("redis-server") is None:
        raise SettingsError("There is no redis-server here.", remedy="Install it (Debian: apt install redis-server).")
    return Cluster(places, stack, metadata, services, shortened)


def _init(cluster: Cluster) -> None:
    log = cluster.stack.supervisor.log_file("init")
    command = cluster.places.command("init", cluster.services["init"])
    with log.open("wb") as output:
        done = subprocess.run(
            command, env=cluster.environment("init"), stdout=output, stderr=output, start_new_session=True, check=False
        )
    if done.returncode:
        raise OperatorActionError("The cluster's init failed.", remedy=f"Read {log}.")
