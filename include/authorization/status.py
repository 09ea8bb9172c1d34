"""How each seller's authorization stands: one row of `ops.seller_authorization`, written here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from include.authorization.fingerprint import is_another_token
from include.sellers.registry import Seller
from include.warehouse.connection import Connection

AUTHORIZATION_LIFE = timedelta(days=365)
EXPIRES_SOON = timedelta(days=30)


class Status(StrEnum):
    """`ops.seller_authorization.status`."""

    NEVER_CONNECTED = "never_connected"
    CONNECTED = "connected"
    EXPIRES_SOON = "expires_soon"
    VERIFYING = "verifying"
    REAUTHORIZATION_REQUIRED = "reauthorization_required"
    ACCESS_DENIED = "access_denied"
    APPLICATION_CREDENTIALS = "application_credentials"


GOOD = (Status.CONNECTED, Status.EXPIRES_SOON)


@dataclass(frozen=True, slots=True)
class Authorization:
    """A seller's authorization as last seen; the columns of the table, which say what they mean."""

    seller_id: str
    status: Status
    since_utc: datetime | None
    amazon_said: str
    last_good_utc: datetime | None
    authorized_utc: datetime | None
    expires_utc: datetime | None
    generation: int
    token_fingerprint: str
    selling_partner_id: str = ""
    marketplace_ids: Sequence[str] = ()
    store_names: Sequence[str] = ()


COLUMNS = (
    "seller_id, status, since_utc, amazon_said, last_good_utc, authorized_utc, expires_utc, generation, "
    "token_fingerprint, selling_partner_id, marketplace_ids, store_names"
)


def read_authorizations(connection: Connection) -> dict[str, Authorization]:
    """Return what is known of every seller, by its id."""
    rows = connection.execute(f"SELECT {COLUMNS} FROM ops.seller_authorization").fetchall()  # noqa: S608 - our names
    return {found.seller_id: found for found in map(_authorization, rows)}


def read_authorization(connection: Connection, seller_id: str, *, locked: bool = False) -> Authorization:
    """Return what is known of a seller, `never_connected` where nothing is.

    Args:
        connection: The warehouse.
        seller_id: The seller.
        locked: Whether to make sure of a row and hold it until the transaction ends.
    """
    if locked:
        first_seen(connection, seller_id)
    row = connection.execute(
        f"SELECT {COLUMNS} FROM ops.seller_authorization WHERE seller_id = %s{' FOR UPDATE' if locked else ''}",  # noqa: S608
        (seller_id,),
    ).fetchone()
    if row is None:
        return Authorization(seller_id, Status.NEVER_CONNECTED, None, "", None, None, None, 0, "")
    return _authorization(row)


def ended_by(connection: Connection, instant_utc: datetime) -> set[str]:
    """Return the sellers whose authorization had ended by an instant.

    A refused one ended some time after Amazon last accepted it; one that nobody used since ended with its year.
    """
    rows = connection.execute(
        "SELECT seller_id FROM ops.seller_authorization WHERE CASE"
        " WHEN status = ANY(%s) THEN coalesce(last_good_utc, since_utc)"
        " WHEN expires_utc IS NOT NULL THEN greatest(expires_utc, last_good_utc) END <= %s",
        ([Status.REAUTHORIZATION_REQUIRED, Status.VERIFYING], instant_utc),
    ).fetchall()
    return {str(row[0]) for row in rows}


@contextmanager
def authorization_locks(connection: Connection, seller_ids: Sequence[str]) -> Iterator[None]:
    """Hold the authorizations of sellers, waiting for whoever holds one: whose token a Connection gets is decided once.

    Not the lock of `warehouse.connection.seller_lock`, which a run may hold for hours.
    """
    keys = [f"seller_orders/authorization/{seller_id}" for seller_id in sorted(seller_ids)]
    with ExitStack() as held:
        for key in keys:
            connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (key,))
            held.callback(_unlock, connection, key)
        yield


def _unlock(connection: Connection, key: str) -> None:
    if not connection.closed:
        connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (key,))


def first_seen(connection: Connection, seller_id: str, *, now_utc: datetime | None = None) -> None:
    """Make sure that a seller has a row, which tells when it was first seen."""
    connection.execute(
        "INSERT INTO ops.seller_authorization (seller_id, status, since_utc, first_seen_utc)"
        " VALUES (%(seller)s, %(status)s, coalesce(%(now)s::timestamptz, now()), coalesce(%(now)s::timestamptz, now()))"
        " ON CONFLICT DO NOTHING",
        {"seller": seller_id, "status": Status.NEVER_CONNECTED, "now": now_utc},
    )


def record_good(
    connection: Connection,
    seller: Seller,
    token_fingerprint: str,
    *,
    now_utc: datetime,
    generation: int | None = None,
    denied: bool = False,
) -> Authorization:
    """Note that Amazon accepts this refresh token; one that is not the recorded one is the next generation.

    When its seller gave that authorization is unknown then, and said to be so, unless somebody recorded a day since
    the old one was last good.

    Args:
        connection: The warehouse.
        seller: The seller.
        token_fingerprint: Which token was accepted.
        now_utc: The present.
        generation: The authorization as known before the token was read; where it has been renewed since, an old token
            was asked for, and nothing is noted.
        denied: Whether Amazon still refuses what we ask for with it; the status says so then.

    Returns:
        The authorization as it stands now.
    """
    with connection.transaction():
        known = read_authorization(connection, seller.seller_id, locked=True)
        if generation not in (None, known.generation):
            return known
        is_next = not known.generation or is_another_token(known.token_fingerprint, token_fingerprint)
        authorized_utc = known.authorized_utc if not is_next or _recorded_since(known) else None
        status = Status.ACCESS_DENIED if denied else good_status(seller, authorized_utc, now_utc)
        _write(
            connection,
            seller,
            status,
            amazon_said=known.amazon_said if denied else "",
            since_utc=known.since_utc if known.status is status and known.since_utc else now_utc,
            last_good_utc=now_utc,
            authorized_utc=authorized_utc,
            generation=known.generation + is_next,
            token_fingerprint=token_fingerprint,
        )
    return read_authorization(connection, seller.seller_id)


def record_refused(
    connection: Connection, seller_id: str, status: Status, amazon_said: str, *, now_utc: datetime
) -> None:
    """Note a status other than good, and Amazon's words; since when stays where the status does."""
    connection.execute(
        "UPDATE ops.seller_authorization SET amazon_said = %(said)s, status = %(status)s,"
        " since_utc = CASE WHEN status = %(status)s THEN since_utc ELSE %(now)s END WHERE seller_id = %(seller)s",
        {"said": amazon_said, "status": status, "now": now_utc, "seller": seller_id},
    )


def record_authorized(connection: Connection, seller: Seller, authorized_utc: datetime, *, now_utc: datetime) -> None:
    """Note when the seller gave the present authorization, for somebody who knows (Seller Central shows the day)."""
    with connection.transaction():
        known = read_authorization(connection, seller.seller_id, locked=True)
        status = good_status(seller, authorized_utc, now_utc) if known.status in GOOD else known.status
        _write(
            connection,
            seller,
            status,
            amazon_said=known.amazon_said,
            since_utc=known.since_utc if known.status is status and known.since_utc else now_utc,
            last_good_utc=known.last_good_utc,
            authorized_utc=authorized_utc,
            generation=known.generation,
            token_fingerprint=known.token_fingerprint,
        )


def remember_account(
    connection: Connection,
    seller_id: str,
    *,
    selling_partner_id: str,
    marketplace_ids: Sequence[str],
    store_names: Sequence[str],
) -> None:
    """Keep by what a seller's account at Amazon is recognised; what is empty leaves what was known."""
    connection.execute(
        "UPDATE ops.seller_authorization SET selling_partner_id = coalesce(nullif(%(id)s, ''), selling_partner_id),"
        " marketplace_ids = CASE WHEN cardinality(%(places)s::text[]) = 0 THEN marketplace_ids ELSE %(places)s END,"
        " store_names = CASE WHEN cardinality(%(names)s::text[]) = 0 THEN store_names ELSE %(names)s END"
        " WHERE seller_id = %(seller)s",
        {
            "id": selling_partner_id,
            "places": list(marketplace_ids),
            "names": list(store_names),
            "seller": seller_id,
        },
    )


def delete_authorization(connection: Connection, seller_id: str) -> None:
    """Forget what is known of a seller's authorization."""
    connection.execute("DELETE FROM ops.seller_authorization WHERE seller_id = %s", (seller_id,))


def _recorded_since(known: Authorization) -> bool:
    if known.authorized_utc is None or known.last_good_utc is None:
        return True
    return known.authorized_utc.date() >= known.last_good_utc.date()


def good_status(seller: Seller, authorized_utc: datetime | None, now_utc: datetime) -> Status:
    """Tell `connected` from `expires_soon`; what is unknown, and a private application, does not expire by date."""
    expires_utc = expiry(seller, authorized_utc)
    return Status.EXPIRES_SOON if expires_utc and expires_utc - now_utc <= EXPIRES_SOON else Status.CONNECTED


def expiry(seller: Seller, authorized_utc: datetime | None) -> datetime | None:
    """When an authorization ends by date, None where that is unknown or never."""
    if authorized_utc is None or seller.authorization == "private":
        return None
    return authorized_utc + AUTHORIZATION_LIFE


def _write(
    connection: Connection,
    seller: Seller,
    status: Status,
    *,
    amazon_said: str,
    since_utc: datetime,
    last_good_utc: datetime | None,
    authorized_utc: datetime | None,
    generation: int,
    token_fingerprint: str,
) -> None:
    connection.execute(
        "UPDATE ops.seller_authorization SET status = %s, since_utc = %s, amazon_said = %s, last_good_utc = %s,"
        " authorized_utc = %s, expires_utc = %s, generation = %s, token_fingerprint = %s WHERE seller_id = %s",
        (
            status,
            since_utc,
            amazon_said,
            last_good_utc,
            authorized_utc,
            expiry(seller, authorized_utc),
            generation,
            token_fingerprint,
            seller.seller_id,
        ),
    )


def _authorization(row: tuple[object, ...]) -> Authorization:
    seller_id, status, *rest = row
    return Authorization(str(seller_id), Status(str(status)), *rest)  # type: ignore[arg-type]
