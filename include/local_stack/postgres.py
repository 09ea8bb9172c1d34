"""The door of the embedded PostgreSQL: find the programs, run a server, make sure that a role or a database is there.

It knows roles and databases by name. It refuses to know schemas and tables; migrations make those.
"""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_urlsafe

import psycopg
from psycopg import sql

from include.local_stack.postgres_binaries import PostgresBinaries, find_binaries
from include.local_stack.postgres_data import stop_leftover
from include.local_stack.postgres_server import PostgresServer

PERSONAL_DATA_READER = "personal_data_reader"
__all__ = [
    "PERSONAL_DATA_READER",
    "PostgresBinaries",
    "PostgresServer",
    "ensure_database",
    "ensure_role",
    "ensure_role_to_grant",
    "find_binaries",
    "stop_leftover",
]


def ensure_role(server: PostgresServer, name: str, password: str, login: bool = True) -> None:
    """Make the role, or set password and login of the one that exists.

    The password travels as a SCRAM verifier, so that it can stand in no statement and in no log.
    """
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
        statement = sql.SQL("{verb} ROLE {name} WITH {login} PASSWORD {verifier}").format(
            verb=sql.SQL("ALTER" if known else "CREATE"),
            name=sql.Identifier(name),
            login=sql.SQL("LOGIN" if login else "NOLOGIN"),
            verifier=sql.Literal(verifier.decode()),
        )
        connection.execute(statement)


def ensure_role_to_grant(server: PostgresServer, name: str) -> None:
    """Make a role to be granted to people, not to log in as; its password opens nothing."""
    ensure_role(server, name, token_urlsafe(18), login=False)


def ensure_database(
    server: PostgresServer, name: str, owner: str, owner_password: str, *, readers: Sequence[str] = ()
) -> None:
    """Make the owner (see `ensure_role`) and the database, or hand the one that exists to this owner; data stay.

    Only owner and `readers` may connect to it, and readers make nothing there, temporary tables included.
    """
    ensure_role(server, owner, owner_password)
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        text = "ALTER DATABASE {name} OWNER TO {owner}" if known else "CREATE DATABASE {name} OWNER {owner}"
        database = sql.Identifier(name)
        connection.execute(sql.SQL(text).format(name=database, owner=sql.Identifier(owner)))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        for reader in readers:
            connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(reader)))
