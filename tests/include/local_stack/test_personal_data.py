"""Personal data in a whole `make run`, every process real: a search of all that it leaves behind, and `make forget`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from include.clock import format_utc, utc_now
from include.local_stack.passwords import Passwords, load_or_make_passwords
from include.local_stack.ports import free_port
from include.local_stack.postgres import PostgresServer, find_binaries
from tests.payloads.machine import Machine, machine_in
from tests.payloads.people import WORDS, an_order_of_a_person
from tests.payloads.search import files, found, rows

pytestmark = [pytest.mark.airflow, pytest.mark.stack, pytest.mark.timeout(600)]

ENTRY = """
  - id: {id}
    name: {id}
    region: eu
    marketplaces: [DE]
    contacts: [owner@shop.example]
    language: en
    timezone: Europe/Berlin
    personal_data: {wanted}
"""
GUARDED = {"amazon_pii.buyers", "amazon_pii.recipients"}


@dataclass
class Left:
    """What a run left behind, its database opened again."""

    machine: Machine
    server: PostgresServer
    passwords: Passwords

    @property
    def warehouse_dsn(self) -> str:
        return self.server.dsn("warehouse", user="loader", password=self.passwords.loader)

    def places(self, words: tuple[str, ...] = WORDS) -> set[str]:
        airflow_dsn = self.server.dsn("airflow", user="airflow", password=self.passwords.airflow)
        everything = [*rows(self.warehouse_dsn), *rows(airflow_dsn), *files(self.machine.run_dir)]
        names = " ".join({name for name, _ in everything})
        assert all(kind in names for kind in ("ops.landed_page", "public.xcom", "load_orders", ".json.gz", ".log"))
        return {place.rpartition(": ")[0] for place in found(everything, words)}


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    """One run of a seller who wants personal data and of one who does not, the same order planted at both."""
    folder = tmp_path_factory.mktemp("personal")
    sellers, orders = folder / "sellers.yaml", folder / "orders.ndjson"
    wanting, other = ENTRY.format(id="wanting", wanted="yes"), ENTRY.format(id="other", wanted="no")
    sellers.write_text(f"sellers:{wanting}{other}")
    since = format_utc(utc_now() - timedelta(hours=3))
    order = an_order_of_a_person(createdTime=since, updated=since, fulfillment={"fulfillmentStatus": "UNSHIPPED"})
    orders.write_text(json.dumps(order) + "\n")
    machine = machine_in(folder, sellers)
    machine.environment["ORDERS"] = f"wanting={orders} other={orders}"
    code, output = machine.run_once()
    assert code == 0, output
    assert not [word for word in WORDS if word in output]
    passwords = load_or_make_passwords(machine.run_dir)
    data = machine.run_dir / "postgres"
    with PostgresServer(data, find_binaries(), free_port(), passwords.superuser) as server:
        yield Left(machine, server, passwords)
    machine.kill_everything()


def test_they_are_in_their_tables_alone_and_only_of_the_seller_who_wants_them(left: Left):
    assert left.places() == GUARDED
    owners = {row.partition(",")[0] for name, row in rows(left.warehouse_dsn) if name in GUARDED}
    assert owners == {"(wanting"}


def test_the_key_is_in_no_log_table_or_xcom(left: Left):
    assert left.places((left.passwords.personal_data_key,)) == set()


def test_forgotten_they_are_nowhere(left: Left, project_root: Path):
    environment = left.machine.environment | {
        "WAREHOUSE_DSN": left.warehouse_dsn,
        "RAW_URL": f"file://{left.machine.run_dir / 'raw'}",
    }
    command = [sys.executable, "-m", "include.local_stack", "forget", "wanting", "--order", "", "--by", "the test"]
    done = subprocess.run(
        command, cwd=project_root, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "deleted 1 buyers, 1 recipients, 0 encrypted files" in done.stdout
    assert left.places() == set()
