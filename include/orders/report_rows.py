"""Which reports are wanted, asked for, here and loaded: rows of `ops.report`, written here and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from include.errors import SellerOrdersError
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)
COLUMNS: Final = "report_no, seller_id, window_start_utc, window_end_utc, state, report_id, wanted_utc, document_url"


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One row; the columns say what they mean."""

    report_no: int
    seller_id: str
    window_start_utc: datetime
    window_end_utc: datetime
    state: str
    report_id: str | None
    wanted_utc: datetime
    document_url: str | None


def want(
    connection: Connection, seller_id: str, windows: Sequence[tuple[datetime, datetime]], *, now_utc: datetime
) -> None:
    """Note the windows of a plan, oldest first; one transaction."""
    with connection.transaction():
        for start_utc, end_utc in windows:
            connection.execute(
                "INSERT INTO ops.report (seller_id, window_start_utc, window_end_utc, wanted_utc)"
                " VALUES (%s, %s, %s, %s)",
                (seller_id, start_utc, end_utc, now_utc),
            )


def open_reports(connection: Connection, seller_id: str, *states: str) -> list[ReportRow]:
    """Return the reports in these states, the oldest window first; without states all that are not over."""
    wanted = list(states or ("wanted", "requested", "landed"))
    query = f"SELECT {COLUMNS} FROM ops.report WHERE seller_id = %s AND state = ANY(%s) ORDER BY report_no"  # noqa: S608
    rows: list[tuple[Any, ...]] = connection.execute(query, (seller_id, wanted)).fetchall()
    return [ReportRow(*row) for row in rows]


def note_requested(connection: Connection, report: ReportRow, report_id: str, *, now_utc: datetime) -> None:
    """Note that Amazon took it."""
    connection.execute(
        "UPDATE ops.report SET state = 'requested', report_id = %s, requested_utc = %s WHERE report_no = %s",
        (report_id, now_utc, report.report_no),
    )


def note_landed(connection: Connection, report: ReportRow, document_url: str | None, *, now_utc: datetime) -> None:
    """Note that its document is here; None where there is nothing to tell."""
    connection.execute(
        "UPDATE ops.report SET state = 'landed', document_url = %s, landed_utc = %s WHERE report_no = %s",
        (document_url, now_utc, report.report_no),
    )


def note_failed(connection: Connection, report: ReportRow, trouble: str) -> None:
    """Give it up: searchOrders reads its window, as it would have without it."""
    connection.execute(
        "UPDATE ops.report SET state = 'failed', trouble = %s WHERE report_no = %s", (trouble[:300], report.report_no)
    )


def give_up(connection: Connection, report: ReportRow, trouble: SellerOrdersError) -> None:
    """Note and log that it failed; nobody has to act."""
    log.warning("Report %d is given up, searchOrders reads its time instead: %s", report.report_no, trouble)
    note_failed(connection, report, str(trouble))


def give_up_all(connection: Connection, seller_id: str, trouble: str) -> None:
    """Give all of them up, loaded ones too: the watermark goes on with what searchOrders reads."""
    connection.execute(
        "UPDATE ops.report r SET state = 'failed', trouble = %s FROM ops.watermark w WHERE r.seller_id = %s"
        " AND w.seller_id = r.seller_id AND r.window_end_utc > w.complete_through_utc AND r.state <> 'failed'",
        (trouble[:300], seller_id),
    )
    connection.execute("UPDATE ops.watermark SET totals_through_utc = NULL WHERE seller_id = %s", (seller_id,))


def note_loaded(connection: Connection, report: ReportRow, orders: int, *, now_utc: datetime) -> None:
    """Note that its rows are in the tables, and how far totals reach; part of the caller's transaction."""
    connection.execute(
        "UPDATE ops.report SET state = 'loaded', orders = %s, loaded_utc = %s WHERE report_no = %s",
        (orders, now_utc, report.report_no),
    )
    # Only as far as every earlier window is loaded too.
    connection.execute(
        "UPDATE ops.watermark w SET totals_through_utc = %(end)s WHERE seller_id = %(seller)s"
        " AND coalesce(totals_through_utc, '-infinity') < %(end)s"
        " AND greatest(complete_through_utc, totals_through_utc) >= %(start)s",
        {"end": report.window_end_utc, "start": report.window_start_utc, "seller": report.seller_id},
    )


def told_through(connection: Connection, seller_id: str) -> datetime:
    """Return how far reports tell or have failed to, long ago where there was none: no window is asked for twice."""
    row = connection.execute(
        "SELECT coalesce(max(window_end_utc), 'epoch') FROM ops.report WHERE seller_id = %s", (seller_id,)
    ).fetchone()
    return cast("tuple[datetime]", row)[0]


def totals_through(connection: Connection, seller_id: str) -> datetime | None:
    """Return how far every order's totals are in the tables, None where no report was needed."""
    row = connection.execute(
        "SELECT totals_through_utc FROM ops.watermark WHERE seller_id = %s", (seller_id,)
    ).fetchone()
    return cast("tuple[datetime | None]", row)[0] if row else None
