"""From a token that is kept to Connections that hold it and runs that use it.

The probe comes before the Connection, so that no token of a foreign account gets there unseen: whoever comes back from
Amazon can write another account's id into the address. What is decided is decided anew under the sellers' locks,
because Amazon takes its time and somebody else may have been quicker.
"""

from __future__ import annotations

import logging
from typing import Final

from include.authorization import consent_state
from include.authorization.consent_state import Consent
from include.authorization.fingerprint import fingerprint, is_another_token
from include.authorization.status import (
    Authorization,
    authorization_locks,
    read_authorization,
    read_authorizations,
    remember_account,
)
from include.authorization.token_seal import unseal
from include.clock import format_utc
from include.consent.account import Account, client_of, doubts, probe, proofs
from include.consent.means import Means
from include.consent.outcome import Outcome, Result, refuse
from include.errors import ContractError, ReauthorizationRequiredError, TokenUnreadableError
from include.notifications.failures import operators_of, tell_operators
from include.notifications.incidents import close_incident, open_incident, open_incidents
from include.notifications.lookout import WATCH
from include.notifications.meanings import CONSENT_TO_CONFIRM
from include.notifications.recovery import renewed
from include.orders.catch_up import forecast
from include.sellers.registry import Seller
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)
RUN_ID_PREFIX: Final = "reconnected__"
NEWER: Final = "a newer authorization is stored"


def store(connection: Connection, consent: Consent, means: Means) -> Result | None:
    """Take a consent from `kept` to `stored`; a result where it goes no further.

    Raises:
        SellerOrdersError: Amazon, Airflow or the tokens' store did not answer, or refused us; the token stays kept.
    """
    seller = means.sellers().get(consent.seller_id)
    if seller is None:
        return refuse(connection, consent, Outcome.UNKNOWN_ACCOUNT, means)
    try:
        refresh_token = unseal(consent.sealed_token, means.settings.secret_key, means.settings.old_secret_keys)
    except TokenUnreadableError as lost:
        log.warning("consent %s: %s", consent.consent_id, lost)
        return refuse(connection, consent, Outcome.CODE_EXPIRED, means, why="SECRET_KEY was changed meanwhile")
    mark = fingerprint(refresh_token, means.settings.secret_key)
    if _is_older(consent, read_authorization(connection, seller.seller_id), mark):
        return refuse(connection, consent, Outcome.DONE, means, why=NEWER)
    client = client_of(seller, refresh_token, means)
    try:
        account = probe(seller, client, consent.selling_partner_id)
    except ReauthorizationRequiredError as refusal:
        log.warning("consent %s: its token is refused already: %s", consent.consent_id, refusal)
        return refuse(connection, consent, Outcome.CODE_EXPIRED, means, why="Amazon refuses this token already")
    entries = _entries_of(connection, seller, account, means)
    if not consent.confirmed_by:
        proven = {} if account.denied else proofs(connection, entries, client)
        marks = {mark, *(fingerprint(refresh_token, key) for key in means.settings.old_secret_keys)}
        if why := _shared(connection, entries, marks) or doubts(connection, consent, entries, account, proven, means):
            return _ask_operators(connection, consent, seller, why, means)
    with authorization_locks(connection, [entry.seller_id for entry in entries]):
        return _write(connection, consent, entries, account, refresh_token, mark, means)


def start_runs(connection: Connection, consent: Consent, means: Means) -> None:
    """Take a consent from `stored` to `done`; repeating starts nothing twice."""
    sellers = means.sellers()
    for seller_id in consent.seller_ids:
        if seller_id not in sellers:
            continue
        try:
            means.airflow.start_run(sellers[seller_id].dag_id, _run_id(consent.consent_id), "The authorization is new")
        except ContractError as absent:
            # A DAG that Airflow has not read yet; its night comes all the same, and the others' runs now.
            log.warning("consent %s: no run of %s: %s", consent.consent_id, seller_id, absent)
    # It sends the closing letters.
    means.airflow.start_run(WATCH, _run_id(consent.consent_id))
    consent_state.end(connection, consent.consent_id, "done", now_utc=means.now())


def nothing_to_confirm(connection: Connection, seller_id: str, means: Means) -> None:
    """End what operators were asked, unless another consent of that seller still waits."""
    if any(waiting.seller_id == seller_id for waiting in consent_state.waiting(connection)):
        return
    for incident in open_incidents(connection, seller_id, CONSENT_TO_CONFIRM):
        close_incident(connection, incident, now_utc=means.now())


def _shared(connection: Connection, entries: list[Seller], marks: set[str]) -> str:
    """Whether somebody else has this very token, which is how a private application's is recognised.

    Recorded under a key that is known no more it cannot be recognised, and nobody is accused.
    """
    ids = {entry.seller_id for entry in entries}
    others = [other for other in read_authorizations(connection).values() if other.seller_id not in ids]
    for other in others:
        if other.token_fingerprint in marks:
            return f"The entry {other.seller_id} has this very token already."
    return ""


def _is_older(consent: Consent, standing: Authorization, mark: str) -> bool:
    """Whether what is stored was given later than this consent; its token must not be replaced."""
    if not is_another_token(standing.token_fingerprint, mark):
        return False
    if consent.authorized_utc and standing.authorized_utc:
        return standing.authorized_utc > consent.authorized_utc
    return standing.seller_id == consent.seller_id and standing.generation > consent.generation


def _entries_of(connection: Connection, seller: Seller, account: Account, means: Means) -> list[Seller]:
    """The seller, and every other entry of the same account and region: they share one authorization."""
    known = read_authorizations(connection)
    return [
        entry
        for entry in means.sellers().values()
        if entry.seller_id == seller.seller_id
        or (
            account.selling_partner_id
            and entry.region == seller.region
            and entry.authorization == seller.authorization == "public"
            and entry.seller_id in known
            and known[entry.seller_id].selling_partner_id == account.selling_partner_id
        )
    ]


def _write(
    connection: Connection,
    consent: Consent,
    entries: list[Seller],
    account: Account,
    refresh_token: str,
    mark: str,
    means: Means,
) -> Result | None:
    """Write Connections and rows; the caller holds the entries' locks."""
    present = consent_state.read_consent(connection, consent.consent_id)
    if present is None or present.step != "kept":
        # Discarded, or the seller was let go.
        return Result(Outcome.UNKNOWN_ACCOUNT, consent.consent_id)
    entries = [e for e in entries if not _is_older(consent, read_authorization(connection, e.seller_id), mark)]
    if consent.seller_id not in {entry.seller_id for entry in entries}:
        return refuse(connection, consent, Outcome.DONE, means, why=NEWER)
    for entry in entries:
        means.tokens.store(
            entry.connection_id,
            region=entry.region,
            selling_partner_id=account.selling_partner_id,
            refresh_token=refresh_token,
        )
    paused = {entry.seller_id: bool(means.airflow.is_paused(entry.dag_id)) for entry in entries}
    with connection.transaction():
        for entry in entries:
            renewed(
                connection,
                entry,
                mark,
                authorized_utc=consent.authorized_utc or means.now(),
                now_utc=means.now(),
                paused=paused[entry.seller_id],
                denied=bool(account.denied),
                forecast=_forecast(connection, entry, means),
            )
            remember_account(
                connection,
                entry.seller_id,
                selling_partner_id=account.selling_partner_id,
                marketplace_ids=account.marketplace_ids,
                store_names=account.store_names,
            )
        consent_state.note_stored(connection, consent.consent_id, [entry.seller_id for entry in entries])
        nothing_to_confirm(connection, consent.seller_id, means)
    return None


def _forecast(connection: Connection, seller: Seller, means: Means) -> dict[str, str]:
    """When the letter may promise the missed orders: `totals_by` and `detail_by`; empty where nothing has to wait."""
    now_utc = means.now()
    plan = forecast(connection, seller, means.settings.rate_scale, now_utc)
    if plan is None:
        return {}
    by = {"detail_by": format_utc(now_utc + plan.detail_in)}
    return by | {"totals_by": format_utc(now_utc + plan.totals_in)} if plan.way == "report" else by


def _ask_operators(connection: Connection, consent: Consent, seller: Seller, why: str, means: Means) -> Result:
    with connection.transaction():
        consent_state.await_confirmation(connection, consent.consent_id, why)
        incident, _ = open_incident(
            connection,
            seller.seller_id,
            CONSENT_TO_CONFIRM,
            now_utc=means.now(),
            facts={"remedy": "Confirm or discard it on the seller's page in Airflow."},
        )
        tell_operators(
            connection,
            incident,
            operators_of(means.notifications),
            now_utc=means.now(),
            facts={"details": [("Why", why)]},
        )
    return Result(Outcome.CONFIRMING, consent.consent_id)


def _run_id(consent_id: int) -> str:
    return f"{RUN_ID_PREFIX}{consent_id}"
