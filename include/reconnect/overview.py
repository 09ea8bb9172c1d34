"""What operators want to know of every seller, read in a few queries however many sellers there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from include.authorization.status import Authorization
from include.sellers.registry import Seller
from include.warehouse.connection import Connection

DAYS = 30


@dataclass(frozen=True, slots=True)
class Mail:
    """The last mail that went out because of a seller."""

    kind: str
    recipient: str
    sent_utc: datetime


@dataclass(frozen=True, slots=True)
class CatchingUp:
    """A gap that is being closed, and when it should be.

    Attributes:
        expected_orders: About how many orders it holds.
        totals_expected_utc: When every order's totals should be there; None once they are.
        detail_expected_utc: When everything should be there.
    """

    expected_orders: int
    totals_expected_utc: datetime | None
    detail_expected_utc: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """One seller at a glance.

    Attributes:
        seller: Its entry.
        standing: Its authorization, None where nothing was ever seen of it.
        complete_through_utc: How far its tables are complete.
        rejected: Orders that could not be read.
        orders_by_day: Orders placed, of the last 30 days, UTC.
        last_mail: To its contacts.
        catching_up: The gap that is being closed, None where none is.
    """

    seller: Seller
    standing: Authorization | None = None
    complete_through_utc: datetime | None = None
    rejected: int = 0
    orders_by_day: Mapping[date, int] = field(default_factory=dict)
    last_mail: Mail | None = None
    catching_up: CatchingUp | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A line of a seller's history: an incident, or a consent."""

    what: str
    from_utc: datetime
    until_utc: datetime | None
    details: str


def read_overviews(
    connection: Connection, sellers: Mapping[str, Seller], standings: Mapping[str, Authorization], *, now_utc: datetime
) -> list[Overview]:
    """Return one overview a seller, in their order.

    Args:
        connection: The warehouse.
        sellers: Whom to look at, by id.
        standings: How their authorizations stand, by id.
        now_utc: The present.
    """
    ids = list(sellers)
    through: dict[str, Any] = _pairs(
        connection, "SELECT seller_id, complete_through_utc FROM ops.watermark WHERE seller_id = ANY(%s)", ids
    )
    rejected: dict[str, Any] = _pairs(
        connection, "SELECT seller_id, count(*) FROM ops.rejected_order WHERE seller_id = ANY(%s) GROUP BY 1", ids
    )
    days = _orders_by_day(connection, ids, now_utc - timedelta(days=DAYS))
    mails, gaps = _last_mails(connection, ids), _gaps(connection, ids)
    return [
        Overview(
            seller,
            standings.get(seller_id),
            through.get(seller_id),
            rejected.get(seller_id, 0),
            days.get(seller_id, {}),
            mails.get(seller_id),
            gaps.get(seller_id),
        )
        for seller_id, seller in sellers.items()
    ]


def read_history(connection: Connection, seller_id: str, *, in_full: bool) -> list[Event]:
    """Return a seller's incidents and consents, the newest first.

    Args:
        connection: The warehouse.
        seller_id: Whose.
        in_full: Whether to say what was wrong with a consent, which may name another account's shop.
    """
    rows = connection.execute(
        "SELECT error_class, opened_utc, closed_utc, coalesce(facts->>'amazon_said', '') FROM ops.incident"
        " WHERE seller_id = %(seller)s UNION ALL"
        " SELECT purpose || ': ' || step, started_utc, ended_utc,"
        " concat_ws(', ', started_by, CASE WHEN %(full)s THEN nullif(trouble, '') END) FROM ops.consent"
        " WHERE seller_id = %(seller)s ORDER BY 2 DESC LIMIT 100",
        {"seller": seller_id, "full": in_full},
    )
    return [Event(*row) for row in rows.fetchall()]  # type: ignore[arg-type]


def _orders_by_day(connection: Connection, ids: list[str], since_utc: datetime) -> dict[str, dict[date, int]]:
    rows = connection.execute(
        "SELECT seller_id, array_agg(day), array_agg(orders) FROM ("
        " SELECT seller_id, (created_utc AT TIME ZONE 'UTC')::date AS day, count(*) AS orders FROM amazon.orders"
        " WHERE seller_id = ANY(%s) AND created_utc >= %s GROUP BY 1, 2) AS a_day GROUP BY 1",
        (ids, since_utc),
    )
    return {str(seller_id): dict(zip(*lists, strict=True)) for seller_id, *lists in rows.fetchall()}


def _last_mails(connection: Connection, ids: list[str]) -> dict[str, Mail]:
    rows = connection.execute(
        "SELECT DISTINCT ON (i.seller_id) i.seller_id, o.kind, o.recipient, o.sent_utc FROM ops.outbox o"
        " JOIN ops.incident i USING (incident_id) WHERE o.audience = 'seller' AND o.sent_utc IS NOT NULL"
        " AND i.seller_id = ANY(%s) ORDER BY i.seller_id, o.sent_utc DESC",
        (ids,),
    )
    return {str(seller_id): Mail(*rest) for seller_id, *rest in rows.fetchall()}  # type: ignore[arg-type]


def _gaps(connection: Connection, ids: list[str]) -> dict[str, CatchingUp]:
    rows = connection.execute(
        "SELECT seller_id, expected_orders, CASE WHEN totals_utc IS NULL THEN totals_expected_utc END,"
        " detail_expected_utc FROM ops.catch_up WHERE detail_utc IS NULL AND seller_id = ANY(%s)",
        (ids,),
    )
    return {str(seller_id): CatchingUp(*rest) for seller_id, *rest in rows.fetchall()}  # type: ignore[arg-type]


def _pairs(connection: Connection, query: str, ids: list[str]) -> dict[str, Any]:
    return {str(row[0]): row[1] for row in connection.execute(query, (ids,)).fetchall()}
