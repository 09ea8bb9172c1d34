"""Connections to the warehouse, and the lock that keeps two workers off one seller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from include.errors import LoadError, SettingsError, TransientError, TransportError

Connection = psycopg.Connection[tuple[object, ...]]
CONNECT_TIMEOUT_S = 10
# SQLSTATE class of a full disk, no memory and the like.
NO_RESOURCES = "53"
# Keepalives, so that the lock of a host that vanished is free again after two minutes instead of two hours.
SESSION_OPTIONS = "-c timezone=UTC -c tcp_keepalives_idle=60 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=6"


def connect(dsn: str, connect_timeout_s: int = CONNECT_TIMEOUT_S) -> Connection:
    """Open an autocommit connection in UTC; a block that must be whole says `with connection.transaction()`.

    Args:
        dsn: A postgresql:// address.
        connect_timeout_s: How long to wait for the server's answer, at least two.

    Raises:
        SettingsError: No address is set, or the server refuses the login.
        TransportError: The server does not answer.
    """
    if not dsn:
        raise SettingsError("WAREHOUSE_DSN is not set.", remedy="Set it to the warehouse's postgresql:// address.")
    try:
        return psycopg.connect(
            dsn,
            autocommit=True,
            connect_timeout=connect_timeout_s,
            application_name="seller_orders",
            options=SESSION_OPTIONS,
        )
    except psycopg.ProgrammingError:
        # Its text quotes the address, password and all.
        raise SettingsError(
            "WAREHOUSE_DSN is not a PostgreSQL address.", remedy="Write it as postgresql://user:password@host/database."
        ) from None
    except psycopg.OperationalError as refused:
        if "authentication failed" in str(refused) or "does not exist" in str(refused):
            raise SettingsError(
                "The warehouse refuses the login of WAREHOUSE_DSN.", remedy="Check user, password and database in it."
            ) from None
        # A password with an `@` of its own is read as part of the host, and the refusal quotes the host.
        raise TransportError("The warehouse does not answer.") from None


@contextmanager
def warehouse_errors() -> Iterator[None]:
    """Tell what the server says in this project's errors, without its detail line, which can quote a row.

    Raises:
        TransportError: The connection was lost.
        LoadError: The server refused something, or has no room or memory for it.
    """
    try:
        yield
    except psycopg.Error as refused:
        if isinstance(refused, psycopg.OperationalError) and not (refused.sqlstate or "").startswith(NO_RESOURCES):
            raise TransportError(f"The warehouse was lost ({type(refused).__name__}).") from None
        reason = refused.diag.message_primary or type(refused).__name__
        raise LoadError(
            f"The warehouse refused: {reason}.",
            remedy="The landed pages stay; mend the cause and clear the task.",
            code=refused.sqlstate or "",
        ) from None


@contextmanager
def seller_lock(connection: Connection, seller_id: str) -> Iterator[None]:
    """Hold the seller's advisory lock, so that a try that outlived its worker cannot mix with the next one.

    The lock goes with the connection, so a killed process leaves none.

    Raises:
        TransientError: Another session holds it, or the warehouse was lost while it was held.
        LoadError: The warehouse refused something while it was held.
    """
    key = f"seller_orders/{seller_id}"
    held = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (key,)).fetchone()
    if held is None or not held[0]:
        raise TransientError(f"Another run is still working on seller {seller_id}.", retry_after_s=60)
    try:
        with warehouse_errors():
            yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (key,))
