"""What operators are told of a purge that could not delete all it should."""

from __future__ import annotations

from datetime import datetime

from include.notifications.failures import operators_of, tell_operators
from include.notifications.incidents import add_facts, close_incident, open_incident, open_incidents
from include.notifications.meanings import NOT_DELETED
from include.settings import NotificationSettings
from include.warehouse.connection import Connection

# A fact of the incident for each task that could not delete all, until it could.
UNDONE = "undone:"


def tell_of_undeleted_personal_data(
    connection: Connection, task: str, problem: str, settings: NotificationSettings, *, now_utc: datetime
) -> None:
    """Owe the operators one word of what a task could not delete."""
    with connection.transaction():
        incident, _ = open_incident(
            connection, None, NOT_DELETED, now_utc=now_utc, facts={"task": task, "remedy": problem}
        )
        add_facts(connection, incident, {UNDONE + task: True})
        tell_operators(connection, incident, operators_of(settings), now_utc=now_utc)


def end_of_undeleted_personal_data(connection: Connection, task: str, *, now_utc: datetime) -> None:
    """End what a task had told, once it could delete all; another task's trouble is not over by that."""
    with connection.transaction():
        for incident in open_incidents(connection, None, NOT_DELETED):
            known = add_facts(connection, incident, {UNDONE + task: False})
            if not any(is_undone for name, is_undone in known.items() if name.startswith(UNDONE)):
                close_incident(connection, incident, now_utc=now_utc)
