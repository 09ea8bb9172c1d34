"""The data dictionary against a freshly migrated database: the committed text is what the comments say today."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from include.local_stack.postgres import PostgresServer, ensure_database
from include.warehouse.connection import Connection, connect
from include.warehouse.data_dictionary import data_dictionary
from include.warehouse.migrate import migrate


@pytest.fixture(scope="module")
def fresh(postgres: PostgresServer) -> Iterator[str]:
    """A database that holds what the migrations make and nothing else; other tests add tables to the shared one."""
    ensure_database(postgres, "dictionary", "loader", "loader", readers=["analyst"])
    dsn = postgres.dsn("dictionary", user="loader", password="loader")
    migrate(dsn)
    yield dsn
    with psycopg.connect(postgres.dsn(), autocommit=True) as administration:
        administration.execute("DROP DATABASE dictionary WITH (FORCE)")


@pytest.fixture
def connection(fresh: str) -> Iterator[Connection]:
    """The fresh database, left as it was."""
    with connect(fresh) as opened, opened.transaction(force_rollback=True):
        yield opened


def section_of(text: str, table: str) -> str:
    return text.partition(f"## `amazon.{table}`\n")[2].partition("\n## ")[0]


def test_the_committed_data_dictionary_is_what_the_comments_say(connection: Connection, project_root: Path) -> None:
    committed = (project_root / "docs" / "data_dictionary.md").read_text(encoding="utf-8")
    assert committed == data_dictionary(connection), "docs/data_dictionary.md is out of date: run 'make dictionary'."


def test_an_analyst_gets_the_same_text(connection: Connection, fresh: str) -> None:
    with connect(fresh.replace("loader:loader@", "analyst:analyst@")) as analyst:
        assert data_dictionary(analyst) == data_dictionary(connection)


def test_the_first_line_says_how_it_was_made(connection: Connection) -> None:
    assert "`make dictionary`" in data_dictionary(connection).splitlines()[0]


def test_every_table_and_view_for_analysts_has_a_section(connection: Connection) -> None:
    names = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'amazon'::regnamespace AND relkind IN ('r', 'v')"
    )
    text = data_dictionary(connection)
    sections = {line[11:-1] for line in text.splitlines() if line.startswith("## `amazon.")}
    assert sections == {name for (name,) in names} >= {"orders", "daily_sales"}


def test_a_table_shows_its_key_in_the_keys_own_sequence(connection: Connection) -> None:
    connection.execute("CREATE TABLE amazon.pair (later int, earlier int, PRIMARY KEY (earlier, later))")
    assert "Key: `earlier`, `later`." in section_of(data_dictionary(connection), "pair")


def test_a_column_shows_type_null_and_meaning(connection: Connection) -> None:
    connection.execute("CREATE TABLE amazon.one (amount numeric, units bigint[] NOT NULL)")
    connection.execute("COMMENT ON COLUMN amazon.one.amount IS 'This | that.'")
    section = section_of(data_dictionary(connection), "one")
    assert "| `amount` | numeric | yes | This \\| that. |\n| `units` | bigint[] | no |  |\n" in section
    assert "Key: none." in section


def test_a_column_that_was_dropped_is_gone(connection: Connection) -> None:
    connection.execute("ALTER TABLE amazon.marketplaces DROP COLUMN region CASCADE")
    assert "`region`" not in section_of(data_dictionary(connection), "marketplaces")


def test_a_view_says_so_and_leaves_null_open(connection: Connection) -> None:
    section = section_of(data_dictionary(connection), "daily_sales")
    assert "\nView.\n" in section
    assert "| Column | Type | Meaning |" in section


def test_personal_data_have_a_part_of_their_own_that_says_who_may_read_them(connection: Connection) -> None:
    guarded = data_dictionary(connection).partition("## Schema `amazon_pii`: personal data")[2]
    assert "personal_data_reader" in guarded.partition("## `amazon_pii.buyers`")[0]
    assert "| `delete_after_utc` | timestamp with time zone | no |" in guarded
    assert "## `amazon_pii.recipients`" in guarded


def test_the_machinerys_tables_are_named_and_marked(connection: Connection) -> None:
    ops = data_dictionary(connection).partition("## Schema `ops`: not for analysts")[2]
    assert "| `watermark` | How far each seller's tables are complete. |" in ops
    assert "alembic_version" not in ops
    assert "seller_id" not in ops
