"""Details of orders that a report tells of, fetched one by one: getOrder has a bucket of its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Final, cast

from include.clock import Now
from include.errors import AccessDeniedError, ContractError, NotYetError, SellerOrdersError
from include.orders import report_rows, windows
from include.orders.landing import page_url, write_page
from include.orders.personal_data import remove_personal_data
from include.orders.personal_load import land_personal_data
from include.orders.personal_parts import included_data
from include.orders.personal_tables import personal_data_lock
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.client import SellingPartnerClient
from include.spapi.operations import GET_ORDER
from include.spapi.orders import REFUSED_INPUT, get_order
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)
# A visit costs a process, so it comes back for many; before the bucket is full, because an overflow is time lost.
WORTH_A_VISIT: Final = round(0.8 * GET_ORDER.burst)
# More refusals in one visit tell nothing new.
NO_ACCIDENT: Final = 20


def fetch_details(
    connection: Connection, client: SellingPartnerClient, seller: Seller, settings: Settings, now: Now
) -> int:
    """Fetch as many listed orders as the bucket pays for, the newest first, and land them as one page.

    One that Amazon refuses while it shows others stays as the report told it.

    Returns:
        How many are still on the list.

    Raises:
        ContractError: Amazon takes none of the listed orders, or answers what it does not document.
        AccessDeniedError: Amazon shows this seller none of them.
        SellerOrdersError: As `SellingPartnerClient.get` says; what was fetched before has landed.
    """
    visit = _Visit(client, included_data(seller, settings))
    try:
        visit.fetch(_wanted(connection, seller.seller_id, int(client.quota_left(GET_ORDER))))
        if visit.refused and not visit.found:
            visit.fetch_proof(_oldest(connection, seller.seller_id, but=list(visit.refused)))
    except NotYetError:
        # The bucket held less than it seemed.
        pass
    finally:
        if visit.found:
            _land(connection, seller, settings, visit.found, now)
    if visit.refused and visit.is_proven:
        log.warning("Amazon does not show %s; they stay as the report told them", ", ".join(visit.refused))
        _take_off(connection, seller.seller_id, list(visit.refused))
    return still_wanted(connection, seller.seller_id)


class _Visit:
    """What getOrder showed this time, and what it refused: with an error, or None where it knows no such order."""

    def __init__(self, client: SellingPartnerClient, included: Sequence[str]) -> None:
        self._client = client
        self._included = included
        self.found: list[tuple[str, bytes, datetime]] = []
        self.refused: dict[str, SellerOrdersError | None] = {}
        self.is_proven = False

    def fetch(self, wanted: Sequence[tuple[str, datetime]]) -> None:
        """Ask for one after the other; a seller who is denied, or many refusals, end it."""
        for order_id, last_updated_utc in wanted:
            self._ask(order_id, last_updated_utc)
            if len(self.refused) >= NO_ACCIDENT or isinstance(self.refused.get(order_id), AccessDeniedError):
                break
        self.is_proven = bool(self.found)

    def fetch_proof(self, oldest: tuple[str, datetime] | None) -> None:
        """Where all were refused another order tells whether it was their fault; the newest may only be late."""
        if oldest:
            self._ask(*oldest)
        elif not any(self.refused.values()):
            # Amazon says of every listed order that it does not know it.
            self.is_proven = True
            return
        if not self.found:
            raise next(filter(None, self.refused.values()), None) or ContractError("getOrder knows none of the orders.")
        self.is_proven = True

    def _ask(self, order_id: str, last_updated_utc: datetime) -> None:
        try:
            body = get_order(self._client, order_id, self._included)
        except (ContractError, AccessDeniedError) as refusal:
            if isinstance(refusal, ContractError) and refusal.code != REFUSED_INPUT:
                raise
            self.refused[order_id] = refusal
            return
        if body is None:
            self.refused[order_id] = None
        else:
            self.found.append((order_id, body, last_updated_utc))


def still_wanted(connection: Connection, seller_id: str) -> int:
    """Count the orders on the list."""
    row = connection.execute("SELECT count(*) FROM ops.order_to_fetch WHERE seller_id = %s", (seller_id,)).fetchone()
    return cast("tuple[int]", row)[0]


def waiting_pages(connection: Connection, seller_id: str) -> int:
    """Count the pages of details that have landed and wait for their load."""
    row = connection.execute(
        "SELECT count(*) FROM ops.extraction_window"
        " WHERE seller_id = %s AND purpose = 'detail' AND state = 'extracted'",
        (seller_id,),
    ).fetchone()
    return cast("tuple[int]", row)[0]


def _wanted(connection: Connection, seller_id: str, calls: int) -> list[tuple[str, datetime]]:
    rows = connection.execute(
        "SELECT order_id, last_updated_utc FROM ops.order_to_fetch WHERE seller_id = %s"
        " ORDER BY last_updated_utc DESC, order_id LIMIT %s",
        (seller_id, max(0, calls)),
    ).fetchall()
    return cast("list[tuple[str, datetime]]", rows)


def _oldest(connection: Connection, seller_id: str, *, but: list[str]) -> tuple[str, datetime] | None:
    row = connection.execute(
        "SELECT order_id, last_updated_utc FROM ops.order_to_fetch WHERE seller_id = %s AND NOT order_id = ANY(%s)"
        " ORDER BY last_updated_utc, order_id LIMIT 1",
        (seller_id, but),
    ).fetchone()
    return cast("tuple[str, datetime] | None", row)


def _land(
    connection: Connection, seller: Seller, settings: Settings, found: Sequence[tuple[str, bytes, datetime]], now: Now
) -> None:
    updates = [last_updated_utc for _, _, last_updated_utc in found]
    whole = b'{"orders":[' + b",".join(body for _, body, _ in found) + b"]}"
    body = remove_personal_data(whole)
    # The purge must not take the file of a window that it cannot see yet for a useless one.
    undisturbed = personal_data_lock(connection, seller.seller_id) if seller.personal_data else nullcontext()
    with undisturbed, connection.transaction():
        window = windows.record_details(connection, seller, settings, (min(updates), max(updates)), now())
        url = page_url(settings.raw_url, seller.seller_id, window, 1)
        land_personal_data(connection, seller, settings, window_id=window.window_id, page=1, body=whole, now_utc=now())
        write_page(url, body)
        windows.record_page(
            connection,
            window,
            page_url=url,
            orders=len(found),
            next_token=None,
            replied_bound_utc=None,
            extracted_utc=now(),
        )
        _take_off(connection, seller.seller_id, [order_id for order_id, _, _ in found])


def give_up_details(connection: Connection, seller_id: str, reason: str) -> None:
    """Leave everything that is not in full to searchOrders: no list, and no report that it would be measured by."""
    with connection.transaction():
        connection.execute("DELETE FROM ops.order_to_fetch WHERE seller_id = %s", (seller_id,))
        report_rows.give_up(connection, seller_id, reason)


def _take_off(connection: Connection, seller_id: str, order_ids: list[str]) -> None:
    connection.execute(
        "DELETE FROM ops.order_to_fetch WHERE seller_id = %s AND order_id = ANY(%s)", (seller_id, order_ids)
    )
