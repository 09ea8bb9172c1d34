"""How each seller stands, in a few figures for whoever watches from outside: days left, open incidents, age of data."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from include.notifications.meanings import INVITATION
from include.warehouse.connection import Connection

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Vitals:
    """One seller's.

    Attributes:
        seller_id: Whose.
        days_to_expiry: Days until the authorization ends, below 0 after that; None where that day is not known.
        open_incidents: What is open about the seller; an invitation is no incident.
        data_age_s: Seconds since the instant up to which everything is in the tables, or since the entry was first
            seen.
    """

    seller_id: str
    days_to_expiry: float | None
    open_incidents: int
    data_age_s: float


def read_vitals(connection: Connection, seller_ids: Collection[str], *, now_utc: datetime) -> list[Vitals]:
    """Return those of every seller named that was seen so far."""
    rows = connection.execute(
        "SELECT seller_id, expires_utc, coalesce(complete_through_utc, first_seen_utc), (SELECT count(*)"
        " FROM ops.incident i WHERE i.seller_id = a.seller_id AND closed_utc IS NULL AND error_class <> %s)"
        " FROM ops.seller_authorization a LEFT JOIN ops.watermark USING (seller_id) WHERE seller_id = ANY(%s)",
        (INVITATION, list(seller_ids)),
    ).fetchall()
    return [
        Vitals(
            seller_id,
            None if expires_utc is None else (expires_utc - now_utc) / DAY,
            incidents,
            max(0.0, (now_utc - through_utc).total_seconds()),
        )
        for seller_id, expires_utc, through_utc, incidents in cast(
            "list[tuple[str, datetime | None, datetime, int]]", rows
        )
    ]


def open_incidents_of_all(connection: Connection) -> int:
    """Count what is open about all sellers together."""
    row = connection.execute(
        "SELECT count(*) FROM ops.incident WHERE seller_id IS NULL AND closed_utc IS NULL"
    ).fetchone()
    return cast("tuple[int]", row)[0]
