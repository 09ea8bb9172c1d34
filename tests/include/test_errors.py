"""Errors named by who must act: the facts they carry, and the words they show."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from include import errors
from include.errors import (
    NotYetError,
    OperatorActionError,
    SellerActionError,
    SellerOrdersError,
    ThrottledError,
    TransientError,
)

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SellerOrdersError)]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_ends_in_error_and_says_who_acts_at_most_once(kind: type[SellerOrdersError]) -> None:
    assert kind.__name__.endswith("Error")
    assert kind.__doc__
    assert sum(issubclass(kind, base) for base in (SellerActionError, OperatorActionError, TransientError)) <= 1


def test_an_error_shows_message_remedy_and_request_id_as_one_text() -> None:
    error = SellerOrdersError("It broke.", remedy="Mend it.", request_id="7d0c", code="Broken")
    assert str(error) == "It broke. Mend it. (Amazon request id 7d0c)"
    assert (error.remedy, error.request_id, error.code) == ("Mend it.", "7d0c", "Broken")


def test_an_error_without_facts_shows_its_message() -> None:
    error = SellerOrdersError("It broke.")
    assert (str(error), error.remedy, error.request_id, error.code) == ("It broke.", "", "", "")


def test_facts_that_come_later_show_too() -> None:
    error = SellerOrdersError("It broke.")
    error.request_id = "7d0c"
    assert str(error) == "It broke. (Amazon request id 7d0c)"


def test_a_transient_error_may_say_how_long_to_wait() -> None:
    assert ThrottledError("429", retry_after_s=178.5, request_id="7d0c").retry_after_s == 178.5
    assert ThrottledError("429").retry_after_s is None


def test_an_error_about_the_future_says_until_when() -> None:
    until_utc = datetime(2026, 10, 6, tzinfo=UTC)
    assert NotYetError("Come back.", until_utc=until_utc).until_utc == until_utc
