"""Personal data deleted: what is due, what is a seller's whose authorization ended, what somebody asks for by hand.

Each deletion that found something, and each that was asked for, is a line of `ops.personal_data_deletion`, which says
how much, when, why and who asked, and nothing of the data. Doing it again changes nothing more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, cast

from include.clock import Now
from include.errors import SellerOrdersError, SettingsError, UnreadableFileError
from include.orders import windows
from include.orders.personal_due import NIGHT
from include.orders.personal_files import PersonalFile, PersonalFiles, delete_files, files_of, read_keys, sellers_in
from include.orders.personal_tables import delete_rows, note_expired_rows, personal_data_lock
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


@dataclass(slots=True)
class Touched:
    """What became of encrypted files so far; counts also where the store refuses the next one."""

    deleted: int = 0
    rewritten: int = 0


def forget_seller(
    connection: Connection, seller_id: str, settings: Settings, *, reason: Reason, requested_by: str, now: Now
) -> Deleted:
    """Delete all personal data of a seller; with the reason `forget` those of orders placed so far never come back.

    A run at work is waited for until it has written its page or its window, and finds the mark then.

    Raises:
        SellerOrdersError: The store refused it, and only files are left; say it again.
    """

    def files(touched: Touched) -> None:
        _delete(_files(connection, seller_id, settings), touched)

    is_asked = reason in ("forget", "offboarding")
    return _carry_out(
        connection, seller_id, files, reason=reason, requested_by=requested_by, now=now, is_asked=is_asked
    )


def forget_order(
    connection: Connection, seller_id: str, order_id: str, settings: Settings, *, requested_by: str, now: Now
) -> Deleted:
    """Delete the personal data of one order; they never come back.

    A file that waits for its load is written anew without the order, or deleted where none of the keys opens it.

    Raises:
        SettingsError: PERSONAL_DATA_KEY is no key, or absent while files wait; nothing is deleted.
        SellerOrdersError: The store refused it, and only files are left; say it again.
    """
    keys = PersonalFiles(seller_id, read_keys(settings.personal_data_keys)) if settings.personal_data_keys else None
    if keys is None:
        _require_no_file(_files(connection, seller_id, settings))

    def files(touched: Touched) -> None:
        for root in _roots(connection, settings):
            for file in files_of(root, seller_id):
                _take_out(file, order_id, keys, root, touched)

    return _carry_out(
        connection, seller_id, files, order_id=order_id, reason="forget", requested_by=requested_by, now=now
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

    def purge(seller_id: str) -> Deleted:
        is_wanted = wanted_of is None or seller_id in wanted_of

        def files(touched: Touched) -> None:
            _delete(_useless_files(connection, seller_id, settings, due_utc, is_wanted=is_wanted), touched)

        return _carry_out(
            connection, seller_id, files, reason="due", requested_by=PURGE, due_utc=due_utc, now=now, is_asked=False
        )

    return _each(connection, settings, purge)


def purge_ended(connection: Connection, settings: Settings, ended: Collection[str], *, now: Now) -> list[Deleted]:
    """Delete everything personal of sellers whose authorization has ended so long ago that nothing may be left.

    Raises:
        SellerOrdersError: The store refused something; all that it did not refuse is done.
    """

    def purge(seller_id: str) -> Deleted:
        return forget_seller(connection, seller_id, settings, reason="authorization_ended", requested_by=PURGE, now=now)

    return _each(connection, settings, purge, among=ended)


def ended_before_utc(settings: Settings, now_utc: datetime) -> datetime:
    """Return by when an authorization must have ended for everything personal to go this night."""
    return now_utc + NIGHT - timedelta(days=min(settings.personal_data_days, MOST_PERSONAL_DATA_DAYS))


def _require_no_file(files: Iterable[PersonalFile]) -> None:
    """Refuse to go on where something waits that only PERSONAL_DATA_KEY opens: an order is no whole page."""
    if any(file.window_id is not None for file in files):
        raise SettingsError(
            "Files of personal data wait for their load, and PERSONAL_DATA_KEY is not set here; nothing was deleted.",
            remedy="Say it again with the key that the tasks have. Where that is lost, any new key will do: files that"
            " it does not open are deleted whole.",
        )


def _take_out(file: PersonalFile, order_id: str, keys: PersonalFiles | None, root: str, touched: Touched) -> None:
    """Take an order out of a file."""
    if file.window_id is None or file.page is None:
        return _delete([file], touched)
    if keys is None:
        return _require_no_file([file])
    try:
        parts = keys.read(file)
    except UnreadableFileError as unreadable:
        log.warning("The file is deleted whole: %s", unreadable)
        return _delete([file], touched)
    if parts.pop(order_id, None) is not None:
        keys.write(root, file.window_id, file.page, parts, file.due_utc)
        touched.rewritten += bool(parts)
        touched.deleted += not parts
    return None


def _delete(files: Iterable[PersonalFile], touched: Touched) -> None:
    for file in list(files):
        touched.deleted += delete_files([file.url])


def _files(connection: Connection, seller_id: str, settings: Settings) -> Iterator[PersonalFile]:
    for root in _roots(connection, settings):
        yield from files_of(root, seller_id)


def _roots(connection: Connection, settings: Settings) -> set[str]:
    """RAW_URL, and what it was when pages landed that are still there."""
    rows = connection.execute(
        "SELECT DISTINCT split_part(page_url, '/orders/' || seller_id || '/', 1)"
        " FROM ops.landed_page JOIN ops.extraction_window USING (window_id)"
    ).fetchall()
    return {settings.raw_url} | {str(row[0]) for row in rows}


def _useless_files(
    connection: Connection, seller_id: str, settings: Settings, due_utc: datetime, *, is_wanted: bool
) -> list[PersonalFile]:
    """Tell which files are due, or belong to no window that waits for its load."""
    waiting = {
        window.window_id for window in windows.select(connection, "seller_id = %s AND state <> 'loaded'", seller_id)
    }
    return [
        file
        for file in _files(connection, seller_id, settings)
        if not is_wanted or file.window_id not in waiting or (file.due_utc and file.due_utc <= due_utc)
    ]


def _each(
    connection: Connection,
    settings: Settings,
    purge: Callable[[str], Deleted],
    among: Collection[str] | None = None,
) -> list[Deleted]:
    """Go through the sellers of whom there is anything; one whose files the store keeps from us stops no other."""
    rows = connection.execute(
        "SELECT seller_id FROM amazon_pii.buyers UNION SELECT seller_id FROM amazon_pii.recipients"
    ).fetchall()
    sellers, trouble, done = {str(row[0]) for row in rows}, list[SellerOrdersError](), list[Deleted]()
    try:
        sellers |= {seller_id for root in _roots(connection, settings) for seller_id in sellers_in(root)}
    except SellerOrdersError as refused:
        trouble.append(refused)
    for seller_id in sorted(sellers if among is None else sellers & set(among)):
        try:
            deleted = purge(seller_id)
        except SellerOrdersError as refused:
            trouble.append(refused)
            continue
        if deleted.deletion_no is not None:
            log.info("%s: deleted %s", seller_id, deleted)
            done.append(deleted)
    if trouble:
        raise trouble[0]
    return done


def _carry_out(
    connection: Connection,
    seller_id: str,
    treat_their_files: Callable[[Touched], None],
    *,
    reason: Reason,
    requested_by: str,
    now: Now,
    order_id: str | None = None,
    due_utc: datetime | None = None,
    is_asked: bool = True,
) -> Deleted:
    """Delete rows and files and write the protocol, as one; where the store refuses, rows and mark count all the same.

    Nobody sees the mark before the end, and nobody lands or loads before it either: both need the lock.
    """
    trouble, touched, number = None, Touched(), None
    with personal_data_lock(connection, seller_id), connection.transaction():
        if due_utc:
            note_expired_rows(connection, seller_id, due_utc)
        rows = delete_rows(connection, seller_id, order_id=order_id, due_utc=due_utc)
        try:
            treat_their_files(touched)
        except SellerOrdersError as refused:
            trouble = refused
        files = touched.deleted + touched.rewritten
        deleted_utc = now()
        if is_asked or files or any(rows.values()):
            counts = (rows["buyers"], rows["recipients"], files)
            row = connection.execute(
                "INSERT INTO ops.personal_data_deletion"
                " (seller_id, order_id, reason, requested_by, buyers, recipients, files, deleted_utc)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING deletion_no",
                (seller_id, order_id, reason, requested_by, *counts, deleted_utc),
            ).fetchone()
            number = cast("tuple[int]", row)[0]
    if trouble:
        raise trouble
    return Deleted(seller_id, number, rows["buyers"], rows["recipients"], files, deleted_utc, touched.rewritten)
