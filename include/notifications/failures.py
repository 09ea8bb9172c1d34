"""From a task that failed to somebody who can act: one incident, and what is owed because of it, in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from include.authorization.status import Status, read_authorization, record_refused
from include.notifications.incidents import (
    Incident,
    incident_by_id,
    open_incident,
    open_of_class,
    verify_incident,
)
from include.notifications.meanings import REFUSED, Meaning, meaning_of
from include.notifications.outbox import NOTIFIER, owe
from include.sellers.registry import Seller
from include.settings import NotificationSettings
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)
# The rest of a wave is told as one.
MOST_ALERTS_AN_HOUR = 3
# This one says of a single seller's token that it belongs to another application.
FOREIGN_CODE = "unauthorized_client"
FOREIGN_CODE_MEANS = "This seller's refresh token belongs to another application than ours; the other sellers go on."
# Amazon has refused everybody for half an hour; a refusal after twice that is meant.
SECOND_REFUSAL_AFTER = timedelta(minutes=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What a failed task said, fit to be kept: no token, no secret, no order.

    Attributes:
        error_class: The error's class, "unknown" where the task could not say.
        code: Amazon's error code.
        amazon_said: Amazon's own words.
        request_id: Amazon's id of the refused request.
        remedy: What the error advises.
        generation: The authorization that it failed with, None where that is not known.
        task: DAG and task, for people.
        log_url: Where the task's log is read.
    """

    error_class: str
    code: str = ""
    amazon_said: str = ""
    request_id: str = ""
    remedy: str = ""
    generation: int | None = None
    task: str = ""
    log_url: str = ""


def operators_of(settings: NotificationSettings) -> tuple[str, ...]:
    """Return every recipient that stands for the operators."""
    return (*settings.operator_contacts, *((NOTIFIER,) if settings.operator_notifier else ()))


def report_failure(
    connection: Connection,
    seller_id: str,
    seller: Seller | None,
    failure: Failure,
    *,
    operators: Sequence[str],
    now_utc: datetime,
) -> Incident | None:
    """Open the failure's incident, or find the one that is open already; a second call owes nothing twice.

    Args:
        connection: The warehouse.
        seller_id: Whose run failed.
        seller: Its entry, None where that cannot be used.
        failure: What the task said.
        operators: Recipients that stand for the operators.
        now_utc: The present.

    Returns:
        The incident; None where the failure passes by itself, or belongs to an authorization that has been renewed.
    """
    meaning = meaning_of(failure.error_class)
    about_all = meaning.about_all and failure.code != FOREIGN_CODE
    with connection.transaction():
        standing = read_authorization(connection, seller_id, locked=True)
        if failure.generation is not None and failure.generation != standing.generation:
            log.info("%s failed with an authorization that has been renewed since; nobody is told", seller_id)
            return None
        if meaning.audience is None:
            log.info("%s: %s", seller_id, meaning.text)
            return None
        incident, is_new = open_incident(
            connection,
            None if about_all else seller_id,
            failure.error_class,
            now_utc=now_utc,
            generation=standing.generation,
            verified=meaning.audience == "operators",
            facts={name: value for name, value in asdict(failure).items() if value and name != "generation"},
        )
        if is_new:
            _owe_first(connection, incident, meaning, seller, operators, now_utc)
        elif incident.held_utc and now_utc - incident.opened_utc >= SECOND_REFUSAL_AFTER:
            verify_incident(connection, incident, now_utc=now_utc)
            incident = incident_by_id(connection, incident.incident_id)
        _note_status(connection, seller_id, incident, meaning, failure, now_utc)
    return incident


def tell_operators(
    connection: Connection,
    incident: Incident,
    operators: Sequence[str],
    *,
    now_utc: datetime,
    kind: str = "alert",
    facts: Mapping[str, object] | None = None,
) -> None:
    """Owe the operators a message; of many incidents of one class within an hour the rest are told as one.

    Part of the caller's transaction.
    """
    # Until the transaction ends, so that whoever reports at the same moment counts this one.
    connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"seller_orders/alerts/{incident.error_class}",)
    )
    others = [
        other
        for other in open_of_class(connection, incident.error_class)
        if other.seller_id
        and other.incident_id != incident.incident_id
        and now_utc - other.opened_utc < timedelta(hours=1)
    ]
    if incident.seller_id and len(others) >= MOST_ALERTS_AN_HOUR:
        incident, _ = open_incident(
            connection, None, incident.error_class, now_utc=now_utc, facts={**incident.facts, "of_many": True}
        )
    owe(connection, incident.incident_id, kind, "operators", operators, now_utc=now_utc, facts=facts)


def _owe_first(
    connection: Connection,
    incident: Incident,
    meaning: Meaning,
    seller: Seller | None,
    operators: Sequence[str],
    now_utc: datetime,
) -> None:
    # A private application has no link to renew by: its operators hold the token.
    if meaning.audience == "seller" and seller and seller.authorization == "public":
        owe(connection, incident.incident_id, "reconnect", "seller", seller.contacts, now_utc=now_utc)
    else:
        facts = {"meaning": FOREIGN_CODE_MEANS} if incident.facts.get("code") == FOREIGN_CODE else None
        tell_operators(connection, incident, operators, now_utc=now_utc, facts=facts)


def _note_status(
    connection: Connection,
    seller_id: str,
    incident: Incident,
    meaning: Meaning,
    failure: Failure,
    now_utc: datetime,
) -> None:
    if meaning.status is None:
        return
    verified = incident.verified_utc or incident.error_class != REFUSED
    record_refused(
        connection,
        seller_id,
        meaning.status if verified else Status.VERIFYING,
        failure.amazon_said,
        now_utc=now_utc,
    )
