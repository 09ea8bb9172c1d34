"""Personal data deleted: what is due, what is a seller's whose authorization ended, what somebody asks for by hand.

Each deletion that found something, and each that was asked for, is a line of `ops.personal_data_deletion`, which says
how much, when, why and who asked, and nothing of the data. Doing it again changes nothing more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, cast

from cryptography.fernet import MultiFernet

from include.clock import Now
from include.errors import SellerOrdersError, SettingsError
from include.orders import windows
from include.orders.personal_due import NIGHT
from include.orders.personal_files import PersonalFile, read_keys, sellers_in
from include.orders.personal_tables import delete_rows, note_expired, note_expired_rows, personal_data_lock
from include.orders.waiting_files import WaitingFiles, noted, roots_of, tell
from include.settings import Settings
from include.settings.product import MOST_PERSONAL_DATA_DAYS
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)

Reason = Literal["due", "authorization_ended", "forget", "offboarding"]
PURGE: Final = "personal_data_purge"


@dataclass(frozen=True, slots=True)
class Deleted:
    """A line of the protocol.

    Attributes:
        deletion_no: Its number, None where there was nothing to delete and nobody had asked.
        buyers: Rows of `amazon_pii.buyers`.
        recipients: Rows of `amazon_pii.recipients`.
        files: Encrypted files, deleted or written anew.
        deleted_utc: When.
        rewritten: How many of the files were written anew, without what was to go.
    """

    seller_id: str
    deletion_no: int | None
    buyers: int
    recipients: int
    files: int
    deleted_utc: datetime
    rewritten: int = 0

    def __str__(self) -> str:
        """What was deleted, as a part of a sentence."""
        how = f" ({self.files - self.rewritten} deleted whole, {self.rewritten} written anew)" if self.files else ""
        return f"{self.buyers} buyers, {self.recipients} recipients, {self.files} encrypted files{how}"


def forget_seller(
    connection: Connection, seller_id: str, settings: Settings, *, reason: Reason, requested_by: str, now: Now
) -> Deleted:
    """Delete all personal data of a seller; with the reason `forget` those of orders placed so far never come back.

    A run at work is waited for until it has written its page or its window, and finds the mark then.

    Raises:
        SellerOrdersError: A store refused it, and only files of it are left; say it again.
    """
    files = WaitingFiles(seller_id, roots_of(connection, settings))
    is_asked = reason in ("forget", "offboarding")
    return _delete_all(connection, files, reason=reason, requested_by=requested_by, now=now, is_asked=is_asked)


def forget_order(
    connection: Connection, seller_id: str, order_id: str, settings: Settings, *, requested_by: str, now: Now
) -> Deleted:
    """Delete the personal data of one order; they never come back.

    A file that waits for its load is written anew without the order, or deleted where none of the keys opens it.

    Raises:
        SettingsError: PERSONAL_DATA_KEY is no key, or absent while files wait; nothing is deleted.
        SellerOrdersError: A store refused it, and only files of it are left; say it again.
    """
    keys = read_keys(settings.personal_data_keys) if settings.personal_data_keys else None
    files = WaitingFiles(seller_id, roots_of(connection, settings), keys)

    def treat(file: PersonalFile) -> None:
        if keys is None and file.window_id is not None:
            # Its store refused to be listed a moment ago.
            raise SettingsError("A file of personal data waits for its load, and PERSONAL_DATA_KEY is not set here.")
        files.take_out(file, lambda other_id, _: other_id == order_id)

    with personal_data_lock(connection, seller_id):
        if keys is None and files.is_any_seen():
            # An order is no whole page.
            raise SettingsError(
                "Files of personal data wait for their load, and PERSONAL_DATA_KEY is not set here; nothing was"
                " deleted.",
                remedy="Say it again with the key that the tasks have. Where that is lost, any new key will do: files"
                " that it does not open are deleted whole.",
            )
        return _carry_out(
            connection,
            files,
            lambda: files.each(treat),
            order_id=order_id,
            reason="forget",
            requested_by=requested_by,
            now=now,
        )


def purge_due(
    connection: Connection, settings: Settings, wanted_of: Collection[str] | None, *, now: Now
) -> list[Deleted]:
    """Delete rows and files that are due before the next night, and files that nobody will load.

    Args:
        connection: The warehouse.
        settings: Where files lie.
        wanted_of: Sellers with `personal_data: yes`, None where that is not known.
        now: Tells the time.

    Returns:
        What was deleted, a line a seller of whom there was anything.

    Raises:
        SellerOrdersError: The store refused something; all that it did not refuse is done.
    """
    due_utc = now() + NIGHT

    def purge(files: WaitingFiles) -> Deleted:
        is_wanted = wanted_of is None or files.seller_id in wanted_of
        return _carry_out(
            connection,
            files,
            lambda: _purge_files(connection, files, due_utc, is_wanted=is_wanted),
            reason="due",
            requested_by=PURGE,
            due_utc=due_utc,
            now=now,
            is_asked=False,
        )

    return _each(connection, settings, purge, keys=_usable_keys(settings))


def purge_ended(connection: Connection, settings: Settings, ended: Collection[str], *, now: Now) -> list[Deleted]:
    """Delete everything personal of sellers whose authorization has ended so long ago that nothing may be left.

    Raises:
        SellerOrdersError: The store refused something; all that it did not refuse is done.
    """

    def purge(files: WaitingFiles) -> Deleted:
        reason: Reason = "authorization_ended"
        return _delete_all(connection, files, reason=reason, requested_by=PURGE, now=now, is_asked=False)

    return _each(connection, settings, purge, among=ended)


def ended_before_utc(settings: Settings, now_utc: datetime) -> datetime:
    """Return by when an authorization must have ended for everything personal to go this night."""
    return now_utc + NIGHT - timedelta(days=min(settings.personal_data_days, MOST_PERSONAL_DATA_DAYS))


def _usable_keys(settings: Settings) -> MultiFernet | None:
    """Read the keys; what is due goes without them too, and more with it."""
    try:
        return read_keys(settings.personal_data_keys) if settings.personal_data_keys else None
    except SettingsError as unusable:
        log.warning("Files of which only some orders are due can only be deleted whole: %s", unusable)
        return None


def _purge_files(connection: Connection, files: WaitingFiles, due_utc: datetime, *, is_wanted: bool) -> None:
    """Delete files that nobody will load, and take what is due out of the others."""
    unloaded = windows.select(connection, "seller_id = %s AND state <> 'loaded'", files.seller_id)
    waiting = {window.window_id for window in unloaded}

    def treat(file: PersonalFile) -> None:
        if not is_wanted or file.window_id not in waiting:
            files.delete(file)
        elif file.due_utc and file.due_utc <= due_utc:
            gone = files.take_out(file, lambda _, term: term.delete_after_utc <= due_utc)
            delivered = [order_id for order_id, term in gone.items() if term.delivered_utc]
            note_expired(connection, files.seller_id, delivered)

    files.each(treat)


def _each(
    connection: Connection,
    settings: Settings,
    purge: Callable[[WaitingFiles], Deleted],
    *,
    among: Collection[str] | None = None,
    keys: MultiFernet | None = None,
) -> list[Deleted]:
    """Go through the sellers of whom there is anything; one whose files the store keeps from us stops no other."""
    rows = connection.execute(
        "SELECT seller_id FROM amazon_pii.buyers UNION SELECT seller_id FROM amazon_pii.recipients"
    ).fetchall()
    roots, sellers = roots_of(connection, settings), {str(row[0]) for row in rows}
    refused, done = list[SellerOrdersError](), list[Deleted]()
    for root in sorted(roots):
        with noted(refused):
            sellers |= sellers_in(root)
    for seller_id in sorted(sellers if among is None else sellers & set(among)):
        with noted(refused):
            deleted = purge(WaitingFiles(seller_id, roots, keys))
            if deleted.deletion_no is not None:
                log.info("%s: deleted %s", seller_id, deleted)
                done.append(deleted)
    tell(refused)
    return done


def _delete_all(
    connection: Connection, files: WaitingFiles, *, reason: Reason, requested_by: str, now: Now, is_asked: bool
) -> Deleted:
    return _carry_out(
        connection,
        files,
        lambda: files.each(files.delete),
        reason=reason,
        requested_by=requested_by,
        now=now,
        is_asked=is_asked,
    )


def _carry_out(
    connection: Connection,
    files: WaitingFiles,
    treat_files: Callable[[], object],
    *,
    reason: Reason,
    requested_by: str,
    now: Now,
    order_id: str | None = None,
    due_utc: datetime | None = None,
    is_asked: bool = True,
) -> Deleted:
    """Delete rows and files and write the protocol, as one; where a store refuses, rows and mark count all the same.

    Nobody sees the mark before the end, and nobody lands or loads before it either: both need the lock.
    """
    number, seller_id = None, files.seller_id
    with personal_data_lock(connection, seller_id), connection.transaction():
        if due_utc:
            note_expired_rows(connection, seller_id, due_utc)
        rows = delete_rows(connection, seller_id, order_id=order_id, due_utc=due_utc)
        treat_files()
        touched = files.deleted + files.rewritten
        deleted_utc = now()
        if is_asked or touched or any(rows.values()):
            counts = (rows["buyers"], rows["recipients"], touched)
            row = connection.execute(
                "INSERT INTO ops.personal_data_deletion"
                " (seller_id, order_id, reason, requested_by, buyers, recipients, files, deleted_utc)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING deletion_no",
                (seller_id, order_id, reason, requested_by, *counts, deleted_utc),
            ).fetchone()
            number = cast("tuple[int]", row)[0]
    tell(files.refused)
    return Deleted(seller_id, number, rows["buyers"], rows["recipients"], touched, deleted_utc, files.rewritten)
