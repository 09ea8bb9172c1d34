"""Pages of a window from Amazon into the landing, one by one: land, then move the cursor, then ask for the next."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from include.clock import Now
from include.errors import ContractError, SellerOrdersError
from include.orders import windows
from include.orders.landing import page_url, write_page
from include.orders.personal_data import remove_personal_data
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.client import SellingPartnerClient
from include.spapi.orders import search_orders
from include.warehouse.connection import Connection, seller_lock

# A million orders in one window; what goes on beyond is no answer but a loop.
MOST_PAGES = 10_000
# Amazon's code for a parameter it does not take; a pagination token that lapsed early is one.
REFUSED_INPUT = "InvalidInput"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExtractResult:
    """What an extraction did.

    Attributes:
        pages: Pages landed by this call.
        orders: Orders on them.
    """

    pages: int
    orders: int


def extract_orders(
    seller: Seller, *, client: SellingPartnerClient, connection: Connection, settings: Settings, now: Now
) -> ExtractResult:
    """Land everything that changed since the watermark, first the rest of a window left unfinished.

    Called again after any failure it goes on with the page after the last one landed; when the seller is up to date
    it asks nothing.

    Raises:
        SellerOrdersError: As `SellingPartnerClient.get` says; the pages landed so far stay.
        TransientError: Another run works on this seller, or the warehouse or the landing is out of reach.
    """
    begun_utc = now()
    pages = orders = 0
    with seller_lock(connection, seller.seller_id):
        while window := windows.resume_or_open(connection, seller, settings, now):
            landed = _extract_window(seller, window, client, connection, settings, now)
            pages, orders = pages + landed.pages, orders + landed.orders
            if window.opened_utc >= begun_utc:
                break
    if not pages:
        log.info("%s is up to date: Amazon tells changes only after two minutes", seller.seller_id)
    return ExtractResult(pages, orders)


def _extract_window(
    seller: Seller,
    window: windows.Window,
    client: SellingPartnerClient,
    connection: Connection,
    settings: Settings,
    now: Now,
) -> ExtractResult:
    log.info(
        "Window %d: changes from %s to %s, both included%s",
        window.window_id,
        window.window_start_utc.isoformat(),
        window.window_end_utc.isoformat(),
        f"; going on after page {window.pages}" if window.pages else "",
    )
    pages = orders = 0
    token_kept_from_before = window.next_token is not None
    while pages == 0 or window.next_token is not None:
        try:
            window, landed = _extract_page(seller, window, client, connection, settings, now)
        except ContractError as problem:
            if not token_kept_from_before or problem.code != REFUSED_INPUT:
                raise
            log.warning("Amazon does not take the token of page %d any more; the window begins again", window.pages)
            window = windows.restart(connection, window, seller, settings)
            pages = orders = 0
            token_kept_from_before = False
            continue
        pages, orders = pages + 1, orders + landed
        log.info("Page %d: %d orders, %d so far", window.pages, landed, orders)
        if window.pages >= MOST_PAGES and window.next_token:
            raise ContractError(f"searchOrders gave {MOST_PAGES:,} pages for one window and has still more.")
    return ExtractResult(pages, orders)


def _extract_page(
    seller: Seller,
    window: windows.Window,
    client: SellingPartnerClient,
    connection: Connection,
    settings: Settings,
    now: Now,
) -> tuple[windows.Window, int]:
    page = search_orders(client, window.query, window.next_token)
    extracted_utc = now()
    try:
        body = remove_personal_data(page.body)
    except SellerOrdersError as problem:
        problem.request_id = page.request_id
        raise
    url = page_url(settings.raw_url, seller.seller_id, window.window_start_utc, window.window_end_utc, window.pages + 1)
    write_page(url, body)
    moved = windows.record_page(
        connection,
        window,
        page_url=url,
        orders=page.orders,
        next_token=page.next_token,
        replied_bound_utc=page.last_updated_before_utc,
        extracted_utc=extracted_utc,
    )
    return moved, page.orders
