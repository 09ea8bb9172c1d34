"""What the tests of notifications share: sellers, a clock moved by hand, a desk that does what the tasks do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from include.authorization.fingerprint import fingerprint
from include.authorization.status import Authorization, read_authorization
from include.notifications.failures import Failure, report_failure
from include.notifications.incidents import Incident
from include.notifications.outbox import claim, give_back, note_sent
from include.notifications.recovery import connected, renewed
from include.sellers.registry import Seller
from include.settings import NotificationSettings
from include.warehouse.connection import Connection
from tests.payloads.clocks import HandClock
from tests.payloads.sellers import acme

SECRET_KEY = "any long random text"
OPERATORS = ("ops@example.com", "notifier")


class Desk:
    """Reports what Amazon says, and sees who is told: kinds and recipients, in the order they are owed.

    Args:
        connection: This test's warehouse.
        clock: The present.
    """

    def __init__(self, connection: Connection, clock: HandClock) -> None:
        self.connection = connection
        self.clock = clock
        self.operators = OPERATORS

    def good(self, seller: Seller, token: str = "Atzr|A", generation: int | None = None) -> Authorization:
        """Amazon accepts a token of the seller."""
        mark = fingerprint(token, SECRET_KEY)
        return connected(self.connection, seller, mark, now_utc=self.clock(), generation=generation)

    def renew(self, seller: Seller, token: str, *, paused: bool = False) -> Authorization:
        """A consent of this moment has been stored."""
        mark = fingerprint(token, SECRET_KEY)
        return renewed(self.connection, seller, mark, authorized_utc=self.clock(), now_utc=self.clock(), paused=paused)

    def fails(self, seller: Seller, error_class: str, **facts: Any) -> Incident | None:
        """The seller's run fails."""
        failure = Failure(error_class=error_class, **facts)
        return report_failure(
            self.connection, seller.seller_id, seller, failure, operators=self.operators, now_utc=self.clock()
        )

    def claimable(self) -> list[tuple[str, str]]:
        """What a sender could send now; it stays owed."""
        messages = []
        while message := claim(self.connection, now_utc=self.clock()):
            messages.append(message)
        for message in messages:
            give_back(self.connection, message, "")
        return [(message.kind, message.recipient) for message in messages]

    def send(self) -> list[tuple[str, str]]:
        """Send what can be sent now."""
        sent = []
        while message := claim(self.connection, now_utc=self.clock()):
            note_sent(self.connection, message, now_utc=self.clock())
            sent.append((message.kind, message.recipient))
        return sent

    def standing(self, seller: Seller) -> Authorization:
        """How the seller's authorization stands."""
        return read_authorization(self.connection, seller.seller_id)

    def incidents(self) -> list[tuple[str | None, str, bool]]:
        """Every incident: whose, its class, whether it is open."""
        query = "SELECT seller_id, error_class, closed_utc IS NULL FROM ops.incident ORDER BY incident_id"
        return self.connection.execute(query).fetchall()  # type: ignore[return-value]

    def complete_through(self, seller: Seller, instant: datetime) -> None:
        """Note how far the seller's data are complete."""
        self.connection.execute(
            "INSERT INTO ops.watermark (seller_id, complete_from_utc, complete_through_utc, settled_utc, reread_utc)"
            " VALUES (%(seller)s, '2026-01-01Z', %(through)s, %(through)s, %(through)s)"
            " ON CONFLICT (seller_id) DO UPDATE SET complete_through_utc = excluded.complete_through_utc",
            {"seller": seller.seller_id, "through": instant},
        )

    def open_classes(self) -> list[str]:
        """The classes of the open incidents."""
        return [error_class for _, error_class, is_open in self.incidents() if is_open]


@pytest.fixture
def clock() -> HandClock:
    """A clock that stands at noon of 5 October 2026 until moved."""
    return HandClock()


@pytest.fixture
def seller() -> Seller:
    """A German seller since 5 October 2026."""
    return acme(date(2026, 10, 5))


@pytest.fixture
def private_seller(seller: Seller) -> Seller:
    """A seller who made an application of its own."""
    return dataclasses.replace(seller, seller_id="private", contacts=("paul@private.example",), authorization="private")


@pytest.fixture
def make_sellers(seller: Seller) -> Callable[[int], dict[str, Seller]]:
    """So many sellers by their ids, each with two contacts."""

    def make(count: int) -> dict[str, Seller]:
        ids = [f"shop_{number:02}" for number in range(1, count + 1)]
        return {
            name: dataclasses.replace(
                seller, seller_id=name, name=name.title(), contacts=(f"anna@{name}.example", f"ben@{name}.example")
            )
            for name in ids
        }

    return make


@pytest.fixture
def desk(warehouse: Connection, clock: HandClock) -> Desk:
    """A desk at this test's warehouse."""
    return Desk(warehouse, clock)


@pytest.fixture
def notifications() -> NotificationSettings:
    """The default settings, with operators of ours."""
    return NotificationSettings(operator_contacts=OPERATORS[:1], operator_notifier="any.notifier")
