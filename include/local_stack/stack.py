"""Everything on one machine, started in the order of who needs whom, and ended in the reverse.

PostgreSQL, the fake Amazon, a mail sink, the sellers' start page and Airflow's three processes, all on loopback. Data
stay in the run folder.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

from include.airflow_gateway.gateway import AirflowGateway
from include.errors import ContractError, OperatorActionError, SellerOrdersError, TransientError
from include.fake_amazon.client import FakeAmazonClient
from include.local_stack.airflow_processes import (
    AIRFLOW,
    PROCESSES,
    SCHEDULER,
    UI_USER,
    airflow_environment,
    write_local_settings,
    write_ui_login,
)
from include.local_stack.aws import LocalAws
from include.local_stack.mail_client import MailSinkClient, SunkMail
from include.local_stack.passwords import Passwords, load_or_make_passwords
from include.local_stack.ports import require_free_port
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
from include.local_stack.product_environment import (
    inherited_environment,
    mail_address,
    product_environment,
    register_application,
)
from include.local_stack.progress import Progress
from include.local_stack.run_folder import claim
from include.local_stack.run_lock import RunLock
from include.local_stack.sessions import clean_up_killed_run
from include.local_stack.waiting import wait_until
from include.settings import PROJECT_ROOT, Settings, StackSettings
from include.warehouse.migrate import migrate

# Slow, shared machines need half a minute for Airflow's first answer.
AIRFLOW_PATIENCE_S = 180.0
FAKE_AMAZON_PATIENCE_S = 30.0
ANALYST = "analyst"


class Mails(Protocol):
    """What took the mails."""

    def mails(self) -> list[SunkMail]:
        """Return every mail, the oldest first."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack and the ways into it.

    Attributes:
        settings: Ports and folders.
        passwords: Its logins.
        postgres: The server of both databases.
        supervisor: The other processes.
        amazon: Control of the fake Amazon, None where it does not stand in.
        airflow: Airflow's API.
        mails: What would have been sent.
        aws: S3, SES and Secrets Manager, None where the product does without.
    """

    settings: StackSettings
    passwords: Passwords
    postgres: PostgresServer
    supervisor: Supervisor
    amazon: FakeAmazonClient | None
    airflow: AirflowGateway
    mails: Mails
    aws: LocalAws | None = None

    @property
    def ui_url(self) -> str:
        """Address of Airflow's UI."""
        return f"http://127.0.0.1:{self.settings.ui_port}"

    @property
    def mails_url(self) -> str:
        """Address of the page that shows the mails."""
        return f"http://127.0.0.1:{self.settings.mails_port}"

    @property
    def loader_dsn(self) -> str:
        """The warehouse as its owner."""
        return self.postgres.dsn("warehouse", user="loader", password=self.passwords.loader)

    @property
    def analyst_dsn(self) -> str:
        """The warehouse, tables for reading only."""
        return self.postgres.dsn("warehouse", user=ANALYST, password=self.passwords.analyst)


@contextmanager
def running_stack(settings: StackSettings, product: Settings, progress: Progress) -> Iterator[Stack]:
    """Start everything; when the block is left, however, end every process that was started.

    Raises:
        SettingsError: A port is busy, a tool is missing, the data are spoilt, or a run is on already.
        OperatorActionError: A process ended or does not answer; the message names its log.
    """
    claim(settings.run_dir)
    with ExitStack() as ending:
        ending.enter_context(RunLock(settings.run_dir))
        supervisor = Supervisor(settings.run_dir)
        _clean_up(settings, supervisor)
        _require_ports(settings)
        stack = _prepare(settings, supervisor)
        ending.callback(stack.postgres.stop)
        ending.callback(supervisor.stop_all)
        with progress.step("PostgreSQL, mail sink" + ", the fake Amazon" * bool(stack.amazon) + ", AWS" * settings.aws):
            if stack.amazon:
                start_fake_amazon(stack)
            if stack.aws:
                stack.aws.start(supervisor)
            start_mail_sink(stack)
            stack.postgres.start()
            _ensure_databases(stack)
            if stack.amazon:
                wait_for_fake_amazon(stack, stack.amazon)
        if stack.amazon:
            register_application(stack.amazon, settings)
        products = product_environment(settings, stack.passwords, product, stack.amazon, stack.loader_dsn)
        if stack.aws:
            stack.aws.prepare(supervisor, mail_address(products))
        inherited = {**inherited_environment(settings), **products}
        environment = airflow_environment(
            settings,
            stack.passwords,
            metadata_dsn=stack.postgres.dsn("airflow", user="airflow", password=stack.passwords.airflow),
            inherited=inherited,
        )
        with progress.step("Tables of warehouse and Airflow"), ThreadPoolExecutor() as pool:
            warehouse = pool.submit(migrate, stack.loader_dsn)
            _migrate_airflow(stack, environment)
            warehouse.result()
            _start_start_page(stack, inherited)
        with progress.step("Airflow: UI, scheduler, DAG processor"):
            for name, command in PROCESSES.items():
                if name == SCHEDULER:
                    # It starts what is due at once, and a task whose api-server does not answer yet has failed.
                    wait_for_airflow(stack, ("metadatabase",))
                supervisor.start(name, command, env=environment, cwd=PROJECT_ROOT)
            wait_for_airflow(stack, ("metadatabase", "scheduler", "dag_processor"))
        yield stack


def _clean_up(settings: StackSettings, supervisor: Supervisor) -> None:
    clean_up_killed_run(supervisor.record_file)
    stop_leftover(settings.run_dir / "postgres")


def _require_ports(settings: StackSettings) -> None:
    require_free_port("Airflow's UI", settings.ui_port, "UI_PORT")
    require_free_port("the warehouse", settings.warehouse_port, "WAREHOUSE_PORT")
    require_free_port("the sellers' start page", settings.start_page_port, "START_PAGE_PORT")
    require_free_port("the mail sink", settings.smtp_port, "SMTP_PORT")
    require_free_port("the page of the mails", settings.mails_port, "MAILS_PORT")
    if settings.fake_amazon:
        require_free_port("the fake Amazon", settings.fake_amazon_port, "FAKE_AMAZON_PORT")
    if settings.aws:
        require_free_port("what plays AWS", settings.aws_port, "AWS_PORT")


def _prepare(settings: StackSettings, supervisor: Supervisor) -> Stack:
    passwords = load_or_make_passwords(settings.run_dir)
    binaries = find_binaries(settings.postgres_bin)
    postgres = PostgresServer(settings.run_dir / "postgres", binaries, settings.warehouse_port, passwords.superuser)
    write_ui_login(settings.run_dir / "airflow", passwords)
    write_local_settings(settings.run_dir / "airflow")
    amazon = FakeAmazonClient(f"http://127.0.0.1:{settings.fake_amazon_port}") if settings.fake_amazon else None
    airflow = AirflowGateway(f"http://127.0.0.1:{settings.ui_port}", UI_USER, passwords.ui)
    aws = LocalAws(settings.aws_port) if settings.aws else None
    mails = aws or MailSinkClient(f"http://127.0.0.1:{settings.mails_port}")
    return Stack(settings, passwords, postgres, supervisor, amazon, airflow, mails, aws)


def start_fake_amazon(stack: Stack) -> None:
    """Start Amazon's stand-in; it does not answer yet."""
    settings = stack.settings
    command = [sys.executable, "-m", "include.fake_amazon", "--port", str(settings.fake_amazon_port)]
    command += ["--state-dir", str(settings.run_dir / "fake_amazon"), "--rate-scale", f"{settings.rate_scale:g}"]
    for seller_id, file in settings.order_files.items():
        command += ["--orders", f"{seller_id}={file}"]
    stack.supervisor.start("fake-amazon", command, cwd=PROJECT_ROOT)


def start_mail_sink(stack: Stack) -> None:
    """Start what takes every mail."""
    settings = stack.settings
    command = [sys.executable, "-m", "include.local_stack.mail_sink", "--folder", str(settings.run_dir / "mails")]
    command += ["--smtp-port", str(settings.smtp_port), "--http-port", str(settings.mails_port)]
    stack.supervisor.start("mail-sink", command, cwd=PROJECT_ROOT)


def _start_start_page(stack: Stack, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "include.reconnect.consent_app", "--port", str(stack.settings.start_page_port)]
    stack.supervisor.start("start-page", command, env=environment, cwd=PROJECT_ROOT)


def wait_for_fake_amazon(stack: Stack, amazon: FakeAmazonClient) -> None:
    """Return when the fake Amazon answers.

    Raises:
        OperatorActionError: It does not, or a process ended.
    """

    def answers() -> bool:
        # What it does not like about an orders file is its last line.
        stack.supervisor.check()
        return amazon.health()

    if not wait_until(answers, FAKE_AMAZON_PATIENCE_S):
        raise OperatorActionError(
            "The fake Amazon does not answer.", remedy=f"Read the logs in {stack.supervisor.logs_dir}."
        )


def _ensure_databases(stack: Stack) -> None:
    ensure_role(stack.postgres, ANALYST, stack.passwords.analyst)
    ensure_role_to_grant(stack.postgres, PERSONAL_DATA_READER)
    ensure_database(
        stack.postgres, "warehouse", "loader", stack.passwords.loader, readers=[ANALYST, PERSONAL_DATA_READER]
    )
    ensure_database(stack.postgres, "airflow", "airflow", stack.passwords.airflow)


def _migrate_airflow(stack: Stack, environment: dict[str, str]) -> None:
    log = stack.supervisor.log_file("airflow-db-migrate")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        done = subprocess.run(
            [*AIRFLOW, "db", "migrate"],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
            check=False,
        )
    if done.returncode:
        raise OperatorActionError("Airflow's database could not be migrated.", remedy=f"Read {log}.")


def wait_for_airflow(stack: Stack, parts: Sequence[str]) -> None:
    """Return when these parts of Airflow, in the words of its health report, are healthy.

    Raises:
        OperatorActionError: A process ended.
        SellerOrdersError: They are not healthy in `AIRFLOW_PATIENCE_S`.
    """

    def healthy() -> bool:
        stack.supervisor.check()
        try:
            states = stack.airflow.health()
        except (TransientError, ContractError):
            # Nobody answers yet; or a stranger does, who took the port, and then our api-server ends and is named.
            return False
        return all(states.get(part) == "healthy" for part in parts)

    if not wait_until(healthy, AIRFLOW_PATIENCE_S):
        raise SellerOrdersError(
            f"Airflow did not answer within {AIRFLOW_PATIENCE_S:.0f} s.",
            remedy=f"Read the logs in {stack.supervisor.logs_dir}.",
        )
