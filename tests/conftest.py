"""What every test may use: a real PostgreSQL for the session, an own migrated warehouse for each test that asks."""

from __future__ import annotations

import importlib.abc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest

from include.local_stack.ports import free_port
from include.local_stack.postgres import PostgresServer, ensure_database, ensure_role, find_binaries
from include.warehouse.connection import Connection, connect
from include.warehouse.migrate import migrate
from tests.payloads.aws import Aws, aws_on_loopback, moto_server

FILLED_TABLES = (
    "amazon.orders",
    "amazon.order_items",
    "amazon.order_charges",
    "amazon.order_packages",
    "amazon.order_promotions",
    "ops.extraction_window",
    "ops.watermark",
    "ops.quota_bucket",
    "ops.outbox",
    "ops.incident",
    "ops.seller_authorization",
    "ops.heartbeat",
    "ops.consent",
    "ops.report",
    "ops.order_to_fetch",
    "ops.catch_up",
    "ops.personal_data_deletion",
    "ops.personal_data_expired",
    "amazon_pii.buyers",
    "amazon_pii.recipients",
)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server with the role analyst, ended with the session."""
    settings = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    folder = tmp_path_factory.mktemp("postgres") / "data"
    with PostgresServer(folder, find_binaries(), free_port(), "superuser", settings=settings) as server:
        for role in ("analyst", "personal_data_reader"):
            ensure_role(server, role, role)
        yield server


@pytest.fixture(scope="session")
def shared_warehouse(postgres: PostgresServer) -> str:
    """The one warehouse that tests take turns with, as its owner."""
    ensure_database(postgres, "warehouse", "loader", "loader", readers=["analyst"])
    dsn = postgres.dsn("warehouse", user="loader", password="loader")
    migrate(dsn)
    return dsn


@pytest.fixture
def warehouse_dsn(shared_warehouse: str) -> str:
    """A migrated, empty warehouse, as its owner."""
    with psycopg.connect(shared_warehouse, autocommit=True) as owner:
        # Quicker than TRUNCATE for a handful of rows; pages and rejections go with their windows.
        for table in FILLED_TABLES:
            owner.execute(f"DELETE FROM {table}")
    return shared_warehouse


@pytest.fixture
def warehouse(warehouse_dsn: str) -> Iterator[Connection]:
    """A connection to this test's warehouse."""
    with connect(warehouse_dsn) as connection:
        yield connection


@pytest.fixture
def analyst_dsn(warehouse_dsn: str) -> str:
    """This test's warehouse, as the role that only reads."""
    return warehouse_dsn.replace("loader:loader@", "analyst:analyst@")


@pytest.fixture(scope="session")
def moto_port() -> Iterator[int]:
    """Moto's server, a process that plays AWS for the session."""
    with moto_server() as port:
        yield port


@pytest.fixture
def aws(moto_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """An empty AWS behind a door that can be told to fail; this process's own AWS settings lead to it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it remembers an earlier test's credentials
    with aws_on_loopback(moto_port) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        yield aws


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A real browser."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("NO BROWSER: no Chromium is installed, so nobody has gone the seller's way in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures of pages are kept: the folder that SCREENSHOTS names, else the test's own."""
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder that holds dags, include, plugins and tests."""
    return Path(__file__).resolve().parent.parent


class _NoAirflow(importlib.abc.MetaPathFinder):
    """Holds `make test-fast` to its word."""

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] == "airflow":
            raise ImportError("This test imports Airflow: mark it `airflow`.")


@pytest.fixture(scope="session")
def amazon_models(project_root: Path) -> Path:
    """The folder of Amazon's published models."""
    return _amazon_models(project_root)


def _amazon_models(root: Path) -> Path:
    return Path(os.environ.get("AMAZON_MODELS_DIR") or root.parent / "shared" / "amazon-models")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip, and say so, what reads Amazon's models where they are not at hand; nothing else may ever skip."""
    folder = _amazon_models(config.rootpath)
    if not folder.is_dir():
        skip = pytest.mark.skip(reason=f"needs_amazon_models: there is no {folder}")
        for item in items:
            if item.get_closest_marker("needs_amazon_models"):
                item.add_marker(skip)


def pytest_configure(config: pytest.Config) -> None:
    """Point Airflow at a home of its own before anything can import it; nobody's own settings reach the tests."""
    if "not airflow" in config.option.markexpr:
        sys.meta_path.insert(0, _NoAirflow())
        # The inner loop tries a few examples of each property, the whole suite all of them.
        hypothesis.settings.register_profile("inner loop", max_examples=15, deadline=None)
        hypothesis.settings.load_profile("inner loop")
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="seller-orders-airflow-"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(config.rootpath / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(config.rootpath / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }
