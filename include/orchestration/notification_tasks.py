"""The bodies of the tasks that tell people: after a failed run, and every quarter of an hour.

Only ids and counts leave here for XCom.
"""

from __future__ import annotations

import logging
from datetime import date, datetime
from typing import Any

from include.authorization import consent_state
from include.authorization.fingerprint import fingerprint
from include.authorization.lwa import exchange_refresh_token
from include.clock import utc_now
from include.errors import OperatorActionError, SellerOrdersError, SettingsError, TransientError
from include.log_context import of_seller
from include.notifications import lookout
from include.notifications.failures import operators_of, report_failure
from include.notifications.sending import send_owed
from include.notifications.verification import Refresh, check_held, verify
from include.orchestration import metrics, unfinished_consents
from include.orchestration.connections import application_credentials, client_secret_made_on, seller_credentials
from include.orchestration.failure_callback import read_failure
from include.orchestration.post_office import AirflowPostOffice
from include.sellers.registry import DAG_ID_PREFIX, Seller, load_sellers
from include.settings import NotificationSettings, Settings, load_notification_settings, load_settings
from include.settings.reading import is_on_this_machine
from include.warehouse.connection import Connection, connect, warehouse_errors

log = logging.getLogger(__name__)


def notify(seller_id: str, context: Any, failed_tasks: list[str]) -> dict[str, Any]:
    """Tell who can act that this run failed: one incident, made sure of, and its mails.

    Returns:
        The failure's `error_class`, the `incident` (None where nobody needs to know), how many messages were `sent`.

    Raises:
        TransientError: The warehouse is away, so that nothing could be noted.
        OperatorActionError: Something could not be sent; it is owed, and the watch sends it.
    """
    failure = read_failure(context, failed_tasks)
    settings, sellers = load_settings(), _sellers()
    notifications = load_notification_settings()
    operators = operators_of(notifications)
    with of_seller(seller_id), connect(settings.warehouse_dsn) as connection, warehouse_errors():
        incident = report_failure(
            connection, seller_id, sellers.get(seller_id), failure, operators=operators, now_utc=utc_now()
        )
        if incident:
            refresh = _refresh(settings)
            verify(connection, incident, sellers, refresh, operators=operators, now_utc=utc_now())
        sent = _send_at_once(connection)
    return {
        "error_class": failure.error_class,
        "incident": incident.incident_id if incident else None,
        "sent": sent,
    }


def look_out() -> None:
    """Look for ends that come near, data that stay away and sellers who have not answered; note that we looked."""
    notifications = load_notification_settings()
    if not operators_of(notifications):
        log.warning("OPERATOR_CONTACTS is empty: of what operators should know nobody is told.")
    with connect(load_settings().warehouse_dsn) as connection, warehouse_errors():
        try:
            sellers, entry_ids = _sellers(), _entry_ids()
        except SettingsError as broken:
            lookout.tell_of_broken_sellers_file(connection, str(broken), notifications, now_utc=utc_now())
        else:
            lookout.tell_of_broken_sellers_file(connection, "", notifications, now_utc=utc_now())
            lookout.warn_of_expiry(connection, sellers, notifications, now_utc=utc_now())
            lookout.tell_what_is_late(connection, sellers, notifications, now_utc=utc_now())
            lookout.remind(connection, sellers, notifications, now_utc=utc_now())
            lookout.end_answered_refusals(connection, now_utc=utc_now())
            lookout.end_what_has_no_seller(connection, entry_ids, now_utc=utc_now())
            metrics.tell_how_sellers_stand(connection, sellers, now_utc=utc_now())
        lookout.tell_of_overdue_personal_data(connection, notifications, now_utc=utc_now())
        secret_ends_utc = _warn_of_secret(connection, notifications)
        metrics.tell_how_all_stand(connection, secret_ends_utc, now_utc=utc_now())
        lookout.beat(connection, now_utc=utc_now())


def ask_again() -> list[str]:
    """Ask for every seller whose refusal is not sure yet.

    Returns:
        The ids of the DAGs whose sellers Amazon accepts again.
    """
    settings, operators = load_settings(), operators_of(load_notification_settings())
    try:
        sellers = _sellers()
    except SettingsError as broken:
        log.warning("Nobody is asked for: %s", broken)
        return []
    with connect(settings.warehouse_dsn) as connection, warehouse_errors():
        back = check_held(connection, sellers, _refresh(settings), operators=operators, now=utc_now)
    return [seller.dag_id for seller in back]


def finish_consents() -> int:
    """Finish what sellers' consents left on their way, and forget those that nobody came back from.

    Returns:
        How many were on their way.
    """
    settings = load_settings()
    with connect(settings.warehouse_dsn) as connection, warehouse_errors():
        consent_state.forget_unfinished(connection, now_utc=utc_now())
        return unfinished_consents.finish_consents(connection, settings)


def send() -> int:
    """Send what is owed; see `include.notifications.sending.send_owed`.

    Returns:
        How many messages were sent.
    """
    with connect(load_settings().warehouse_dsn) as connection, warehouse_errors():
        return _send(connection)


def _send_at_once(connection: Connection) -> int:
    """Send what is owed, or leave it to the watch: a run that waits for a mail server keeps the seller's next one."""
    try:
        return _send(connection)
    except TransientError as away:
        raise OperatorActionError(
            f"The mails are owed and not sent: {away}",
            remedy="authorization_watch sends them; look at the mail server.",
        ) from None


def _send(connection: Connection) -> int:
    notifications = load_notification_settings()
    tally = send_owed(
        connection, AirflowPostOffice(notifications), _sellers_to_write_to(notifications), notifications, now=utc_now
    )
    if tally.failed:
        raise OperatorActionError(
            f"{tally.failed} messages could not be sent; they are tried again after a pause.",
            remedy="Their last_trouble in ops.outbox says why.",
        )
    return tally.sent


def _sellers_to_write_to(notifications: NotificationSettings) -> dict[str, Seller] | None:
    """Every seller, or None where no mail to sellers may go now; what is theirs stays owed."""
    if is_on_this_machine(notifications.public_base_url) and not is_on_this_machine(load_settings().lwa_token_url):
        log.error("PUBLIC_BASE_URL is not set: sellers are not mailed a link to this machine; operators are told.")
        return None
    try:
        return _sellers()
    except SettingsError as broken:
        log.warning("Only operators are told: %s", broken)
        return None


def _warn_of_secret(connection: Connection, notifications: NotificationSettings) -> datetime | None:
    """Warn of the client secret's end, and return it; where nobody can tell now, the next look does."""
    try:
        made_on = _made_on()
    except SellerOrdersError as trouble:
        # The store of Connections is away. That silences neither the watch nor a warning that stands.
        log.warning("The end of the client secret is not looked at: %s", trouble)
        return None
    lookout.warn_of_secret(connection, made_on, notifications, now_utc=utc_now())
    return lookout.secret_ends_utc(made_on) if made_on else None


def _made_on() -> date | None:
    try:
        return client_secret_made_on()
    except SettingsError as wrong:
        log.warning("The end of the client secret is not known: %s", wrong)
        return None


def _sellers() -> dict[str, Seller]:
    entries = load_sellers(load_settings().sellers_file)
    return {entry.seller_id: entry for entry in entries if isinstance(entry, Seller)}


def _entry_ids() -> set[str]:
    entries = load_sellers(load_settings().sellers_file)
    return {entry.dag_id.removeprefix(DAG_ID_PREFIX) for entry in entries}


def _refresh(settings: Settings) -> Refresh:
    def refresh(seller: Seller) -> str:
        credentials = seller_credentials(seller.connection_id)
        exchange_refresh_token(
            credentials.refresh_token,
            application_credentials(),
            token_url=settings.lwa_token_url,
            now=utc_now,
            timeout_s=settings.http_timeout_s,
        )
        return fingerprint(credentials.refresh_token, settings.secret_key)

    return refresh
