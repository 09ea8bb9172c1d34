"""The warehouse's shape on a real PostgreSQL: made once, described in full, open to analysts for reading only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from include.errors import SettingsError
from include.local_stack.postgres import PostgresServer, ensure_database
from include.warehouse.connection import Connection, connect
from include.warehouse.migrate import migrate


@pytest.fixture
def empty_dsn(postgres: PostgresServer) -> Iterator[str]:
    """A database that nothing was ever made in."""
    ensure_database(postgres, "empty", "loader", "loader")
    yield postgres.dsn("empty", user="loader", password="loader")
    with psycopg.connect(postgres.dsn(), autocommit=True) as administration:
        administration.execute("DROP DATABASE empty WITH (FORCE)")


def tables(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables"
        " WHERE table_schema IN ('amazon', 'ops') ORDER BY 1"
    ).fetchall()


def test_an_empty_database_gets_every_table(empty_dsn: str) -> None:
    migrate(empty_dsn)
    with connect(empty_dsn) as connection:
        assert [name for (name,) in tables(connection)] == [
            "amazon.order_items",
            "amazon.orders",
            "ops.alembic_version",
            "ops.extraction_window",
            "ops.landed_page",
            "ops.watermark",
        ]


def test_a_second_migration_changes_nothing(warehouse: Connection, warehouse_dsn: str) -> None:
    warehouse.execute("INSERT INTO ops.watermark (seller_id, complete_through_utc) VALUES ('acme', now())")
    before = tables(warehouse)
    migrate(warehouse_dsn)
    assert tables(warehouse) == before
    assert warehouse.execute("SELECT count(*) FROM ops.watermark").fetchone() == (1,)


def test_two_migrations_at_once_take_turns(empty_dsn: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(migrate, empty_dsn) for _ in range(2)]:
            done.result()
    with connect(empty_dsn) as connection:
        assert connection.execute("SELECT count(*) FROM ops.alembic_version").fetchone() == (1,)


def test_a_migration_without_an_address_says_so() -> None:
    with pytest.raises(SettingsError, match="WAREHOUSE_DSN"):
        migrate("")


def test_every_schema_table_and_column_has_a_comment(warehouse: Connection) -> None:
    without = warehouse.execute(
        """
        SELECT n.nspname || '.' || c.relname || coalesce('.' || a.attname, '')
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN LATERAL (
            SELECT NULL::name AS attname, 0 AS attnum
            UNION ALL
            SELECT attname, attnum FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
        ) a ON true
        WHERE n.nspname IN ('amazon', 'ops') AND c.relkind IN ('r', 'v', 'm', 'p') AND c.relname <> 'alembic_version'
          AND col_description(c.oid, a.attnum) IS NULL AND (a.attnum > 0 OR obj_description(c.oid, 'pg_class') IS NULL)
        """
    ).fetchall()
    assert without == []
    schemas = warehouse.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname IN ('amazon', 'ops')"
        " AND obj_description(oid, 'pg_namespace') IS NULL"
    ).fetchall()
    assert schemas == []


def test_amounts_are_exact_and_instants_know_their_zone(warehouse: Connection) -> None:
    types = dict(
        warehouse.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema IN ('amazon', 'ops')"
        ).fetchall()
    )
    assert {kind for name, kind in types.items() if str(name).endswith("_amount")} == {"numeric"}
    assert {kind for name, kind in types.items() if str(name).endswith("_utc")} == {"timestamp with time zone"}


@pytest.mark.parametrize("table", ["orders", "order_items"])
def test_an_analyst_reads_the_orders(warehouse: Connection, analyst_dsn: str, table: str) -> None:
    with psycopg.connect(analyst_dsn) as analyst:
        assert analyst.execute(f"SELECT count(*) FROM amazon.{table}").fetchone() == (0,)


def test_an_analyst_reads_tables_that_come_later_too(warehouse: Connection, analyst_dsn: str) -> None:
    warehouse.execute("CREATE TABLE amazon.later AS SELECT 1 AS number")
    with psycopg.connect(analyst_dsn) as analyst:
        assert analyst.execute("SELECT number FROM amazon.later").fetchone() == (1,)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO amazon.orders SELECT * FROM amazon.orders",
        "UPDATE amazon.orders SET currency_code = 'EUR'",
        "DELETE FROM amazon.order_items",
        "TRUNCATE amazon.orders CASCADE",
        "DROP TABLE amazon.orders",
        "CREATE TABLE amazon.own (x int)",
        "SELECT * FROM ops.watermark",
        "SELECT * FROM ops.extraction_window",
    ],
)
def test_an_analyst_can_do_nothing_else(analyst_dsn: str, statement: str) -> None:
    with psycopg.connect(analyst_dsn) as analyst, pytest.raises(psycopg.errors.InsufficientPrivilege):
        analyst.execute(statement)


@pytest.mark.slow
def test_the_command_line_migrates_and_says_so(empty_dsn: str, project_root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "include.warehouse"],
        env={"WAREHOUSE_DSN": empty_dsn, "PATH": ""},
        cwd=project_root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "The warehouse is up to date.\n", "")


@pytest.mark.slow
def test_the_command_line_says_in_one_sentence_what_is_wrong(project_root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "include.warehouse"],
        env={"PATH": ""},
        cwd=project_root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "WAREHOUSE_DSN is not set. Set it to the warehouse's postgresql:// address.\n"
