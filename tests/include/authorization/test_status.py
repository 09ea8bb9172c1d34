"""One row a seller: which authorization it is, since when, until when, and what Amazon last said of it."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.authorization.fingerprint import fingerprint
from include.authorization.status import (
    Authorization,
    Status,
    ended_by,
    read_authorization,
    read_authorizations,
    record_authorized,
    record_good,
    record_refused,
    remember_account,
)
from include.sellers.registry import Seller
from include.warehouse.connection import Connection
from tests.payloads.clocks import HandClock
from tests.payloads.sellers import acme

KEY = "any long random text"
SECRET = "Atzr|s3cr3t-of-this-very-shop"


@pytest.fixture
def seller() -> Seller:
    """A German seller since 5 October 2026."""
    return acme(date(2026, 10, 5))


class Ledger:
    """One seller's row, written as the tasks write it."""

    def __init__(self, connection: Connection, seller: Seller, clock: HandClock) -> None:
        self.connection = connection
        self.seller = seller
        self.clock = clock

    def good(
        self, token: str = SECRET, *, key: str = KEY, generation: int | None = None, denied: bool = False
    ) -> Authorization:
        mark = fingerprint(token, key)
        return record_good(
            self.connection, self.seller, mark, now_utc=self.clock(), generation=generation, denied=denied
        )

    def refused(self, status: Status = Status.REAUTHORIZATION_REQUIRED, said: str = "The request is invalid.") -> None:
        record_refused(self.connection, self.seller.seller_id, status, said, now_utc=self.clock())

    def authorized(self, day_utc: datetime) -> None:
        record_authorized(self.connection, self.seller, day_utc, now_utc=self.clock())

    def read(self) -> Authorization:
        return read_authorization(self.connection, self.seller.seller_id)


@pytest.fixture
def ledger(warehouse: Connection, seller: Seller, clock: HandClock) -> Ledger:
    """The row of a seller nobody has asked for."""
    return Ledger(warehouse, seller, clock)


def test_of_a_seller_nobody_asked_for_nothing_is_known(ledger: Ledger) -> None:
    assert ledger.read() == Authorization("acme", Status.NEVER_CONNECTED, None, "", None, None, None, 0, "")
    assert read_authorizations(ledger.connection) == {}


def test_the_first_token_accepted_is_the_first_authorization(ledger: Ledger, clock: HandClock) -> None:
    known = ledger.good()
    assert (known.status, known.generation, known.last_good_utc) == (Status.CONNECTED, 1, clock())
    assert known.since_utc == clock()
    assert (known.authorized_utc, known.expires_utc) == (None, None)
    assert read_authorizations(ledger.connection) == {"acme": known}


def test_the_same_token_stays_the_same_authorization(ledger: Ledger, clock: HandClock) -> None:
    first = ledger.good()
    clock.advance(days=1)
    again = ledger.good()
    assert (again.generation, again.since_utc) == (1, first.since_utc)
    assert again.last_good_utc == clock()


def test_another_token_accepted_is_the_next_authorization(ledger: Ledger) -> None:
    assert [ledger.good(token).generation for token in ("A", "B", "B", "A")] == [1, 2, 2, 3]


def test_another_secret_key_is_no_new_authorization(ledger: Ledger) -> None:
    first = ledger.good("A")
    again = ledger.good("A", key="another key")
    assert again.generation == 1
    assert again.token_fingerprint != first.token_fingerprint
    assert ledger.good("B", key="another key").generation == 2


def test_an_authorization_ends_365_days_after_its_day(ledger: Ledger, clock: HandClock) -> None:
    ledger.good()
    ledger.authorized(clock())
    assert ledger.read().expires_utc == clock() + timedelta(days=365)


def test_a_private_application_has_no_last_day(ledger: Ledger, clock: HandClock) -> None:
    ledger.seller = dataclasses.replace(ledger.seller, authorization="private")
    ledger.good()
    ledger.authorized(clock() - timedelta(days=400))
    known = ledger.good()
    assert (known.status, known.authorized_utc) == (Status.CONNECTED, clock() - timedelta(days=400))
    assert known.expires_utc is None


def test_a_day_recorded_before_the_first_run_is_kept(ledger: Ledger, clock: HandClock) -> None:
    ledger.authorized(clock() - timedelta(days=100))
    assert ledger.read().status is Status.NEVER_CONNECTED
    known = ledger.good()
    assert (known.status, known.generation) == (Status.CONNECTED, 1)
    assert known.authorized_utc == clock() - timedelta(days=100)


def test_the_day_of_a_pasted_token_is_unknown(ledger: Ledger, clock: HandClock) -> None:
    ledger.good("A")
    ledger.authorized(clock() - timedelta(days=340))
    clock.advance(days=10)
    assert ledger.good("A").status is Status.EXPIRES_SOON
    clock.advance(days=10)
    known = ledger.good("B")
    assert (known.status, known.authorized_utc, known.expires_utc) == (Status.CONNECTED, None, None)


@pytest.mark.parametrize("days_later", [0, 3])
def test_a_day_recorded_since_the_old_token_was_last_good_is_the_new_ones(
    ledger: Ledger, clock: HandClock, days_later: int
) -> None:
    ledger.good("A")
    ledger.authorized(clock() - timedelta(days=360))
    ledger.good("A")
    clock.advance(days=days_later, hours=2)
    renewed_utc = clock()
    ledger.authorized(renewed_utc)
    clock.advance(hours=2)
    known = ledger.good("B")
    assert (known.generation, known.authorized_utc) == (2, renewed_utc)
    assert known.status is Status.CONNECTED


@pytest.mark.parametrize(
    ("left", "status"),
    [
        (timedelta(days=30, seconds=1), Status.CONNECTED),
        (timedelta(days=30), Status.EXPIRES_SOON),
        (timedelta(days=-1), Status.EXPIRES_SOON),
    ],
)
def test_an_authorization_ends_soon_from_thirty_days_on(
    ledger: Ledger, clock: HandClock, left: timedelta, status: Status
) -> None:
    ledger.authorized(clock() - timedelta(days=365) + left)
    assert ledger.good().status is status


def test_since_when_stays_while_the_status_does(ledger: Ledger, clock: HandClock) -> None:
    ledger.good()
    since = []
    for step in (ledger.refused, ledger.refused, ledger.good, ledger.good):
        clock.advance(hours=1)
        step()
        since.append(ledger.read().since_utc)
    noon = clock() - timedelta(hours=4)
    assert since == [noon + timedelta(hours=hours) for hours in (1, 1, 3, 3)]


def test_a_recorded_day_that_changes_the_status_changes_since_when(ledger: Ledger, clock: HandClock) -> None:
    connected_utc = clock()
    ledger.good()
    clock.advance(hours=1)
    ledger.authorized(clock() - timedelta(days=10))
    assert (ledger.read().status, ledger.read().since_utc) == (Status.CONNECTED, connected_utc)
    ledger.authorized(clock() - timedelta(days=350))
    assert (ledger.read().status, ledger.read().since_utc) == (Status.EXPIRES_SOON, clock())


def test_a_recorded_day_makes_no_refused_seller_good(ledger: Ledger, clock: HandClock) -> None:
    ledger.good()
    ledger.refused()
    ledger.authorized(clock())
    known = ledger.read()
    assert (known.status, known.amazon_said) == (Status.REAUTHORIZATION_REQUIRED, "The request is invalid.")


def test_amazons_words_are_kept_until_it_accepts(ledger: Ledger) -> None:
    ledger.good()
    ledger.refused(Status.ACCESS_DENIED, "Access is denied.")
    assert ledger.good(denied=True).amazon_said == "Access is denied."
    assert ledger.read().status is Status.ACCESS_DENIED
    assert ledger.good().amazon_said == ""


def test_a_success_with_an_authorization_that_was_renewed_meanwhile_changes_nothing(
    ledger: Ledger, clock: HandClock
) -> None:
    generation = ledger.good("A").generation
    renewed = ledger.good("B")
    clock.advance(minutes=1)
    assert ledger.good("A", generation=generation) == renewed
    assert ledger.read() == renewed
    assert ledger.good("B", generation=renewed.generation).last_good_utc == clock()


def test_no_part_of_a_token_is_in_the_row(ledger: Ledger, clock: HandClock) -> None:
    ledger.good(SECRET)
    ledger.authorized(clock())
    row = ledger.connection.execute("SELECT row_to_json(a)::text FROM ops.seller_authorization a").fetchone()
    assert row
    parts = {SECRET[start : start + 5] for start in range(len(SECRET) - 4)}
    assert not [part for part in parts if part in str(row[0])]
    assert str(row[0]).count(fingerprint(SECRET, KEY)) == 1


STEPS = st.one_of(
    st.tuples(st.just("good"), st.sampled_from("ABC")),
    st.tuples(st.just("stale"), st.sampled_from("ABC")),
    st.tuples(st.just("refused"), st.sampled_from([Status.VERIFYING, Status.ACCESS_DENIED])),
    st.tuples(st.just("recorded day"), st.integers(0, 400)),
    st.tuples(st.just("renewal"), st.integers(1, 1000)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(STEPS, max_size=15))
def test_the_generation_never_falls_and_counts_the_tokens_accepted_one_after_another(
    warehouse: Connection, seller: Seller, steps: list[tuple[str, str | int]]
) -> None:
    clock = HandClock()
    accepted: list[str] = []
    with warehouse.transaction(force_rollback=True):
        ledger = Ledger(warehouse, seller, clock)
        for step, value in steps:
            clock.advance(hours=5)
            before = ledger.read()
            if step == "good":
                ledger.good(str(value))
                accepted.append(str(value))
            elif step == "stale" and before.generation:
                assert ledger.good(str(value), generation=before.generation - 1) == before
            elif step == "refused":
                ledger.refused(Status(str(value)))
            elif step == "recorded day":
                ledger.authorized(clock() - timedelta(days=int(value)))
            elif step == "renewal":
                ledger.authorized(clock())
                ledger.good(f"new {value}")
                accepted.append(f"new {value}")
            known = ledger.read()
            changes = sum(token != earlier for token, earlier in zip(accepted, [None, *accepted], strict=False))
            assert known.generation == changes
            assert known.generation >= before.generation
            assert known.expires_utc == (known.authorized_utc and known.authorized_utc + timedelta(days=365))
            if step == "renewal":
                assert (known.status, known.authorized_utc) == (Status.CONNECTED, clock())


def test_an_account_is_remembered_and_what_is_unknown_forgets_nothing(warehouse: Connection) -> None:
    read_authorization(warehouse, "acme", locked=True)
    remember_account(warehouse, "acme", selling_partner_id="A1", marketplace_ids=["DE", "FR"], store_names=["Acme"])
    remember_account(warehouse, "acme", selling_partner_id="", marketplace_ids=[], store_names=[])
    known = read_authorization(warehouse, "acme")
    assert (known.selling_partner_id, known.marketplace_ids, known.store_names) == ("A1", ["DE", "FR"], ["Acme"])


def test_a_refused_authorization_ended_when_amazon_last_accepted_it(ledger: Ledger, clock: HandClock) -> None:
    ledger.good()
    good_utc = clock()
    clock.advance(days=3)
    for status in (Status.VERIFYING, Status.REAUTHORIZATION_REQUIRED):
        ledger.refused(status)
        assert ended_by(ledger.connection, good_utc) == {"acme"}
        assert ended_by(ledger.connection, good_utc - timedelta(seconds=1)) == set()


@pytest.mark.parametrize("status", [Status.ACCESS_DENIED, Status.APPLICATION_CREDENTIALS])
def test_what_is_not_the_sellers_end_ends_nothing(ledger: Ledger, clock: HandClock, status: Status) -> None:
    ledger.good()
    ledger.refused(status)
    assert ended_by(ledger.connection, clock() + timedelta(days=1000)) == set()


def test_an_authorization_that_nobody_used_since_ended_with_its_year(ledger: Ledger, clock: HandClock) -> None:
    ledger.good()
    ledger.authorized(clock() - timedelta(days=300))
    ends_utc = clock() + timedelta(days=65)
    assert ended_by(ledger.connection, ends_utc - timedelta(seconds=1)) == set()
    assert ended_by(ledger.connection, ends_utc) == {"acme"}


def test_an_authorization_that_amazon_accepts_after_its_year_has_not_ended(ledger: Ledger, clock: HandClock) -> None:
    ledger.good()
    ledger.authorized(clock() - timedelta(days=300))
    clock.advance(days=70)
    ledger.good()
    assert ended_by(ledger.connection, clock() - timedelta(days=1)) == set()
