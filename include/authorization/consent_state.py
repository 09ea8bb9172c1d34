"""One-time values that travel through Amazon's consent page, and how far each consent came: `ops.consent`.

A value is good once, for ten minutes, in the browser it was issued to. Only hashes of it are kept.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from include.errors import OtherBrowserError, StateExpiredError, StateUnknownError
from include.warehouse.connection import Connection

STATE_LIFE = timedelta(minutes=10)
# What nobody came back with says nothing to anybody after a day.
KEPT_UNFINISHED = timedelta(days=1)
LONGEST_ID = 40
_STATE = re.compile(r"[A-Za-z0-9_-]{43}")
COLUMNS = (
    "consent_id, seller_id, purpose, generation, started_by, language, step, started_utc, authorized_utc, ended_utc,"
    " selling_partner_id, sealed_token, confirmed_by, trouble, seller_ids"
)


class Purpose(StrEnum):
    """`ops.consent.purpose`."""

    RECONNECT = "reconnect"
    RENEW = "renew"
    CONNECT = "connect"
    LOGIN = "login"
    PASTE = "paste"


@dataclass(frozen=True, slots=True)
class Issued:
    """The plain values of a consent, which exist nowhere else.

    Attributes:
        consent_id: The consent.
        state: Goes to Amazon and comes back.
        browser: Goes into the browser's cookie.
    """

    consent_id: int
    state: str = field(repr=False)
    browser: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Consent:
    """One row of `ops.consent`, whose columns say what they mean."""

    consent_id: int
    seller_id: str
    purpose: Purpose
    generation: int
    started_by: str
    language: str
    step: str
    started_utc: datetime
    authorized_utc: datetime | None
    ended_utc: datetime | None
    selling_partner_id: str
    sealed_token: str = field(repr=False)
    confirmed_by: str
    trouble: str
    seller_ids: list[str]


def issue(
    connection: Connection,
    *,
    seller_id: str,
    purpose: Purpose,
    generation: int,
    language: str,
    now_utc: datetime,
    started_by: str = "seller",
) -> Issued:
    """Start a consent.

    Args:
        connection: The warehouse.
        seller_id: Whose; "" where only Amazon will say.
        purpose: Why.
        generation: The seller's authorization at present.
        language: Of the pages on the way.
        now_utc: The present.
        started_by: "seller", or an operator's name.
    """
    state, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    row = connection.execute(
        "INSERT INTO ops.consent (state_hash, browser_hash, seller_id, purpose, generation, language, started_by,"
        " started_utc, expires_utc) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING consent_id",
        (
            _hash(state),
            _hash(browser),
            seller_id,
            purpose,
            generation,
            language,
            started_by,
            now_utc,
            now_utc + STATE_LIFE,
        ),
    ).fetchone()
    return Issued(int(str(row[0])) if row else 0, state, browser)


def consume(connection: Connection, state: str, browser: str, *, selling_partner_id: str, now_utc: datetime) -> Consent:
    """Take a value that came back from Amazon; of two that bring it at once, one gets it.

    Args:
        connection: The warehouse.
        state: As Amazon brought it.
        browser: The cookie's value, "" where there is none.
        selling_partner_id: As Amazon brought it; kept, not believed.
        now_utc: The present.

    Raises:
        StateUnknownError: Never issued, or used already.
        StateExpiredError: More than ten minutes old.
        OtherBrowserError: Issued to another browser; it stays good there.
    """
    row = connection.execute(
        "UPDATE ops.consent SET consumed_utc = %(now)s, step = 'returned', selling_partner_id = %(account)s"  # noqa: S608
        " WHERE state_hash = %(state)s AND browser_hash = %(browser)s AND consumed_utc IS NULL"
        " AND expires_utc > %(now)s"
        f" RETURNING {COLUMNS}",
        {
            "now": now_utc,
            "account": _plain(selling_partner_id),
            "state": _hash(state),
            "browser": _hash(browser),
        },
    ).fetchone()
    if row:
        return _consent(row)
    known = connection.execute(
        "SELECT seller_id, consumed_utc IS NOT NULL, expires_utc <= %s FROM ops.consent WHERE state_hash = %s",
        (now_utc, _hash(state)),
    ).fetchone()
    if known is None or known[1]:
        raise StateUnknownError("This way through Amazon's page was never begun here, or has been gone already.")
    if known[2]:
        raise StateExpiredError("More than ten minutes have passed since this was begun.")
    raise OtherBrowserError("This was begun in another browser.", seller_id=str(known[0]))


def could_be(state: str) -> bool:
    """Tell whether a value looks like one of ours, which nobody needs a warehouse for."""
    return bool(_STATE.fullmatch(state))


def count_begun_logins(connection: Connection, *, now_utc: datetime) -> int:
    """Return how many consents that began in Seller Central's name could still come back."""
    row = connection.execute(
        "SELECT count(*) FROM ops.consent WHERE purpose = 'login' AND step = 'started' AND started_utc > %s",
        (now_utc - STATE_LIFE,),
    ).fetchone()
    return int(str(row[0])) if row else 0


def language_of(connection: Connection, state: str) -> tuple[str, str]:
    """Return language and seller of any value ever issued, two empty texts for all others."""
    row = connection.execute(
        "SELECT language, seller_id FROM ops.consent WHERE state_hash = %s", (_hash(state),)
    ).fetchone()
    return (str(row[0]), str(row[1])) if row else ("", "")


def begin_kept(
    connection: Connection, *, seller_id: str, sealed_token: str, generation: int, started_by: str, now_utc: datetime
) -> int:
    """Note a token that an operator pasted, as a consent that has come that far; returns its id."""
    issued = issue(
        connection,
        seller_id=seller_id,
        purpose=Purpose.PASTE,
        generation=generation,
        language="",
        now_utc=now_utc,
        started_by=started_by,
    )
    connection.execute(
        "UPDATE ops.consent SET step = 'kept', consumed_utc = %s, sealed_token = %s WHERE consent_id = %s",
        (now_utc, sealed_token, issued.consent_id),
    )
    return issued.consent_id


def keep(
    connection: Connection,
    consent_id: int,
    *,
    seller_id: str,
    generation: int,
    sealed_token: str,
    now_utc: datetime,
) -> None:
    """Note that Amazon gave the token, and which authorization the seller had at that moment."""
    connection.execute(
        "UPDATE ops.consent SET step = 'kept', seller_id = %s, generation = %s, sealed_token = %s, authorized_utc = %s"
        " WHERE consent_id = %s AND step = 'returned'",
        (seller_id, generation, sealed_token, now_utc, consent_id),
    )


def await_confirmation(connection: Connection, consent_id: int, why: str) -> None:
    """Let an operator look first."""
    connection.execute(
        "UPDATE ops.consent SET step = 'confirming', trouble = %s WHERE consent_id = %s AND step = 'kept'",
        (why, consent_id),
    )


def note_confirmed(connection: Connection, consent_id: int, *, by: str) -> bool:
    """Note who said that the account is right; false where nothing waits."""
    done = connection.execute(
        "UPDATE ops.consent SET step = 'kept', confirmed_by = %s, trouble = '' WHERE consent_id = %s"
        " AND step = 'confirming'",
        (by, consent_id),
    )
    return done.rowcount > 0


def note_discarded(connection: Connection, consent_id: int, *, by: str, now_utc: datetime) -> bool:
    """End what waits for an operator; false where it waits no more, because another operator has confirmed it."""
    done = connection.execute(
        "UPDATE ops.consent SET step = 'refused', ended_utc = %s, sealed_token = '', trouble = %s"
        " WHERE consent_id = %s AND step = 'confirming'",
        (now_utc, f"discarded by {by}", consent_id),
    )
    return done.rowcount > 0


def note_stored(connection: Connection, consent_id: int, seller_ids: list[str]) -> None:
    """Note that the Connections hold the token, and forget it here."""
    connection.execute(
        "UPDATE ops.consent SET step = 'stored', sealed_token = '', trouble = '', seller_ids = %s"
        " WHERE consent_id = %s AND step = 'kept'",
        (seller_ids, consent_id),
    )


def end(connection: Connection, consent_id: int, step: str, *, now_utc: datetime, why: str = "") -> None:
    """Note that a consent is `done` or `refused`; a token that was not stored is forgotten."""
    connection.execute(
        "UPDATE ops.consent SET step = %s, ended_utc = %s, sealed_token = '', trouble = %s"
        " WHERE consent_id = %s AND step NOT IN ('done', 'refused')",
        (step, now_utc, why, consent_id),
    )


def read_consent(connection: Connection, consent_id: int) -> Consent | None:
    """Return one consent."""
    return next(iter(_select(connection, "consent_id = %s", (consent_id,))), None)


def read_consents(connection: Connection, seller_id: str) -> list[Consent]:
    """Return a seller's consents, the newest first."""
    return _select(connection, "seller_id = %s", (seller_id,))


def waiting(connection: Connection) -> list[Consent]:
    """Return what waits for an operator."""
    return _select(connection, "step = 'confirming'", ())


def unfinished(connection: Connection, seller_id: str | None = None) -> list[Consent]:
    """Return what a crash, or a trouble that passes, has left on its way; of one seller or of all."""
    if seller_id is None:
        return _select(connection, "step IN ('kept', 'stored')", ())
    return _select(connection, "step IN ('kept', 'stored') AND seller_id = %s", (seller_id,))


def in_hand(connection: Connection) -> set[str]:
    """Return the sellers who have done their part: a token of theirs is kept, or waits for an operator."""
    rows = connection.execute("SELECT DISTINCT seller_id FROM ops.consent WHERE step IN ('kept', 'confirming')")
    return {str(row[0]) for row in rows.fetchall()}


def of_browser(connection: Connection, state: str, browser: str) -> Consent | None:
    """Return the consent whose value this browser was given, also once it is used."""
    query = f"SELECT {COLUMNS} FROM ops.consent WHERE state_hash = %s AND browser_hash = %s"  # noqa: S608 - our names
    row = connection.execute(query, (_hash(state), _hash(browser))).fetchone()
    return _consent(row) if row else None


def forget_unfinished(connection: Connection, *, now_utc: datetime) -> None:
    """Delete what was started and never came to a token, and what came to nobody's."""
    connection.execute(
        "DELETE FROM ops.consent WHERE started_utc < %s"
        " AND (step IN ('started', 'returned') OR (step = 'refused' AND seller_id = ''))",
        (now_utc - KEPT_UNFINISHED,),
    )


def end_unfinished(connection: Connection, seller_id: str, *, now_utc: datetime, why: str) -> int:
    """Refuse whatever of a seller is on its way, and forget its tokens; returns how many that were."""
    done = connection.execute(
        "UPDATE ops.consent SET step = 'refused', ended_utc = %s, sealed_token = '', trouble = %s"
        " WHERE seller_id = %s AND step NOT IN ('done', 'refused')",
        (now_utc, why, seller_id),
    )
    return done.rowcount


def delete_of_seller(connection: Connection, seller_id: str) -> None:
    """Delete a seller's consents."""
    connection.execute("DELETE FROM ops.consent WHERE seller_id = %s", (seller_id,))


def _plain(selling_partner_id: str) -> str:
    return "".join(character for character in selling_partner_id if character.isalnum())[:LONGEST_ID]


def _hash(value: str) -> str:
    # 256 random bits need no key and no salt.
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()


def _select(connection: Connection, condition: str, values: tuple[object, ...]) -> list[Consent]:
    query = f"SELECT {COLUMNS} FROM ops.consent WHERE {condition} ORDER BY consent_id DESC"  # noqa: S608 - our own words
    return [_consent(row) for row in connection.execute(query, values).fetchall()]


def _consent(row: tuple[object, ...]) -> Consent:
    consent_id, seller_id, purpose, *rest = row
    return Consent(int(str(consent_id)), str(seller_id), Purpose(str(purpose)), *rest)  # type: ignore[arg-type]
