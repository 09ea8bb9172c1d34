"""What was wrong ends when Amazon accepts the seller again, or when its orders load; who was told of it hears so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from include.authorization.status import Status
from include.notifications.failures import Failure, report_failure
from include.notifications.incidents import open_incidents, verify_incident
from include.notifications.lookout import warn_of_expiry
from include.notifications.meanings import APPLICATION, DENIED, EXPIRES, REFUSED, UNKNOWN
from include.notifications.recovery import loaded
from include.notifications.verification import verify
from include.warehouse.connection import connect


@pytest.fixture
def lapsed(desk, seller, warehouse, clock):
    """A seller whose lapse is sure; the mail is owed, not sent."""
    desk.good(seller)
    incident = desk.fails(seller, REFUSED, generation=1)
    verify(warehouse, incident, {}, pytest.fail, operators=desk.operators, now_utc=clock())
    clock.advance(days=2)
    return seller


def test_a_seller_who_was_told_and_is_accepted_again_is_told_so_once(desk, lapsed, clock) -> None:
    assert desk.send() == [("reconnect", "anna@acme.example")]
    known = desk.good(lapsed, "Atzr|B")
    assert (known.status, known.generation, known.since_utc) == (Status.CONNECTED, 2, clock())
    assert desk.open_classes() == []
    assert desk.send() == [("reconnected", "anna@acme.example")]
    desk.good(lapsed, "Atzr|B")
    assert desk.claimable() == []


def test_a_seller_who_was_not_told_yet_is_not_told_at_all(desk, lapsed) -> None:
    desk.good(lapsed, "Atzr|B")
    assert (desk.open_classes(), desk.claimable()) == ([], [])


def test_what_is_left_unsent_of_the_old_is_dropped_with_it(desk, lapsed, clock, warehouse) -> None:
    desk.send()
    (incident,) = open_incidents(warehouse, lapsed.seller_id)
    warehouse.execute(
        "INSERT INTO ops.outbox (incident_id, kind, audience, recipient, created_utc, due_utc)"
        " VALUES (%s, 'reminder_3', 'seller', 'anna@acme.example', %s, %s)",
        (incident.incident_id, clock(), clock()),
    )
    assert desk.claimable() == [("reminder_3", "anna@acme.example")]
    desk.good(lapsed, "Atzr|B")
    assert desk.claimable() == [("reconnected", "anna@acme.example")]


def test_a_private_sellers_return_is_no_mail_to_the_seller(desk, private_seller) -> None:
    desk.good(private_seller)
    desk.fails(private_seller, REFUSED, generation=1)
    assert {kind for kind, _ in desk.send()} == {"alert"}
    desk.good(private_seller, "Atzr|B")
    assert (desk.open_classes(), desk.claimable()) == ([], [])


def test_the_next_lapse_is_told_anew(desk, lapsed, warehouse, clock) -> None:
    desk.send()
    desk.good(lapsed, "Atzr|B")
    desk.send()
    again = desk.fails(lapsed, REFUSED, generation=2)
    assert desk.claimable() == []
    verify_incident(warehouse, again, now_utc=clock())
    assert desk.claimable() == [("reconnect", "anna@acme.example")]


def test_a_stale_success_closes_nothing(desk, seller, clock, warehouse) -> None:
    generation = desk.good(seller, "Atzr|A").generation
    desk.good(seller, "Atzr|B")
    incident = desk.fails(seller, REFUSED, generation=2)
    before = desk.standing(seller)
    assert desk.good(seller, "Atzr|A", generation=generation) == before
    assert (desk.open_classes(), desk.standing(seller)) == ([REFUSED], before)
    verify_incident(warehouse, incident, now_utc=clock())
    assert desk.claimable() == [("reconnect", "anna@acme.example")]


def test_a_success_of_the_present_authorization_counts(desk, lapsed) -> None:
    assert desk.good(lapsed, "Atzr|A", generation=1).status is Status.CONNECTED
    assert desk.open_classes() == []


def test_a_denial_during_the_extraction_outlives_a_good_validation_and_ends_with_a_load(
    desk, seller, clock, warehouse
) -> None:
    desk.good(seller)
    desk.fails(seller, DENIED, amazon_said="Access is denied.", generation=1)
    desk.send()
    since_utc = clock()
    clock.advance(days=1)
    known = desk.good(seller, generation=1)
    assert (known.status, known.since_utc, known.amazon_said) == (Status.ACCESS_DENIED, since_utc, "Access is denied.")
    assert known.last_good_utc == clock()
    assert desk.open_classes() == [DENIED]
    clock.advance(minutes=5)
    loaded(warehouse, seller, now_utc=clock())
    known = desk.standing(seller)
    assert (known.status, known.since_utc, known.amazon_said) == (Status.CONNECTED, clock(), "")
    assert (desk.open_classes(), desk.claimable()) == ([], [])


@pytest.mark.parametrize("error_class", ["SettingsError", "ContractError", "LoadError", UNKNOWN, "KeyError"])
def test_what_kept_orders_from_loading_ends_with_a_load_and_not_before(
    desk, seller, clock, warehouse, error_class
) -> None:
    desk.fails(seller, error_class)
    desk.good(seller)
    assert desk.open_classes() == [error_class]
    loaded(warehouse, seller, now_utc=clock())
    assert (desk.open_classes(), desk.claimable()) == ([], [])


def test_a_load_of_landed_pages_does_not_end_a_lapse(desk, lapsed, clock, warehouse) -> None:
    desk.fails(lapsed, "LoadError")
    loaded(warehouse, lapsed, now_utc=clock())
    assert desk.open_classes() == [REFUSED]
    assert desk.standing(lapsed).status is Status.REAUTHORIZATION_REQUIRED


def test_a_seller_is_ended_by_its_own_success_only(desk, make_sellers, clock, warehouse) -> None:
    one, other = make_sellers(2).values()
    for seller in (one, other):
        desk.fails(seller, REFUSED)
        desk.fails(seller, "LoadError")
    desk.good(one)
    loaded(warehouse, one, now_utc=clock())
    assert [row for row in desk.incidents() if row[2]] == [("shop_02", REFUSED, True), ("shop_02", "LoadError", True)]


def test_the_applications_incident_ends_with_the_first_seller_who_is_accepted(desk, make_sellers) -> None:
    sellers = list(make_sellers(3).values())
    for seller in sellers:
        desk.good(seller)
    for seller in sellers[:-1]:
        desk.fails(seller, APPLICATION, generation=1)
    desk.send()
    desk.good(sellers[-1])
    assert (desk.open_classes(), desk.claimable()) == ([], [])


def test_a_token_of_another_application_is_its_sellers_own_incident_and_stays_while_others_are_good(
    desk, make_sellers
) -> None:
    foreign, other = make_sellers(2).values()
    for seller in (foreign, other):
        desk.good(seller)
    for _night in range(2):
        desk.fails(foreign, APPLICATION, generation=1, code="unauthorized_client")
        desk.good(other)
    assert desk.incidents() == [(foreign.seller_id, APPLICATION, True)]
    assert len(desk.send()) == 2
    desk.good(foreign)
    assert desk.open_classes() == []


def test_a_renewed_authorization_ends_the_warnings_of_the_old_one_and_the_same_does_not(
    desk, seller, clock, warehouse, notifications
) -> None:
    warehouse.execute(
        "INSERT INTO ops.seller_authorization (seller_id, status, since_utc, authorized_utc, expires_utc)"
        " VALUES ('acme', 'connected', %(now)s, %(now)s - interval '350 days', %(now)s + interval '15 days')",
        {"now": clock()},
    )
    desk.good(seller, "Atzr|A")
    warn_of_expiry(warehouse, {"acme": seller}, notifications, now_utc=clock())
    desk.good(seller, "Atzr|A")
    assert (desk.open_classes(), desk.claimable()) == ([EXPIRES], [("expires_30", "anna@acme.example")])
    desk.good(seller, "Atzr|B")
    assert (desk.open_classes(), desk.claimable()) == ([], [])


def test_a_success_waits_for_a_failure_that_is_just_being_reported(
    desk, seller, clock, warehouse, warehouse_dsn
) -> None:
    desk.good(seller)
    with connect(warehouse_dsn) as elsewhere:
        with elsewhere.transaction():
            report_failure(
                elsewhere, "acme", seller, Failure(error_class=REFUSED, generation=1), operators=(), now_utc=clock()
            )
            warehouse.execute("SET lock_timeout = '50ms'")
            with pytest.raises(Exception, match="lock timeout"):
                desk.good(seller)
            warehouse.execute("RESET lock_timeout")
        desk.good(seller)
    assert desk.open_classes() == []


def test_a_stored_consent_ends_the_lapse_notes_its_day_and_owes_one_closing_letter(desk, lapsed, clock, warehouse):
    desk.send()
    known = desk.renew(lapsed, "Atzr|B")
    assert (known.status, known.generation, known.authorized_utc) == (Status.CONNECTED, 2, clock())
    assert known.expires_utc == clock() + timedelta(days=365)
    assert (desk.open_classes(), desk.send()) == ([], [("reconnected", "anna@acme.example")])
    desk.renew(lapsed, "Atzr|B")
    assert desk.claimable() == []


def test_who_renews_in_time_and_who_connects_first_hears_so_too(desk, seller):
    desk.renew(seller, "Atzr|A")
    assert desk.send() == [("reconnected", "anna@acme.example")]
    desk.renew(seller, "Atzr|B")
    assert desk.send() == [("reconnected", "anna@acme.example")]


def test_a_paused_seller_is_told_that_it_is_paused(desk, lapsed, warehouse):
    desk.send()
    desk.renew(lapsed, "Atzr|B", paused=True)
    facts = warehouse.execute("SELECT facts FROM ops.outbox WHERE kind = 'reconnected'").fetchall()
    assert facts == [({"paused": True},)]


def test_a_private_sellers_new_token_is_no_letter(desk, private_seller):
    desk.renew(private_seller, "Atzr|B")
    assert desk.claimable() == []
