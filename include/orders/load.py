"""Landed pages into the tables: newer or equal wins, an order's items go as a set, the watermark moves with them.

One transaction a window: a load that dies leaves the tables as they were, and doing it again changes nothing more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from include.errors import LoadError
from include.orders import windows
from include.orders.landing import read_page
from include.orders.records import Order, read_orders
from include.orders.transform import OrderItemRow, OrderRow, order_item_rows, order_row
from include.warehouse.connection import Connection, seller_lock

log = logging.getLogger(__name__)

STAGE = """
CREATE TEMP TABLE staged_order (LIKE amazon.orders INCLUDING DEFAULTS, staged_number bigint) ON COMMIT DROP;
CREATE TEMP TABLE staged_item (LIKE amazon.order_items INCLUDING DEFAULTS, staged_number bigint) ON COMMIT DROP;
"""
# One order can stand on several pages of a window; its newest state wins, of equal ones the page read last.
NEWEST = """
CREATE TEMP TABLE newest_order ON COMMIT DROP AS
SELECT DISTINCT ON (seller_id, order_id) * FROM staged_order
ORDER BY seller_id, order_id, last_updated_utc DESC, extracted_utc DESC, staged_number DESC
"""
UPSERT = """
WITH accepted AS (
    INSERT INTO amazon.orders ({columns}) SELECT {columns} FROM newest_order
    ON CONFLICT (seller_id, order_id) DO UPDATE SET {assignments}, loaded_utc = now()
    WHERE (excluded.last_updated_utc, excluded.extracted_utc) >= (orders.last_updated_utc, orders.extracted_utc)
    RETURNING seller_id, order_id
)
DELETE FROM newest_order n WHERE NOT EXISTS (
    SELECT FROM accepted a WHERE a.seller_id = n.seller_id AND a.order_id = n.order_id
)
"""
DROP_ITEMS = """
DELETE FROM amazon.order_items i USING newest_order n WHERE i.seller_id = n.seller_id AND i.order_id = n.order_id
"""
INSERT_ITEMS = """
INSERT INTO amazon.order_items ({columns}) SELECT {item_columns} FROM staged_item i JOIN newest_order n
USING (staged_number)
"""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load did.

    Attributes:
        orders: Orders written, new or newer than before.
        items: Their lines.
        complete_through_utc: The seller's watermark afterwards, None where nothing was ever loaded.
    """

    orders: int
    items: int
    complete_through_utc: datetime | None


def load_orders(connection: Connection, seller_id: str) -> LoadResult:
    """Load every window of the seller that waits, oldest first, each whole with its watermark.

    Raises:
        ContractError: A page is not as documented; nothing of its window is loaded.
        LoadError: The warehouse refuses the rows, or a landed page is gone.
        TransientError: Another run works on this seller.
    """
    orders = items = 0
    with seller_lock(connection, seller_id):
        for window in windows.windows_to_load(connection, seller_id):
            loaded = _load_window(connection, window)
            log.info("Loaded %d orders, %d items; complete through %s", *loaded, window.complete_through_utc)
            orders, items = orders + loaded[0], items + loaded[1]
        return LoadResult(orders, items, windows.complete_through_utc(connection, seller_id))


def _load_window(connection: Connection, window: windows.Window) -> tuple[int, int]:
    pages = windows.landed_pages(connection, window)
    try:
        with connection.transaction():
            connection.execute(STAGE)
            for number, url, extracted_utc in pages:
                _stage_page(connection, window.seller_id, number, _read_landed(url), extracted_utc)
            counts = _publish(connection)
            windows.mark_loaded(connection, window)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as refused:
        # The server's detail line can quote a row; its primary message and code do not.
        reason = refused.diag.message_primary or type(refused).__name__
        raise LoadError(
            f"The warehouse refused orders of {window.seller_id}, window {window.window_id}: {reason}.",
            remedy="The landed pages stay; mend the cause and clear load_orders.",
            code=refused.sqlstate or "",
        ) from None
    return counts


def _read_landed(url: str) -> list[Order]:
    return read_orders(read_page(url))


def _stage_page(
    connection: Connection, seller_id: str, page_number: int, orders: list[Order], extracted_utc: datetime
) -> None:
    numbered = [(page_number * 1_000_000 + index, order) for index, order in enumerate(orders)]
    _copy(
        connection,
        "staged_order",
        OrderRow._fields,
        ((*order_row(seller_id, order, extracted_utc), number) for number, order in numbered),
    )
    _copy(
        connection,
        "staged_item",
        OrderItemRow._fields,
        ((*row, number) for number, order in numbered for row in order_item_rows(seller_id, order, extracted_utc)),
    )


def _copy(connection: Connection, table: str, columns: Iterable[str], rows: Iterator[tuple[object, ...]]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), _columns([*columns, "staged_number"]))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _publish(connection: Connection) -> tuple[int, int]:
    keys = ("seller_id", "order_id")
    connection.execute(NEWEST)
    connection.execute(
        sql.SQL(UPSERT).format(
            columns=_columns(OrderRow._fields),
            assignments=sql.SQL(", ").join(
                sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
                for name in OrderRow._fields
                if name not in keys
            ),
        )
    )
    connection.execute(DROP_ITEMS)
    items = connection.execute(
        sql.SQL(INSERT_ITEMS).format(
            columns=_columns(OrderItemRow._fields),
            item_columns=sql.SQL(", ").join(sql.SQL("i.{}").format(sql.Identifier(n)) for n in OrderItemRow._fields),
        )
    ).rowcount
    row = connection.execute("SELECT count(*) FROM newest_order").fetchone()
    return int(str(row[0])) if row else 0, items


def _columns(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)
