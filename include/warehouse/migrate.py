"""Bring a warehouse to the newest shape; safe to run again, several at once take turns."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from include.warehouse.connection import Connection, connect

MIGRATIONS = str(Path(__file__).parent / "migrations")
MIGRATION_LOCK = "seller_orders/migrations"


def migrate(dsn: str) -> None:
    """Apply every migration that the database does not have yet.

    The login must own the database. The role `analyst` must exist, or the login must be allowed to create it.

    Raises:
        SettingsError: No address, or the login is refused.
        TransportError: The server does not answer.
    """
    with connect(dsn) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (MIGRATION_LOCK,))
        config = Config()
        config.set_main_option("script_location", MIGRATIONS)
        config.attributes["dsn"] = dsn
        command.upgrade(config, "head")


def is_newest(connection: Connection) -> bool:
    """Tell whether every migration was applied."""
    if connection.execute("SELECT to_regclass('ops.alembic_version')").fetchone() == (None,):
        return False
    applied = connection.execute("SELECT version_num FROM ops.alembic_version").fetchone()
    return applied == (_newest(),)


@cache
def _newest() -> str | None:
    return ScriptDirectory(MIGRATIONS).get_current_head()
