"""What the product is measured against: a PostgreSQL and a fake Amazon of the bench's own, in a temporary folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg

from bench.access import SELLER_ID, Access
from bench.shop_orders import write_orders_file
from include.clock import utc_now
from include.fake_amazon.client import FakeAmazonClient
from include.local_stack.ports import free_port
from include.local_stack.postgres import PostgresServer, ensure_database, ensure_role, find_binaries
from include.local_stack.processes import Supervisor
from include.settings import PROJECT_ROOT
from include.warehouse.migrate import migrate

SPREAD_DAYS = 20
# All orders are read before it answers, a hundred thousand in half a minute.
FAKE_AMAZON_PATIENCE_S = 120.0
ORDERS_READ_PER_S = 1_500
# Pages and rejections refer to their windows and go with them.
FILLED_TABLES = (
    "amazon.orders, amazon.order_items, amazon.order_charges, amazon.order_packages, amazon.order_promotions,"
    " ops.extraction_window, ops.watermark, ops.quota_bucket, ops.catch_up, ops.report, ops.order_to_fetch"
)


@dataclass(frozen=True, slots=True)
class Servers:
    """Both servers, running, and one seller's way in.

    Attributes:
        folder: For whatever else the measured work writes.
        postgres: With the one database, `warehouse`.
        amazon: Control of the fake Amazon.
        access: What the product is told.
        orders_file: What is in the shop, the oldest update first, one `Order` a line.
    """

    folder: Path
    postgres: PostgresServer
    amazon: FakeAmazonClient
    access: Access
    orders_file: Path

    @property
    def postmaster_pid(self) -> int:
        """The process that all of PostgreSQL's others descend from."""
        if self.postgres.pid is None:
            raise RuntimeError("PostgreSQL has ended.")
        return self.postgres.pid

    def empty(self) -> None:
        """Forget all that was loaded, and both sides' quota."""
        empty_tables(self.postgres)
        self.amazon.set_bucket(SELLER_ID, "searchOrders", 20)
        self.amazon.reset_calls()


def empty_tables(postgres: PostgresServer) -> None:
    """Forget all that was loaded, and our side's quota; what the server still has to write, it writes now."""
    with psycopg.connect(postgres.dsn("warehouse"), autocommit=True) as owner:
        owner.execute(f"TRUNCATE {FILLED_TABLES} CASCADE")
        owner.execute("CHECKPOINT")


@contextmanager
def running_warehouse(folder: Path) -> Iterator[tuple[PostgresServer, str]]:
    """Start a PostgreSQL with a migrated, empty warehouse; yields it and the address of the tables' owner."""
    with PostgresServer(folder / "data", find_binaries(), free_port(), "superuser") as postgres:
        ensure_role(postgres, "analyst", "analyst")
        ensure_database(postgres, "warehouse", "loader", "loader")
        dsn = postgres.dsn("warehouse", user="loader", password="loader")  # noqa: S106 - throw-away
        migrate(dsn)
        yield postgres, dsn


@contextmanager
def running_servers(folder: Path, orders: int, rate_scale: float) -> Iterator[Servers]:
    """Start both, the shop with so many orders of the twenty days before this one; end them with the block."""
    # The youngest order is an hour old at least, so that all can be asked for.
    midnight_utc = (utc_now() - timedelta(hours=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    orders_file = folder / f"orders_{orders}.ndjson"
    write_orders_file(orders_file, orders, end_utc=midnight_utc, days=SPREAD_DAYS)
    with ExitStack() as ending:
        supervisor = ending.enter_context(Supervisor(folder / f"amazon_{orders}"))
        port = free_port()
        command = [sys.executable, "-m", "include.fake_amazon", "--port", str(port), "--rate-scale", f"{rate_scale:g}"]
        supervisor.start("fake-amazon", [*command, "--orders", f"{SELLER_ID}={orders_file}"], cwd=PROJECT_ROOT)
        postgres, dsn = ending.enter_context(running_warehouse(folder / f"postgres_{orders}"))
        amazon = FakeAmazonClient(f"http://127.0.0.1:{port}")
        amazon.wait_until_ready(max(FAKE_AMAZON_PATIENCE_S, orders / ORDERS_READ_PER_S))
        amazon.ensure_shop(SELLER_ID, region="eu", marketplaces=["DE"])
        application, authorization = amazon.application(), amazon.authorize(SELLER_ID)
        access = Access(
            warehouse_dsn=dsn,
            lwa_url=amazon.base_url,
            endpoint=amazon.spapi_endpoint("eu"),
            rate_scale=rate_scale,
            client_id=application.client_id,
            client_secret=application.client_secret,
            refresh_token=authorization.refresh_token,
            first_day=midnight_utc.toordinal() - SPREAD_DAYS,
        )
        yield Servers(folder, postgres, amazon, access, orders_file)
