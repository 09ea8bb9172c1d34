"""What is owed to whom: messages are written with what causes them, and sent by whoever comes first.

At least once each: a sender holds a message for minutes, not a transaction. A second copy goes out only where the
server's answer was lost, or a sender died before it could note it; it bears the same Message-ID.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from include.warehouse.connection import Connection

Audience = Literal["seller", "operators"]
# A recipient that is no address: the operators' Airflow notifier.
NOTIFIER = "notifier"
# Longer than a mail server may take to answer.
LEASE = timedelta(minutes=5)
FIRST_PAUSE = timedelta(minutes=15)
LONGEST_PAUSE = timedelta(hours=6)
LONGEST_TROUBLE = 300


@dataclass(frozen=True, slots=True)
class Message:
    """One message in hand; the columns of `ops.outbox` say what they mean."""

    message_id: int
    incident_id: int
    kind: str
    audience: Audience
    recipient: str
    message_ref: UUID
    facts: Mapping[str, Any]
    tries: int


def owe(
    connection: Connection,
    incident_id: int,
    kind: str,
    audience: Audience,
    recipients: Iterable[str],
    *,
    now_utc: datetime,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Owe a message of a kind to each recipient, once an incident."""
    for recipient in dict.fromkeys(recipients):
        connection.execute(
            "INSERT INTO ops.outbox (incident_id, kind, audience, recipient, facts, created_utc, due_utc)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (incident_id, kind, recipient) DO NOTHING",
            (incident_id, kind, audience, recipient, json.dumps(dict(facts or {})), now_utc, now_utc),
        )


def claim(
    connection: Connection, *, now_utc: datetime, by_notifier: bool | None = None, to_sellers: bool = True
) -> Message | None:
    """Take the oldest message that is due into hand for `LEASE`, None where nothing is.

    What is for a seller waits until its incident is verified.

    Args:
        connection: The warehouse.
        now_utc: The present.
        to_sellers: Whether to look at what is for sellers too.
        by_notifier: Whether to look at what goes by the notifier, or at mails; None for both.
    """
    row = connection.execute(
        "UPDATE ops.outbox SET leased_until_utc = %(until)s, tries = tries + 1 WHERE message_id = ("
        " SELECT o.message_id FROM ops.outbox o JOIN ops.incident i USING (incident_id)"
        " WHERE o.sent_utc IS NULL AND o.dropped_utc IS NULL AND o.due_utc <= %(now)s"
        " AND (o.leased_until_utc IS NULL OR o.leased_until_utc <= %(now)s)"
        " AND (o.audience = 'operators' OR (i.verified_utc IS NOT NULL AND %(to_sellers)s))"
        " AND (%(by_notifier)s::boolean IS NULL OR (o.recipient = %(notifier)s) = %(by_notifier)s)"
        " ORDER BY o.message_id LIMIT 1 FOR UPDATE OF o SKIP LOCKED)"
        " RETURNING message_id, incident_id, kind, audience, recipient, message_ref, facts, tries",
        {
            "now": now_utc,
            "until": now_utc + LEASE,
            "by_notifier": by_notifier,
            "to_sellers": to_sellers,
            "notifier": NOTIFIER,
        },
    ).fetchone()
    return Message(*row) if row else None  # type: ignore[arg-type]


def note_sent(connection: Connection, message: Message, *, now_utc: datetime) -> None:
    """Note that the server took it."""
    connection.execute(
        "UPDATE ops.outbox SET sent_utc = %s, leased_until_utc = NULL, last_trouble = '' WHERE message_id = %s",
        (now_utc, message.message_id),
    )


def note_trouble(connection: Connection, message: Message, trouble: str, *, now_utc: datetime) -> None:
    """Note why it could not be sent; it is due again after a pause that grows with the tries."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(message.tries - 1, 10))
    connection.execute(
        "UPDATE ops.outbox SET last_trouble = %s, leased_until_utc = NULL, due_utc = %s WHERE message_id = %s",
        (trouble[:LONGEST_TROUBLE], now_utc + pause, message.message_id),
    )


def give_back(connection: Connection, message: Message, trouble: str) -> None:
    """Put a message back that nobody could have sent, as with a server that is down: still due, and no try."""
    connection.execute(
        "UPDATE ops.outbox SET last_trouble = %s, leased_until_utc = NULL, tries = tries - 1 WHERE message_id = %s",
        (trouble[:LONGEST_TROUBLE], message.message_id),
    )


def drop(connection: Connection, message: Message, reason: str, *, now_utc: datetime) -> None:
    """Give a message up that has become pointless."""
    connection.execute(
        "UPDATE ops.outbox SET last_trouble = %s, dropped_utc = %s WHERE message_id = %s",
        (reason[:LONGEST_TROUBLE], now_utc, message.message_id),
    )


def owed_before(connection: Connection, message: Message) -> int:
    """Count the recipients to whom the same message was owed before this one."""
    row = connection.execute(
        "SELECT count(*) FROM ops.outbox WHERE incident_id = %s AND kind = %s AND message_id < %s",
        (message.incident_id, message.kind, message.message_id),
    ).fetchone()
    return int(row[0]) if row else 0  # type: ignore[call-overload]


def was_sent(connection: Connection, incident_id: int, audience: Audience) -> bool:
    """Tell whether anybody of an audience has heard of an incident."""
    row = connection.execute(
        "SELECT 1 FROM ops.outbox WHERE incident_id = %s AND audience = %s AND sent_utc IS NOT NULL LIMIT 1",
        (incident_id, audience),
    ).fetchone()
    return row is not None
