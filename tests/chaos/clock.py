"""One time for everybody: a file that tasks, the fake Amazon and PostgreSQL read, moved by hand and never back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 10, 5, 0, 0, tzinfo=UTC)
# In PostgreSQL's data folder, where its server may read it. The role's search path lets these two stand before its own.
FILE_NAME = "chaos_clock"
SQL = f"""
CREATE SCHEMA IF NOT EXISTS chaos;
CREATE OR REPLACE FUNCTION chaos.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE SECURITY DEFINER
    AS $$ SELECT pg_catalog.pg_read_file('{FILE_NAME}')::timestamptz $$;
CREATE OR REPLACE FUNCTION chaos.now() RETURNS timestamptz LANGUAGE sql STABLE SECURITY DEFINER
    AS $$ SELECT pg_catalog.pg_read_file('{FILE_NAME}')::timestamptz $$;
GRANT USAGE ON SCHEMA chaos TO loader;
ALTER ROLE loader SET search_path = chaos, pg_catalog, public;
"""


class FileClock:
    """A clock to be called like `utc_now`; `sleep` only moves it.

    Args:
        file: Holds the present instant.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def __call__(self) -> datetime:
        """The present instant."""
        return datetime.fromisoformat(self.file.read_text())

    def set(self, instant: datetime) -> None:
        """Begin anew at an instant."""
        new = self.file.with_name(f"{self.file.name}.new")
        new.write_text(instant.isoformat())
        new.replace(self.file)

    def move_to(self, instant: datetime) -> None:
        """Go on to an instant, unless it is past."""
        if instant > self():
            self.set(instant)

    def sleep(self, seconds: float) -> None:
        """Wait without waiting."""
        self.move_to(self() + timedelta(seconds=seconds))
