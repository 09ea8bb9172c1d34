"""Is it really the seller? Amazon has refused everybody for half an hour before; no shop is mailed because of that.

Before a seller's first mail another seller who was good lately is asked for as a control. Refused too: the mails are
held, the operators get one alert, and each seller is asked again an hour later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from include.authorization.status import GOOD, Status, read_authorization, read_authorizations, record_refused
from include.errors import ReauthorizationRequiredError, SellerOrdersError, SettingsError, TransientError
from include.log_context import of_seller
from include.notifications.failures import SECOND_REFUSAL_AFTER, tell_operators
from include.notifications.incidents import (
    Incident,
    close_incident,
    hold_incident,
    open_incident,
    open_incidents,
    open_of_class,
    verify_incident,
)
from include.notifications.meanings import MASS_REFUSAL, REFUSED
from include.notifications.recovery import connected
from include.sellers.registry import Seller
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)
RECENTLY = timedelta(days=3)
# Exchanges a seller's refresh token and returns its fingerprint; raises what Amazon says.
Refresh = Callable[[Seller], str]


def verify(
    connection: Connection,
    incident: Incident,
    sellers: Mapping[str, Seller],
    refresh: Refresh,
    *,
    operators: Sequence[str],
    now_utc: datetime,
) -> None:
    """Make sure of a refusal before its seller hears of it; one that is sure, held or of another class stays."""
    if incident.error_class != REFUSED or incident.verified_utc or incident.held_utc or incident.closed_utc:
        return
    if open_incidents(connection, None, MASS_REFUSAL):
        hold_incident(connection, incident, now_utc=now_utc)
        return
    controls = _controls(connection, incident, sellers, now_utc)
    if not controls:
        # Who else is refused may be the very ones that could have been asked.
        if any(other.incident_id != incident.incident_id for other in _unsure(connection, sellers)):
            _hold_as_one_of_many(connection, incident, operators, now_utc)
        elif sellers.keys() - {incident.seller_id}:
            # Others there are, but none good lately: nobody can tell, so its own second refusal has to.
            hold_incident(connection, incident, now_utc=now_utc)
        else:
            _confirm(connection, incident, now_utc)
        return
    for control in controls:
        try:
            refresh(control)
        except SettingsError as missing:
            # Its Connection is gone, so Amazon was not asked: the next one.
            log.warning("%s cannot be asked for: %s", control.seller_id, missing)
            continue
        except ReauthorizationRequiredError:
            log.warning("%s is refused as well", control.seller_id)
            _hold_as_one_of_many(connection, incident, operators, now_utc)
        except SellerOrdersError as trouble:
            log.warning("Whether Amazon refuses others too cannot be told; authorization_watch asks again: %s", trouble)
        else:
            _confirm(connection, incident, now_utc)
        return


def check_held(
    connection: Connection,
    sellers: Mapping[str, Seller],
    refresh: Refresh,
    *,
    operators: Sequence[str],
    now: Callable[[], datetime],
) -> list[Seller]:
    """Ask again for every seller whose refusal is not sure yet, a held one an hour after its first refusal.

    Returns:
        The sellers whom Amazon accepts again; their night is to be repeated.
    """
    back = []
    for incident in _unsure(connection, sellers):
        if incident.held_utc and now() - incident.opened_utc < SECOND_REFUSAL_AFTER:
            continue
        try:
            with of_seller(incident.seller_id):
                if _asked_again(connection, incident, sellers, refresh, operators, now()):
                    back.append(sellers[incident.seller_id or ""])
        except TransientError as trouble:
            # It would say the same of everybody, a timeout each.
            log.warning("Nobody can be asked now; the next watch asks again: %s", trouble)
            break
    if not any(incident.held_utc for incident in _unsure(connection, sellers)):
        for mass in open_incidents(connection, None, MASS_REFUSAL):
            close_incident(connection, mass, now_utc=now())
    return back


def _unsure(connection: Connection, sellers: Mapping[str, Seller]) -> list[Incident]:
    """Every refusal, of a seller who still has an entry, that may be Amazon's fault."""
    refusals = open_of_class(connection, REFUSED)
    return [incident for incident in refusals if incident.seller_id in sellers and not incident.verified_utc]


def _hold_as_one_of_many(
    connection: Connection, incident: Incident, operators: Sequence[str], now_utc: datetime
) -> None:
    log.warning("Amazon refuses several sellers: mails to them are held, operators are told")
    with connection.transaction():
        hold_incident(connection, incident, now_utc=now_utc)
        mass, _ = open_incident(connection, None, MASS_REFUSAL, now_utc=now_utc, facts=incident.facts)
        tell_operators(connection, mass, operators, now_utc=now_utc, kind="mass_refusal")


def _asked_again(
    connection: Connection,
    incident: Incident,
    sellers: Mapping[str, Seller],
    refresh: Refresh,
    operators: Sequence[str],
    now_utc: datetime,
) -> bool:
    """Ask for the refused seller itself, and tell whether Amazon accepts it now."""
    seller = sellers[incident.seller_id or ""]
    generation = read_authorization(connection, seller.seller_id).generation
    try:
        token_fingerprint = refresh(seller)
    except ReauthorizationRequiredError:
        if incident.held_utc:
            _confirm(connection, incident, now_utc)
        else:
            verify(connection, incident, sellers, refresh, operators=operators, now_utc=now_utc)
    except TransientError:
        raise
    except SellerOrdersError as trouble:
        log.warning("%s could not be asked for again: %s", seller.seller_id, trouble)
    else:
        connected(connection, seller, token_fingerprint, now_utc=now_utc, generation=generation)
        return True
    return False


def _confirm(connection: Connection, incident: Incident, now_utc: datetime) -> None:
    seller_id = incident.seller_id or ""
    with connection.transaction():
        # Whoever renews it meanwhile holds this row too.
        read_authorization(connection, seller_id, locked=True)
        if verify_incident(connection, incident, now_utc=now_utc):
            said = str(incident.facts.get("amazon_said", ""))
            record_refused(connection, seller_id, Status.REAUTHORIZATION_REQUIRED, said, now_utc=incident.opened_utc)


def _controls(
    connection: Connection, incident: Incident, sellers: Mapping[str, Seller], now_utc: datetime
) -> list[Seller]:
    """Other sellers who were good lately, the latest first."""
    good = [
        known
        for known in read_authorizations(connection).values()
        if known.seller_id != incident.seller_id
        and known.seller_id in sellers
        and known.status in GOOD
        and known.last_good_utc
        and now_utc - known.last_good_utc <= RECENTLY
    ]
    good.sort(key=lambda known: known.last_good_utc or now_utc, reverse=True)
    return [sellers[known.seller_id] for known in good]
