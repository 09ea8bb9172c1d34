"""What `authorization_watch` looks out for: ends that come near, data that stay away, sellers who have not answered."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import cast

from include.authorization.consent_state import in_hand
from include.authorization.status import (
    GOOD,
    Status,
    first_seen,
    good_status,
    read_authorization,
    read_authorizations,
    record_refused,
)
from include.clock import format_utc
from include.notifications.failures import operators_of, tell_operators
from include.notifications.incidents import (
    close_incident,
    open_incident,
    open_incidents,
    open_of_class,
    open_of_sellers,
)
from include.notifications.meanings import (
    EXPIRES,
    LATE,
    MAIL_REFUSED,
    PERSONAL_DATA,
    REFUSED,
    SECRET_EXPIRES,
    SELLERS_FILE,
    meaning_of,
)
from include.notifications.outbox import owe
from include.sellers.registry import Seller
from include.settings import NotificationSettings
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)
SECRET_LIFE = timedelta(days=180)
WATCH = "authorization_watch"
# The purge takes what is due before the next night, so that nothing is ever late but by its own lateness.
OVERDUE = timedelta(hours=1)


def warn_of_expiry(
    connection: Connection, sellers: Mapping[str, Seller], settings: NotificationSettings, *, now_utc: datetime
) -> None:
    """Owe each seller whose authorization ends soon the warning of that day, once; end the warnings of renewed ones."""
    first = timedelta(days=max(settings.expiry_warning_days))
    standings = read_authorizations(connection)
    for incident in open_of_class(connection, EXPIRES):
        known = standings.get(incident.seller_id or "")
        if known is None or known.expires_utc is None or known.expires_utc - now_utc > first:
            close_incident(connection, incident, now_utc=now_utc)
    for seller_id, standing in standings.items():
        seller = sellers.get(seller_id)
        if seller is None or standing.expires_utc is None:
            continue
        with connection.transaction():
            # Held, so that a refusal or a renewal of this moment comes before or after.
            known = read_authorization(connection, seller_id, locked=True)
            if known.expires_utc is None or known.status not in GOOD:
                continue
            day = _threshold(settings.expiry_warning_days, known.expires_utc - now_utc)
            if known.status is not (status := good_status(seller, known.authorized_utc, now_utc)):
                record_refused(connection, seller.seller_id, status, "", now_utc=now_utc)
            # Amazon that goes on accepting past the day says that the day was wrong.
            if day is not None and known.expires_utc > now_utc:
                incident, _ = open_incident(
                    connection, seller.seller_id, EXPIRES, now_utc=now_utc, generation=known.generation
                )
                kind = f"expires_{day}"
                owe(connection, incident.incident_id, kind, "seller", seller.contacts, now_utc=now_utc)


def warn_of_secret(
    connection: Connection, made_on: date | None, settings: NotificationSettings, *, now_utc: datetime
) -> None:
    """Owe the operators the warning of that day before the client secret's 180 days end; unknown is not guessed."""
    left = None
    if made_on is not None:
        left = secret_ends_utc(made_on) - now_utc
    day = None if left is None else _threshold(settings.secret_warning_days, left)
    if left is None or day is None:
        for incident in open_of_class(connection, SECRET_EXPIRES):
            close_incident(connection, incident, now_utc=now_utc)
        return
    meaning = f"The application's client secret ends in {max(0, left.days)} days. Then every seller fails."
    with connection.transaction():
        incident, _ = open_incident(
            connection,
            None,
            SECRET_EXPIRES,
            now_utc=now_utc,
            facts={
                "remedy": "Make a new one in the developer console; put it and its day into amazon_application, and the"
                " secret into AMAZON_CLIENT_SECRET of the start page too."
            },
        )
        tell_operators(
            connection,
            incident,
            operators_of(settings),
            now_utc=now_utc,
            kind=f"secret_expires_{day}",
            facts={"meaning": meaning, "details": [("Ends", format_utc(now_utc + left))]},
        )


def secret_ends_utc(made_on: date) -> datetime:
    """When a client secret that was made on a day ends."""
    return datetime.combine(made_on, datetime.min.time(), UTC) + SECRET_LIFE


def tell_what_is_late(
    connection: Connection, sellers: Mapping[str, Seller], settings: NotificationSettings, *, now_utc: datetime
) -> None:
    """Owe the operators one word of each seller whose data are too old, whatever the cause; end it with that.

    A seller who never loaded is counted from the day its entry was first seen.
    """
    for seller_id in sellers:
        first_seen(connection, seller_id, now_utc=now_utc)
    oldest_utc = now_utc - timedelta(hours=settings.late_after_hours)
    rows = connection.execute(
        "SELECT seller_id, coalesce(complete_through_utc, first_seen_utc)"
        " FROM ops.seller_authorization LEFT JOIN ops.watermark USING (seller_id)"
    ).fetchall()
    late = {str(seller_id) for seller_id, through in rows if cast("datetime", through) < oldest_utc} & sellers.keys()
    for incident in open_of_class(connection, LATE):
        if incident.seller_id and incident.seller_id not in late:
            close_incident(connection, incident, now_utc=now_utc)
    told = {incident.seller_id for incident in open_of_class(connection, LATE)}
    for seller_id in sorted(late - told):
        with connection.transaction():
            cause = _cause(connection, seller_id)
            incident, _ = open_incident(connection, seller_id, LATE, now_utc=now_utc, facts={"remedy": cause})
            tell_operators(connection, incident, operators_of(settings), now_utc=now_utc, kind="late")


def remind(
    connection: Connection, sellers: Mapping[str, Seller], settings: NotificationSettings, *, now_utc: datetime
) -> None:
    """Owe each seller who was told of a lapse and has not acted the reminder of that day, once."""
    standings = read_authorizations(connection)
    have_acted = in_hand(connection)
    for incident in open_of_class(connection, REFUSED):
        seller = sellers.get(incident.seller_id or "")
        if (
            seller is None
            or seller.seller_id in have_acted
            or incident.verified_utc is None
            or seller.authorization == "private"
        ):
            continue
        if standings[seller.seller_id].status is not Status.REAUTHORIZATION_REQUIRED:
            # Renewed, but something else is in the way, which is the operators' to mend.
            continue
        # Whoever became a contact since.
        owe(connection, incident.incident_id, "reconnect", "seller", seller.contacts, now_utc=now_utc)
        days = [day for day in settings.reminder_days if now_utc - incident.opened_utc >= timedelta(days=day)]
        if days:
            kind = f"reminder_{max(days)}"
            owe(connection, incident.incident_id, kind, "seller", seller.contacts, now_utc=now_utc)


def end_what_has_no_seller(connection: Connection, seller_ids: Collection[str], *, now_utc: datetime) -> None:
    """End incidents of sellers who left sellers.yaml.

    Args:
        connection: The warehouse.
        seller_ids: Of every entry, the unusable ones too.
        now_utc: The present.
    """
    for incident in open_of_sellers(connection):
        if incident.seller_id not in seller_ids:
            close_incident(connection, incident, now_utc=now_utc)


def tell_of_broken_sellers_file(
    connection: Connection, problem: str, settings: NotificationSettings, *, now_utc: datetime
) -> None:
    """Owe the operators one word of a sellers.yaml that cannot be read, or end that incident where `problem` is ""."""
    if not problem:
        for incident in open_incidents(connection, None, SELLERS_FILE):
            close_incident(connection, incident, now_utc=now_utc)
        return
    with connection.transaction():
        incident, _ = open_incident(connection, None, SELLERS_FILE, now_utc=now_utc, facts={"remedy": problem})
        tell_operators(connection, incident, operators_of(settings), now_utc=now_utc)


def tell_of_overdue_personal_data(connection: Connection, settings: NotificationSettings, *, now_utc: datetime) -> None:
    """Owe the operators one word of personal data that nobody deleted in time, or end that incident."""
    row = connection.execute(
        "SELECT min(delete_after_utc) FROM (SELECT delete_after_utc FROM amazon_pii.buyers"
        " UNION ALL SELECT delete_after_utc FROM amazon_pii.recipients) AS data WHERE delete_after_utc < %s",
        (now_utc - OVERDUE,),
    ).fetchone()
    due_utc = cast("datetime | None", row[0] if row else None)
    if due_utc is None:
        for incident in open_incidents(connection, None, PERSONAL_DATA):
            close_incident(connection, incident, now_utc=now_utc)
        return
    with connection.transaction():
        remedy = f"The first were due on {format_utc(due_utc)}. Unpause personal_data_purge, or read its failed task."
        incident, _ = open_incident(connection, None, PERSONAL_DATA, now_utc=now_utc, facts={"remedy": remedy})
        tell_operators(connection, incident, operators_of(settings), now_utc=now_utc)


def end_answered_refusals(connection: Connection, *, now_utc: datetime) -> None:
    """End what operators were told of mails that a server refused, once nothing of that seller's is owed any more."""
    for incident in open_of_class(connection, MAIL_REFUSED):
        row = connection.execute(
            "SELECT 1 FROM ops.outbox o JOIN ops.incident i USING (incident_id) WHERE i.seller_id = %s"
            " AND o.audience = 'seller' AND o.tries > 0 AND o.sent_utc IS NULL AND o.dropped_utc IS NULL LIMIT 1",
            (incident.seller_id,),
        ).fetchone()
        if row is None:
            close_incident(connection, incident, now_utc=now_utc)


def beat(connection: Connection, *, now_utc: datetime) -> None:
    """Note that the watch came to its end; `silent_for` tells how long that is ago."""
    connection.execute(
        "INSERT INTO ops.heartbeat (name, beat_utc) VALUES (%s, %s)"
        " ON CONFLICT (name) DO UPDATE SET beat_utc = excluded.beat_utc",
        (WATCH, now_utc),
    )


def silent_for(connection: Connection, *, now_utc: datetime) -> timedelta | None:
    """Return how long ago the watch last came to its end, None where it never did."""
    row = connection.execute("SELECT beat_utc FROM ops.heartbeat WHERE name = %s", (WATCH,)).fetchone()
    return now_utc - row[0] if row else None  # type: ignore[operator]


def _threshold(days: Sequence[int], left: timedelta) -> int | None:
    """The nearest of the days that has come: after a pause of the watch one warning goes out, not all of them."""
    return min((day for day in days if left <= timedelta(days=day)), default=None)


def _cause(connection: Connection, seller_id: str) -> str:
    known = [*open_incidents(connection, seller_id), *open_incidents(connection, None)]
    if not known:
        return "No failure is on record: is the DAG paused, is there an import error, did Amazon fail all night?"
    return " ".join(
        f"{one.error_class} since {format_utc(one.opened_utc)}: {meaning_of(one.error_class).text}" for one in known
    )
