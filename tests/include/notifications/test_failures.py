"""A failure opens one incident, owes each who can act one message, and says so in the seller's status."""

from __future__ import annotations

import dataclasses
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from include.authorization.status import Status
from include.errors import AccessTokenExpiredError, ContractError, ServiceUnavailableError
from include.notifications.failures import MOST_ALERTS_AN_HOUR, Failure, operators_of, report_failure
from include.notifications.incidents import close_incident, open_incident
from include.notifications.meanings import (
    APPLICATION,
    DEFECT,
    DENIED,
    INVITATION,
    MEANINGS,
    REFUSED,
    UNKNOWN,
    class_of,
    meaning_of,
)
from include.notifications.verification import verify
from include.settings import NotificationSettings
from include.warehouse.connection import connect

OF_TASKS = [name for name, meaning in MEANINGS.items() if meaning.ends_when != "watched" and name != INVITATION]
PASSING = [name for name, meaning in MEANINGS.items() if meaning.audience is None]
FOR_OPERATORS = [name for name in OF_TASKS if MEANINGS[name].audience == "operators"]


def alerts(*recipients) -> list[tuple[str, str]]:
    return [("alert", recipient) for recipient in recipients]


def test_every_class_of_the_table_has_one_who_acts_or_passes() -> None:
    assert [name for name in OF_TASKS if MEANINGS[name].audience == "seller"] == [REFUSED]
    assert sorted(PASSING) == ["ServiceUnavailableError", "ThrottledError", "TransientError", "TransportError"]
    assert sorted(FOR_OPERATORS) == sorted(
        [APPLICATION, DENIED, "SettingsError", "ContractError", "LoadError", UNKNOWN],
    )


@pytest.mark.parametrize("error_class", [*FOR_OPERATORS, "KeyError"])
def test_what_operators_can_mend_is_told_to_each_of_them_once(desk, clock, seller, error_class) -> None:
    before = desk.good(seller)
    clock.advance(hours=13)
    incident = desk.fails(seller, error_class, amazon_said="No.", generation=1)
    assert desk.claimable() == alerts(*desk.operators)
    assert incident.verified_utc == clock()
    status = meaning_of(error_class).status
    known = desk.standing(seller)
    if status is None:
        assert known == before
    else:
        assert (known.status, known.since_utc, known.amazon_said) == (status, clock(), "No.")
    assert desk.send() == alerts(*desk.operators)
    clock.advance(days=1)
    assert desk.fails(seller, error_class, amazon_said="No!", generation=1).incident_id == incident.incident_id
    assert desk.claimable() == []
    assert desk.standing(seller).since_utc == known.since_utc


def test_a_lapse_is_owed_to_each_contact_of_the_seller_and_waits_until_it_is_sure(
    desk, clock, make_sellers, warehouse
) -> None:
    (seller,) = make_sellers(1).values()
    desk.good(seller)
    incident = desk.fails(seller, REFUSED, amazon_said="The request has an invalid grant.", generation=1)
    assert desk.claimable() == []
    known = desk.standing(seller)
    assert (known.status, known.amazon_said) == (Status.VERIFYING, "The request has an invalid grant.")
    verify(warehouse, incident, {seller.seller_id: seller}, pytest.fail, operators=desk.operators, now_utc=clock())
    assert desk.send() == [("reconnect", contact) for contact in seller.contacts]
    assert desk.standing(seller).status is Status.REAUTHORIZATION_REQUIRED
    clock.advance(days=1)
    desk.fails(seller, REFUSED, generation=1)
    assert desk.claimable() == []
    assert desk.standing(seller).status is Status.REAUTHORIZATION_REQUIRED
    assert desk.incidents() == [(seller.seller_id, REFUSED, True)]


def test_a_seller_who_was_never_connected_fails_like_others(desk, seller) -> None:
    desk.fails(seller, DENIED, generation=0)
    assert (desk.standing(seller).status, desk.standing(seller).generation) == (Status.ACCESS_DENIED, 0)
    assert desk.claimable() == alerts(*desk.operators)


def test_a_contact_named_twice_is_owed_one_mail(desk, clock, seller, warehouse) -> None:
    seller = dataclasses.replace(seller, contacts=(*seller.contacts, *seller.contacts))
    incident = desk.fails(seller, REFUSED)
    verify(warehouse, incident, {}, pytest.fail, operators=desk.operators, now_utc=clock())
    assert desk.claimable() == [("reconnect", "anna@acme.example")]


@pytest.mark.parametrize("error_class", PASSING)
def test_what_passes_by_itself_is_told_to_nobody(desk, seller, error_class) -> None:
    before = desk.good(seller)
    assert desk.fails(seller, error_class, generation=1) is None
    assert (desk.incidents(), desk.claimable(), desk.standing(seller)) == ([], [], before)


@pytest.mark.parametrize("error_class", [REFUSED, APPLICATION, DENIED, "LoadError", UNKNOWN])
def test_what_failed_with_an_authorization_that_has_been_renewed_opens_nothing(desk, seller, error_class) -> None:
    desk.good(seller, "Atzr|A")
    renewed = desk.good(seller, "Atzr|B")
    assert desk.fails(seller, error_class, generation=1) is None
    assert (desk.incidents(), desk.claimable(), desk.standing(seller)) == ([], [], renewed)
    assert desk.fails(seller, error_class, generation=2)


def test_an_application_refused_is_one_message_however_many_sellers_fail(desk, clock, make_sellers) -> None:
    sellers = make_sellers(50).values()
    for seller in sellers:
        desk.good(seller)
    for seller in sellers:
        clock.advance(minutes=3)
        desk.fails(seller, APPLICATION, generation=1, code="invalid_client")
    assert desk.claimable() == alerts(*desk.operators)
    assert desk.incidents() == [(None, APPLICATION, True)]
    assert {desk.standing(seller).status for seller in sellers} == {Status.APPLICATION_CREDENTIALS}


def test_of_many_denied_within_an_hour_the_operators_read_a_few_and_the_rest_as_one(desk, clock, make_sellers) -> None:
    sellers = make_sellers(20).values()
    for seller in sellers:
        desk.fails(seller, DENIED)
        clock.advance(minutes=2)
    assert Counter(desk.claimable()) == Counter(dict.fromkeys(alerts(*desk.operators), MOST_ALERTS_AN_HOUR + 1))
    assert desk.incidents().count((None, DENIED, True)) == 1
    assert sum(seller_id is not None for seller_id, _, _ in desk.incidents()) == 20
    facts = desk.connection.execute("SELECT facts FROM ops.incident WHERE seller_id IS NULL").fetchone()
    assert facts[0]["of_many"] is True


def test_of_few_denied_hours_apart_the_operators_read_each(desk, clock, make_sellers) -> None:
    for seller in make_sellers(6).values():
        desk.fails(seller, DENIED)
        clock.advance(minutes=30)
    assert len(desk.claimable()) == 6 * len(desk.operators)
    assert None not in {seller_id for seller_id, _, _ in desk.incidents()}


def test_what_many_were_told_as_one_of_ends_with_the_last_of_them(desk, clock, make_sellers) -> None:
    sellers = list(make_sellers(5).values())
    incidents = [desk.fails(seller, DENIED) for seller in sellers]
    for incident in incidents[:-1]:
        close_incident(desk.connection, incident, now_utc=clock())
        assert (None, DENIED, True) in desk.incidents()
    close_incident(desk.connection, incidents[-1], now_utc=clock())
    assert (desk.open_classes(), desk.claimable()) == ([], [])


def test_a_private_sellers_lapse_is_the_operators_and_never_a_mail_with_a_link(
    desk, clock, private_seller, warehouse
) -> None:
    desk.good(private_seller)
    incident = desk.fails(private_seller, REFUSED, generation=1)
    verify(warehouse, incident, {"private": private_seller}, pytest.fail, operators=desk.operators, now_utc=clock())
    assert desk.claimable() == alerts(*desk.operators)
    assert desk.standing(private_seller).status is Status.REAUTHORIZATION_REQUIRED


def test_the_lapse_of_a_seller_whose_entry_cannot_be_used_is_the_operators(desk, clock, warehouse) -> None:
    failure = Failure(error_class=REFUSED)
    assert report_failure(warehouse, "acme", None, failure, operators=desk.operators, now_utc=clock())
    assert desk.claimable() == alerts(*desk.operators)


def test_different_failures_of_one_seller_are_told_each(desk, seller) -> None:
    desk.fails(seller, "SettingsError")
    desk.fails(seller, "LoadError")
    assert desk.open_classes() == ["SettingsError", "LoadError"]
    assert len(desk.claimable()) == 2 * len(desk.operators)


def test_an_incident_keeps_what_amazon_said_and_how_far_the_data_were_complete(desk, clock, seller) -> None:
    desk.complete_through(seller, clock() - timedelta(hours=14))
    incident = desk.fails(
        seller, DENIED, generation=0, code="Unauthorized", request_id="f00", task="a / b", remedy="Look."
    )
    assert incident.facts == {
        "error_class": DENIED,
        "code": "Unauthorized",
        "request_id": "f00",
        "task": "a / b",
        "remedy": "Look.",
    }
    assert incident.missing_since_utc == clock() - timedelta(hours=14)


def report_at_once(dsn, clock, *sellers, error_class: str) -> list[Any]:
    start = Barrier(len(sellers))

    def report(seller) -> int:
        with connect(dsn) as connection:
            start.wait(10)
            failure = Failure(error_class=error_class, generation=0)
            incident = report_failure(
                connection, seller.seller_id, seller, failure, operators=("ops@example.com",), now_utc=clock()
            )
            return incident.incident_id

    with ThreadPoolExecutor(len(sellers)) as pool:
        return list(pool.map(report, sellers))


@pytest.mark.parametrize("error_class", [REFUSED, DENIED])
def test_two_processes_that_report_one_failure_open_one_incident_and_owe_one_mail(
    warehouse, warehouse_dsn, clock, seller, error_class
) -> None:
    for _ in range(5):
        first, second = report_at_once(warehouse_dsn, clock, seller, seller, error_class=error_class)
        assert first == second
        owed = warehouse.execute("SELECT count(*) FROM ops.outbox WHERE incident_id = %s", (first,)).fetchone()
        assert owed == (1,)
        warehouse.execute("UPDATE ops.incident SET closed_utc = %s", (clock(),))


def test_two_sellers_that_find_the_application_refused_at_once_open_one_incident(
    warehouse, warehouse_dsn, clock, make_sellers
) -> None:
    first, second = report_at_once(warehouse_dsn, clock, *make_sellers(2).values(), error_class=APPLICATION)
    assert first == second
    assert warehouse.execute("SELECT count(*) FROM ops.outbox").fetchone() == (1,)


def test_many_processes_that_report_at_once_tell_the_operators_no_more_than_one_process_would(
    warehouse, warehouse_dsn, clock, make_sellers
) -> None:
    report_at_once(warehouse_dsn, clock, *make_sellers(12).values(), error_class=DENIED)
    assert warehouse.execute("SELECT count(*) FROM ops.outbox").fetchone() == (MOST_ALERTS_AN_HOUR + 1,)


def test_an_incident_that_ends_while_it_is_looked_for_is_opened_anew(warehouse, warehouse_dsn, clock) -> None:
    old, _ = open_incident(warehouse, None, APPLICATION, now_utc=clock())

    class EndsMeanwhile:
        def execute(self, query, *values):
            answer = warehouse.execute(query, *values)
            if "INSERT" in query:
                with connect(warehouse_dsn) as elsewhere:
                    close_incident(elsewhere, old, now_utc=clock())
            return answer

    found, is_new = open_incident(EndsMeanwhile(), None, APPLICATION, now_utc=clock())
    assert (found.incident_id != old.incident_id, is_new) == (True, True)


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (None, UNKNOWN),
        (ContractError("x"), "ContractError"),
        (ServiceUnavailableError("x"), "ServiceUnavailableError"),
        (AccessTokenExpiredError("x"), "TransientError"),
        (KeyError("x"), "KeyError"),
    ],
)
def test_an_error_stands_in_the_table_by_its_nearest_class(error, name) -> None:
    assert class_of(error) == name


def test_a_class_the_table_does_not_know_is_a_defect() -> None:
    assert meaning_of("KeyError") is DEFECT
    assert (DEFECT.audience, DEFECT.status) == ("operators", None)


@pytest.mark.parametrize(
    ("settings", "operators"),
    [
        (NotificationSettings(), ()),
        (NotificationSettings(operator_contacts=("a@b.example",)), ("a@b.example",)),
        (NotificationSettings(operator_notifier="x.Y"), ("notifier",)),
    ],
)
def test_operators_are_their_addresses_and_their_notifier(settings, operators) -> None:
    assert operators_of(settings) == operators
