"""A run that reads a past stretch again: what its parameters must be, and what it will cost."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from include.clock import AMAZON_BEGAN, format_utc
from include.errors import SettingsError
from include.orders.planning import LONGEST_SLICE, calls_of, newest_end
from include.orders.progress import Request, request_samples, requested_through
from include.sellers.registry import Seller
from include.spapi.client import SellingPartnerClient
from include.spapi.operations import SEARCH_ORDERS
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)

EXPECTED = "an instant with its offset, such as 2026-03-01T00:00:00Z"
REMEDY = "Start the run again with both corrected, or without both for what is new."


def read_request(run_id: str, params: Mapping[str, Any], *, now_utc: datetime) -> Request | None:
    """Read a run's `from_utc` and `to_utc`; None where it has neither.

    Args:
        run_id: The run.
        params: With `request_id` too where a run goes on with the request of an earlier one.
        now_utc: When the run began; without `to_utc` the stretch ends two minutes before.

    Raises:
        SettingsError: One is no instant, or the two are no stretch of the past; the message names it.
    """
    texts = {name: str(params.get(name) or "").strip() for name in ("from_utc", "to_utc")}
    if not any(texts.values()):
        return None
    run_id = str(params.get("request_id") or run_id)
    newest = newest_end(now_utc)
    start = read_instant("from_utc", texts["from_utc"])
    end = read_instant("to_utc", texts["to_utc"]) if texts["to_utc"] else newest
    if not start < end <= newest or start.year < AMAZON_BEGAN:
        raise SettingsError(
            f"from_utc {format_utc(start)} and to_utc {format_utc(end)} are no stretch of the past; expected the first "
            f"before the second, and that at least two minutes ago.",
            remedy=REMEDY,
        )
    return Request(run_id, start, end)


def read_instant(name: str, text: str) -> datetime:
    """Read an instant with its offset.

    Raises:
        SettingsError: It is none; the message names what it was for.
    """
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise SettingsError(f"{name} is {text[:40]!r}; expected {EXPECTED}.")


def log_preview(connection: Connection, seller: Seller, client: SellingPartnerClient, request: Request) -> None:
    """Say in the log what is left of the request, in calls and in the time that their quota takes."""
    start = requested_through(connection, seller, request)
    if start >= request.to_utc:
        return
    length = request.to_utc - start
    density = max((sample.per_second for sample in request_samples(connection, seller, request)), default=None)
    stretch = f"{format_utc(start)} to {format_utc(request.to_utc)}"
    if density is None:
        log.info("Reading again %s: nothing is known of that time; each 100 orders cost one call", stretch)
        return
    orders = ceil(density * length.total_seconds())
    calls = max(calls_of(orders), ceil(length / LONGEST_SLICE))
    left = client.quota_left(SEARCH_ORDERS)
    wait = timedelta(seconds=round(max(0.0, calls - left) * client.seconds_per_call(SEARCH_ORDERS)))
    log.info(
        "Reading again %s, the watermark stays: about %d orders, %d calls; %.0f calls are left, so about %s of waiting",
        stretch,
        orders,
        calls,
        left,
        wait,
    )
