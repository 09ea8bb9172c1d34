"""When a gap should be closed, and when it was: rows of `ops.catch_up`, written here and nowhere else."""

from __future__ import annotations

from datetime import datetime

from include.orders.catching_up import Plan
from include.warehouse.connection import Connection


def note_plan(
    connection: Connection, seller_id: str, gap: tuple[datetime, datetime], plan: Plan, *, now_utc: datetime
) -> None:
    """Note what a plan forecasts, where people would notice the wait; an open gap keeps its first forecast.

    One that reports are to close is another plan: it replaces what searchOrders alone was expected to do.
    """
    if not plan.is_worth_telling:
        return
    connection.execute(
        "INSERT INTO ops.catch_up AS known (seller_id, way, gap_start_utc, gap_end_utc, expected_orders, planned_utc,"
        " totals_expected_utc, detail_expected_utc) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (seller_id) WHERE detail_utc IS NULL DO UPDATE SET way = excluded.way,"
        " gap_end_utc = excluded.gap_end_utc, expected_orders = excluded.expected_orders,"
        " planned_utc = excluded.planned_utc, totals_expected_utc = excluded.totals_expected_utc,"
        " detail_expected_utc = excluded.detail_expected_utc, totals_utc = NULL"
        " WHERE excluded.way = 'report'",
        (
            seller_id,
            plan.way,
            *gap,
            plan.expected_orders,
            now_utc,
            now_utc + plan.totals_in,
            now_utc + plan.detail_in,
        ),
    )


def note_outcome(connection: Connection, seller_id: str, now_utc: datetime) -> None:
    """Note how far a gap is closed by what the watermark says now; a second call changes nothing."""
    connection.execute(
        "UPDATE ops.catch_up c SET"
        " totals_utc = coalesce(c.totals_utc, CASE WHEN greatest(w.totals_through_utc, w.complete_through_utc)"
        " >= c.gap_end_utc THEN %(now)s::timestamptz END),"
        " detail_utc = CASE WHEN w.complete_through_utc >= c.gap_end_utc THEN %(now)s::timestamptz END"
        " FROM ops.watermark w WHERE w.seller_id = c.seller_id AND c.seller_id = %(seller)s AND c.detail_utc IS NULL",
        {"now": now_utc, "seller": seller_id},
    )
