"""The steps from a code to a stored authorization; each is committed by itself, and a crash after any is finished.

`returned` -> code exchanged -> `kept` (sealed) -> probed -> Connections written -> `stored` -> runs started -> `done`.
The probe comes before the Connection, so that no token of a foreign account ever gets there: whoever comes back from
Amazon can write another account's id into the address. Before `kept` there is nothing to finish: the seller starts
again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum

from include.authorization import consent_state
from include.authorization.consent_state import Consent, Purpose
from include.authorization.fingerprint import fingerprint, is_another_token
from include.authorization.lwa import exchange_code
from include.authorization.status import (
    GOOD,
    Status,
    read_authorization,
    read_authorizations,
    record_refused,
    remember_account,
)
from include.authorization.token_seal import seal, unseal
from include.consent.account import Account, doubt, probe
from include.consent.means import Means
from include.errors import (
    ApplicationCredentialsError,
    AuthorizationCodeExpiredError,
    ContractError,
    OperatorActionError,
    ReauthorizationRequiredError,
    SellerOrdersError,
    TransientError,
)
from include.notifications.failures import operators_of, tell_operators
from include.notifications.incidents import close_incident, open_incident, open_incidents
from include.notifications.lookout import WATCH
from include.notifications.meanings import APPLICATION, CONSENT_TO_CONFIRM, class_of
from include.notifications.recovery import renewed
from include.sellers.registry import Seller
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)
RUN_ID_PREFIX = "reconnected__"


class Outcome(StrEnum):
    """What became of a consent, in the words of the page that tells."""

    DONE = "done"
    VERIFYING = "verifying"
    CONFIRMING = "confirming"
    WRONG_ACCOUNT = "wrong_account"
    CODE_EXPIRED = "code_expired"
    AMAZON_AWAY = "amazon_away"
    UNKNOWN_ACCOUNT = "unknown_account"
    NOT_POSSIBLE = "not_possible"


@dataclass(frozen=True, slots=True)
class Result:
    """An outcome and what belongs to it.

    Attributes:
        outcome: What became of it.
        consent_id: Of what.
        seller_ids: Every entry that was renewed by it.
        paused: The DAGs among theirs that are paused.
        run_id: What the runs it started are called.
    """

    outcome: Outcome
    consent_id: int
    seller_ids: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()
    run_id: str = ""


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
        return _refuse(connection, consent, refused, means)
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
        return _refuse(connection, consent, Outcome.CODE_EXPIRED, means)
    except ApplicationCredentialsError as refusal:
        _tell(connection, None, refusal, means)
        return _refuse(connection, consent, Outcome.NOT_POSSIBLE, means)
    except (TransientError, ContractError) as trouble:
        log.warning("consent %s: the code could not be exchanged: %s", consent.consent_id, trouble)
        return _refuse(connection, consent, Outcome.AMAZON_AWAY, means)
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
    """End a consent whose account an operator does not know; its token is forgotten."""
    consent = consent_state.read_consent(connection, consent_id)
    if consent and consent.step == "confirming":
        with connection.transaction():
            consent_state.end(connection, consent_id, "refused", now_utc=means.now(), why=f"discarded by {by}")
            _nothing_to_confirm(connection, consent.seller_id, means)


def finish(connection: Connection, consent_id: int, means: Means) -> Result:
    """Take the steps that are left; whoever else is at it already does it instead."""
    with _alone(connection, consent_id) as is_alone:
        consent = consent_state.read_consent(connection, consent_id)
        if consent is None:
            return Result(Outcome.UNKNOWN_ACCOUNT, consent_id)
        if not is_alone:
            return Result(Outcome.VERIFYING, consent_id)
        try:
            stopped = _store(connection, consent, means) if consent.step == "kept" else None
            consent = consent_state.read_consent(connection, consent_id) or consent
            if consent.step == "stored":
                _start_runs(connection, consent, means)
        except (TransientError, ContractError, OperatorActionError) as trouble:
            return _put_off(connection, consent, trouble, means)
    return stopped or _result(consent, means)


def _result(consent: Consent, means: Means) -> Result:
    if consent.step in ("stored", "done"):
        paused = _paused(consent.seller_ids, means)
        return Result(Outcome.DONE, consent.consent_id, tuple(consent.seller_ids), paused, _run_id(consent.consent_id))
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


def _store(connection: Connection, consent: Consent, means: Means) -> Result | None:
    """From `kept` to `stored`; a result where it goes no further."""
    seller = means.sellers().get(consent.seller_id)
    if seller is None:
        return _refuse(connection, consent, Outcome.UNKNOWN_ACCOUNT, means)
    refresh_token = unseal(consent.sealed_token, means.settings.secret_key)
    mark = fingerprint(refresh_token, means.settings.secret_key)
    standing = read_authorization(connection, seller.seller_id)
    if standing.generation > consent.generation and is_another_token(standing.token_fingerprint, mark):
        # Somebody was quicker with a later consent; an older token must not replace its token.
        return _refuse(connection, consent, Outcome.DONE, means, why="a newer authorization is stored")
    try:
        account = probe(seller, refresh_token, means)
    except ReauthorizationRequiredError as refusal:
        log.warning("consent %s: its token is refused already: %s", consent.consent_id, refusal)
        return _refuse(connection, consent, Outcome.CODE_EXPIRED, means, why="Amazon refuses this token already")
    account = replace(account, selling_partner_id=consent.selling_partner_id)
    why = "" if consent.confirmed_by else doubt(connection, seller, account, means)
    if why:
        _ask_operators(connection, consent, seller, why, means)
        return Result(Outcome.CONFIRMING, consent.consent_id)
    entries = _entries_of(connection, seller, account, means)
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
            )
            remember_account(
                connection,
                entry.seller_id,
                selling_partner_id=account.selling_partner_id,
                marketplace_ids=account.marketplace_ids,
                store_names=account.store_names,
            )
        _nothing_to_confirm(connection, seller.seller_id, means)
        consent_state.note_stored(connection, consent.consent_id, [entry.seller_id for entry in entries])
    return None


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


def _start_runs(connection: Connection, consent: Consent, means: Means) -> None:
    sellers = means.sellers()
    for seller_id in consent.seller_ids:
        if seller_id in sellers:
            means.airflow.start_run(sellers[seller_id].dag_id, _run_id(consent.consent_id), "The authorization is new")
    # It sends the closing letters.
    means.airflow.start_run(WATCH, _run_id(consent.consent_id))
    consent_state.end(connection, consent.consent_id, "done", now_utc=means.now())


def _ask_operators(connection: Connection, consent: Consent, seller: Seller, why: str, means: Means) -> None:
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


def _nothing_to_confirm(connection: Connection, seller_id: str, means: Means) -> None:
    for incident in open_incidents(connection, seller_id, CONSENT_TO_CONFIRM):
        close_incident(connection, incident, now_utc=means.now())


def _put_off(connection: Connection, consent: Consent, trouble: SellerOrdersError, means: Means) -> Result:
    """The token is safe; the watch and the next validate go on."""
    log.warning("consent %s goes on later: %s", consent.consent_id, trouble)
    if consent.step == "kept":
        read_authorization(connection, consent.seller_id, locked=True)
        record_refused(connection, consent.seller_id, Status.VERIFYING, trouble.amazon_said, now_utc=means.now())
        if isinstance(trouble, OperatorActionError | ContractError):
            _tell(connection, consent.seller_id, trouble, means)
    return Result(Outcome.VERIFYING, consent.consent_id)


def _tell(connection: Connection, seller_id: str | None, trouble: SellerOrdersError, means: Means) -> None:
    error_class = APPLICATION if seller_id is None else class_of(trouble)
    facts = {"code": trouble.code, "amazon_said": trouble.amazon_said, "remedy": trouble.remedy or str(trouble)}
    with connection.transaction():
        incident, is_new = open_incident(connection, seller_id, error_class, now_utc=means.now(), facts=facts)
        if is_new:
            tell_operators(connection, incident, operators_of(means.notifications), now_utc=means.now())


def _refuse(connection: Connection, consent: Consent, outcome: Outcome, means: Means, *, why: str = "") -> Result:
    consent_state.end(connection, consent.consent_id, "refused", now_utc=means.now(), why=why or outcome.value)
    return Result(outcome, consent.consent_id)


def _paused(seller_ids: list[str], means: Means) -> tuple[str, ...]:
    sellers = means.sellers()
    dag_ids = [sellers[seller_id].dag_id for seller_id in seller_ids if seller_id in sellers]
    try:
        return tuple(dag_id for dag_id in dag_ids if means.airflow.is_paused(dag_id))
    except SellerOrdersError as trouble:
        log.warning("Whether a DAG is paused cannot be told: %s", trouble)
        return ()


def _run_id(consent_id: int) -> str:
    return f"{RUN_ID_PREFIX}{consent_id}"


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
