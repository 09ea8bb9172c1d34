"""The bodies of the tasks that delete personal data; only counts leave here for XCom."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from include.authorization.status import ended_by
from include.clock import utc_now
from include.errors import SellerOrdersError, SettingsError
from include.notifications.personal_data import end_of_undeleted_personal_data, tell_of_undeleted_personal_data
from include.orders.forgetting import Deleted, ended_before_utc, purge_due, purge_ended
from include.sellers.registry import MisconfiguredSeller, load_sellers
from include.settings import Settings, load_notification_settings, load_settings
from include.warehouse.connection import Connection, connect, warehouse_errors

log = logging.getLogger(__name__)


def delete_due() -> dict[str, int]:
    """Delete what is due before the next night.

    Returns:
        How many `buyers`, `recipients` and `files`.

    Raises:
        SellerOrdersError: The store refused it.
    """
    settings = load_settings()
    with _purging("delete_due", settings) as connection:
        return _counts(purge_due(connection, settings, _wanted_of(settings), now=utc_now))


def delete_of_ended() -> dict[str, int]:
    """Delete everything personal of sellers whose authorization ended 30 days ago, or does before the next night.

    Returns:
        How many `buyers`, `recipients` and `files`.

    Raises:
        SellerOrdersError: The store refused it.
    """
    settings = load_settings()
    with _purging("delete_of_ended", settings) as connection:
        ended = ended_by(connection, ended_before_utc(settings, utc_now()))
        return _counts(purge_ended(connection, settings, ended, now=utc_now))


@contextmanager
def _purging(task: str, settings: Settings) -> Iterator[Connection]:
    """Open the warehouse for a task, and let the operators know once where it could not delete all."""
    with connect(settings.warehouse_dsn) as connection, warehouse_errors():
        try:
            yield connection
        except SellerOrdersError as refused:
            # Not read before: no slip in how people are told keeps anything from being deleted.
            notifications = load_notification_settings()
            tell_of_undeleted_personal_data(connection, task, str(refused), notifications, now_utc=utc_now())
            raise
        end_of_undeleted_personal_data(connection, task, now_utc=utc_now())


def _wanted_of(settings: Settings) -> set[str] | None:
    """Tell who may want personal data, None where anybody may: a slip in an entry must cost nobody their names."""
    try:
        entries = load_sellers(settings.sellers_file)
    except SettingsError as broken:
        log.warning("What is due is deleted all the same: %s", broken)
        return None
    wanted = {entry.seller_id for entry in entries if isinstance(entry, MisconfiguredSeller) or entry.personal_data}
    named = {seller_id for seller_id in wanted if seller_id is not None}
    return named if named == wanted else None


def _counts(done: Iterable[Deleted]) -> dict[str, int]:
    lines = list(done)
    return {name: sum(getattr(line, name) for line in lines) for name in ("buyers", "recipients", "files")}
