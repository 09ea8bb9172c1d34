"""Details of orders that a report tells of, fetched one by one: getOrder has a bucket of its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Final, cast

from include.clock import Now
from include.errors import AccessDeniedError, ContractError, NotYetError
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
# Where more of a list are refused it is not the orders' fault.
MOST_REFUSED: Final = 20


def fetch_details(
    connection: Connection, client: SellingPartnerClient, seller: Seller, settings: Settings, now: Now
) -> int:
    """Fetch as many listed orders as the bucket pays for, the newest first, and land them as one page.

    What Amazon refuses is asked once more when all others are here: the newest may only be late. A few that it refuses
    then as well stay as the report told them.

    Returns:
        How many are still on the list.

    Raises:
        ContractError: Amazon shows too few of the listed orders for them to be at fault, or answers what it does not
            document.
        SellerOrdersError: As `SellingPartnerClient.get` says; what was fetched before has landed.
    """
    seller_id = seller.seller_id
    wanted = _wanted(connection, seller_id, int(client.quota_left(GET_ORDER)))
    is_last_try = bool(wanted) and all(is_refused for _, _, is_refused in wanted)
    found: list[tuple[str, bytes, datetime]] = []
    try:
        for order_id, last_updated_utc, _ in wanted:
            body, refusal = _ask(client, order_id, included_data(seller, settings))
            if body is not None:
                found.append((order_id, body, last_updated_utc))
            elif is_last_try and (found or _was_served(connection, seller_id)):
                log.warning("Amazon does not show order %s; it stays as the report told it", order_id)
                _take_off(connection, seller_id, [order_id])
            elif is_last_try or _note_refused(connection, seller_id, order_id) > MOST_REFUSED:
                raise ContractError(f"getOrder does not show what a report told of: {refusal}")
    except NotYetError:
        # The bucket held less than it seemed.
        pass
    finally:
        if found:
            _land(connection, seller, settings, found, now)
    return still_wanted(connection, seller_id)


def _ask(client: SellingPartnerClient, order_id: str, included: Sequence[str]) -> tuple[bytes | None, str]:
    """The order, or None and why Amazon refuses it."""
    try:
        return get_order(client, order_id, included), "it does not know it."
    except AccessDeniedError as denied:
        return None, str(denied)
    except ContractError as refused:
        if refused.code != REFUSED_INPUT:
            raise
        return None, str(refused)


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


def _wanted(connection: Connection, seller_id: str, calls: int) -> list[tuple[str, datetime, bool]]:
    rows = connection.execute(
        "SELECT order_id, last_updated_utc, is_refused FROM ops.order_to_fetch WHERE seller_id = %s"
        " ORDER BY is_refused, last_updated_utc DESC, order_id LIMIT %s",
        (seller_id, max(0, calls)),
    ).fetchall()
    wanted = cast("list[tuple[str, datetime, bool]]", rows)
    # The refused come alone, after all others.
    return [row for row in wanted if row[2] == wanted[0][2]]


def _note_refused(connection: Connection, seller_id: str, order_id: str) -> int:
    """Note one more; returns how many there are."""
    connection.execute(
        "UPDATE ops.order_to_fetch SET is_refused = true WHERE seller_id = %s AND order_id = %s", (seller_id, order_id)
    )
    row = connection.execute(
        "SELECT count(*) FROM ops.order_to_fetch WHERE seller_id = %s AND is_refused", (seller_id,)
    ).fetchone()
    return cast("tuple[int]", row)[0]


def _was_served(connection: Connection, seller_id: str) -> bool:
    """Whether getOrder has shown any order since the last report was loaded."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM ops.extraction_window WHERE seller_id = %(seller)s AND purpose = 'detail'"
        " AND opened_utc >= (SELECT max(loaded_utc) FROM ops.report WHERE seller_id = %(seller)s))",
        {"seller": seller_id},
    ).fetchone()
    return cast("tuple[bool]", row)[0]


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
        report_rows.give_up_all(connection, seller_id, reason)


def _take_off(connection: Connection, seller_id: str, order_ids: list[str]) -> None:
    connection.execute(
        "DELETE FROM ops.order_to_fetch WHERE seller_id = %s AND order_id = ANY(%s)", (seller_id, order_ids)
    )
