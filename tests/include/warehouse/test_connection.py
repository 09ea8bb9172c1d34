"""Connections on a real PostgreSQL: what each failure says, and the lock that keeps two workers off one seller."""

from __future__ import annotations

import traceback

import psycopg
import pytest

from include.errors import LoadError, SellerOrdersError, SettingsError, TransientError, TransportError
from include.local_stack.ports import free_port
from include.local_stack.postgres import PostgresServer
from include.warehouse.connection import Connection, connect, seller_lock


def test_a_connection_speaks_utc_and_commits_by_itself(warehouse: Connection) -> None:
    assert warehouse.execute("SHOW timezone").fetchone() == ("UTC",)
    assert warehouse.execute("SHOW application_name").fetchone() == ("seller_orders",)
    assert warehouse.autocommit


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda dsn: "", SettingsError, "WAREHOUSE_DSN is not set"),
        (lambda dsn: "secret", SettingsError, "not a PostgreSQL address"),
        (lambda dsn: "postgresql://loader:secret%zz@host/db", SettingsError, "not a PostgreSQL address"),
        (lambda dsn: dsn.replace(":loader@", ":secret@"), SettingsError, "refuses the login"),
        (lambda dsn: dsn.replace("loader:loader@", "nobody:secret@"), SettingsError, "refuses the login"),
        (lambda dsn: dsn.rpartition("/")[0] + "/nowhere", SettingsError, "refuses the login"),
        (lambda dsn: f"postgresql://u:secret@127.0.0.1:{free_port()}/x", TransportError, "does not answer"),
        (lambda dsn: "postgresql://u:p@secret@127.0.0.1/x", TransportError, "does not answer"),
    ],
    ids=[
        "no address",
        "no address but a word",
        "a password with a stray percent sign",
        "a wrong password",
        "an unknown user",
        "an unknown database",
        "no server",
        "a password with an unescaped at sign",
    ],
)
def test_a_connection_that_fails_says_why_in_one_sentence_without_the_password(
    warehouse_dsn: str, change: object, error: type[SellerOrdersError], said: str
) -> None:
    with pytest.raises(error, match=said) as refused:
        connect(change(warehouse_dsn))  # type: ignore[operator]
    assert str(refused.value).count("\n") == 0
    told = "".join(traceback.format_exception(refused.value))
    assert "secret" not in told.replace("WAREHOUSE_DSN", "")


def test_a_seller_can_be_locked_once(warehouse: Connection, warehouse_dsn: str) -> None:
    with (
        connect(warehouse_dsn) as other,
        seller_lock(warehouse, "acme"),
        pytest.raises(TransientError, match="acme") as refused,
        seller_lock(other, "acme"),
    ):
        pass
    assert refused.value.retry_after_s == 60


def test_another_seller_is_free_meanwhile(warehouse: Connection, warehouse_dsn: str) -> None:
    with connect(warehouse_dsn) as other, seller_lock(warehouse, "acme"), seller_lock(other, "other"):
        pass


def test_a_lock_ends_with_its_block(warehouse: Connection, warehouse_dsn: str) -> None:
    with connect(warehouse_dsn) as other:
        for connection in (warehouse, other, warehouse):
            with seller_lock(connection, "acme"):
                pass


def test_a_lock_ends_with_a_failure_in_its_block(warehouse: Connection, warehouse_dsn: str) -> None:
    with pytest.raises(ZeroDivisionError), seller_lock(warehouse, "acme"):
        raise ZeroDivisionError
    with connect(warehouse_dsn) as other, seller_lock(other, "acme"):
        pass


def test_a_lock_ends_with_a_refused_statement_in_its_block(warehouse: Connection, warehouse_dsn: str) -> None:
    with pytest.raises(LoadError, match="division by zero"), seller_lock(warehouse, "acme"), warehouse.transaction():
        warehouse.execute("SELECT 1/0")
    with connect(warehouse_dsn) as other, seller_lock(other, "acme"):
        pass


def test_a_lock_dies_with_its_connection(warehouse: Connection, warehouse_dsn: str, postgres: PostgresServer) -> None:
    dying = connect(warehouse_dsn)

    def die_at_work() -> None:
        with seller_lock(dying, "acme"), psycopg.connect(postgres.dsn(), autocommit=True) as administration:
            administration.execute("SELECT pg_terminate_backend(%s, 5000)", (dying.info.backend_pid,))
            dying.execute("SELECT 1")

    with pytest.raises(TransportError, match="lost"):
        die_at_work()
    with seller_lock(warehouse, "acme"):
        pass
    dying.close()
