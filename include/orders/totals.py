"""From a landed report to rows: every order's totals, never over a fuller or newer row; what is missing is listed."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

from include.clock import Now, format_utc
from include.errors import ContractError, LoadError
from include.log_context import of_window
from include.orders import report_rows
from include.orders.flat_file import AMOUNTS, ReportedOrder, read_flat_file
from include.orders.landing import open_page
from include.orders.report_rows import ReportRow
from include.sellers.registry import Seller
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)
ORDERS: Final = (
    "seller_id, order_id, created_utc, last_updated_utc, fulfillment_status, marketplace_id, marketplace_name,"
    " programs, grand_total_amount, currency_code, extracted_utc, landed_page, detail"
)
LINES: Final = (
    "seller_id, order_id, order_item_id, item_number, asin, seller_sku, title, programs, quantity_ordered,"
    f" proceeds_total_amount, currency_code, {', '.join(AMOUNTS)}, extracted_utc"
)


def load_reports(connection: Connection, seller: Seller, now: Now) -> int:
    """Load every landed report, each whole in one transaction; the caller holds the seller's lock.

    One that cannot be read is given up: searchOrders reads its window, as it would have without it.

    Returns:
        Orders written.
    """
    written = 0
    for report in report_rows.open_reports(connection, seller.seller_id, "landed"):
        with of_window(report):
            try:
                with connection.transaction():
                    told, new = _load(connection, seller, report, now)
            except (ContractError, LoadError) as unreadable:
                # Of a page that is gone somebody has to put it back; of a report nobody.
                unreadable.remedy = ""
                report_rows.give_up(connection, report, unreadable)
                continue
            log.info("Report %d: %d orders, %d of them new to the tables", report.report_no, told, new)
        written += new
    return written


def forget_fetched(connection: Connection, seller_id: str) -> None:
    """Take off the list whatever is in the tables in full by now; the caller holds the seller's lock."""
    connection.execute(
        "DELETE FROM ops.order_to_fetch f USING amazon.orders o WHERE f.seller_id = %s AND o.seller_id = f.seller_id"
        " AND o.order_id = f.order_id AND o.detail = 'full' AND o.last_updated_utc >= f.last_updated_utc",
        (seller_id,),
    )


def _load(connection: Connection, seller: Seller, report: ReportRow, now: Now) -> tuple[int, int]:
    """Returns how many orders it told of, and how many of these are new."""
    told, new = 0, 0
    if report.document_url:
        for orders in read_flat_file(open_page(report.document_url), seller.region):
            told += len(orders)
            new += _publish(connection, seller, report, orders, now())
    report_rows.note_loaded(connection, report, told, now_utc=now())
    return told, new


def _publish(
    connection: Connection, seller: Seller, report: ReportRow, orders: list[ReportedOrder], now_utc: datetime
) -> int:
    """Write what is new or newer than an earlier report's; list what the tables do not hold in full."""
    present = _present(connection, seller.seller_id, [order.order_id for order in orders])
    missing = [o for o in orders if o.order_id not in present or not _is_full(present[o.order_id], o)]
    written = [o for o in missing if o.order_id not in present or _may_replace(present[o.order_id], o)]
    replaced = [order.order_id for order in written if order.order_id in present]
    if replaced:
        connection.execute(
            "DELETE FROM amazon.orders WHERE seller_id = %s AND order_id = ANY(%s)", (seller.seller_id, replaced)
        )
    places = {m.name.lower(): m.marketplace_id for m in seller.marketplaces}
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY amazon.orders ({ORDERS}) FROM STDIN") as copy:
            for order in written:
                copy.write_row(_order_row(seller.seller_id, report, order, places, now_utc))
        with cursor.copy(f"COPY amazon.order_items ({LINES}) FROM STDIN") as copy:
            for order in written:
                for number, line in enumerate(order.lines, 1):
                    head = (seller.seller_id, order.order_id, f"line {number}", number)
                    what = (line.asin, line.seller_sku, line.title, "{}", line.quantity)
                    money = (line.total_amount, order.currency_code, *line.amounts)
                    copy.write_row((*head, *what, *money, format_utc(now_utc)))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ops.order_to_fetch AS f (seller_id, order_id, last_updated_utc) VALUES (%s, %s, %s)"
            " ON CONFLICT (seller_id, order_id) DO UPDATE SET"
            " last_updated_utc = greatest(f.last_updated_utc, excluded.last_updated_utc), is_refused = false",
            [(seller.seller_id, order.order_id, order.last_updated_utc) for order in missing],
        )
    return len(written)


def _present(connection: Connection, seller_id: str, order_ids: list[str]) -> dict[str, tuple[str, datetime]]:
    rows = connection.execute(
        "SELECT order_id, detail, last_updated_utc FROM amazon.orders WHERE seller_id = %s AND order_id = ANY(%s)",
        (seller_id, order_ids),
    ).fetchall()
    return {str(row[0]): (str(row[1]), row[2]) for row in rows}  # type: ignore[misc]


def _is_full(present: tuple[str, datetime], order: ReportedOrder) -> bool:
    return present[0] == "full" and present[1] >= order.last_updated_utc


def _may_replace(present: tuple[str, datetime], order: ReportedOrder) -> bool:
    """A report's row replaces an older report's, and nothing else."""
    return present[0] == "report" and present[1] <= order.last_updated_utc


def _order_row(
    seller_id: str, report: ReportRow, order: ReportedOrder, places: dict[str, str], now_utc: datetime
) -> tuple[object, ...]:
    return (
        seller_id,
        order.order_id,
        order.created_utc,
        order.last_updated_utc,
        order.status,
        places.get((order.marketplace_name or "").lower()),
        order.marketplace_name,
        "{}",
        order.total_amount,
        order.currency_code,
        now_utc,
        f"report/{report.report_no}",
        "report",
    )
