"""What the watch tells: ends that come near, data that stay away, sellers who do not answer; each once."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from include.authorization.status import Status, record_authorized
from include.notifications.failures import MOST_ALERTS_AN_HOUR, Failure, report_failure
from include.notifications.incidents import open_incident
from include.notifications.lookout import (
    beat,
    end_answered_refusals,
    end_what_has_no_seller,
    remind,
    silent_for,
    tell_of_broken_sellers_file,
    tell_of_overdue_personal_data,
    tell_what_is_late,
    warn_of_expiry,
    warn_of_secret,
)
from include.notifications.meanings import (
    APPLICATION,
    DENIED,
    EXPIRES,
    LATE,
    MAIL_REFUSED,
    PERSONAL_DATA,
    REFUSED,
    SECRET_EXPIRES,
)
from include.notifications.outbox import claim, note_trouble
from include.notifications.verification import verify
from include.sellers.registry import Seller
from include.warehouse.connection import connect

DAYS = (30, 14, 7, 1)


@pytest.fixture
def authorized_until(desk, clock) -> Callable[..., None]:
    """Connect a seller whose authorization ends in so many days."""

    def authorize(seller: Seller, days_left: float, token: str = "Atzr|A") -> None:
        desk.good(seller, token)
        day_utc = clock() + timedelta(days=days_left - 365)
        record_authorized(desk.connection, seller, day_utc, now_utc=clock())

    return authorize


@pytest.fixture
def warn(desk, clock, seller, notifications) -> Callable[..., list[tuple[str, str]]]:
    """A look at what ends soon; returns what is sent because of it."""

    def look(*sellers: Seller) -> list[tuple[str, str]]:
        by_id = {one.seller_id: one for one in sellers or (seller,)}
        warn_of_expiry(desk.connection, by_id, notifications, now_utc=clock())
        return desk.send()

    return look


def test_a_seller_is_warned_on_each_of_four_days_once(authorized_until, warn, desk, clock, make_sellers) -> None:
    (seller,) = make_sellers(1).values()
    authorized_until(seller, 31)
    sent = []
    for _ in range(32 * 4):
        sent += [(kind, recipient, clock()) for kind, recipient in warn(seller)]
        clock.advance(hours=6)
    start = clock() - timedelta(days=32)
    assert sent == [
        (f"expires_{day}", contact, start + timedelta(days=31 - day)) for day in DAYS for contact in seller.contacts
    ]
    assert desk.open_classes() == [EXPIRES]


@pytest.mark.parametrize(
    ("left", "kinds"),
    [
        (30.01, []),
        (30, ["expires_30"]),
        (20, ["expires_30"]),
        (13, ["expires_14"]),
        (2, ["expires_7"]),
        (0.5, ["expires_1"]),
    ],
)
def test_after_a_pause_of_the_watch_only_the_nearest_warning_goes_out(
    authorized_until, warn, seller, left, kinds
) -> None:
    authorized_until(seller, left)
    assert [kind for kind, _ in warn()] == kinds
    assert warn() == []


def test_the_status_says_from_thirty_days_on_that_the_end_is_near(authorized_until, warn, seller, desk, clock) -> None:
    authorized_until(seller, 31)
    warn()
    assert desk.standing(seller).status is Status.CONNECTED
    clock.advance(days=1)
    warn()
    known = desk.standing(seller)
    assert (known.status, known.since_utc) == (Status.EXPIRES_SOON, clock())
    clock.advance(days=1)
    warn()
    assert desk.standing(seller).since_utc == known.since_utc


def test_of_an_unknown_day_nothing_is_guessed(desk, seller, warn, clock) -> None:
    desk.good(seller)
    clock.advance(days=360)
    assert (warn(), desk.incidents()) == ([], [])


def test_a_private_application_is_not_warned_about(authorized_until, warn, private_seller, desk) -> None:
    authorized_until(private_seller, 3)
    assert (warn(private_seller), desk.incidents()) == ([], [])


def test_a_lapsed_seller_is_not_warned_on_top(authorized_until, warn, seller, desk) -> None:
    authorized_until(seller, 3)
    desk.fails(seller, REFUSED, generation=1)
    assert (warn(), desk.open_classes()) == ([], [REFUSED])


@pytest.mark.parametrize("how", ["another token", "a token whose day is known", "the day of the same token"])
def test_a_renewed_authorization_ends_the_old_warnings(
    authorized_until, warn, seller, desk, clock, notifications, how
) -> None:
    authorized_until(seller, 10)
    warn_of_expiry(desk.connection, {"acme": seller}, notifications, now_utc=clock())
    assert desk.claimable() == [("expires_14", "anna@acme.example")]
    if how != "the day of the same token":
        desk.good(seller, "Atzr|B")
    if how != "another token":
        record_authorized(desk.connection, seller, clock(), now_utc=clock())
    assert (warn(), desk.open_classes(), desk.claimable()) == ([], [], [])
    assert desk.standing(seller).status is Status.CONNECTED


def test_the_year_after_everything_is_told_anew(authorized_until, warn, seller, clock) -> None:
    authorized_until(seller, 14)
    assert warn() == [("expires_14", "anna@acme.example")]
    authorized_until(seller, 365, "Atzr|B")
    assert warn() == []
    clock.advance(days=351)
    assert warn() == [("expires_14", "anna@acme.example")]


def test_a_refusal_that_is_reported_while_the_watch_looks_is_not_overwritten(
    authorized_until, seller, desk, clock, notifications, warehouse_dsn
) -> None:
    authorized_until(seller, 31)
    clock.advance(days=5)

    class FailsMeanwhile(dict[str, Seller]):
        def get(self, name, default=None):
            with connect(warehouse_dsn) as elsewhere:
                report_failure(elsewhere, name, seller, Failure(error_class=REFUSED), operators=(), now_utc=clock())
            return super().get(name, default)

    warn_of_expiry(desk.connection, FailsMeanwhile(acme=seller), notifications, now_utc=clock())
    assert desk.standing(seller).status is Status.VERIFYING
    assert desk.open_classes() == [REFUSED]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(left=st.integers(-3, 60), pauses_h=st.lists(st.integers(1, 24 * 20), max_size=20))
def test_whenever_the_watch_looks_the_warnings_come_nearer_and_each_at_most_once(
    desk, clock, seller, authorized_until, warn, left, pauses_h
) -> None:
    with desk.connection.transaction(force_rollback=True):
        authorized_until(seller, left)
        ends_utc = clock() + timedelta(days=left)
        warned = []
        for pause_h in pauses_h:
            clock.advance(hours=pause_h)
            sent = [int(kind.removeprefix("expires_")) for kind, _ in warn()]
            assert all(ends_utc - clock() <= timedelta(days=day) for day in sent)
            warned += sent
        assert warned == sorted(set(warned), reverse=True)
        assert set(warned) <= set(DAYS)
        over = [sum(pauses_h[: turn + 1]) for turn in range(len(pauses_h))]
        looked_in_time = [hours for hours in over if hours < left * 24]
        due = [day for day in DAYS if looked_in_time and left * 24 - looked_in_time[-1] <= day * 24]
        assert warned[-1:] == due[-1:]


@pytest.fixture
def lapsed(desk, seller, clock) -> Seller:
    """A seller who has been told of a lapse."""
    desk.good(seller)
    incident = desk.fails(seller, REFUSED, generation=1)
    verify(desk.connection, incident, {}, pytest.fail, operators=(), now_utc=clock())
    assert desk.send() == [("reconnect", "anna@acme.example")]
    return seller


def test_a_seller_who_does_not_act_is_reminded_after_three_seven_and_fourteen_days(
    desk, lapsed, clock, notifications
) -> None:
    start, sent = clock(), []
    for _ in range(30 * 4):
        remind(desk.connection, {"acme": lapsed}, notifications, now_utc=clock())
        sent += [(kind, clock() - start) for kind, _ in desk.send()]
        clock.advance(hours=6)
    assert sent == [(f"reminder_{day}", timedelta(days=day)) for day in (3, 7, 14)]


def test_after_a_pause_of_the_watch_only_the_last_reminder_goes_out(desk, lapsed, clock, notifications) -> None:
    clock.advance(days=10)
    for _ in range(2):
        remind(desk.connection, {"acme": lapsed}, notifications, now_utc=clock())
    assert desk.send() == [("reminder_7", "anna@acme.example")]


def test_a_seller_who_has_acted_is_not_reminded(desk, lapsed, clock, notifications) -> None:
    clock.advance(days=4)
    desk.good(lapsed, "Atzr|B")
    remind(desk.connection, {"acme": lapsed}, notifications, now_utc=clock())
    assert {kind for kind, _ in desk.send()} == {"reconnected"}


def test_a_held_a_private_and_a_removed_seller_are_not_reminded(
    desk, make_sellers, private_seller, clock, notifications
) -> None:
    held, removed = make_sellers(2).values()
    for seller in (held, removed, private_seller):
        incident = desk.fails(seller, REFUSED)
        if seller is not held:
            verify(desk.connection, incident, {}, pytest.fail, operators=(), now_utc=clock())
    desk.send()
    clock.advance(days=5)
    sellers = {seller.seller_id: seller for seller in (held, private_seller)}
    remind(desk.connection, sellers, notifications, now_utc=clock())
    owed = desk.connection.execute("SELECT count(*) FROM ops.outbox WHERE kind LIKE 'reminder%'").fetchone()
    assert owed == (0,)


def test_operators_are_warned_of_the_client_secrets_end_on_three_days_once(desk, clock, notifications) -> None:
    made_on, sent = clock().date(), []
    for _ in range(185):
        warn_of_secret(desk.connection, made_on, notifications, now_utc=clock())
        sent += [(kind, recipient, clock().date()) for kind, recipient in desk.send()]
        clock.advance(days=1)
    assert sent == [
        (f"secret_expires_{day}", recipient, made_on + timedelta(days=180 - day))
        for day in (30, 14, 7)
        for recipient in desk.operators
    ]
    assert desk.open_classes() == [SECRET_EXPIRES]


def test_a_warning_of_the_secret_says_how_many_days_are_left(desk, clock, notifications) -> None:
    warn_of_secret(desk.connection, clock().date() - timedelta(days=170), notifications, now_utc=clock())
    (facts,) = desk.connection.execute("SELECT DISTINCT facts FROM ops.outbox").fetchall()
    assert "ends in 9 days" in facts[0]["meaning"]
    assert facts[0]["details"] == [["Ends", "2026-10-15T00:00:00Z"]]


@pytest.mark.parametrize("made_days_ago", [0, None], ids=["renewed", "unknown"])
def test_a_renewed_secret_and_one_of_which_nothing_is_known_end_the_warning(
    desk, clock, notifications, made_days_ago
) -> None:
    warn_of_secret(desk.connection, clock().date() - timedelta(days=175), notifications, now_utc=clock())
    assert desk.claimable()
    made_on = None if made_days_ago is None else clock().date()
    warn_of_secret(desk.connection, made_on, notifications, now_utc=clock())
    assert (desk.open_classes(), desk.claimable()) == ([], [])


def test_a_secret_of_which_nothing_is_known_is_not_guessed(desk, clock, notifications) -> None:
    warn_of_secret(desk.connection, None, notifications, now_utc=clock())
    assert desk.incidents() == []


def test_a_secret_warns_anew_after_it_was_renewed(desk, clock, notifications) -> None:
    for made_on in (date(2026, 4, 15), date(2026, 10, 5), date(2026, 4, 15)):
        warn_of_secret(desk.connection, made_on, notifications, now_utc=clock())
    assert len([row for row in desk.incidents() if row[1] == SECRET_EXPIRES]) == 2


@pytest.fixture
def look_for_late(desk, clock, notifications) -> Callable[..., list[tuple[str, str]]]:
    """A look at what is late among these sellers; returns what is sent because of it."""

    def look(*sellers: Seller) -> list[tuple[str, str]]:
        by_id = {one.seller_id: one for one in sellers}
        tell_what_is_late(desk.connection, by_id, notifications, now_utc=clock())
        return desk.send()

    return look


def test_late_data_are_told_once_and_end_when_they_are_current(desk, clock, seller, look_for_late) -> None:
    desk.complete_through(seller, clock() - timedelta(hours=26))
    assert look_for_late(seller) == []
    clock.advance(minutes=15)
    assert look_for_late(seller) == [("late", recipient) for recipient in desk.operators]
    clock.advance(days=1)
    assert look_for_late(seller) == []
    assert desk.open_classes() == [LATE]
    desk.complete_through(seller, clock())
    assert look_for_late(seller) == []
    assert desk.open_classes() == []
    clock.advance(days=2)
    assert len(look_for_late(seller)) == len(desk.operators)


def test_what_became_current_before_it_was_told_is_not_told(desk, clock, seller, notifications) -> None:
    desk.complete_through(seller, clock() - timedelta(days=2))
    tell_what_is_late(desk.connection, {"acme": seller}, notifications, now_utc=clock())
    desk.complete_through(seller, clock())
    tell_what_is_late(desk.connection, {"acme": seller}, notifications, now_utc=clock())
    assert desk.claimable() == []


@pytest.mark.parametrize(
    ("failed", "named"),
    [
        ([], "No failure is on record: is the DAG paused"),
        ([DENIED], "AccessDeniedError since 2026-10-05T12:00:00Z: Amazon answers 403"),
        ([REFUSED], "ReauthorizationRequiredError since 2026-10-05T12:00:00Z: Login with Amazon refuses"),
        ([APPLICATION], "ApplicationCredentialsError since 2026-10-05T12:00:00Z: Amazon refuses our application"),
        (["LoadError", "KeyError"], "KeyError since 2026-10-05T12:00:00Z: A defect of this program"),
    ],
)
def test_late_data_name_their_cause(desk, clock, seller, look_for_late, failed, named) -> None:
    desk.complete_through(seller, clock())
    for error_class in failed:
        desk.fails(seller, error_class)
    desk.send()
    clock.advance(hours=27)
    assert len(look_for_late(seller)) == len(desk.operators)
    row = desk.connection.execute("SELECT facts FROM ops.incident WHERE error_class = %s", (LATE,)).fetchone()
    assert named in row[0]["remedy"]


def test_many_late_at_once_are_few_mails(desk, clock, make_sellers, look_for_late) -> None:
    sellers = make_sellers(30)
    for seller in sellers.values():
        desk.complete_through(seller, clock() - timedelta(days=2))
    sent = Counter(look_for_late(*sellers.values()))
    assert sent == {("late", recipient): MOST_ALERTS_AN_HOUR + 1 for recipient in desk.operators}
    clock.advance(minutes=15)
    assert look_for_late(*sellers.values()) == []
    assert desk.incidents().count((None, LATE, True)) == 1
    for seller in sellers.values():
        desk.complete_through(seller, clock())
    assert (look_for_late(*sellers.values()), desk.open_classes()) == ([], [])


def test_a_seller_who_never_loaded_and_one_taken_out_of_the_file_are_not_late(
    desk, clock, make_sellers, look_for_late
) -> None:
    never_loaded, removed = make_sellers(2).values()
    desk.good(never_loaded)
    desk.complete_through(removed, clock() - timedelta(days=90))
    assert (look_for_late(never_loaded), desk.incidents()) == ([], [])


def test_of_a_seller_taken_out_of_the_file_no_end_is_told(authorized_until, warn, desk, make_sellers) -> None:
    kept, removed = make_sellers(2).values()
    authorized_until(removed, 3)
    before = desk.standing(removed)
    assert (warn(kept), desk.standing(removed), desk.incidents()) == ([], before, [])


def test_how_many_hours_are_late_is_a_setting(desk, clock, seller, notifications) -> None:
    desk.complete_through(seller, clock() - timedelta(hours=3))
    patient = dataclasses.replace(notifications, late_after_hours=3)
    tell_what_is_late(desk.connection, {"acme": seller}, patient, now_utc=clock())
    assert desk.incidents() == []
    tell_what_is_late(desk.connection, {"acme": seller}, patient, now_utc=clock() + timedelta(seconds=1))
    assert desk.open_classes() == [LATE]


def test_how_long_the_watch_has_been_silent(warehouse, clock) -> None:
    assert silent_for(warehouse, now_utc=clock()) is None
    beat(warehouse, now_utc=clock())
    clock.advance(minutes=46)
    assert silent_for(warehouse, now_utc=clock()) == timedelta(minutes=46)
    beat(warehouse, now_utc=clock())
    assert silent_for(warehouse, now_utc=clock()) == timedelta(0)


def test_a_refused_address_is_open_until_nothing_of_the_seller_waits_for_it(desk, clock, lapsed, notifications) -> None:
    clock.advance(days=3)
    remind(desk.connection, {"acme": lapsed}, notifications, now_utc=clock())
    reminder = claim(desk.connection, now_utc=clock())
    note_trouble(desk.connection, reminder, "550 no such user", now_utc=clock())
    open_incident(desk.connection, "acme", MAIL_REFUSED, now_utc=clock())
    end_answered_refusals(desk.connection, now_utc=clock())
    assert desk.open_classes() == [REFUSED, MAIL_REFUSED]
    clock.advance(hours=1)
    assert desk.send() == [("reminder_3", "anna@acme.example")]
    end_answered_refusals(desk.connection, now_utc=clock())
    assert desk.open_classes() == [REFUSED]


def test_what_is_about_a_seller_taken_out_of_the_file_ends(desk, make_sellers, clock) -> None:
    for each in make_sellers(2).values():
        desk.good(each)
        desk.fails(each, "ContractError")
    end_what_has_no_seller(desk.connection, {"shop_01", "shop_02"}, now_utc=clock())
    assert desk.open_classes() == ["ContractError", "ContractError"]
    end_what_has_no_seller(desk.connection, {"shop_01"}, now_utc=clock())
    assert desk.open_classes() == ["ContractError"]


def test_a_seller_who_never_loaded_is_late_from_the_day_its_entry_was_seen(desk, clock, seller, look_for_late) -> None:
    assert look_for_late(seller) == []
    clock.advance(hours=27)
    assert look_for_late(seller) == [("late", "ops@example.com"), ("late", "notifier")]
    assert look_for_late(seller) == []


def test_whoever_becomes_a_contact_is_written_to_as_well(desk, lapsed, clock, notifications) -> None:
    wider = dataclasses.replace(lapsed, contacts=(*lapsed.contacts, "new@acme.example"))
    remind(desk.connection, {wider.seller_id: wider}, notifications, now_utc=clock())
    assert desk.send() == [("reconnect", "new@acme.example")]


def test_a_day_that_amazon_proves_wrong_warns_of_nothing(authorized_until, warn, seller) -> None:
    authorized_until(seller, -10)
    assert warn() == []


def test_a_sellers_file_that_cannot_be_read_is_told_once_and_ends(desk, clock, notifications) -> None:
    for _ in range(2):
        tell_of_broken_sellers_file(desk.connection, "line 3, column 1", notifications, now_utc=clock())
    assert desk.send() == [("alert", "ops@example.com"), ("alert", "notifier")]
    tell_of_broken_sellers_file(desk.connection, "", notifications, now_utc=clock())
    assert desk.open_classes() == []


@pytest.mark.parametrize("table", ["buyers", "recipients"])
def test_personal_data_that_nobody_deleted_in_time_are_told_once_and_end_with_the_purge(
    desk, clock, notifications, table
) -> None:
    def look() -> list[tuple[str, str]]:
        tell_of_overdue_personal_data(desk.connection, notifications, now_utc=clock())
        return desk.send()

    desk.connection.execute(
        f"INSERT INTO amazon_pii.{table} (seller_id, order_id, name, last_updated_utc, extracted_utc, delete_after_utc)"
        " VALUES ('acme', '303-1', 'Zwaantje', %(now)s, %(now)s, %(now)s)",
        {"now": clock()},
    )
    assert look() == []
    clock.advance(hours=1, seconds=1)
    assert look() == [("alert", "ops@example.com"), ("alert", "notifier")]
    assert look() == []
    assert desk.open_classes() == [PERSONAL_DATA]
    facts = desk.connection.execute("SELECT facts::text FROM ops.incident").fetchone()[0]
    assert "personal_data_purge" in facts
    assert "Zwaantje" not in facts
    desk.connection.execute(f"DELETE FROM amazon_pii.{table}")
    assert look() == []
    assert desk.open_classes() == []
