"""From a message in the outbox to the letter that its recipient reads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil

from include.authorization.status import Authorization, read_authorization
from include.clock import format_utc
from include.notifications.incidents import Incident
from include.notifications.links import link_for, start_page_url
from include.notifications.meanings import REFUSED, RENEWED, meaning_of
from include.notifications.messages import (
    Letter,
    OperatorFacts,
    OperatorMail,
    SellerFacts,
    SellerMail,
    operators_letter,
    seller_letter,
)
from include.notifications.outbox import Message
from include.sellers.registry import Seller
from include.settings import NotificationSettings
from include.warehouse.connection import Connection

APPS_PATH = "/apps/manage"


def letter_of(
    connection: Connection,
    message: Message,
    incident: Incident,
    sellers: Mapping[str, Seller],
    settings: NotificationSettings,
    *,
    now_utc: datetime,
) -> Letter | None:
    """Write a message's letter, None where sellers.yaml no longer names its seller or recipient."""
    seller = sellers.get(incident.seller_id or "")
    if message.audience == "operators":
        return operators_letter(_operator_mail(message), _operator_facts(message, incident, seller, settings))
    if seller is None or message.recipient not in seller.contacts:
        return None
    standing = read_authorization(connection, seller.seller_id)
    facts = _seller_facts(message, incident, seller, standing, settings, now_utc)
    return seller_letter(SellerMail(message.kind.partition("_")[0]), seller.language, facts)


def _operator_mail(message: Message) -> OperatorMail:
    base = message.kind.rstrip("0123456789").rstrip("_")
    return OperatorMail(base)


def _seller_facts(
    message: Message,
    incident: Incident,
    seller: Seller,
    standing: Authorization,
    settings: NotificationSettings,
    now_utc: datetime,
) -> SellerFacts:
    link = link_for(standing, now_utc=now_utc)
    return SellerFacts(
        shop_name=seller.name,
        link=start_page_url(settings, link),
        link_days=_days_until(link.ends_utc, now_utc),
        link_ends_utc=link.ends_utc,
        apps_url=seller.marketplaces[0].seller_central_url + APPS_PATH,
        app_name=settings.app_name,
        old_app_names=settings.old_app_names,
        timezone=seller.timezone,
        happened_utc=incident.opened_utc,
        missing_since_utc=incident.missing_since_utc,
        lapsed_days=(now_utc - incident.opened_utc).days,
        expires_utc=standing.expires_utc,
        days_left=_days_until(standing.expires_utc, now_utc),
        connected_utc=incident.closed_utc,
        was_refused=incident.error_class == REFUSED,
        is_first=incident.error_class == RENEWED and incident.generation == 1,
        is_paused=bool(message.facts.get("paused")),
        is_denied=bool(message.facts.get("denied")),
        totals_by_utc=_instant(message.facts.get("totals_by")),
        detail_by_utc=_instant(message.facts.get("detail_by")),
    )


def _instant(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None


def _days_until(instant: datetime | None, now_utc: datetime) -> int:
    return max(0, ceil((instant - now_utc) / timedelta(days=1))) if instant else 0


def _operator_facts(
    message: Message, incident: Incident, seller: Seller | None, settings: NotificationSettings
) -> OperatorFacts:
    facts = incident.facts
    details = [(str(label), str(value)) for label, value in message.facts.get("details", [])]
    is_late = message.kind == OperatorMail.LATE
    if incident.missing_since_utc and not is_late:
        details.append(("Data complete through", format_utc(incident.missing_since_utc)))
    if facts.get("of_many"):
        details.append(("Also", "More sellers fail like this; the rest of them is not told one by one."))
    return OperatorFacts(
        subject_of=_subject_of(incident, seller),
        error_class=incident.error_class,
        meaning=str(message.facts.get("meaning") or meaning_of(incident.error_class).text),
        remedy=str(facts.get("remedy", "")),
        code=str(facts.get("code", "")),
        amazon_said=str(facts.get("amazon_said", "")),
        request_id=str(facts.get("request_id", "")),
        happened_utc=(is_late and incident.missing_since_utc) or incident.opened_utc,
        task=str(facts.get("task", "")),
        log_url=str(facts.get("log_url", "")),
        runbook_url=settings.runbook_url,
        details=tuple(details),
    )


def _subject_of(incident: Incident, seller: Seller | None) -> str:
    if incident.seller_id is None:
        return "several sellers" if incident.facts.get("of_many") else "all sellers"
    return f"{seller.name} ({seller.seller_id})" if seller else incident.seller_id
