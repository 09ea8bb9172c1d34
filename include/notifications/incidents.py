"""What somebody must know of, from its first sign to its end: the rows of `ops.incident`.

At most one is open for a seller and a class; one about all sellers has no seller.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from include.warehouse.connection import Connection

COLUMNS = (
    "incident_id, seller_id, error_class, generation, opened_utc, verified_utc, held_utc, closed_utc,"
    " missing_since_utc, facts"
)


@dataclass(frozen=True, slots=True)
class Incident:
    """One row; the columns say what they mean."""

    incident_id: int
    seller_id: str | None
    error_class: str
    generation: int
    opened_utc: datetime
    verified_utc: datetime | None
    held_utc: datetime | None
    closed_utc: datetime | None
    missing_since_utc: datetime | None
    facts: Mapping[str, Any]


def open_incident(
    connection: Connection,
    seller_id: str | None,
    error_class: str,
    *,
    now_utc: datetime,
    generation: int = 0,
    verified: bool = True,
    facts: Mapping[str, Any] | None = None,
) -> tuple[Incident, bool]:
    """Open an incident where none of its seller and class is open.

    Args:
        connection: The warehouse.
        seller_id: Whom it is about, None for all.
        error_class: Its class.
        now_utc: The present.
        generation: The authorization it is about.
        verified: Whether sellers may be told at once.
        facts: What is known: code, amazon_said, request_id, task, log_url.

    Returns:
        The open incident, and whether it is this one.
    """
    while True:
        row = connection.execute(
            "INSERT INTO ops.incident"  # noqa: S608 - our own column names
            " (seller_id, error_class, generation, opened_utc, verified_utc, missing_since_utc, facts)"
            " VALUES (%(seller)s, %(class)s, %(generation)s, %(now)s, %(verified)s,"
            " (SELECT complete_through_utc FROM ops.watermark WHERE seller_id = %(seller)s), %(facts)s)"
            " ON CONFLICT (coalesce(seller_id, ''), error_class) WHERE closed_utc IS NULL DO NOTHING"
            f" RETURNING {COLUMNS}",
            {
                "seller": seller_id,
                "class": error_class,
                "generation": generation,
                "now": now_utc,
                "verified": now_utc if verified else None,
                "facts": json.dumps(dict(facts or {})),
            },
        ).fetchone()
        if row:
            return _incident(row), True
        # Somebody may end it between the two statements.
        if known := open_incidents(connection, seller_id, error_class):
            return known[0], False


def open_incidents(connection: Connection, seller_id: str | None, *classes: str) -> list[Incident]:
    """Return what is open for a seller (None: about all sellers), of these classes or of all."""
    return _select(
        connection,
        "closed_utc IS NULL AND seller_id IS NOT DISTINCT FROM %s AND (error_class = ANY(%s) OR %s)",
        (seller_id, list(classes), not classes),
    )


def open_of_class(connection: Connection, error_class: str) -> list[Incident]:
    """Return every open incident of a class, of whichever seller."""
    return _select(connection, "closed_utc IS NULL AND error_class = %s", (error_class,))


def open_of_sellers(connection: Connection) -> list[Incident]:
    """Return every open incident that is about one seller."""
    return _select(connection, "closed_utc IS NULL AND seller_id IS NOT NULL", ())


def incident_by_id(connection: Connection, incident_id: int) -> Incident:
    """Return one incident, open or closed."""
    return _select(connection, "incident_id = %s", (incident_id,))[0]


def close_incident(connection: Connection, incident: Incident, *, now_utc: datetime) -> None:
    """End an incident; what is still owed because of it has become pointless.

    The one about all sellers that many of its class were told as ends with the last of them.
    """
    with connection.transaction():
        _close(connection, incident.incident_id, now_utc)
        if incident.seller_id and all(
            other.seller_id is None for other in open_of_class(connection, incident.error_class)
        ):
            for of_many in open_incidents(connection, None, incident.error_class):
                _close(connection, of_many.incident_id, now_utc)


def close_of_seller(connection: Connection, seller_id: str, *, now_utc: datetime) -> int:
    """End everything that is open about a seller; returns how many that were."""
    known = open_incidents(connection, seller_id)
    for incident in known:
        close_incident(connection, incident, now_utc=now_utc)
    return len(known)


def delete_of_seller(connection: Connection, seller_id: str) -> None:
    """Delete a seller's incidents, and every message because of them."""
    connection.execute("DELETE FROM ops.incident WHERE seller_id = %s", (seller_id,))


def verify_incident(connection: Connection, incident: Incident, *, now_utc: datetime) -> bool:
    """Note that it is the seller's authorization and not Amazon; from now on its mails may go.

    Returns:
        Whether that is news: false where it was known, or the incident is over.
    """
    done = connection.execute(
        "UPDATE ops.incident SET verified_utc = %s, held_utc = NULL WHERE incident_id = %s AND verified_utc IS NULL"
        " AND closed_utc IS NULL",
        (now_utc, incident.incident_id),
    )
    return done.rowcount > 0


def hold_incident(connection: Connection, incident: Incident, *, now_utc: datetime) -> None:
    """Note that it may be Amazon, so that its mails wait for a second refusal."""
    connection.execute(
        "UPDATE ops.incident SET held_utc = %s WHERE incident_id = %s AND verified_utc IS NULL AND held_utc IS NULL",
        (now_utc, incident.incident_id),
    )


def add_facts(connection: Connection, incident: Incident, facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write down what else is known of an incident; returns all that is known now."""
    row = connection.execute(
        "UPDATE ops.incident SET facts = facts || %s WHERE incident_id = %s RETURNING facts",
        (json.dumps(dict(facts)), incident.incident_id),
    ).fetchone()
    return cast("tuple[Mapping[str, Any]]", row)[0]


def _close(connection: Connection, incident_id: int, now_utc: datetime) -> None:
    connection.execute(
        "UPDATE ops.incident SET closed_utc = %s WHERE incident_id = %s AND closed_utc IS NULL", (now_utc, incident_id)
    )
    connection.execute(
        "UPDATE ops.outbox SET dropped_utc = %s WHERE incident_id = %s AND sent_utc IS NULL AND dropped_utc IS NULL",
        (now_utc, incident_id),
    )


def _select(connection: Connection, condition: str, values: tuple[object, ...]) -> list[Incident]:
    query = f"SELECT {COLUMNS} FROM ops.incident WHERE {condition} ORDER BY incident_id"  # noqa: S608 - our own words
    return [_incident(row) for row in connection.execute(query, values).fetchall()]


def _incident(row: tuple[object, ...]) -> Incident:
    return Incident(*row)  # type: ignore[arg-type]
