"""The tables of personal data, and the marks and the lock that keep what was forgotten from coming back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from psycopg import sql
from psycopg.pq import TransactionStatus

from include.orders.personal_due import Term
from include.orders.personal_rows import BuyerRow, RecipientRow
from include.orders.records import Order
from include.warehouse.connection import Connection

TABLES: Final = {"buyers": BuyerRow._fields, "recipients": RecipientRow._fields}
KEY: Final = ("seller_id", "order_id")
# How long rows stay is moved for every new state of an order, whether or not it names a person.
MOVED: Final = ("delivered_utc", "delete_after_utc")


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What must not come back of a seller.

    Attributes:
        placed_until_utc: Orders placed up to here; None for no such bound.
        order_ids: Single orders: forgotten by hand, or delivered and due before.
    """

    placed_until_utc: datetime | None
    order_ids: frozenset[str]

    def covers(self, order: Order) -> bool:
        """Tell whether an order's personal data were forgotten, or had their time."""
        bound = self.placed_until_utc
        return order.order_id in self.order_ids or (bound is not None and order.created_time <= bound)


@contextmanager
def personal_data_lock(connection: Connection, seller_id: str) -> Iterator[None]:
    """Hold a seller's personal data, waiting for whoever holds them: nobody writes what another just deletes.

    Held for a page or one load, unlike `warehouse.connection.seller_lock`, which a run may hold for hours.
    """
    key = f"seller_orders/personal/{seller_id}"
    connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (key,))
    try:
        yield
    finally:
        # In a transaction that has failed nothing more is taken; the lock goes with the connection then.
        if not connection.closed and connection.info.transaction_status is not TransactionStatus.INERROR:
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (key,))


def read_forgotten(connection: Connection, seller_id: str, order_ids: Iterable[str]) -> Forgotten:
    """Return what of some orders must not come back; to be read under the lock."""
    rows = connection.execute(
        "SELECT order_id, max(deleted_utc) FROM ops.personal_data_deletion WHERE seller_id = %(seller)s"
        " AND reason = 'forget' AND (order_id IS NULL OR order_id = ANY(%(orders)s)) GROUP BY order_id"
        " UNION ALL SELECT order_id, expired_utc FROM ops.personal_data_expired WHERE seller_id = %(seller)s"
        " AND order_id = ANY(%(orders)s)",
        {"seller": seller_id, "orders": list(order_ids)},
    ).fetchall()
    marks = dict(cast("list[tuple[str | None, datetime]]", rows))
    return Forgotten(marks.get(None), frozenset(order_id for order_id in marks if order_id))


def note_expired(connection: Connection, seller_id: str, order_ids: Iterable[str]) -> None:
    """Note delivered orders whose personal data had their time, so that no later change brings them back."""
    connection.execute(
        "INSERT INTO ops.personal_data_expired (seller_id, order_id) SELECT %s, unnest(%s::text[])"
        " ON CONFLICT DO NOTHING",
        (seller_id, list(order_ids)),
    )


def note_expired_rows(connection: Connection, seller_id: str, due_utc: datetime) -> None:
    """Note the delivered ones of a seller's rows that are due by an instant, which are about to be deleted.

    One that is not delivered may be promised for later, and its buyer is then needed again.
    """
    for table in TABLES:
        connection.execute(
            sql.SQL(
                "INSERT INTO ops.personal_data_expired (seller_id, order_id) SELECT seller_id, order_id"
                " FROM amazon_pii.{} WHERE seller_id = %s AND delete_after_utc <= %s AND delivered_utc IS NOT NULL"
                " ON CONFLICT DO NOTHING"
            ).format(sql.Identifier(table)),
            (seller_id, due_utc),
        )


def has_rows(connection: Connection, seller_id: str) -> bool:
    """Tell whether any personal data of a seller are in the tables."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM amazon_pii.buyers WHERE seller_id = %(seller)s)"
        " OR EXISTS (SELECT FROM amazon_pii.recipients WHERE seller_id = %(seller)s)",
        {"seller": seller_id},
    ).fetchone()
    return bool(row and row[0])


def move_terms(connection: Connection, seller_id: str, terms: Mapping[str, Term]) -> None:
    """Let orders' rows stay as long as the orders' present states say; a delivery once seen moves only back."""
    places = [list(terms), [t.delivered_utc for t in terms.values()], [t.delete_after_utc for t in terms.values()]]
    for table in TABLES:
        connection.execute(
            sql.SQL(
                "UPDATE amazon_pii.{} t SET delivered_utc = least(t.delivered_utc, n.delivered_utc),"
                " delete_after_utc = CASE WHEN t.delivered_utc IS NULL THEN n.delete_after_utc"
                " ELSE least(t.delete_after_utc, n.delete_after_utc) END"
                " FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[])"
                " AS n (order_id, delivered_utc, delete_after_utc)"
                " WHERE t.seller_id = %s AND t.order_id = n.order_id"
            ).format(sql.Identifier(table)),
            (*places, seller_id),
        )


def upsert(connection: Connection, table: str, rows: Sequence[BuyerRow] | Sequence[RecipientRow]) -> None:
    """Write rows, newer or equal wins; part of the caller's transaction."""
    columns = TABLES[table]
    with connection.cursor() as cursor:
        cursor.executemany(
            sql.SQL(
                "INSERT INTO amazon_pii.{table} AS t ({columns}) VALUES ({values}) ON CONFLICT (seller_id, order_id)"
                " DO UPDATE SET loaded_utc = now(), {changes}"
                " WHERE (excluded.last_updated_utc, excluded.extracted_utc) >= (t.last_updated_utc, t.extracted_utc)"
            ).format(
                table=sql.Identifier(table),
                columns=_names(columns),
                values=sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
                changes=sql.SQL(", ").join(
                    sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column))
                    for column in columns
                    if column not in (*KEY, *MOVED)
                ),
            ),
            rows,
        )


def delete_rows(
    connection: Connection, seller_id: str, *, order_id: str | None = None, due_utc: datetime | None = None
) -> dict[str, int]:
    """Delete a seller's rows: all, those of one order, or those due by an instant; returns how many by table."""
    which = {"seller": seller_id, "order": order_id, "due": due_utc}
    return {
        table: connection.execute(
            sql.SQL(
                "DELETE FROM amazon_pii.{} WHERE seller_id = %(seller)s"
                " AND (%(order)s::text IS NULL OR order_id = %(order)s)"
                " AND (%(due)s::timestamptz IS NULL OR delete_after_utc <= %(due)s)"
            ).format(sql.Identifier(table)),
            which,
        ).rowcount
        for table in TABLES
    }


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
