"""The steps from a code to a stored authorization; each is committed by itself, and a crash after any is finished.

`returned` -> code exchanged -> `kept` (sealed) -> probed -> Connections written -> `stored` -> runs started -> `done`.
Before `kept` there is nothing to finish: the seller starts again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from include.authorization import consent_state
from include.authorization.consent_state import Consent, Purpose
from include.authorization.lwa import exchange_code
from include.authorization.status import (
    GOOD,
    Status,
    read_authorization,
    read_authorizations,
    record_refused,
)
from include.authorization.token_seal import seal
from include.consent.means import Means
from include.consent.outcome import Outcome, Result, refuse
from include.consent.storing import nothing_to_confirm, start_runs, store
from include.errors import (
    ApplicationCredentialsError,
    AuthorizationCodeExpiredError,
    ContractError,
    OperatorActionError,
    SellerOrdersError,
    SettingsError,
    TransientError,
)
from include.log_context import of_seller
from include.notifications.failures import operators_of, tell_operators
from include.notifications.incidents import open_incident, open_incidents
from include.notifications.meanings import REFUSED, class_of
from include.notifications.outbox import owe
from include.sellers.registry import Seller
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)
# Whatever stood in the way for so long will not pass by itself; the seller starts again.
GIVEN_UP_AFTER: Final = timedelta(days=3)


def receive(connection: Connection, consent: Consent, code: str, means: Means) -> Result:
    """Go on with a consent that has just come back from Amazon, as far as it goes now.

    Args:
        connection: The warehouse.
        consent: As `consent_state.consume` returned it.
        code: `spapi_oauth_code`.
        means: What it takes.
    """
    seller, refused = _whose(connection, consent, means)
    if seller is None:
        return refuse(connection, consent, refused, means)
    try:
        refresh_token = exchange_code(
            code,
            means.application,
            redirect_uri=means.redirect_uri,
            token_url=means.settings.lwa_token_url,
            now=means.now,
            timeout_s=means.settings.http_timeout_s,
        )
    except AuthorizationCodeExpiredError:
        return refuse(connection, consent, Outcome.CODE_EXPIRED, means)
    except ApplicationCredentialsError as refusal:
        _tell(connection, seller.seller_id, _of_this_service(refusal), means)
        return refuse(connection, consent, Outcome.NOT_POSSIBLE, means)
    except (TransientError, ContractError) as trouble:
        log.warning("consent %s: the code could not be exchanged: %s", consent.consent_id, trouble)
        return refuse(connection, consent, Outcome.AMAZON_AWAY, means)
    consent_state.keep(
        connection,
        consent.consent_id,
        seller_id=seller.seller_id,
        generation=read_authorization(connection, seller.seller_id).generation,
        sealed_token=seal(refresh_token, means.settings.secret_key),
        now_utc=means.now(),
    )
    return finish(connection, consent.consent_id, means)


def keep_pasted(connection: Connection, seller: Seller, refresh_token: str, means: Means, *, started_by: str) -> Result:
    """Take a refresh token that an operator pasted: a private application's, which knows no consent page."""
    consent_id = consent_state.begin_kept(
        connection,
        seller_id=seller.seller_id,
        sealed_token=seal(refresh_token.strip(), means.settings.secret_key),
        generation=read_authorization(connection, seller.seller_id).generation,
        started_by=started_by,
        now_utc=means.now(),
    )
    return finish(connection, consent_id, means)


def finish_all(connection: Connection, means: Means, *, seller_id: str | None = None) -> list[Result]:
    """Finish what a crash or a passing trouble left on its way; of one seller, or of all."""
    unfinished = consent_state.unfinished(connection, seller_id)
    return [finish(connection, consent.consent_id, means) for consent in reversed(unfinished)]


def confirm(connection: Connection, consent_id: int, means: Means, *, by: str) -> Result:
    """Go on with a consent whose account an operator vouches for."""
    if consent_state.note_confirmed(connection, consent_id, by=by):
        log.info("consent %s: %s confirmed the account", consent_id, by)
    return finish(connection, consent_id, means)


def discard(connection: Connection, consent_id: int, means: Means, *, by: str) -> None:
    """End a consent whose account an operator does not know; a seller who lapsed is asked by mail once more."""
    consent = consent_state.read_consent(connection, consent_id)
    if consent is None or consent.step != "confirming":
        return
    seller = means.sellers().get(consent.seller_id)
    with connection.transaction():
        if not consent_state.note_discarded(connection, consent_id, by=by, now_utc=means.now()):
            return
        nothing_to_confirm(connection, consent.seller_id, means)
        for incident in open_incidents(connection, consent.seller_id, REFUSED):
            contacts = seller.contacts if seller else ()
            kind = f"reconnect_{consent_id}"
            owe(connection, incident.incident_id, kind, "seller", contacts, now_utc=means.now())


def finish(connection: Connection, consent_id: int, means: Means) -> Result:
    """Take the steps that are left; whoever else is at it already does it instead."""
    with _alone(connection, consent_id) as is_alone:
        consent = consent_state.read_consent(connection, consent_id)
        if consent is None:
            return Result(Outcome.UNKNOWN_ACCOUNT, consent_id)
        if not is_alone:
            return Result(Outcome.VERIFYING, consent_id)
        with of_seller(consent.seller_id):
            return _go_on(connection, consent, means)


def _go_on(connection: Connection, consent: Consent, means: Means) -> Result:
    try:
        stopped = store(connection, consent, means) if consent.step == "kept" else None
        consent = consent_state.read_consent(connection, consent.consent_id) or consent
        if consent.step == "stored":
            start_runs(connection, consent, means)
    except (TransientError, ContractError, OperatorActionError) as trouble:
        return _put_off(connection, consent, trouble, means)
    return stopped or _result(consent, means)


def _result(consent: Consent, means: Means) -> Result:
    if consent.step in ("stored", "done"):
        paused = _paused(consent.seller_ids, means)
        return Result(Outcome.DONE, consent.consent_id, tuple(consent.seller_ids), paused)
    return Result(Outcome.CONFIRMING if consent.step == "confirming" else Outcome.CODE_EXPIRED, consent.consent_id)


def _whose(connection: Connection, consent: Consent, means: Means) -> tuple[Seller | None, Outcome]:
    """The entry that a consent is for; the account that came back must be its own where that is known."""
    sellers, account = means.sellers(), consent.selling_partner_id
    known = read_authorizations(connection)
    if consent.purpose is Purpose.LOGIN:
        owners = [s for s in sellers.values() if account and s.seller_id in known]
        owners = [s for s in owners if known[s.seller_id].selling_partner_id == account and s.authorization == "public"]
        # Of entries in two regions the one that needs it: Seller Central does not say which region it is.
        owners.sort(key=lambda s: known[s.seller_id].status in GOOD)
        return (owners[0] if owners else None), Outcome.UNKNOWN_ACCOUNT
    seller = sellers.get(consent.seller_id)
    if seller is None or seller.authorization == "private":
        return None, Outcome.UNKNOWN_ACCOUNT
    expected = known[seller.seller_id].selling_partner_id if seller.seller_id in known else ""
    if not account or expected not in ("", account):
        return None, Outcome.WRONG_ACCOUNT
    return seller, Outcome.WRONG_ACCOUNT


def _of_this_service(refusal: ApplicationCredentialsError) -> SettingsError:
    """The application is refused with the credentials of whoever serves the pages; the tasks have their own."""
    return SettingsError(
        "Amazon refuses AMAZON_CLIENT_ID and AMAZON_CLIENT_SECRET of the start page; a seller came back in vain.",
        remedy="Give the start page the client id and secret of amazon_application, restart it, then invite the"
        " seller to press the button again.",
        code=refusal.code,
        amazon_said=refusal.amazon_said,
        request_id=refusal.request_id,
    )


def _put_off(connection: Connection, consent: Consent, trouble: SellerOrdersError, means: Means) -> Result:
    """The token is safe; the watch and the next validate go on."""
    log.warning("consent %s goes on later: %s", consent.consent_id, trouble)
    if consent.step != "kept":
        return Result(Outcome.VERIFYING, consent.consent_id)
    is_ours = isinstance(trouble, OperatorActionError | ContractError)
    if is_ours:
        _tell(connection, consent.seller_id, trouble, means)
    # Whoever pasted it stands before the page and can paste another.
    if (is_ours and consent.purpose is Purpose.PASTE) or means.now() - consent.started_utc > GIVEN_UP_AFTER:
        return refuse(connection, consent, Outcome.NOT_POSSIBLE, means, why=str(trouble))
    if consent.purpose is Purpose.LOGIN:
        # Nobody has proven yet that this seller's account came back.
        return Result(Outcome.VERIFYING, consent.consent_id)
    with connection.transaction():
        standing = read_authorization(connection, consent.seller_id, locked=True)
        if standing.status not in GOOD:
            record_refused(connection, consent.seller_id, Status.VERIFYING, trouble.amazon_said, now_utc=means.now())
    return Result(Outcome.VERIFYING, consent.consent_id)


def _tell(connection: Connection, seller_id: str, trouble: SellerOrdersError, means: Means) -> None:
    facts = {"code": trouble.code, "amazon_said": trouble.amazon_said, "remedy": str(trouble)}
    with connection.transaction():
        incident, is_new = open_incident(connection, seller_id, class_of(trouble), now_utc=means.now(), facts=facts)
        if is_new:
            tell_operators(connection, incident, operators_of(means.notifications), now_utc=means.now())


def _paused(seller_ids: list[str], means: Means) -> tuple[str, ...]:
    sellers = means.sellers()
    dag_ids = [sellers[seller_id].dag_id for seller_id in seller_ids if seller_id in sellers]
    try:
        return tuple(dag_id for dag_id in dag_ids if means.airflow.is_paused(dag_id))
    except SellerOrdersError as trouble:
        log.warning("Whether a DAG is paused cannot be told: %s", trouble)
        return ()


@contextmanager
def _alone(connection: Connection, consent_id: int) -> Iterator[bool]:
    """Hold a consent for this session, where nobody else does."""
    key = f"seller_orders/consent/{consent_id}"
    held = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (key,)).fetchone()
    try:
        yield bool(held and held[0])
    finally:
        if held and held[0] and not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (key,))
