"""What ends by itself: incidents whose seller Amazon accepts again, or whose orders load again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from include.authorization.status import (
    Authorization,
    Status,
    read_authorization,
    record_authorized,
    record_good,
)
from include.notifications.incidents import Incident, close_incident, open_incident, open_incidents
from include.notifications.meanings import APPLICATION, DENIED, EXPIRES, REFUSED, RENEWED, meaning_of
from include.notifications.outbox import owe, was_sent
from include.sellers.registry import Seller
from include.warehouse.connection import Connection


def connected(
    connection: Connection,
    seller: Seller,
    token_fingerprint: str,
    *,
    now_utc: datetime,
    generation: int | None = None,
    letter_facts: Mapping[str, object] | None = None,
) -> Authorization:
    """Note that Amazon accepts a seller's authorization, and end what was open because it did not.

    A seller who was told of the refusal is told of its end, once.

    Args:
        connection: The warehouse.
        seller: The seller.
        token_fingerprint: Which token was accepted.
        now_utc: The present.
        generation: The authorization as known before the token was read; nothing happens where it is another now.
        letter_facts: What the seller's letter says beside its incident.

    Returns:
        The authorization as it stands now.
    """
    with connection.transaction():
        before = read_authorization(connection, seller.seller_id, locked=True)
        if generation not in (None, before.generation):
            return before
        denied = bool(open_incidents(connection, seller.seller_id, DENIED))
        after = record_good(connection, seller, token_fingerprint, now_utc=now_utc, denied=denied)
        for incident in open_incidents(connection, seller.seller_id):
            is_over = incident.error_class == EXPIRES and after.generation != before.generation
            if is_over or meaning_of(incident.error_class).ends_when == "accepted":
                _end(connection, incident, seller, now_utc, letter_facts)
        # Whoever is accepted proves that the application is.
        for incident in open_incidents(connection, None, APPLICATION):
            close_incident(connection, incident, now_utc=now_utc)
    return after


def renewed(
    connection: Connection,
    seller: Seller,
    token_fingerprint: str,
    *,
    authorized_utc: datetime,
    now_utc: datetime,
    paused: bool = False,
    denied: bool = False,
    forecast: Mapping[str, object] | None = None,
) -> Authorization:
    """Note a consent whose token is stored: all that `connected` notes, the day it was given, and one closing letter.

    Every contact hears of it, also one who was never told of a lapse: who did not do this should know that it was done.

    Args:
        connection: The warehouse.
        seller: The seller.
        token_fingerprint: Which token was stored.
        authorized_utc: When Amazon gave it.
        now_utc: The present.
        paused: Whether the seller's DAG is paused, which the letter says then.
        denied: Whether Amazon accepts the token and shows nothing all the same; the letter says so too.
        forecast: By when the letter promises what was missed: `totals_by` and `detail_by`, instants in UTC as text.

    Returns:
        The authorization as it stands now.
    """
    blocked = {name: True for name, holds in (("paused", paused), ("denied", denied)) if holds}
    facts = blocked or forecast or None
    with connection.transaction():
        before = read_authorization(connection, seller.seller_id, locked=True)
        told = [
            incident
            for incident in open_incidents(connection, seller.seller_id, REFUSED)
            if was_sent(connection, incident.incident_id, "seller")
        ]
        connected(connection, seller, token_fingerprint, now_utc=now_utc, letter_facts=facts)
        record_authorized(connection, seller, authorized_utc, now_utc=now_utc)
        after = read_authorization(connection, seller.seller_id)
        if not told and after.generation != before.generation and seller.authorization == "public":
            carrier, _ = open_incident(
                connection, seller.seller_id, RENEWED, now_utc=now_utc, generation=after.generation
            )
            close_incident(connection, carrier, now_utc=now_utc)
            owe(
                connection,
                carrier.incident_id,
                "reconnected",
                "seller",
                seller.contacts,
                now_utc=now_utc,
                facts=facts,
            )
    return after


def loaded(connection: Connection, seller: Seller, *, now_utc: datetime) -> None:
    """End what was open because a seller's orders did not load."""
    over = [
        incident
        for incident in open_incidents(connection, seller.seller_id)
        if meaning_of(incident.error_class).ends_when == "loaded"
    ]
    if not over:
        return
    with connection.transaction():
        for incident in over:
            close_incident(connection, incident, now_utc=now_utc)
        standing = read_authorization(connection, seller.seller_id, locked=True)
        if standing.status is Status.ACCESS_DENIED:
            record_good(connection, seller, standing.token_fingerprint, now_utc=now_utc)


def _end(
    connection: Connection,
    incident: Incident,
    seller: Seller,
    now_utc: datetime,
    letter_facts: Mapping[str, object] | None,
) -> None:
    close_incident(connection, incident, now_utc=now_utc)
    if incident.error_class == REFUSED and was_sent(connection, incident.incident_id, "seller"):
        owe(
            connection,
            incident.incident_id,
            "reconnected",
            "seller",
            seller.contacts,
            now_utc=now_utc,
            facts=letter_facts,
        )
