"""Pages of windows from Amazon into the landing, one by one: land, then move the cursor, then ask for the next."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from include.clock import Now, format_utc
from include.errors import ContractError, NotYetError, OnlyWaitedError, SellerOrdersError
from include.log_context import of_window
from include.orders import planning, progress, windows
from include.orders.catch_up import CatchUp
from include.orders.coverage import log_what_is_not_covered
from include.orders.landing import delete_pages, page_url, write_page
from include.orders.personal_data import remove_personal_data
from include.orders.personal_files import personal_files
from include.orders.personal_load import delete_earlier_tries, land_personal_data
from include.orders.planning import Purpose, Sample, Slice
from include.orders.progress import Request
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.client import SellingPartnerClient
from include.spapi.operations import SEARCH_ORDERS
from include.spapi.orders import REFUSED_INPUT, OrdersPage, search_orders, updates_on
from include.warehouse.connection import Connection, seller_lock

# A million orders in one window; what goes on beyond is no answer but a loop.
MOST_PAGES = 10_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExtractResult:
    """What a run has extracted so far.

    Attributes:
        pages: Pages landed since the run began.
        orders: Orders on them.
        more: Whether there is more to ask for; the next run goes on.
        requested_through_utc: How far a requested stretch is read; None without one.
    """

    pages: int
    orders: int
    more: bool = False
    requested_through_utc: datetime | None = None


def extract_orders(
    seller: Seller,
    *,
    client: SellingPartnerClient,
    connection: Connection,
    settings: Settings,
    now: Now,
    begun_utc: datetime | None = None,
    request: Request | None = None,
) -> ExtractResult:
    """Land what changed since the last time, slice by slice, first the rest of a window left unfinished.

    Called again after any failure it goes on with the page after the last one landed; when the seller is up to date
    it asks nothing. It ends early, with `more`, once the run has had its pages or hours, and before a long wait for
    quota where a complete slice could be in the tables meanwhile.

    Args:
        seller: Whose orders.
        client: The seller's door at Amazon.
        connection: The warehouse.
        settings: The limits.
        now: Tells the time.
        begun_utc: When the run began, where this is a later visit of the same run.
        request: A stretch to read again instead of what is new.

    Raises:
        NotYetError: The quota is used up; come back when it says.
        SettingsError: Personal data are wanted and PERSONAL_DATA_KEY is absent; Amazon was asked nothing.
        SellerOrdersError: As `SellingPartnerClient.get` says; the pages landed so far stay.
        TransientError: Another run works on this seller, or the warehouse or the landing is out of reach.
    """
    # Without a key there is no place for what would be asked for: better to ask nothing.
    personal_files(seller, settings)
    extraction = _Extraction(seller, client, connection, settings, now, begun_utc or now(), request)
    # A stretch that somebody asked for is read as asked, whatever gap there is besides.
    catch_up = None if request else CatchUp(seller, client, connection, settings, now)
    more, wait = True, None
    with seller_lock(connection, seller.seller_id):
        if catch_up:
            catch_up.begin()
        try:
            more = extraction.work()
        except NotYetError as not_yet:
            wait = not_yet
        if catch_up:
            wait = catch_up.meanwhile(wait, is_done=not more)
            # A report, or getOrder, that was given up meanwhile leaves its share to searchOrders.
            more = more or (wait is None and extraction.has_more())
        is_load_due = catch_up is not None and catch_up.is_worth_a_load()
        if wait:
            if not (is_load_due or windows.has_slice_to_load(connection, seller.seller_id)):
                extraction.fail_if_it_only_waited()
                raise wait
            log.info("%s What is complete goes to the tables first; the next run goes on.", wait)
            more = True
        return extraction.result(more or is_load_due)


class _Extraction:
    """One visit of a run to one seller; the caller holds the seller's lock."""

    def __init__(
        self,
        seller: Seller,
        client: SellingPartnerClient,
        connection: Connection,
        settings: Settings,
        now: Now,
        begun_utc: datetime,
        request: Request | None,
    ) -> None:
        self.seller = seller
        self.client = client
        self.connection = connection
        self.settings = settings
        self.now = now
        self.begun_utc = begun_utc
        self.request = request
        self.pages, self.orders = windows.landed_between(connection, seller.seller_id, begun_utc, now())

    def work(self) -> bool:
        """Read window after window; true where something is left for the next run."""
        while True:
            window = windows.resume(self.connection, self.seller, self.settings, self.now)
            next_slice = None if window else self._next_slice()
            if window is None and next_slice is None:
                return False
            if self._has_had_enough():
                return True
            window = window or self._open(cast("Slice", next_slice))
            with of_window(window):
                if not self._read(window):
                    return True

    def has_more(self) -> bool:
        """Whether there is something to ask for by now."""
        return self._next_slice() is not None

    def result(self, more: bool) -> ExtractResult:
        """Count what the run has landed, earlier visits included."""
        if not self.pages and not more:
            log.info("%s is up to date: Amazon tells changes only after two minutes", self.seller.seller_id)
        through = progress.requested_through(self.connection, self.seller, self.request) if self.request else None
        return ExtractResult(self.pages, self.orders, more, through)

    def _next_slice(self) -> Slice | None:
        return progress.next_slice(
            self.connection,
            self.seller,
            self.settings,
            self.now(),
            begun_utc=self.begun_utc,
            has_read=self.pages > 0,
            quota_left=self.client.quota_left(SEARCH_ORDERS),
            request=self.request,
        )

    def _open(self, next_slice: Slice) -> windows.Window:
        run_id = self.request.run_id if self.request else None
        return windows.open_window(self.connection, self.seller, self.settings, next_slice, self.now, run_id)

    def _has_had_enough(self) -> bool:
        # Without a page so far it asks, however late it is: the hours may have gone by while Airflow was away.
        over_time = self.pages > 0 and self._hours() >= self.settings.most_hours_per_run
        if self.pages < self.settings.most_pages_per_run and not over_time:
            return False
        log.info(
            "This run has had %d pages in %.1f h: it loads what is complete, the next goes on",
            self.pages,
            self._hours(),
        )
        return True

    def fail_if_it_only_waited(self) -> None:
        """Fail a run that asked for its hours and got nothing; it must not look like one with more to do."""
        if not self.pages and self._hours() >= self.settings.most_hours_per_run:
            raise OnlyWaitedError(
                f"Amazon gave no page in the {self._hours():.1f} hours of this run, only waits for quota."
            ) from None

    def _hours(self) -> float:
        return (self.now() - self.begun_utc) / timedelta(hours=1)

    def _read(self, window: windows.Window) -> bool:
        """Read a window to its end, or find it too long and narrow it; false where the run has had enough before."""
        log.info(
            "Window %d (%s): changes from %s to %s, both included%s",
            window.window_id,
            window.purpose,
            format_utc(window.window_start_utc),
            format_utc(window.window_end_utc),
            f"; going on after page {window.pages}" if window.pages else "",
        )
        if window.purpose is Purpose.NIGHTLY and not window.pages:
            log_what_is_not_covered(self.connection, self.seller, window)
        token_kept_from_before = window.next_token is not None
        delete_earlier_tries(self.connection, self.seller, self.settings, window)
        while window.pages == 0 or window.next_token is not None:
            if window.pages and self._has_had_enough():
                return False
            try:
                page = self._ask(window)
                if self._has_narrowed(window, page):
                    return True
                window = self._land(window, page)
            except ContractError as problem:
                # A token that lapsed early is a parameter that Amazon does not take.
                if not token_kept_from_before or problem.code != REFUSED_INPUT:
                    self._drop_if_refused(window, problem)
                    raise
                log.warning("Amazon does not take the token of page %d any more; the window begins again", window.pages)
                window = windows.restart(self.connection, window, self.seller, self.settings)
                delete_earlier_tries(self.connection, self.seller, self.settings, window)
                token_kept_from_before = False
                continue
            self.pages, self.orders = self.pages + 1, self.orders + page.orders
            log.info(
                "Page %d: %d orders, %d in this run; %.0f calls left",
                window.pages,
                page.orders,
                self.orders,
                page.quota_left,
            )
            if window.pages >= MOST_PAGES and window.next_token:
                raise ContractError(f"searchOrders gave {MOST_PAGES:,} pages for one window and has still more.")
        return True

    def _drop_if_refused(self, window: windows.Window, problem: ContractError) -> None:
        """Let a window that Amazon does not take stand in nobody's way, unless the watermark needs it."""
        if problem.code == REFUSED_INPUT and not window.pages and window.purpose is not Purpose.NIGHTLY:
            windows.drop(self.connection, window)
            problem.remedy = (
                f"Amazon does not take window {window.window_id} ({window.purpose}); it is dropped, and what is new is "
                "asked for as always. Compare its bounds, marketplaces and INCLUDED_DATA with Amazon's words."
            )

    def _ask(self, window: windows.Window) -> OrdersPage:
        worth = planning.pages_worth_waiting_for(window.expected_orders, window.pages)
        page = search_orders(self.client, window.query, window.next_token, come_back_for=worth)
        if page.last_updated_before_utc and page.last_updated_before_utc < window.window_start_utc:
            raise ContractError(
                "searchOrders: `$.lastUpdatedBefore` lies before the window that was asked for.",
                request_id=page.request_id,
            )
        return page

    def _has_narrowed(self, window: windows.Window, page: OrdersPage) -> bool:
        """Where nothing was known of a window, let its first page tell whether it would exceed the quota by far."""
        # The first page tells nothing of the end that history begins with.
        is_unknown = window.expected_orders is None and window.purpose is not Purpose.HISTORY
        updates = updates_on(page) if is_unknown and not window.pages and page.next_token else None
        if updates is None:
            return False
        slice_ = Slice(window.purpose, window.window_start_utc, window.window_end_utc, None)
        sample = Sample(*updates, page.orders)
        part = planning.narrowed(slice_, sample, self.client.quota_left(SEARCH_ORDERS) + 1)
        if part is None:
            return False
        # An earlier try may have landed pages under the bounds of that time, which nobody would find any more.
        delete_pages([page_url(self.settings.raw_url, self.seller.seller_id, window, 1)])
        windows.narrow(self.connection, window, part)
        log.info(
            "Window %d holds too much for the calls left: it ends at %s now", window.window_id, format_utc(part.end_utc)
        )
        return True

    def _land(self, window: windows.Window, page: OrdersPage) -> windows.Window:
        extracted_utc = self.now()
        try:
            body = remove_personal_data(page.body)
        except SellerOrdersError as problem:
            problem.request_id = page.request_id
            raise
        number = window.pages + 1
        url = page_url(self.settings.raw_url, self.seller.seller_id, window, number)
        land_personal_data(
            self.connection,
            self.seller,
            self.settings,
            window_id=window.window_id,
            page=number,
            body=page.body,
            now_utc=extracted_utc,
        )
        write_page(url, body)
        return windows.record_page(
            self.connection,
            window,
            page_url=url,
            orders=page.orders,
            next_token=page.next_token,
            replied_bound_utc=page.last_updated_before_utc,
            extracted_utc=extracted_utc,
        )
