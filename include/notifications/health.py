"""What both web applications answer to `/health`: is the warehouse there, is it in shape, does the watch run?

It says nothing of any seller, because anybody may ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from include.notifications.lookout import silent_for
from include.settings import NotificationSettings
from include.warehouse.connection import Connection
from include.warehouse.migrate import is_newest


@dataclass(frozen=True, slots=True)
class Health:
    """How the whole is.

    Attributes:
        status: `ok`, or the first thing that is wrong.
        is_migrated: Whether the warehouse has every migration of this version; None where nobody can tell.
        watch_ran_s_ago: Seconds since authorization_watch last came to its end; None where it never did.
    """

    status: Literal["ok", "silent", "migrations_missing", "warehouse_unreachable"]
    is_migrated: bool | None = None
    watch_ran_s_ago: int | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """As both applications write it."""
        return {
            "status": self.status,
            "warehouse": "reachable" if self.is_migrated is not None else "unreachable",
            "migrations": {True: "current", False: "missing", None: "unknown"}[self.is_migrated],
            "watch_ran_s_ago": self.watch_ran_s_ago,
        }

    @property
    def http_status(self) -> int:
        """200 where all is well, else 503."""
        return 200 if self.status == "ok" else 503


UNREACHABLE: Final = Health("warehouse_unreachable")


def read_health(connection: Connection, settings: NotificationSettings, *, now_utc: datetime) -> Health:
    """Read it from the warehouse.

    Raises:
        psycopg.Error: The warehouse was lost meanwhile.
    """
    is_migrated = is_newest(connection)
    silent = silent_for(connection, now_utc=now_utc) if is_migrated or _has_heartbeats(connection) else None
    ran_s_ago = None if silent is None else max(0, int(silent.total_seconds()))
    if not is_migrated:
        return Health("migrations_missing", is_migrated, ran_s_ago)
    is_silent = silent is None or silent >= timedelta(minutes=settings.silent_after_minutes)
    return Health("silent" if is_silent else "ok", is_migrated, ran_s_ago)


def _has_heartbeats(connection: Connection) -> bool:
    return connection.execute("SELECT to_regclass('ops.heartbeat')").fetchone() != (None,)
