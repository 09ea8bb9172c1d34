"""A backup and its way back, by docker/backup.sh on real servers: the same tables, and nights that go on from there."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet

from include.errors import OperatorActionError, SettingsError
from include.local_stack.backup import SCRIPT, back_up, restore
from include.local_stack.passwords import load_or_make_passwords
from include.local_stack.ports import on_free_ports
from include.local_stack.postgres import PostgresServer, ensure_database, ensure_role, find_binaries
from include.local_stack.run_folder import claim
from include.local_stack.run_lock import RunLock
from include.orders.extract import extract_orders
from include.orders.landing import write_page
from include.orders.load import load_orders
from include.orders.reload import reload_orders
from include.settings import Settings, StackSettings
from include.warehouse.connection import connect
from include.warehouse.migrate import migrate
from tests.payloads.clocks import HandClock
from tests.payloads.people import personal_fields
from tests.payloads.sellers import acme
from tests.payloads.shop import Shop

pytestmark = pytest.mark.slow

Tables = dict[str, list[tuple[Any, ...]]]


class House:
    """A run folder with both databases, and a shop whose nights are run there."""

    def __init__(self, settings: StackSettings) -> None:
        self.settings = settings
        claim(settings.run_dir)
        self.passwords = load_or_make_passwords(settings.run_dir)
        self.clock = HandClock()
        self.shop = Shop(self.clock, page_size=10)
        self.seller = acme(date(2026, 10, 1))
        self.product = Settings(raw_url=f"file://{settings.run_dir / 'raw'}")

    def server(self) -> PostgresServer:
        return PostgresServer(
            self.settings.run_dir / "postgres",
            find_binaries(),
            self.settings.warehouse_port,
            self.passwords.superuser,
            settings={"fsync": "off"},
        )

    def dsn(self, server: PostgresServer, database: str = "warehouse") -> str:
        user = {"warehouse": "loader", "airflow": "airflow"}[database]
        return server.dsn(database, user=user, password=getattr(self.passwords, user))

    def furnish(self) -> None:
        with self.server() as server:
            ensure_role(server, "analyst", self.passwords.analyst)
            ensure_database(server, "warehouse", "loader", self.passwords.loader, readers=["analyst"])
            ensure_database(server, "airflow", "airflow", self.passwords.airflow)
            migrate(self.dsn(server))
            with psycopg.connect(self.dsn(server, "airflow"), autocommit=True) as metadata:
                metadata.execute("CREATE TABLE connection (conn_id text PRIMARY KEY, password text)")
                metadata.execute("INSERT INTO connection VALUES ('amazon_seller_acme', 'gAAAA of the first year')")

    def night(self, orders: range, *, changed: range = range(0), load: bool = True) -> None:
        """A day on which orders are placed and changed, then the seller's run, or only its extraction."""
        self.clock.advance(hours=24)
        for number in [*orders, *changed]:
            self.shop.change(number, at_utc=self.clock() - timedelta(hours=12, seconds=-number))
        with self.server() as server, connect(self.dsn(server)) as warehouse:
            extract_orders(
                self.seller,
                client=self.shop,  # type: ignore[arg-type]
                connection=warehouse,
                settings=self.product,
                now=self.clock,
            )
            if load:
                load_orders(warehouse, "acme", seller=self.seller, settings=self.product, now=self.clock)

    def tables(self) -> Tables:
        """Every row of every table of both databases."""
        found: Tables = {}
        with self.server() as server:
            for database in ("warehouse", "airflow"):
                with psycopg.connect(self.dsn(server, database)) as connection:
                    names = connection.execute(
                        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
                    ).fetchall()
                    for (name,) in names:
                        query = f"SELECT t::text FROM {name} t ORDER BY 1"
                        found[f"{database} {name}"] = connection.execute(query).fetchall()
        return found

    def pages(self) -> dict[str, bytes]:
        raw = self.settings.run_dir / "raw"
        return {str(path.relative_to(raw)): path.read_bytes() for path in raw.rglob("*") if path.is_file()}

    def loaded(self) -> tuple[datetime, dict[str, tuple[datetime, str]], int]:
        """The watermark; each order's last change and amount; how many rows there are."""
        with self.server() as server, connect(self.dsn(server)) as warehouse:
            (mark,) = warehouse.execute("SELECT complete_through_utc FROM ops.watermark").fetchone()
            rows = warehouse.execute("SELECT order_id, last_updated_utc, grand_total_amount::text FROM amazon.orders")
            orders = rows.fetchall()
        return mark, {order_id: (utc, amount) for order_id, utc, amount in orders}, len(orders)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(on_free_ports(tmp_path / "run"))
    house.furnish()
    return house


def _assert_as_at_amazon(house: House) -> None:
    mark, orders, rows = house.loaded()
    truth = house.shop.truth(mark)
    assert {name: utc for name, (utc, _) in orders.items()} == {name: utc for name, (utc, _) in truth.items()}
    assert rows == len(truth) == len(house.shop.updated)
    assert mark > house.clock() - timedelta(minutes=5)


def test_a_restored_warehouse_has_the_same_rows_pages_and_rights_and_its_next_night_loses_and_doubles_nothing(
    house: House, tmp_path: Path
):
    house.night(range(25))
    before, pages = house.tables(), house.pages()
    assert len(before["warehouse amazon.orders"]) == 25
    assert len(before["airflow public.connection"]) == 1
    back_up(house.settings, tmp_path / "backup")
    # The backup is older than the last two loads: new orders and new states of old ones are lost with the server.
    house.night(range(25, 40), changed=range(5))
    house.night(range(40, 45))
    assert house.tables() != before

    restore(house.settings, tmp_path / "backup")
    assert house.tables() == before
    assert house.pages() == pages
    with house.server() as server:
        analyst = server.dsn("warehouse", user="analyst", password=house.passwords.analyst)
        with psycopg.connect(analyst) as reader:
            assert reader.execute("SELECT count(*) FROM amazon.orders").fetchone() == (25,)
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(server.dsn("airflow", user="analyst", password=house.passwords.analyst))
        with connect(house.dsn(server)) as warehouse:
            assert reload_orders(warehouse, "acme").orders == 25
            migrate(house.dsn(server))

    house.night(range(45, 50), changed=range(40, 42))
    _assert_as_at_amazon(house)


def test_a_backup_moves_to_another_machine_where_nothing_is_yet(house: House, tmp_path: Path):
    house.night(range(12))
    back_up(house.settings, tmp_path / "backup")
    there = House(on_free_ports(tmp_path / "there"))
    restore(there.settings, tmp_path / "backup")
    assert there.tables() == house.tables()
    assert there.pages() == house.pages()


def test_a_backup_without_personal_data_names_nobody_and_loads_go_on_after_it(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    house.seller = dataclasses.replace(house.seller, personal_data=True)
    house.product = dataclasses.replace(house.product, personal_data_keys=(Fernet.generate_key().decode(),))
    house.shop.fields = personal_fields()
    house.night(range(12))
    house.night(range(12, 20), load=False)
    assert len(house.tables()["warehouse amazon_pii.buyers"]) == 12
    pages = house.pages()
    assert any(name.startswith("personal/") for name in pages)
    monkeypatch.setenv("WITHOUT_PERSONAL_DATA", "yes")
    back_up(house.settings, tmp_path / "backup")
    restore(house.settings, tmp_path / "backup")
    assert house.pages() == {name: body for name, body in pages.items() if not name.startswith("personal/")}
    tables = house.tables()
    assert tables["warehouse amazon_pii.buyers"] == tables["warehouse amazon_pii.recipients"] == []
    assert len(tables["warehouse amazon.orders"]) == 12
    house.night(range(20, 25))
    _assert_as_at_amazon(house)
    # Only what was asked for after the backup has names.
    assert len(house.tables()["warehouse amazon_pii.buyers"]) == 5


def test_a_backup_is_whole_or_not_there_and_writes_over_none(house: House, tmp_path: Path):
    back_up(house.settings, tmp_path / "backup")
    assert {path.name for path in (tmp_path / "backup").iterdir()} == {"warehouse.dump", "airflow.dump", "raw.tar"}
    assert [path.stat().st_mode & 0o077 for path in (tmp_path / "backup").iterdir()] == [0, 0, 0]
    with pytest.raises(OperatorActionError, match="backup failed"):
        back_up(house.settings, tmp_path / "backup")
    with house.server() as server, psycopg.connect(server.dsn(), autocommit=True) as superuser:
        superuser.execute("DROP DATABASE airflow")
    with pytest.raises(OperatorActionError, match="backup failed"):
        back_up(house.settings, tmp_path / "second")
    assert not (tmp_path / "second").exists()


def test_a_spoilt_backup_replaces_nothing(house: House, tmp_path: Path):
    house.night(range(12))
    back_up(house.settings, tmp_path / "backup")
    before, pages = house.tables(), house.pages()
    dump = tmp_path / "backup" / "airflow.dump"
    dump.write_bytes(dump.read_bytes()[:-200])
    with pytest.raises(OperatorActionError, match="restore failed"):
        restore(house.settings, tmp_path / "backup")
    assert house.tables() == before
    assert house.pages() == pages


def test_while_the_stack_runs_it_can_be_backed_up_but_not_replaced(house: House, tmp_path: Path):
    with RunLock(house.settings.run_dir), house.server():
        back_up(house.settings, tmp_path / "backup")
        with pytest.raises(SettingsError, match="Already running"):
            restore(house.settings, tmp_path / "backup")


def test_pages_that_come_and_go_meanwhile_spoil_no_backup(house: House, tmp_path: Path):
    house.night(range(12))
    raw = house.settings.run_dir / "raw"
    is_over = threading.Event()

    def land() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            write_page(f"file://{raw}/orders/acme/w{number % 40}/page-0001.json.gz", os.urandom(300_000))
            shutil.rmtree(raw / f"orders/acme/w{(number + 20) % 40}", ignore_errors=True)

    landing = threading.Thread(target=land)
    landing.start()
    try:
        for number in range(6):
            back_up(house.settings, tmp_path / f"backup-{number}")
    finally:
        is_over.set()
        landing.join()
    listed = subprocess.run(
        ["tar", "tf", tmp_path / "backup-5" / "raw.tar"], capture_output=True, text=True, check=True
    )
    assert "page-0001.json.gz" in listed.stdout
    assert ".half" not in listed.stdout


def test_a_server_that_is_not_ours_is_not_backed_up_for_it(house: House, tmp_path: Path):
    with house.server() as server, psycopg.connect(server.dsn("warehouse"), autocommit=True) as superuser:
        superuser.execute("DROP SCHEMA ops CASCADE")
    with pytest.raises(OperatorActionError, match="backup failed"):
        back_up(house.settings, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_a_restore_with_somebody_connected_replaces_nothing(house: House, tmp_path: Path):
    house.night(range(12))
    back_up(house.settings, tmp_path / "backup")
    house.night(range(12, 20))
    before = house.tables()
    with house.server() as server, psycopg.connect(house.dsn(server, "airflow")):
        done = _script(server, house, "restore", tmp_path / "backup", raw_dir=house.settings.run_dir / "raw")
    assert (done.returncode, "Still in use: airflow by" in done.stderr) == (1, True), done.stderr
    assert house.tables() == before


def test_pages_without_a_place_are_asked_about_before_anything_is_replaced(house: House, tmp_path: Path):
    house.night(range(12))
    back_up(house.settings, tmp_path / "backup")
    house.night(range(12, 20))
    before = house.tables()
    with house.server() as server:
        done = _script(server, house, "restore", f"{tmp_path / 'backup'}/", raw_dir="")
    assert (done.returncode, "RAW_DIR" in done.stderr) == (1, True), done.stderr
    assert house.tables() == before


def test_pages_of_another_server_are_not_replaced(house: House, tmp_path: Path):
    house.night(range(12))
    back_up(house.settings, tmp_path / "backup")
    pages = house.pages()
    there = House(on_free_ports(tmp_path / "there"))
    with there.server() as empty:
        done = _script(empty, there, "restore", tmp_path / "backup", raw_dir=house.settings.run_dir / "raw")
    assert (done.returncode, "is it the right one" in done.stderr) == (1, True), done.stderr
    assert house.pages() == pages


def _script(
    server: PostgresServer, house: House, command: str, folder: Path | str, *, raw_dir: Path | str
) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{server.binaries.folder}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(server.port),
        "PGPASSWORD": house.passwords.superuser,
        "RAW_DIR": str(raw_dir),
    }
    return subprocess.run([SCRIPT, command, folder], env=environment, capture_output=True, text=True, check=False)


def test_the_script_says_how_it_is_called():
    done = subprocess.run(["bash", SCRIPT, "rescue"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "backup.sh backup|restore FOLDER" in done.stderr
