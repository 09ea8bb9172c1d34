"""What runs and sellers look like from outside, as Airflow's own metrics; docs/metrics.md lists them.

Airflow's switch turns them on ([metrics] otel_on, or one of its other two). Off, no exporter is imported and the
warehouse is not asked. Tasks tell what they did as counters; the watch tells how things stand as gauges.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from math import ceil
from typing import Final

import psycopg
from airflow.sdk.configuration import conf

from include.clock import Now
from include.notifications.vitals import DAY, open_incidents_of_all, read_vitals
from include.orders.load import Loaded
from include.orders.windows import landed_between
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)
SWITCHES: Final = ("otel_on", "statsd_on", "statsd_datadog_enabled")
PREFIX: Final = "seller_orders"
TAG: Final = "seller"


def is_on() -> bool:
    """Tell whether Airflow's settings want metrics."""
    return any(conf.getboolean("metrics", switch, fallback=False) for switch in SWITCHES)


def waited(seller_id: str, until_utc: datetime, *, now_utc: datetime) -> None:
    """Count that a task gave its worker back until an instant."""
    _count(seller_id, quota_waits=1, quota_wait_s=max(0, ceil((until_utc - now_utc).total_seconds())))


def loaded(seller_id: str, result: Loaded) -> None:
    """Count what a window brought into the tables."""
    _count(seller_id, orders_loaded=result.orders, orders_rejected=result.rejected)


@contextmanager
def counting_landed(connection: Connection, seller_id: str, now: Now) -> Iterator[None]:
    """Count the pages that land in the block, and their orders, however it ends."""
    if not is_on():
        yield
        return
    begun_utc = now()
    try:
        yield
    finally:
        try:
            pages, orders = landed_between(connection, seller_id, begun_utc, now())
        except psycopg.Error as lost:
            # The warehouse is away, which the block says itself.
            log.warning("What landed is not counted: %s", type(lost).__name__)
        else:
            _count(seller_id, pages_landed=pages, orders_landed=orders)


def tell_how_sellers_stand(connection: Connection, seller_ids: Collection[str], *, now_utc: datetime) -> None:
    """Set the gauges of each seller."""
    if not is_on():
        return
    for vitals in read_vitals(connection, seller_ids, now_utc=now_utc):
        tags = {TAG: vitals.seller_id}
        _gauge("open_incidents", vitals.open_incidents, tags)
        _gauge("data_age_s", vitals.data_age_s, tags)
        if vitals.days_to_expiry is not None:
            _gauge("days_to_expiry", vitals.days_to_expiry, tags)


def tell_how_all_stand(connection: Connection, secret_ends_utc: datetime | None, *, now_utc: datetime) -> None:
    """Set the gauges that are about all sellers together."""
    if not is_on():
        return
    _gauge("open_incidents_of_all", open_incidents_of_all(connection), {})
    if secret_ends_utc is not None:
        _gauge("client_secret_days_to_expiry", (secret_ends_utc - now_utc) / DAY, {})


def _count(seller_id: str, **counts: int) -> None:
    if not is_on():
        return
    from airflow.sdk.observability import stats  # noqa: PLC0415 - only where it is wanted

    for name, count in counts.items():
        stats.incr(f"{PREFIX}.{name}", count, tags={TAG: seller_id})


def _gauge(name: str, value: float, tags: dict[str, str]) -> None:
    from airflow.sdk.observability import stats  # noqa: PLC0415 - the same

    stats.gauge(f"{PREFIX}.{name}", value, tags=tags)
