"""The warehouse's shape on a real PostgreSQL: made once, described in full, open to analysts for reading only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config

from include.errors import SettingsError
from include.local_stack.postgres import PostgresServer, ensure_database
from include.orders import windows
from include.sellers.marketplaces import MARKETPLACES
from include.warehouse import migrate as migrations
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
        " WHERE table_schema IN ('amazon', 'amazon_pii', 'ops') ORDER BY 1"
    ).fetchall()


def test_an_empty_database_gets_every_table_and_view(empty_dsn: str) -> None:
    migrate(empty_dsn)
    with connect(empty_dsn) as connection:
        assert [name for (name,) in tables(connection)] == [
            "amazon.daily_sales",
            "amazon.marketplaces",
            "amazon.order_charges",
            "amazon.order_items",
            "amazon.order_packages",
            "amazon.order_promotions",
            "amazon.orders",
            "amazon.seller_freshness",
            "amazon_pii.buyers",
            "amazon_pii.recipients",
            "ops.alembic_version",
            "ops.catch_up",
            "ops.consent",
            "ops.extraction_window",
            "ops.heartbeat",
            "ops.incident",
            "ops.landed_page",
            "ops.order_to_fetch",
            "ops.outbox",
            "ops.personal_data_deletion",
            "ops.personal_data_expired",
            "ops.quota_bucket",
            "ops.rejected_order",
            "ops.report",
            "ops.seller_authorization",
            "ops.watermark",
        ]


def test_a_second_migration_changes_nothing(warehouse: Connection, warehouse_dsn: str) -> None:
    warehouse.execute("INSERT INTO ops.watermark VALUES ('acme', now(), now(), now(), now(), now())")
    before = tables(warehouse)
    migrate(warehouse_dsn)
    assert tables(warehouse) == before
    assert warehouse.execute("SELECT count(*) FROM ops.watermark").fetchone() == (1,)


@pytest.fixture
def first_light_dsn(empty_dsn: str) -> str:
    """A database at revision 0001 with what a season of nightly runs of two sellers left in it."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent / "migrations"))
    config.attributes["dsn"] = empty_dsn
    command.upgrade(config, "0001")
    with connect(empty_dsn) as connection:
        connection.execute(
            """
            INSERT INTO ops.extraction_window (seller_id, window_start_utc, window_end_utc, marketplace_ids,
                included_data, state, next_token, next_token_utc, complete_through_utc, opened_utc, loaded_utc)
            SELECT seller_id, start_utc::timestamptz, end_utc::timestamptz, '{A1PA6795UKMFR9}', '{PROCEEDS}', state,
                token, end_utc::timestamptz, end_utc::timestamptz, end_utc::timestamptz + interval '2 minutes',
                CASE state WHEN 'loaded' THEN end_utc::timestamptz + interval '5 minutes' END
            FROM (VALUES
                ('acme', '2026-09-02T00:00Z', '2026-09-03T00:00Z', 'loaded', NULL),
                ('acme', '2026-09-01T00:00Z', '2026-09-02T00:00Z', 'loaded', NULL),
                ('acme', '2026-09-03T00:00Z', '2026-09-04T00:00Z', 'loaded', NULL),
                ('acme', '2026-08-01T00:00Z', '2026-08-02T00:00Z', 'extracted', NULL),
                ('acme', '2026-09-04T00:00Z', '2026-09-05T00:00Z', 'extracting', 'token'),
                ('other', '2026-07-01T00:00Z', '2026-09-04T00:00Z', 'loaded', NULL)
            ) AS w (seller_id, start_utc, end_utc, state, token);
            INSERT INTO ops.landed_page SELECT window_id, 1, 'file:///raw/' || window_id, 2, opened_utc
                FROM ops.extraction_window;
            INSERT INTO ops.watermark VALUES
                ('acme', '2026-09-04T00:00Z', '2026-09-04T00:05Z'),
                ('other', '2026-09-04T00:00Z', '2026-09-04T00:05Z'),
                ('windowless', '2026-09-04T00:00Z', '2026-09-04T00:05Z');
            INSERT INTO amazon.orders (seller_id, order_id, created_utc, last_updated_utc, programs,
                grand_total_amount, currency_code, extracted_utc) SELECT seller_id, order_id, '2026-09-01T10:00Z',
                '2026-09-02T10:00Z', '{PRIME}', 12.50, 'EUR', '2026-09-03T00:02Z'
                FROM (VALUES ('acme', 'A'), ('acme', 'B'), ('other', 'A')) AS o (seller_id, order_id);
            INSERT INTO amazon.order_items (seller_id, order_id, order_item_id, quantity_ordered, title, extracted_utc)
                SELECT seller_id, order_id, line::text, line, 'Teekanne', extracted_utc
                FROM amazon.orders, generate_series(1, 2) AS line;
            """
        )
    return empty_dsn


OLD_CONTENT = {
    "amazon.orders": "seller_id, order_id, created_utc, last_updated_utc, programs, grand_total_amount, currency_code,"
    " extracted_utc, loaded_utc",
    "amazon.order_items": "seller_id, order_id, order_item_id, quantity_ordered, title, extracted_utc, loaded_utc",
    "ops.extraction_window": "window_id, seller_id, window_start_utc, window_end_utc, marketplace_ids, included_data,"
    " state, next_token, next_token_utc, complete_through_utc, opened_utc, loaded_utc",
    "ops.landed_page": "window_id, page_number, page_url, orders, extracted_utc",
    "ops.watermark": "seller_id, complete_through_utc, moved_utc",
}


def content(dsn: str) -> dict[str, list[tuple[object, ...]]]:
    """What revision 0001 has columns for."""
    with connect(dsn) as connection:
        return {
            table: connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2, 3").fetchall()
            for table, columns in OLD_CONTENT.items()
        }


def test_a_database_of_the_first_revision_keeps_all_it_holds(first_light_dsn: str) -> None:
    before = content(first_light_dsn)
    migrate(first_light_dsn)
    assert content(first_light_dsn) == before
    assert [len(rows) for rows in before.values()] == [3, 6, 6, 6, 3]


def test_a_database_of_the_first_revision_knows_from_when_its_tables_are_complete(first_light_dsn: str) -> None:
    migrate(first_light_dsn)
    through = datetime(2026, 9, 4, tzinfo=UTC)
    with connect(first_light_dsn) as connection:
        marks = {name: windows.watermark(connection, name) for name in ("acme", "other", "windowless")}
    assert {name: mark and mark.complete_from_utc for name, mark in marks.items()} == {
        "acme": datetime(2026, 9, 1, tzinfo=UTC),
        "other": datetime(2026, 7, 1, tzinfo=UTC),
        "windowless": through,
    }
    assert {mark and mark.complete_through_utc for mark in marks.values()} == {through}
    assert {mark and mark.settled_utc for mark in marks.values()} == {through - timedelta(hours=6)}


def test_a_database_of_the_first_revision_goes_on_with_its_unfinished_and_waiting_windows(
    first_light_dsn: str,
) -> None:
    migrate(first_light_dsn)
    with connect(first_light_dsn) as connection:
        (unfinished,) = windows.select(connection, "state = 'extracting'")
        (waiting,) = windows.windows_to_load(connection, "acme")
        old_page = connection.execute("SELECT DISTINCT landed_page, programs FROM amazon.orders").fetchall()
        lines = connection.execute("SELECT DISTINCT item_number, programs FROM amazon.order_items").fetchall()
    assert (unfinished.purpose, unfinished.next_token, unfinished.pages) == ("nightly", "token", 1)
    assert unfinished.settled_before_utc == unfinished.opened_utc - timedelta(hours=6)
    assert (waiting.purpose, waiting.pages) == ("nightly", 1)
    assert (old_page, lines) == ([(None, ["PRIME"])], [(None, [])])


def test_where_nobody_made_the_reader_of_personal_data_the_tables_come_all_the_same(
    postgres: PostgresServer, empty_dsn: str
) -> None:
    with psycopg.connect(postgres.dsn(), autocommit=True) as administration:
        administration.execute("ALTER ROLE personal_data_reader RENAME TO away")
        try:
            migrate(empty_dsn)
        finally:
            administration.execute("ALTER ROLE away RENAME TO personal_data_reader")
    with connect(empty_dsn) as connection:
        assert connection.execute("SELECT count(*) FROM amazon_pii.buyers").fetchone() == (0,)


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
        WHERE n.nspname IN ('amazon', 'amazon_pii', 'ops') AND c.relkind IN ('r', 'v', 'm', 'p')
          AND c.relname <> 'alembic_version' AND col_description(c.oid, a.attnum) IS NULL
          AND (a.attnum > 0 OR obj_description(c.oid, 'pg_class') IS NULL)
        """
    ).fetchall()
    assert without == []
    schemas = warehouse.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname IN ('amazon', 'amazon_pii', 'ops')"
        " AND obj_description(oid, 'pg_namespace') IS NULL"
    ).fetchall()
    assert schemas == []


def test_amounts_are_exact_and_instants_know_their_zone(warehouse: Connection) -> None:
    types = dict(
        warehouse.execute(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema IN ('amazon', 'amazon_pii', 'ops')"
        ).fetchall()
    )
    assert {kind for name, kind in types.items() if str(name).endswith("amount")} == {"numeric"}
    assert {kind for name, kind in types.items() if str(name).endswith("_utc")} == {"timestamp with time zone"}


def test_the_marketplaces_are_those_of_the_registry(warehouse: Connection) -> None:
    known = warehouse.execute(
        "SELECT marketplace_id, country_code, name, region, currency_code, timezone FROM amazon.marketplaces"
    ).fetchall()
    assert set(known) == {
        (m.marketplace_id, m.country_code, m.name, m.region, m.currency_code, m.zone) for m in MARKETPLACES
    }


def test_postgresql_knows_the_zone_of_every_marketplace(warehouse: Connection) -> None:
    unknown = warehouse.execute(
        "SELECT timezone FROM amazon.marketplaces WHERE timezone NOT IN (SELECT name FROM pg_timezone_names)"
    ).fetchall()
    assert unknown == []


def test_an_analyst_reads_every_table_and_view_of_amazon(warehouse: Connection, analyst_dsn: str) -> None:
    amazon = [name for (name,) in tables(warehouse) if str(name).startswith("amazon.")]
    assert {"amazon.daily_sales", "amazon.seller_freshness", "amazon.order_charges"} <= set(amazon)
    with psycopg.connect(analyst_dsn) as analyst:
        for name in amazon:
            analyst.execute(f"SELECT * FROM {name}")


def test_an_analyst_may_nothing_but_read_amazon(warehouse: Connection) -> None:
    allowed = warehouse.execute(
        "SELECT DISTINCT n.nspname, p.privilege FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " CROSS JOIN unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS p (privilege)"
        " WHERE n.nspname IN ('amazon', 'amazon_pii', 'ops') AND c.relkind IN ('r', 'v', 'm', 'p')"
        " AND has_table_privilege('analyst', c.oid, p.privilege)"
    ).fetchall()
    assert allowed == [("amazon", "SELECT")]
    reachable = (
        "SELECT has_schema_privilege('analyst', 'ops', 'USAGE'), has_schema_privilege('analyst', 'amazon', 'CREATE')"
    )
    assert warehouse.execute(reachable).fetchone() == (False, False)


def test_an_analyst_reads_tables_that_come_later_too(warehouse: Connection, analyst_dsn: str) -> None:
    warehouse.execute("CREATE TABLE amazon.later AS SELECT 1 AS number")
    with psycopg.connect(analyst_dsn) as analyst:
        assert analyst.execute("SELECT number FROM amazon.later").fetchone() == (1,)
    warehouse.execute("DROP TABLE amazon.later")


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
        "SELECT * FROM ops.rejected_order",
        "SELECT * FROM ops.quota_bucket",
        "SELECT * FROM ops.seller_authorization",
        "SELECT * FROM ops.incident",
        "SELECT * FROM ops.outbox",
        "SELECT * FROM ops.personal_data_deletion",
        "SELECT * FROM amazon_pii.buyers",
        "SELECT * FROM amazon_pii.recipients",
        "UPDATE amazon.marketplaces SET name = ''",
        "DELETE FROM amazon.order_charges",
        "INSERT INTO amazon.marketplaces VALUES ('', '', '', '', '', '')",
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
