"""By when personal data must be gone: 30 days after what is known of the delivery, and never later than that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.clock import format_utc
from include.orders.personal_due import LONGEST_PROMISE, delete_after_utc, is_kept
from include.orders.records import Order
from tests.payloads.orders import an_order

CREATED, UPDATED = datetime(2026, 10, 5, 7, tzinfo=UTC), datetime(2026, 10, 8, 8, tzinfo=UTC)
SHIP_BY, DELIVER_BY = datetime(2026, 10, 7, tzinfo=UTC), datetime(2026, 10, 12, tzinfo=UTC)
MONTH = timedelta(days=30)


def order(
    *,
    packages: list[str] | None = None,
    deliver_by: datetime | None = None,
    ship_by: datetime | None = None,
    updated: datetime = UPDATED,
    created: datetime = CREATED,
) -> Order:
    windows = {"deliverByWindow": deliver_by, "shipByWindow": ship_by}
    fulfillment: dict[str, Any] = {
        name: {"latestDateTime": format_utc(end)} for name, end in windows.items() if end is not None
    }
    document = an_order(
        createdTime=format_utc(created),
        updated=format_utc(updated),
        fulfillment=fulfillment,
        packages=[{"packageReferenceId": str(n), "packageStatus": {"status": s}} for n, s in enumerate(packages or [])],
    )
    return msgspec.convert(document, Order)


@pytest.mark.parametrize(
    ("known", "counts_from"),
    [
        ({"packages": ["DELIVERED"], "deliver_by": DELIVER_BY, "ship_by": SHIP_BY}, UPDATED),
        ({"packages": ["DELIVERED", "CANCELLED"], "deliver_by": DELIVER_BY}, UPDATED),
        ({"packages": ["DELIVERED", "IN_TRANSIT"], "deliver_by": DELIVER_BY}, DELIVER_BY),
        ({"packages": ["CANCELLED"], "deliver_by": DELIVER_BY}, DELIVER_BY),
        (
            {"packages": ["DELIVERED"], "deliver_by": DELIVER_BY, "updated": datetime(2026, 12, 1, tzinfo=UTC)},
            DELIVER_BY,
        ),
        ({"deliver_by": DELIVER_BY, "ship_by": SHIP_BY}, DELIVER_BY),
        ({"ship_by": SHIP_BY}, SHIP_BY),
        ({}, CREATED),
        ({"deliver_by": datetime(2099, 1, 1, tzinfo=UTC)}, UPDATED + LONGEST_PROMISE),
    ],
    ids=[
        "delivered",
        "delivered but for a cancelled package",
        "one package still on its way",
        "nothing was sent",
        "a delivery noticed long after",
        "the end of the delivery window",
        "the end of the shipping window",
        "the order's creation",
        "a promise no calendar means",
    ],
)
def test_the_thirty_days_count_from_the_best_that_is_known(known: dict[str, Any], counts_from: datetime) -> None:
    assert delete_after_utc(order(**known), 30) == counts_from + MONTH


INSTANTS = st.integers(0, 700 * 86_400).map(lambda seconds: CREATED + timedelta(seconds=seconds))
STATUSES = st.lists(st.sampled_from(["DELIVERED", "SHIPPED", "CANCELLED", "PENDING"]), max_size=3)


@given(
    packages=STATUSES,
    deliver_by=st.none() | INSTANTS,
    ship_by=st.none() | INSTANTS,
    updated=INSTANTS,
    created=INSTANTS,
    days=st.integers(1, 30),
)
def test_no_order_is_kept_longer_than_the_rule_allows_and_none_shorter_than_its_earliest_sign(
    packages: list[str],
    deliver_by: datetime | None,
    ship_by: datetime | None,
    updated: datetime,
    created: datetime,
    days: int,
) -> None:
    due = delete_after_utc(
        order(packages=packages, deliver_by=deliver_by, ship_by=ship_by, updated=updated, created=created), days
    ) - timedelta(days=days)
    promised = deliver_by or ship_by or created
    assert due <= promised
    if {"DELIVERED"} == set(packages) - {"CANCELLED"}:
        assert due <= updated
    assert due in (promised, updated, updated + LONGEST_PROMISE)


@pytest.mark.parametrize(("left", "kept"), [(timedelta(hours=24), False), (timedelta(hours=24, seconds=1), True)])
def test_what_the_coming_night_would_take_is_not_kept(left: timedelta, kept: bool) -> None:
    assert is_kept(UPDATED + left, UPDATED) is kept
