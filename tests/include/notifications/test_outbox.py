"""Who may send which message, and when: real connections to one warehouse, several of them at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.notifications.incidents import Incident, close_incident, open_incident, verify_incident
from include.notifications.outbox import (
    FIRST_PAUSE,
    LEASE,
    LONGEST_PAUSE,
    LONGEST_TROUBLE,
    Audience,
    Message,
    claim,
    drop,
    give_back,
    note_sent,
    note_trouble,
    owe,
    was_sent,
)
from include.warehouse.connection import Connection, connect
from tests.payloads.clocks import HandClock

SECOND = timedelta(seconds=1)


@pytest.fixture
def colleague(warehouse_dsn: str) -> Iterator[Connection]:
    """Another sender's connection; one that would wait for the first fails instead."""
    with connect(warehouse_dsn) as connection:
        connection.execute("SET lock_timeout = '5s'")
        yield connection


@pytest.fixture
def incident(warehouse: Connection, clock: HandClock) -> Incident:
    """Something that sellers may be told of."""
    return open_incident(warehouse, "acme", "SomeError", now_utc=clock())[0]


def owe_to(
    connection: Connection,
    incident: Incident,
    clock: HandClock,
    *recipients: str,
    kind: str = "reconnect",
    audience: Audience = "seller",
) -> None:
    owe(connection, incident.incident_id, kind, audience, recipients, now_utc=clock())


def claimed(connection: Connection, clock: HandClock) -> Message:
    message = claim(connection, now_utc=clock())
    assert message
    return message


def send_all(connection: Connection, clock: HandClock) -> list[str]:
    """Send what can be sent now; who got something, in order."""
    sent = []
    while message := claim(connection, now_utc=clock()):
        note_sent(connection, message, now_utc=clock())
        sent.append(message.recipient)
    return sent


def rows(connection: Connection, column: str) -> list[object]:
    return [row[0] for row in connection.execute(f"SELECT {column} FROM ops.outbox ORDER BY message_id").fetchall()]


def test_nothing_owed_is_nothing_to_send(warehouse: Connection, clock: HandClock):
    assert claim(warehouse, now_utc=clock()) is None


def test_a_message_says_everything_that_was_owed(warehouse: Connection, incident: Incident, clock: HandClock):
    facts = {"details": [["Größe", "東京"]], "meaning": 'It\'s "so"'}
    owe(warehouse, incident.incident_id, "alert", "operators", ["ops@x.example"], now_utc=clock(), facts=facts)
    message = claimed(warehouse, clock)
    assert (message.incident_id, message.kind, message.audience) == (incident.incident_id, "alert", "operators")
    assert (message.recipient, message.facts, message.tries) == ("ops@x.example", facts, 1)
    assert isinstance(message.message_ref, UUID)


def test_owing_twice_is_once_per_incident_and_kind_and_recipient(
    warehouse: Connection, incident: Incident, clock: HandClock
):
    for _ in range(2):
        owe_to(warehouse, incident, clock, "anna", "ben", "anna")
        owe_to(warehouse, incident, clock, "anna", kind="reminder_3")
        clock.advance(hours=1)
    assert send_all(warehouse, clock) == ["anna", "ben", "anna"]
    owe_to(warehouse, incident, clock, "anna", "ben")
    assert send_all(warehouse, clock) == [], "what was sent is owed again"
    another, _ = open_incident(warehouse, "acme", "AnotherError", now_utc=clock())
    owe_to(warehouse, another, clock, "anna")
    assert send_all(warehouse, clock) == ["anna"]


def test_messages_go_in_the_order_in_which_they_were_owed(warehouse: Connection, incident: Incident, clock: HandClock):
    owe_to(warehouse, incident, clock, "zoe", "anna")
    owe_to(warehouse, incident, clock, "mia", audience="operators")
    assert send_all(warehouse, clock) == ["zoe", "anna", "mia"]


def test_a_message_in_hand_is_nobody_elses(
    warehouse: Connection, colleague: Connection, incident: Incident, clock: HandClock
):
    owe_to(warehouse, incident, clock, "anna", "ben")
    assert claimed(warehouse, clock).recipient == "anna"
    assert claimed(colleague, clock).recipient == "ben"
    assert claim(colleague, now_utc=clock()) is None
    assert claim(warehouse, now_utc=clock()) is None


def test_a_sender_passes_over_what_another_is_just_taking(
    warehouse: Connection, colleague: Connection, incident: Incident, clock: HandClock
):
    owe_to(warehouse, incident, clock, "anna", "ben")
    with warehouse.transaction():
        assert claimed(warehouse, clock).recipient == "anna"
        assert claimed(colleague, clock).recipient == "ben"
        assert claim(colleague, now_utc=clock()) is None


def test_many_senders_at_once_never_hold_one_message_and_leave_none(
    warehouse: Connection, warehouse_dsn: str, incident: Incident, clock: HandClock
):
    recipients = [f"contact{number:03}" for number in range(120)]
    owe_to(warehouse, incident, clock, *recipients)
    together = Barrier(4)

    def send(_: int) -> list[str]:
        with connect(warehouse_dsn) as connection:
            together.wait(60)
            return send_all(connection, clock)

    with ThreadPoolExecutor(4) as senders:
        sent = [recipient for part in senders.map(send, range(4)) for recipient in part]
    assert sorted(sent) == recipients


def test_a_sender_that_died_holds_its_message_for_the_lease_and_the_next_sends_the_same(
    warehouse: Connection, colleague: Connection, incident: Incident, clock: HandClock
):
    owe_to(warehouse, incident, clock, "anna")
    first = claimed(warehouse, clock)
    warehouse.close()
    clock.instant += LEASE - SECOND
    assert claim(colleague, now_utc=clock()) is None
    clock.instant += SECOND
    second = claimed(colleague, clock)
    assert (second.message_id, second.message_ref) == (first.message_id, first.message_ref)
    assert second.tries == 2
    assert claim(colleague, now_utc=clock()) is None


def test_a_sender_that_died_before_its_claim_was_kept_holds_nothing(
    warehouse: Connection, colleague: Connection, incident: Incident, clock: HandClock
):
    owe_to(warehouse, incident, clock, "anna")
    with warehouse.transaction(force_rollback=True):
        claimed(warehouse, clock)
    assert claimed(colleague, clock).tries == 1


def test_no_two_messages_share_a_reference(warehouse: Connection, incident: Incident, clock: HandClock):
    owe_to(warehouse, incident, clock, "anna", "ben")
    assert len(set(rows(warehouse, "message_ref"))) == 2


def test_what_was_sent_is_never_sent_again(warehouse: Connection, incident: Incident, clock: HandClock):
    owe_to(warehouse, incident, clock, "anna")
    assert not was_sent(warehouse, incident.incident_id, "seller")
    assert send_all(warehouse, clock) == ["anna"]
    clock.advance(days=365)
    assert send_all(warehouse, clock) == []
    assert was_sent(warehouse, incident.incident_id, "seller")
    assert not was_sent(warehouse, incident.incident_id, "operators")


def test_a_message_is_not_sent_before_it_is_due(warehouse: Connection, incident: Incident, clock: HandClock):
    due = clock() + timedelta(hours=1)
    owe(warehouse, incident.incident_id, "reconnect", "seller", ["anna"], now_utc=due)
    assert claim(warehouse, now_utc=due - SECOND) is None
    assert claim(warehouse, now_utc=due)


def test_the_pauses_grow_to_the_longest_and_stay_there(warehouse: Connection, incident: Incident, clock: HandClock):
    owe_to(warehouse, incident, clock, "anna")
    pauses = []
    for _ in range(15):
        note_trouble(warehouse, claimed(warehouse, clock), "full", now_utc=clock())
        due = rows(warehouse, "due_utc")[0]
        pauses.append(due - clock())
        clock.instant = due - SECOND
        assert claim(warehouse, now_utc=clock()) is None
        clock.instant = due
    assert pauses[:5] == [FIRST_PAUSE * 2**tries for tries in range(5)]
    assert set(pauses[5:]) == {LONGEST_PAUSE}


def test_a_message_that_pauses_keeps_no_other_back(warehouse: Connection, incident: Incident, clock: HandClock):
    owe_to(warehouse, incident, clock, "anna", "ben")
    note_trouble(warehouse, claimed(warehouse, clock), "full", now_utc=clock())
    assert send_all(warehouse, clock) == ["ben"]
    clock.instant += FIRST_PAUSE
    assert send_all(warehouse, clock) == ["anna"]


def test_what_is_given_back_is_due_at_once_and_first_again(warehouse: Connection, incident: Incident, clock: HandClock):
    owe_to(warehouse, incident, clock, "anna", "ben")
    give_back(warehouse, claimed(warehouse, clock), "nobody answers")
    assert rows(warehouse, "last_trouble") == ["nobody answers", ""]
    assert send_all(warehouse, clock) == ["anna", "ben"]
    assert rows(warehouse, "last_trouble") == ["", ""], "the trouble is over"


def test_a_long_trouble_is_kept_in_part(warehouse: Connection, incident: Incident, clock: HandClock):
    owe_to(warehouse, incident, clock, "anna", "ben", "clara")
    note_trouble(warehouse, claimed(warehouse, clock), "x" * 10_000, now_utc=clock())
    drop(warehouse, claimed(warehouse, clock), "x" * 10_000, now_utc=clock())
    give_back(warehouse, claimed(warehouse, clock), "x" * 10_000)
    assert rows(warehouse, "last_trouble") == ["x" * LONGEST_TROUBLE] * 3


def test_what_was_dropped_is_never_sent(warehouse: Connection, incident: Incident, clock: HandClock):
    owe_to(warehouse, incident, clock, "anna")
    drop(warehouse, claimed(warehouse, clock), "pointless", now_utc=clock())
    clock.advance(days=365)
    assert send_all(warehouse, clock) == []


def test_sellers_wait_until_an_incident_is_verified_and_operators_do_not(warehouse: Connection, clock: HandClock):
    incident, _ = open_incident(warehouse, "acme", "SomeError", now_utc=clock(), verified=False)
    owe_to(warehouse, incident, clock, "anna")
    owe_to(warehouse, incident, clock, "ops", kind="alert", audience="operators")
    assert send_all(warehouse, clock) == ["ops"]
    clock.advance(days=3)
    assert send_all(warehouse, clock) == []
    verify_incident(warehouse, incident, now_utc=clock())
    assert send_all(warehouse, clock) == ["anna"]


def test_closing_an_incident_drops_what_is_unsent_and_keeps_what_was_sent(
    warehouse: Connection, incident: Incident, clock: HandClock
):
    another, _ = open_incident(warehouse, "birch", "SomeError", now_utc=clock())
    owe_to(warehouse, incident, clock, "sent", "unsent", "pausing")
    owe_to(warehouse, another, clock, "another's")
    note_sent(warehouse, claimed(warehouse, clock), now_utc=clock())
    in_hand, pausing = claimed(warehouse, clock), claimed(warehouse, clock)
    give_back(warehouse, in_hand, "")
    note_trouble(warehouse, pausing, "full", now_utc=clock())
    clock.advance(hours=1)
    close_incident(warehouse, incident, now_utc=clock())
    assert rows(warehouse, "dropped_utc") == [None, clock(), clock(), None]
    assert send_all(warehouse, clock) == ["another's"]
    clock.advance(days=365)
    assert send_all(warehouse, clock) == []


def test_what_is_in_hand_when_its_incident_ends_comes_back_to_nobody(
    warehouse: Connection, colleague: Connection, incident: Incident, clock: HandClock
):
    owe_to(warehouse, incident, clock, "anna", "ben", "clara")
    first, second, _ = (claimed(warehouse, clock) for _ in range(3))
    close_incident(colleague, incident, now_utc=clock())
    note_trouble(warehouse, first, "full", now_utc=clock())
    give_back(warehouse, second, "nobody answers")
    clock.advance(days=365)
    assert send_all(colleague, clock) == []


SENDERS = st.integers(0, 1)
STEPS = st.one_of(
    st.tuples(st.just("owe"), st.integers(0, 1), st.integers(0, 2)),
    st.tuples(st.just("claim"), SENDERS),
    st.tuples(st.just("send"), SENDERS),
    st.tuples(st.just("trouble"), SENDERS),
    st.tuples(st.just("server away"), SENDERS),
    st.tuples(st.just("die"), SENDERS),
    st.tuples(st.just("answer lost"), SENDERS),
    st.tuples(st.just("die after sending"), SENDERS),
    st.tuples(st.just("advance"), st.sampled_from([1, 4, 5, 15, 400])),
    st.tuples(st.just("verify"), st.just(1)),
    st.tuples(st.just("close"), st.integers(0, 1)),
)


class Office:
    """Two senders and what the server got from them; incident 0 is verified from the start, incident 1 is not."""

    def __init__(self, connections: list[Connection], clock: HandClock) -> None:
        self.connections = connections
        self.clock = clock
        connections[0].execute("DELETE FROM ops.outbox")
        connections[0].execute("DELETE FROM ops.incident")
        self.incidents = [
            open_incident(connections[0], name, "SomeError", now_utc=clock(), verified=name == "known")[0]
            for name in ("known", "unsure")
        ]
        self.verified = {0}
        self.closed: set[int] = set()
        self.owed: set[tuple[int, str]] = set()
        self.hands: list[Message | None] = [None, None]
        self.held_until = [clock(), clock()]
        self.arrived: Counter[tuple[int, str]] = Counter()
        self.unnoted: Counter[tuple[int, str]] = Counter()
        self.refs: defaultdict[tuple[int, str], set[UUID]] = defaultdict(set)

    def do(self, what: str, which: int, *more: int) -> None:
        if what == "advance":
            self.clock.advance(minutes=which)
            for sender, until in enumerate(self.held_until):
                if self.clock() >= until:
                    self.hands[sender] = None  # who has been silent for the lease has died
        elif what == "owe":
            if which not in self.closed:
                recipient = f"contact{more[0]}"
                owe_to(self.connections[0], self.incidents[which], self.clock, recipient)
                self.owed.add((which, recipient))
        elif what == "verify":
            if verify_incident(self.connections[0], self.incidents[which], now_utc=self.clock()):
                self.verified.add(which)
        elif what == "close":
            close_incident(self.connections[0], self.incidents[which], now_utc=self.clock())
            self.closed.add(which)
        elif what == "claim":
            self.claim(which)
        elif message := self.hands[which]:
            self.hands[which] = None
            self.end(what, self.connections[which], message)

    def claim(self, sender: int) -> None:
        if self.hands[sender]:
            return
        message = self.hands[sender] = claim(self.connections[sender], now_utc=self.clock())
        self.held_until[sender] = self.clock() + LEASE
        if message:
            number, _ = self.key(message)
            assert number in self.verified
            assert number not in self.closed
            other = self.hands[1 - sender]
            assert other is None or other.message_id != message.message_id, "two senders hold one message"

    def end(self, what: str, connection: Connection, message: Message) -> None:
        key = self.key(message)
        if what in {"send", "answer lost", "die after sending"}:
            self.arrived[key] += 1
            self.refs[key].add(message.message_ref)
        if what == "send":
            note_sent(connection, message, now_utc=self.clock())
        else:
            self.unnoted[key] += what in {"answer lost", "die after sending"}
        if what == "trouble":
            note_trouble(connection, message, "full", now_utc=self.clock())
        elif what in {"server away", "answer lost"}:
            give_back(connection, message, "away")

    def key(self, message: Message) -> tuple[int, str]:
        return [known.incident_id for known in self.incidents].index(message.incident_id), message.recipient


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=40))
def test_whatever_happens_everything_owed_arrives_and_twice_only_where_nobody_could_note_it(
    warehouse: Connection, colleague: Connection, steps: list[tuple[str, int] | tuple[str, int, int]]
):
    clock = HandClock()
    office = Office([warehouse, colleague], clock)
    for step in steps:
        office.do(*step)
    clock.instant += LONGEST_PAUSE + LEASE
    office.hands = [None, None]
    for _ in range(len(office.owed)):
        office.do("claim", 0)
        office.do("send", 0)
    assert claim(warehouse, now_utc=clock()) is None
    due = {key for key in office.owed if key[0] in office.verified - office.closed}
    assert due <= set(office.arrived), "something owed never arrived"
    for key, copies in office.arrived.items():
        assert copies <= 1 + office.unnoted[key], "a second copy without a reason"
        assert len(office.refs[key]) == 1, "a second copy that cannot be told from a second message"
