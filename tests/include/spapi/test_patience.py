"""Waits in virtual time: how long, how often, and where patience ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import (
    AccessDeniedError,
    AccessTokenExpiredError,
    ContractError,
    ReauthorizationRequiredError,
    SellerOrdersError,
    ServiceUnavailableError,
    ThrottledError,
    TransientError,
    TransportError,
)
from include.spapi.patience import LONGEST_PATIENCE_S, repeat_while_transient
from tests.payloads.clocks import HandClock


def failing(*errors: SellerOrdersError) -> Callable[[], str]:
    """A call that fails like this, one after the other, and then answers."""
    coming = iter(errors)

    def call() -> str:
        for error in coming:
            raise error
        return "answer"

    return call


def test_an_answer_is_not_waited_for() -> None:
    clock = HandClock()
    assert repeat_while_transient(failing(), sleep=clock.sleep) == "answer"
    assert clock.slept_s == []


@pytest.mark.parametrize("error", [ServiceUnavailableError("503"), TransportError("reset")], ids=["5xx", "no answer"])
def test_failures_are_waited_out_for_2_4_8_up_to_60_seconds(error: TransientError) -> None:
    clock = HandClock()
    assert repeat_while_transient(failing(*[error] * 8), sleep=clock.sleep) == "answer"
    assert clock.slept_s == [2, 4, 8, 16, 32, 60, 60, 60]


def test_throttling_is_waited_out_for_as_long_as_it_says() -> None:
    clock = HandClock()
    call = failing(ThrottledError("429", retry_after_s=178.5), ThrottledError("429", retry_after_s=0.2))
    assert repeat_while_transient(call, sleep=clock.sleep) == "answer"
    assert clock.slept_s == [178.5, 0.2]


@pytest.mark.parametrize(
    "error", [ServiceUnavailableError("5xx"), ThrottledError("429", retry_after_s=178.57)], ids=["5xx", "429"]
)
def test_patience_ends_within_half_an_hour_with_the_last_error(error: TransientError) -> None:
    clock = HandClock()
    with pytest.raises(type(error)) as given_up:
        repeat_while_transient(failing(*[error] * 1000), sleep=clock.sleep)
    assert given_up.value is error
    assert LONGEST_PATIENCE_S - 180 < sum(clock.slept_s) <= LONGEST_PATIENCE_S == 1800


@pytest.mark.parametrize(
    "error",
    [
        AccessTokenExpiredError("dead"),
        ReauthorizationRequiredError("lapsed"),
        AccessDeniedError("denied"),
        ContractError("odd"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_waiting_does_not_cure_ends_at_once(error: SellerOrdersError) -> None:
    clock = HandClock()
    with pytest.raises(type(error)):
        repeat_while_transient(failing(error), sleep=clock.sleep)
    assert clock.slept_s == []


def test_another_error_after_waits_ends_at_once() -> None:
    clock = HandClock()
    with pytest.raises(AccessDeniedError):
        repeat_while_transient(failing(TransportError("reset"), AccessDeniedError("denied")), sleep=clock.sleep)
    assert clock.slept_s == [2]


def test_a_bug_is_not_waited_out() -> None:
    def call() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        repeat_while_transient(call, sleep=HandClock().sleep)


def test_without_patience_it_asks_once() -> None:
    clock = HandClock()
    with pytest.raises(TransportError):
        repeat_while_transient(failing(TransportError("reset")), sleep=clock.sleep, patience_s=0)
    assert clock.slept_s == []


@given(waits=st.lists(st.none() | st.floats(0, 400), max_size=60), patience_s=st.integers(0, 3600).map(float))
def test_whatever_amazon_says_the_waits_never_pass_the_patience(waits: list[float | None], patience_s: float) -> None:
    clock = HandClock()
    errors = [ThrottledError("429", retry_after_s=wait) for wait in waits]
    try:
        repeat_while_transient(failing(*errors), sleep=clock.sleep, patience_s=patience_s)
    except ThrottledError as given_up:
        place = errors.index(given_up)
        said = waits[place]
        wait_s = min(60.0, 2.0 ** (place + 1)) if said is None else said
        assert sum(clock.slept_s) + wait_s > patience_s
    else:
        assert len(clock.slept_s) == len(waits)
    assert sum(clock.slept_s) <= patience_s + 1e-6
