"""Roles and databases on a real server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from include.local_stack.postgres import PostgresServer, ensure_database, ensure_role

pytestmark = pytest.mark.slow

ODD_DATABASE = 'ware"house of %s'
ODD_ROLE = "O'Brien; --"


@pytest.fixture(scope="module")
def server(data_dir: Path, serve_module: Callable[..., PostgresServer]) -> PostgresServer:
    """A server that runs."""
    running = serve_module(data_dir)
    running.start()
    return running


def can_log_in(server: PostgresServer, user: str, password: str) -> bool:
    try:
        psycopg.connect(server.dsn(user=user, password=password)).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_database_is_made_for_its_owner_whatever_the_names(server: PostgresServer) -> None:
    ensure_database(server, ODD_DATABASE, ODD_ROLE, "pass'word")
    with psycopg.connect(server.dsn(ODD_DATABASE, user=ODD_ROLE, password="pass'word")) as connection:
        connection.execute("CREATE SCHEMA mine")
        facts = connection.execute(
            "SELECT pg_encoding_to_char(encoding), lower('ÄÖ'), current_setting('timezone')"
            " FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert facts == ("UTF8", "äö", "UTC")


def test_a_second_call_keeps_the_data_and_sets_the_new_password(server: PostgresServer) -> None:
    ensure_database(server, "warehouse", "owner", "old")
    with psycopg.connect(server.dsn("warehouse", user="owner", password="old")) as connection:
        connection.execute("CREATE SCHEMA mine")
    ensure_database(server, "warehouse", "owner", "new")
    assert not can_log_in(server, "owner", "old")
    with psycopg.connect(server.dsn("warehouse", user="owner", password="new")) as connection:
        assert connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'mine'").fetchone() == (1,)


def test_a_database_changes_hands(server: PostgresServer) -> None:
    ensure_database(server, "changing", "first", "1")
    ensure_database(server, "changing", "second", "2")
    with psycopg.connect(server.dsn("changing", user="second", password="2")) as connection:
        connection.execute("CREATE SCHEMA mine")


def test_a_role_without_login_may_not_log_in_until_it_gets_one(server: PostgresServer) -> None:
    ensure_role(server, "analyst", "secret", login=False)
    assert not can_log_in(server, "analyst", "secret")
    ensure_role(server, "analyst", "secret")
    assert can_log_in(server, "analyst", "secret")


def test_passwords_do_not_reach_the_log_even_when_every_statement_does(server: PostgresServer) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("ALTER ROLE postgres SET log_statement = 'all'")
        ensure_role(server, "logged", "unmistakable-5512")
        connection.execute("ALTER ROLE postgres RESET log_statement")
    log = server.log_file.read_text()
    assert 'CREATE ROLE "logged"' in log
    assert "unmistakable-5512" not in log
