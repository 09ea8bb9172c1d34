"""A seller's encrypted files in every store that pages ever landed in, and what a deletion makes of them.

A store that refuses keeps no other from its turn: what it says is noted, and told when all have had theirs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from cryptography.fernet import MultiFernet

from include.errors import SellerOrdersError, UnreadableFileError
from include.orders import store
from include.orders.personal_due import Term
from include.orders.personal_files import PersonalFile, PersonalFiles, files_of
from include.settings import Settings
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)


class WaitingFiles:
    """A seller's files, to be deleted or written anew.

    Args:
        seller_id: Whose.
        roots: Where some may lie, see `roots_of`.
        keys: Those of PERSONAL_DATA_KEY; without any no file can be opened.

    Attributes:
        deleted: How many were deleted whole so far, also where a store refused the next one.
        rewritten: How many were written anew so far.
        refused: What stores refused so far.
    """

    def __init__(self, seller_id: str, roots: Collection[str], keys: MultiFernet | None = None) -> None:
        self.seller_id = seller_id
        self.deleted = 0
        self.rewritten = 0
        self.refused: list[SellerOrdersError] = []
        self._roots = roots
        self._door = PersonalFiles(seller_id, keys) if keys else None

    def each(self, treat: Callable[[PersonalFile], object]) -> None:
        """Treat every file, store by store; a refusal ends that store's turn and no other's."""
        for root in sorted(self._roots):
            with noted(self.refused):
                for file in list(files_of(root, self.seller_id)):
                    treat(file)

    def is_any_seen(self) -> bool:
        """Tell whether a page's file lies in a store that answers; what the others refuse is told in their turn."""
        seen: list[PersonalFile] = []
        WaitingFiles(self.seller_id, self._roots).each(seen.append)
        return any(file.window_id is not None for file in seen)

    def delete(self, file: PersonalFile) -> None:
        """Delete a file whole. Raises as `include.orders.store.write` does."""
        store.delete(file.url)
        self.deleted += 1

    def take_out(self, file: PersonalFile, goes: Callable[[str, Term], bool]) -> dict[str, Term]:
        """Write a file anew without some of its orders; delete it where none is left, or where no key opens it.

        Args:
            file: The file; half written it is deleted too.
            goes: Tells by its id and its term whether an order goes.

        Returns:
            The terms of the orders that went; none of those in a file that was not opened.

        Raises:
            SellerOrdersError: The store refused it, as `include.orders.store.write` says.
        """
        if file.window_id is None or file.page is None or self._door is None:
            self.delete(file)
            return {}
        try:
            parts = self._door.read(file)
        except UnreadableFileError as unreadable:
            log.warning("The file is deleted whole: %s", unreadable)
            self.delete(file)
            return {}
        gone = {order_id: landed.term for order_id, landed in parts.items() if goes(order_id, landed.term)}
        if gone:
            left = {order_id: landed for order_id, landed in parts.items() if order_id not in gone}
            if self._door.write(file.root, file.window_id, file.page, left) != file.url:
                store.delete(file.url)
            self.rewritten += bool(left)
            self.deleted += not left
        return gone


def roots_of(connection: Connection, settings: Settings) -> set[str]:
    """Return RAW_URL, and what it was when pages landed that are still there."""
    rows = connection.execute(
        "SELECT DISTINCT split_part(page_url, '/orders/' || seller_id || '/', 1)"
        " FROM ops.landed_page JOIN ops.extraction_window USING (window_id)"
    ).fetchall()
    return {settings.raw_url} | {str(row[0]) for row in rows}


@contextmanager
def noted(refused: list[SellerOrdersError]) -> Iterator[None]:
    """Note what a store refuses, and let the caller go on with the next."""
    try:
        yield
    except SellerOrdersError as problem:
        refused.append(problem)


def tell(refused: Sequence[SellerOrdersError]) -> None:
    """Raise the first of the refusals, where there is one, and log the others."""
    for other in refused[1:]:
        log.warning("%s", other)
    if refused:
        raise refused[0]
