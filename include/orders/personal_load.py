"""What happens to personal data on their way: landed beside a page, then loaded in the transaction of their orders."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from include.clock import Now
from include.errors import SellerOrdersError
from include.orders.landing import root_of
from include.orders.personal_due import is_kept, term_of
from include.orders.personal_files import PersonalFile, PersonalFiles, delete_files, files_of, personal_files
from include.orders.personal_parts import LandedPart, PersonalPart, personal_parts
from include.orders.personal_rows import BuyerRow, RecipientRow, buyer_row, recipient_row
from include.orders.personal_tables import (
    has_rows,
    move_terms,
    note_expired,
    personal_data_lock,
    read_forgotten,
    upsert,
)
from include.orders.records import Order
from include.orders.windows import Window
from include.sellers.registry import Seller
from include.settings import Settings
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)

ReadPart = tuple[Order, datetime, PersonalPart | None]


def land_personal_data(
    connection: Connection,
    seller: Seller,
    settings: Settings,
    *,
    window_id: int,
    page: int,
    body: bytes,
    now_utc: datetime,
) -> None:
    """Land the personal part of a page as a file of its own; for a seller without `personal_data: yes`, nothing.

    What is due before the coming night is over, or was forgotten, is not written.

    Raises:
        SettingsError: PERSONAL_DATA_KEY is absent or no key.
        SellerOrdersError: The store refused it, as `include.orders.store.write` says.
    """
    files = personal_files(seller, settings)
    if files is None:
        return
    with personal_data_lock(connection, seller.seller_id):
        told = list(personal_parts(body))
        forgotten = read_forgotten(connection, seller.seller_id, (order.order_id for order, _ in told))
        parts: dict[str, LandedPart] = {}
        expired: list[str] = []
        for order, part in told:
            term = term_of(order, settings.personal_data_days)
            if not is_kept(term.delete_after_utc, now_utc):
                expired += [order.order_id] if term.delivered_utc else []
            elif not forgotten.covers(order):
                parts[order.order_id] = LandedPart(part, term)
        note_expired(connection, seller.seller_id, expired)
        files.write(settings.raw_url, window_id, page, parts)


def delete_earlier_tries(connection: Connection, seller: Seller, settings: Settings, window: Window) -> None:
    """Delete what an earlier try left beside pages that are still to be read; once before a window is read on.

    Raises:
        SellerOrdersError: The store refused it, as `include.orders.store.write` says.
    """
    if not seller.personal_data:
        return
    with personal_data_lock(connection, seller.seller_id):
        files = files_of(settings.raw_url, seller.seller_id)
        of_window = [file for file in files if file.window_id == window.window_id]
        delete_files(file.url for file in of_window if file.page and file.page > window.pages)


class PersonalLoad:
    """The personal data of one seller, while its windows load.

    Args:
        connection: The warehouse.
        seller: Whose.
        settings: How long they stay, and the key.
        files: The door to what has landed; None where the seller's personal data are not wanted any more.
        now: Tells the time.
    """

    def __init__(
        self, connection: Connection, seller: Seller, settings: Settings, files: PersonalFiles | None, now: Now
    ) -> None:
        self._connection = connection
        self._seller_id = seller.seller_id
        self._days = settings.personal_data_days
        self._files = files
        self._now = now

    def files_beside(self, window: Window, page_urls: Mapping[int, str]) -> dict[int, list[PersonalFile]]:
        """List a window's files once for all its pages, to be called under the lock that its load holds.

        Args:
            window: The window.
            page_urls: Where its pages lie, by number.

        Returns:
            The files by the number of their page; none where they are not wanted.
        """
        beside: dict[int, list[PersonalFile]] = {}
        roots = {number: root_of(url, self._seller_id) for number, url in page_urls.items()} if self._files else {}
        for root in set(roots.values()):
            for file in files_of(root, self._seller_id):
                if file.window_id == window.window_id and file.page and roots.get(file.page) == root:
                    beside.setdefault(file.page, []).append(file)
        return beside

    def parts_of(self, files: Iterable[PersonalFile]) -> dict[str, PersonalPart]:
        """Return what landed beside a page, by order id.

        Raises:
            UnreadableFileError: No key opens it.
        """
        if self._files is None:
            return {}
        found: dict[str, LandedPart] = {}
        for file in files:
            found |= self._files.read(file)
        return {order_id: landed.part for order_id, landed in found.items()}

    def publish(self, accepted: Iterable[ReadPart]) -> None:
        """Write the rows of orders that were just written, and move the terms of rows that are there."""
        read = list(accepted)
        terms = {o.order_id: term_of(o, self._days) for o, _, _ in read}
        move_terms(self._connection, self._seller_id, terms)
        forgotten = read_forgotten(self._connection, self._seller_id, terms)
        expired: list[str] = []
        buyers: list[BuyerRow] = []
        recipients: list[RecipientRow] = []
        for order, extracted_utc, part in read:
            term = terms[order.order_id]
            if part is None or forgotten.covers(order):
                continue
            if not is_kept(term.delete_after_utc, self._now()):
                expired += [order.order_id] if term.delivered_utc else []
                continue
            try:
                buyer = buyer_row(self._seller_id, order, part, extracted_utc, term)
                recipient = recipient_row(self._seller_id, order, part, extracted_utc, term)
            except msgspec.ValidationError as problem:
                log.warning("Buyer and recipient of order %s cannot be read: %s", order.order_id, problem)
                continue
            buyers += [buyer] if buyer else []
            recipients += [recipient] if recipient else []
        note_expired(self._connection, self._seller_id, expired)
        upsert(self._connection, "buyers", buyers)
        upsert(self._connection, "recipients", recipients)

    def delete_files(self, window: Window, page_urls: Sequence[str]) -> None:
        """Delete what landed beside a loaded window; a store that refuses is a warning, the purge tries again."""
        for root in {root_of(url, self._seller_id) for url in page_urls}:
            try:
                files = files_of(root, self._seller_id)
                delete_files(file.url for file in files if file.window_id == window.window_id)
            except SellerOrdersError as refused:
                log.warning("Personal files of window %d stay until the purge: %s", window.window_id, refused)


def open_personal_load(connection: Connection, seller: Seller, settings: Settings, now: Now) -> PersonalLoad | None:
    """Return what a load needs for a seller's personal data, None where there are none and none are wanted.

    Raises:
        SettingsError: They are wanted, and PERSONAL_DATA_KEY is absent or no key.
    """
    files = personal_files(seller, settings)
    if files is None and not has_rows(connection, seller.seller_id):
        return None
    return PersonalLoad(connection, seller, settings, files, now)
