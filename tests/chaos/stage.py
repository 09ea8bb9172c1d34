"""What a schedule plays on: real PostgreSQL, the fake Amazon, a mail server, a store, and the sellers' Connections."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import forkserver, get_context
from pathlib import Path
from typing import Any

import psycopg

from include.fake_amazon.clock import Clock
from include.fake_amazon.server import RunningFake, serve_in_thread
from include.fake_amazon.shops import Shop, make_shop
from include.local_stack.ports import free_port
from include.local_stack.postgres import PostgresServer, ensure_database, ensure_role, find_binaries
from include.sellers.registry import Seller, load_sellers
from include.warehouse.connection import Connection, connect
from include.warehouse.migrate import migrate
from tests.chaos import clock as chaos_clock
from tests.chaos.airflow_api import AirflowApi, airflow_api
from tests.chaos.clock import START, FileClock
from tests.chaos.store import FileStore, ObjectStore, Store
from tests.payloads.mail_server import MailServer, Taken, mail_server

# Each is looked for in everything that is left.
SECRETS = {
    "warehouse": "loader-password-of-chaos",
    "airflow": "airflow-password-of-chaos",
    "key": "secret-key-of-chaos-0123456789",
}
OPERATORS = "operators@orders.example"
PUBLIC_BASE_URL = "http://127.0.0.1:8092"
# Numbers begin anew too, so that a schedule is the same whichever came before it.
EMPTY = """
DO $$ BEGIN EXECUTE (
    SELECT 'TRUNCATE ' || string_agg(format('%I.%I', schemaname, tablename), ', ') || ' RESTART IDENTITY'
    FROM pg_tables WHERE schemaname IN ('ops', 'amazon') AND tablename <> 'alembic_version'
); END $$
"""
# How busy the shops are: a page, three pages, a few orders.
SHOPS = {
    "nordlicht": ("eu", ("DE", "FR"), 70, "de"),
    "harbour": ("eu", ("GB",), 260, "en"),
    "maple": ("na", ("US", "CA"), 15, "en"),
}
ENTRY = """
  - id: {seller_id}
    name: {name}
    region: {region}
    marketplaces: [{places}]
    contacts: [owner@{seller_id}.example, office@{seller_id}.example]
    language: {language}
    timezone: UTC
    run_at: "0{number}:00"
    start_date: 2026-10-04
"""


@dataclass
class House:
    """What all schedules of a session share.

    Attributes:
        folder: Theirs alone.
        postgres: Restarted by some of them.
        clock: In its data folder.
        dsn: The warehouse as its owner.
        store: The store of s3 addresses.
    """

    folder: Path
    postgres: PostgresServer
    clock: FileClock
    dsn: str
    store: ObjectStore


@contextmanager
def running_house(folder: Path) -> Iterator[House]:
    """Start what is shared, once a process: its fork server stays; when the block is left, end the rest."""
    # What is committed must outlive a server that is killed, so no `synchronous_commit`; the machine itself stays up.
    settings = {"fsync": "off", "full_page_writes": "off"}
    with ExitStack() as ending:
        postgres = PostgresServer(folder / "postgres", find_binaries(), free_port(), "superuser", settings=settings)
        ending.enter_context(postgres)
        ensure_role(postgres, "analyst", "analyst")
        ensure_database(postgres, "warehouse", "loader", SECRETS["warehouse"], readers=["analyst"])
        dsn = postgres.dsn("warehouse", user="loader", password=SECRETS["warehouse"])
        migrate(dsn)
        clock = FileClock(postgres.data_dir / chaos_clock.FILE_NAME)
        clock.set(START)
        with psycopg.connect(postgres.dsn("warehouse"), autocommit=True) as connection:
            connection.execute(chaos_clock.SQL)
        store = ending.enter_context(ObjectStore.serving())
        _start_fork_server(folder, clock)
        yield House(folder, postgres, clock, dsn, store)


def _start_fork_server(folder: Path, clock: FileClock) -> None:
    connections = json.dumps({"connections_file_path": str(folder / "connections.json")})
    application = {"conn_type": "amazon_sp_application", "login": "nobody", "password": "nothing yet"}
    (folder / "connections.json").write_text(json.dumps({"amazon_application": application}))
    backend = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
    environment = {
        "CHAOS_CLOCK": str(clock.file),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        "AIRFLOW__SECRETS__BACKEND": backend,
        "AIRFLOW__SECRETS__BACKEND_KWARGS": connections,
        "AIRFLOW__WORKERS__SECRETS_BACKEND": backend,
        "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS": connections,
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        # The server keeps the environment of this moment; this process gets its own back.
        get_context("forkserver").set_forkserver_preload(["tests.chaos.worker"])
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)


@dataclass
class Stage:
    """One schedule's world.

    Attributes:
        amazon: The fake Amazon.
        airflow: Connections, and who starts runs.
        mails: The mail server's memory, whichever server took them.
        tokens: Every secret that was ever given out.
    """

    house: House
    amazon: RunningFake
    airflow: AirflowApi
    store: Store
    sellers: dict[str, Seller]
    smtp_port: int
    taken: list[Taken] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    mail_server: MailServer | None = None
    _mail: ExitStack = field(default_factory=ExitStack)

    @property
    def clock(self) -> FileClock:
        """The one time."""
        return self.house.clock

    def connect(self) -> Connection:
        """A connection to the warehouse, for looking."""
        return connect(self.house.dsn)

    def start_mail_server(self) -> None:
        """Let mails be taken again."""
        if self.mail_server is None:
            self.mail_server = self._mail.enter_context(mail_server(self.smtp_port))
            self.mail_server.taken = self.taken

    def stop_mail_server(self) -> None:
        """Let nobody answer."""
        self._mail.close()
        self.mail_server = None

    def restart_postgres(self, *, hard: bool = False) -> None:
        """Stop and start it, or kill it with -9 and start it."""
        self.stop_postgres(hard=hard)
        self.house.postgres.start()

    def stop_postgres(self, *, hard: bool = False) -> None:
        """Stop it; hard is with -9."""
        pid = self.house.postgres.pid
        if hard and pid:
            os.kill(pid, signal.SIGKILL)
        self.house.postgres.stop()

    def authorize(self, seller_id: str) -> None:
        """Put what Amazon gives for a seller into its Connection."""
        given = self.amazon.client.authorize(seller_id)
        self.tokens.add(given.refresh_token)
        seller = self.sellers[seller_id]
        self.airflow.put(
            seller.connection_id,
            {
                "conn_type": "amazon_sp_seller",
                "login": given.selling_partner_id,
                "password": given.refresh_token,
                "extra": {"region": seller.region},
            },
        )

    def environment(self) -> dict[str, str]:
        """The product's settings."""
        application = self.amazon.client.application()
        return {
            "SELLERS_FILE": str(self.house.folder / "sellers.yaml"),
            "SECRET_KEY": SECRETS["key"],
            "WAREHOUSE_DSN": self.house.dsn,
            "LWA_TOKEN_URL": self.amazon.lwa_token_url,
            **{f"SPAPI_ENDPOINT_{r.upper()}": self.amazon.spapi_endpoint(r) for r in ("eu", "na", "fe")},
            "SELLER_CENTRAL_URL": self.amazon.client.seller_central_url,
            "HTTP_TIMEOUT_S": "3",  # of real time, which a busy machine needs
            "PUBLIC_BASE_URL": PUBLIC_BASE_URL,
            "MAIL_FROM": "Seller Orders <orders@orders.example>",
            "OPERATOR_CONTACTS": OPERATORS,
            "AMAZON_APPLICATION_ID": application.application_id,
            "AMAZON_CLIENT_ID": application.client_id,
            "AMAZON_CLIENT_SECRET": application.client_secret,
            "AIRFLOW_API_URL": self.airflow.url,
            "AIRFLOW_API_USER": "admin",
            "AIRFLOW_API_PASSWORD": SECRETS["airflow"],
            **self.store.environment,
        }


@contextmanager
def set_stage(house: House, seed: int, store_name: str) -> Iterator[Stage]:
    """Begin anew: empty tables, new shops of this seed, every seller connected."""
    house.clock.set(START + timedelta(hours=12))
    house.postgres.start()
    with psycopg.connect(house.dsn, autocommit=True) as owner:
        owner.execute(EMPTY)
    sellers_file = house.folder / "sellers.yaml"
    sellers_file.write_text("sellers:" + "".join(_entries()))
    sellers = {entry.seller_id: entry for entry in load_sellers(sellers_file) if isinstance(entry, Seller)}
    connections_file = house.folder / "connections.json"
    connections_file.write_text("{}")
    shutil.rmtree(house.folder / "raw", ignore_errors=True)
    start_s = START.timestamp()
    with ExitStack() as ending:
        amazon = ending.enter_context(
            serve_in_thread(
                seed=seed,
                shops=_shops(),
                rate_scale=1.0,
                clock=Clock(house.clock),
                monotonic=lambda: house.clock().timestamp() - start_s,
            )
        )
        airflow = ending.enter_context(airflow_api(connections_file, SECRETS["airflow"]))
        store: Store = house.store if store_name == "s3" else FileStore(house.folder / "raw")
        store.reset()
        stage = Stage(house, amazon, airflow, store, sellers, free_port())
        ending.callback(stage.stop_mail_server)
        stage.start_mail_server()
        _connect_everybody(stage)
        yield stage


def _shops() -> Sequence[Shop]:
    return [
        make_shop(
            {
                "shop_id": seller_id,
                "region": region,
                "marketplaces": places,
                "orders_per_day": orders,
                "language": language,
                "opened": START.date(),
            }
        )
        for seller_id, (region, places, orders, language) in SHOPS.items()
    ]


def _entries() -> Iterator[str]:
    for number, (seller_id, (region, places, _, language)) in enumerate(SHOPS.items()):
        # The second and the third at the same minute.
        yield ENTRY.format(
            seller_id=seller_id,
            name=seller_id.title(),
            region=region,
            places=", ".join(places),
            language=language,
            number=min(number + 1, 2),
        )


def _connect_everybody(stage: Stage) -> None:
    application = stage.amazon.client.application()
    stage.tokens |= {application.client_secret, *SECRETS.values()}
    made_on: dict[str, Any] = {"made_on": "2026-10-01"}
    stage.airflow.put(
        "amazon_application",
        {
            "conn_type": "amazon_sp_application",
            "login": application.client_id,
            "password": application.client_secret,
            "extra": made_on,
        },
    )
    mail = {"disable_ssl": True, "disable_tls": True, "timeout": 5}
    stage.airflow.put(
        "smtp_default", {"conn_type": "smtp", "host": "127.0.0.1", "port": stage.smtp_port, "extra": mail}
    )
    for seller_id in stage.sellers:
        stage.authorize(seller_id)
