"""The figures of each seller that leave as gauges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from include.authorization.status import first_seen
from include.notifications.incidents import close_incident, open_incident
from include.notifications.meanings import APPLICATION, INVITATION, LATE, REFUSED
from include.notifications.vitals import open_incidents_of_all, read_vitals
from include.warehouse.connection import Connection

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)


@pytest.fixture
def sellers(warehouse: Connection) -> Connection:
    """Acme, loaded and dated; newcomer, seen an hour ago; gone, whom sellers.yaml names no more."""
    for seller_id in ("acme", "newcomer", "gone"):
        first_seen(warehouse, seller_id, now_utc=NOW - timedelta(hours=1))
    warehouse.execute(
        "UPDATE ops.seller_authorization SET expires_utc = %s WHERE seller_id = 'acme'",
        (NOW + timedelta(days=12, hours=12),),
    )
    warehouse.execute(
        "INSERT INTO ops.watermark (seller_id, complete_from_utc, complete_through_utc, settled_utc, reread_utc)"
        " VALUES ('acme', %(then)s, %(then)s, %(then)s, %(then)s)",
        {"then": NOW - timedelta(hours=5)},
    )
    return warehouse


def test_days_left_age_and_open_incidents_of_each_seller_that_is_named(sellers: Connection):
    open_incident(sellers, "acme", REFUSED, now_utc=NOW)
    open_incident(sellers, "acme", LATE, now_utc=NOW)
    over, _ = open_incident(sellers, "newcomer", REFUSED, now_utc=NOW)
    close_incident(sellers, over, now_utc=NOW)
    open_incident(sellers, "newcomer", INVITATION, now_utc=NOW)
    open_incident(sellers, None, APPLICATION, now_utc=NOW)
    acme, newcomer = sorted(read_vitals(sellers, ["acme", "newcomer"], now_utc=NOW), key=lambda one: one.seller_id)
    assert (acme.seller_id, acme.days_to_expiry, acme.open_incidents, acme.data_age_s) == ("acme", 12.5, 2, 5 * 3600)
    assert (newcomer.days_to_expiry, newcomer.open_incidents, newcomer.data_age_s) == (None, 0, 3600)
    assert open_incidents_of_all(sellers) == 1


def test_an_authorization_that_has_ended_counts_below_zero(sellers: Connection):
    (acme,) = read_vitals(sellers, ["acme"], now_utc=NOW + timedelta(days=13))
    assert acme.days_to_expiry == -0.5
