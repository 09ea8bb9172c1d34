"""Letting a seller go: no run any more, no token, nothing open; the orders kept or deleted.

Every step may be repeated: whoever was interrupted says the same command again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from include.authorization import consent_state, status
from include.consent.means import Means
from include.errors import SettingsError, TransientError
from include.notifications import incidents
from include.orders import removal
from include.orders.forgetting import forget_seller
from include.sellers.registry import DAG_ID_PREFIX
from include.sellers.seller import CONNECTION_ID_PREFIX
from include.warehouse.connection import Connection, seller_lock

# A task whose run was ended hears of it with its next heartbeat.
TASK_PATIENCE_S = 120.0
POLL_S = 1.0


def offboard(
    connection: Connection,
    seller_id: str,
    means: Means,
    *,
    delete_data: bool,
    patience_s: float = TASK_PATIENCE_S,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """Let a seller go, whether or not its entry still stands in sellers.yaml; personal data go in any case, at once.

    Args:
        connection: The warehouse.
        seller_id: Our name of the seller.
        means: Airflow, where tokens are stored, settings and the time.
        delete_data: Whether orders, raw pages and everything else known of the seller go too.
        patience_s: How long a task at work may take to notice that its run was ended.
        sleep: Waits.

    Yields:
        One sentence a step, once it is done.

    Raises:
        SettingsError: Nothing is known of such a seller, or Airflow refuses us (operators act).
        TransientError: Airflow or the warehouse is away, or a task does not end; say it again.
    """
    _require_known(connection, seller_id, means)
    dag_id = DAG_ID_PREFIX + seller_id
    means.airflow.pause(dag_id)
    yield f"{dag_id} is paused."
    for run_id in means.airflow.active_runs(dag_id):
        means.airflow.end_run(dag_id, run_id)
        yield f"Its run {run_id} is ended."
    with status.authorization_locks(connection, [seller_id]):
        # A consent on its way to the Connection goes no further after this.
        ended = consent_state.end_unfinished(connection, seller_id, now_utc=means.now(), why="let go")
        means.tokens.forget(CONNECTION_ID_PREFIX + seller_id)
    yield f"The Connection {CONNECTION_ID_PREFIX}{seller_id} is deleted, and the refresh token with it."
    with ExitStack() as held:
        held.enter_context(_alone(connection, seller_id, patience_s, sleep))
        closed = incidents.close_of_seller(connection, seller_id, now_utc=means.now())
        yield f"Ended: {closed} open incidents with their mails, {ended} consents on their way."
        gone = forget_seller(
            connection, seller_id, means.settings, reason="offboarding", requested_by="offboard", now=means.now
        )
        yield f"Deleted: personal data, {gone}; no. {gone.deletion_no} of ops.personal_data_deletion."
        if delete_data:
            yield from _delete(connection, seller_id, means)
        else:
            yield "Orders, raw pages, none of which names a person, and history stay as they are."
    if seller_id in means.sellers():
        yield f"Now take {seller_id} out of {means.settings.sellers_file}: until then its link still connects."
    yield "At Amazon the authorization ends when the seller deactivates the application, or after 365 days."


def _delete(connection: Connection, seller_id: str, means: Means) -> Iterator[str]:
    pages = removal.delete_pages_of(connection, seller_id, means.settings.raw_url)
    yield f"Deleted: {pages} raw pages."
    with connection.transaction():
        orders = removal.delete_orders_of(connection, seller_id)
        incidents.delete_of_seller(connection, seller_id)
        consent_state.delete_of_seller(connection, seller_id)
        status.delete_authorization(connection, seller_id)
    yield f"Deleted: {orders} orders with all that hangs on them, windows, quota, incidents, mails, authorization."


def _require_known(connection: Connection, seller_id: str, means: Means) -> None:
    # The id becomes part of addresses and folders.
    is_id = re.fullmatch(r"[a-z0-9_]{1,40}", seller_id)
    if is_id and (
        seller_id in means.sellers()
        or seller_id in status.read_authorizations(connection)
        or removal.has_orders_or_windows(connection, seller_id)
    ):
        return
    raise SettingsError(
        f"Nothing is known of a seller {seller_id!r}.", remedy=f"The ids stand in {means.settings.sellers_file}."
    )


@contextmanager
def _alone(connection: Connection, seller_id: str, patience_s: float, sleep: Callable[[float], None]) -> Iterator[None]:
    """Hold the seller's lock, once whoever works for the seller has let it go."""
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(seller_lock(connection, seller_id))
                break
            except TransientError:
                if (patience_s := patience_s - POLL_S) < 0:
                    raise
            sleep(POLL_S)
        yield
