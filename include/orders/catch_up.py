"""A large gap, caught up: reports asked for and fetched while searchOrders reads, then details from both ends.

searchOrders goes on from the watermark, oldest first, as every night; getOrder takes what reports told of, newest
first. Where they meet the gap is closed. A report that Amazon does not make costs nothing: searchOrders reads its
window anyway.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from include.clock import Now
from include.errors import AccessDeniedError, ContractError, NotYetError, TransientError
from include.log_context import of_stretch, of_window
from include.orders import progress, report_rows, windows
from include.orders.catching_up import Plan, plan
from include.orders.details import WORTH_A_VISIT, fetch_details, give_up_details, still_wanted, waiting_pages
from include.orders.flat_file import OVER_RANGE, without_personal_columns
from include.orders.forecasts import note_plan
from include.orders.landing import report_url, write_lines
from include.orders.planning import newest_end
from include.orders.report_rows import ReportRow
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.client import SellingPartnerClient
from include.spapi.operations import CREATE_REPORT, GET_ORDER, SEARCH_ORDERS, Operation
from include.spapi.quota import LONGEST_SLEEP_S
from include.spapi.reports import create_report, fetch_document, get_report
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)
ASK_AGAIN_EVERY: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(hours=1)
# Longer than any report was told to take; searchOrders has read on meanwhile.
GIVEN_UP_AFTER: Final = timedelta(hours=12)
# So many orders fetched one by one make a load, and the run that follows it, worth their while.
PAGES_WORTH_A_LOAD: Final = 20


class CatchUp:
    """One visit of a run to one seller's gap; the caller holds the seller's lock."""

    def __init__(
        self, seller: Seller, client: SellingPartnerClient, connection: Connection, settings: Settings, now: Now
    ) -> None:
        self._seller = seller
        self._client = client
        self._connection = connection
        self._settings = settings
        self._now = now

    def begin(self) -> Plan | None:
        """Choose the way where a gap was found that no report covers yet, and note the reports it wants."""
        seller_id = self._seller.seller_id
        mark = windows.watermark(self._connection, seller_id)
        if mark is None:
            return None
        for report in report_rows.open_reports(self._connection, seller_id):
            if report.window_end_utc > mark.complete_through_utc:
                return None
            report_rows.note_failed(self._connection, report, "searchOrders was quicker")
        gap = open_gap(self._connection, seller_id, self._now())
        chosen = gap and choose_way(
            self._connection, self._seller, gap, self._client.quota_left, self._settings.rate_scale
        )
        if not (gap and chosen):
            return None
        note_plan(self._connection, seller_id, gap, chosen, now_utc=self._now())
        if chosen.way == "report":
            with of_stretch(*gap):
                log.info("Since %s: %s", f"{gap[0]:%Y-%m-%d %H:%M} UTC", chosen.forecast(self._now()))
            report_rows.want(self._connection, seller_id, chosen.reports, now_utc=self._now())
            self.go_on()
        return chosen

    def go_on(self) -> None:
        """Ask for wanted reports, ask how far the others are, fetch what is done; whatever fails waits for later."""
        for report in report_rows.open_reports(self._connection, self._seller.seller_id, "wanted", "requested"):
            with of_window(report):
                try:
                    self._ask(report) if report.state == "wanted" else self._look(report)
                except NotYetError:
                    return
                except (ContractError, AccessDeniedError, TransientError) as trouble:
                    # Without the reports' role searchOrders still reads everything, only later.
                    if isinstance(trouble, TransientError) and self._now() - report.wanted_utc <= GIVEN_UP_AFTER:
                        log.warning("Report %d waits: %s", report.report_no, trouble)
                    else:
                        report_rows.give_up(self._connection, report, trouble)

    def details(self) -> int:
        """Fetch details as far as their bucket goes; returns how many are still wanted.

        Where getOrder does not serve this seller, searchOrders reads what it reads every night, only later.
        """
        if not still_wanted(self._connection, self._seller.seller_id):
            return 0
        try:
            return fetch_details(self._connection, self._client, self._seller, self._settings, self._now)
        except ContractError as refused:
            log.warning("getOrder is given up, searchOrders reads the rest: %s", refused)
            give_up_details(self._connection, self._seller.seller_id, f"getOrder: {refused}")
            return 0

    def is_under_way(self) -> bool:
        """Whether a report is still to come, or a detail still to be fetched."""
        pending = report_rows.open_reports(self._connection, self._seller.seller_id, "wanted", "requested")
        return bool(pending) or still_wanted(self._connection, self._seller.seller_id) > 0

    def meanwhile(self, wait: NotYetError | None, *, is_done: bool) -> NotYetError | None:
        """Go on beside searchOrders; returns what is still to be waited for, None where nothing is.

        Args:
            wait: What searchOrders waits for.
            is_done: Whether searchOrders has read everything that is its share.
        """
        self.go_on()
        self.details()
        if wait:
            return NotYetError(str(wait), until_utc=self._comes_back(wait.until_utc))
        if is_done and self.is_under_way():
            until_utc = self._comes_back(self._now() + LONGEST_WAIT)
            return NotYetError("A report, or getOrder's quota, is not there yet.", until_utc=until_utc)
        return None

    def is_worth_a_load(self) -> bool:
        """Whether something landed that should not wait for more."""
        seller_id = self._seller.seller_id
        landed = report_rows.open_reports(self._connection, seller_id, "landed")
        pending = report_rows.open_reports(self._connection, seller_id, "wanted", "requested")
        pages = waiting_pages(self._connection, seller_id)
        if not still_wanted(self._connection, seller_id):
            mark = windows.watermark(self._connection, seller_id)
            told = report_rows.totals_through(self._connection, seller_id)
            is_closed = mark is not None and told is not None and told > mark.complete_through_utc
            # While a window is still read no load would close the gap, and run would follow run.
            is_closed = is_closed and not windows.is_extracting(self._connection, seller_id)
            return is_closed or pages > 0 or bool(landed and not pending)
        return bool(landed and not pending) or pages >= PAGES_WORTH_A_LOAD

    def _comes_back(self, until_utc: datetime) -> datetime:
        """When the next visit is worth it, where searchOrders would wait until an instant."""
        seller_id, now_utc, scale = self._seller.seller_id, self._now(), self._settings.rate_scale
        due = [until_utc]
        if report_rows.open_reports(self._connection, seller_id, "wanted", "requested"):
            due.append(now_utc + ASK_AGAIN_EVERY / scale)
        if still_wanted(self._connection, seller_id):
            missing = max(0.0, WORTH_A_VISIT - self._client.quota_left(GET_ORDER))
            due.append(now_utc + timedelta(seconds=missing / (GET_ORDER.rate_per_s * scale)))
        # Airflow loses tasks that are rescheduled for less.
        return max(min(due), now_utc + timedelta(seconds=LONGEST_SLEEP_S))

    def _ask(self, report: ReportRow) -> None:
        report_id = create_report(
            self._client, report.window_start_utc, report.window_end_utc, self._seller.marketplace_ids
        )
        report_rows.note_requested(self._connection, report, report_id, now_utc=self._now())
        log.info("Report %d is asked for", report.report_no)

    def _look(self, report: ReportRow) -> None:
        said = get_report(self._client, report.report_id or "")
        if said.processing_status == "DONE" and said.report_document_id:
            self._land(report, said.report_document_id)
        elif said.processing_status == "CANCELLED":
            log.info("Report %d: nothing to tell", report.report_no)
            report_rows.note_landed(self._connection, report, None, now_utc=self._now())
        elif said.processing_status == "FATAL":
            words = ""
            if said.report_document_id:
                words = fetch_document(self._client, said.report_document_id).beginning()
            reason = "the window is too long for Amazon" if OVER_RANGE in words else words or "no reason given"
            raise ContractError(f"Amazon could not make the report: {reason}.")
        elif self._now() - report.wanted_utc > GIVEN_UP_AFTER:
            raise ContractError(f"Amazon has not made the report in {GIVEN_UP_AFTER}.")

    def _land(self, report: ReportRow, document_id: str) -> None:
        document = fetch_document(self._client, document_id)
        url = report_url(self._settings.raw_url, self._seller.seller_id, report.report_no)
        lines = write_lines(url, without_personal_columns(document.lines()))
        report_rows.note_landed(self._connection, report, url, now_utc=self._now())
        log.info("Report %d is here: %d lines", report.report_no, lines - 1)


def open_gap(connection: Connection, seller_id: str, now_utc: datetime) -> tuple[datetime, datetime] | None:
    """Return from when to when nothing tells of a seller's orders yet; None before the first load."""
    mark = windows.watermark(connection, seller_id)
    if mark is None:
        return None
    return max(mark.complete_through_utc, report_rows.told_through(connection, seller_id)), newest_end(now_utc)


def forecast(connection: Connection, seller: Seller, rate_scale: float, now_utc: datetime) -> Plan | None:
    """Say how a run that began now would close the seller's gap, all buckets being full as they are after a lapse.

    Returns:
        None where nothing is known, or nothing would have to wait.
    """
    gap = open_gap(connection, seller.seller_id, now_utc)
    chosen = gap and choose_way(connection, seller, gap, lambda operation: operation.burst, rate_scale)
    return chosen if chosen and chosen.is_worth_telling else None


def choose_way(
    connection: Connection,
    seller: Seller,
    gap: tuple[datetime, datetime],
    quota_left: Callable[[Operation], float],
    rate_scale: float,
) -> Plan | None:
    """Choose how to close a gap, with its forecast; None where nothing is known of what it holds.

    Args:
        connection: The warehouse.
        seller: Whose gap.
        gap: As `open_gap` says.
        quota_left: Tells how many calls of an operation are left.
        rate_scale: Factor on documented rates.
    """
    expected = progress.expected_orders(connection, seller, *gap)
    if not expected:
        return None
    return plan(
        *gap,
        expected,
        search_left=quota_left(SEARCH_ORDERS),
        order_left=quota_left(GET_ORDER),
        report_left=quota_left(CREATE_REPORT),
        rate_scale=rate_scale,
    )


def close_gap(connection: Connection, seller: Seller, settings: Settings, now_utc: datetime) -> bool:
    """Move the watermark over what reports told and getOrder completed; part of a load, under the seller's lock.

    Returns:
        Whether it moved.
    """
    mark = windows.watermark(connection, seller.seller_id)
    told = report_rows.totals_through(connection, seller.seller_id)
    if mark is None or told is None or told <= mark.complete_through_utc:
        return False
    is_missing = connection.execute(
        "SELECT 1 FROM ops.order_to_fetch WHERE seller_id = %s AND last_updated_utc <= %s LIMIT 1",
        (seller.seller_id, told),
    ).fetchone()
    if is_missing or windows.is_extracting(connection, seller.seller_id):
        return False
    windows.record_closed(connection, seller, settings, mark.complete_through_utc, told, now_utc)
    with of_stretch(mark.complete_through_utc, told):
        log.info("The gap is closed: everything up to %s is in the tables", f"{told:%Y-%m-%d %H:%M} UTC")
    return True
