"""`make dictionary`: the data dictionary of the docs, from a PostgreSQL that lives as long as it takes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from include.local_stack.ports import free_port
from include.local_stack.postgres import (
    PERSONAL_DATA_READER,
    PostgresServer,
    ensure_database,
    ensure_role,
    find_binaries,
)
from include.settings import PROJECT_ROOT, StackSettings
from include.warehouse.connection import connect
from include.warehouse.data_dictionary import data_dictionary
from include.warehouse.migrate import migrate

DICTIONARY = PROJECT_ROOT / "docs" / "data_dictionary.md"


def write_dictionary(settings: StackSettings) -> None:
    """Migrate an empty warehouse and write down what its comments say."""
    with (
        tempfile.TemporaryDirectory() as folder,
        PostgresServer(Path(folder) / "data", find_binaries(settings.postgres_bin), free_port(), "superuser") as server,
    ):
        for role in ("analyst", PERSONAL_DATA_READER):
            ensure_role(server, role, role)
        ensure_database(server, "warehouse", "loader", "loader", readers=["analyst"])
        dsn = server.dsn("warehouse", user="loader", password="loader")  # noqa: S106 - gone with the folder
        migrate(dsn)
        with connect(dsn) as connection:
            DICTIONARY.write_text(data_dictionary(connection), encoding="utf-8")
