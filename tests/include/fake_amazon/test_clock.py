"""The fake's clock: set, running on, frozen, reset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from include.fake_amazon.clock import Clock

REAL = datetime(2026, 11, 23, tzinfo=UTC)
SHOWN = datetime(2025, 1, 15, tzinfo=UTC)


class Real:
    """A machine's clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now = REAL

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def real():
    return Real()


@pytest.fixture
def clock(real):
    return Clock(real)


def test_a_clock_shows_the_machines_time_at_first(clock):
    assert clock.now() == REAL
    assert not clock.is_set


def test_a_set_clock_runs_on_with_the_machines(clock, real):
    clock.set(SHOWN)
    real.now += timedelta(hours=1)
    assert clock.now() == SHOWN + timedelta(hours=1)
    assert clock.is_set
    assert not clock.is_frozen


def test_a_frozen_clock_stands_still(clock, real):
    clock.set(SHOWN, frozen=True)
    real.now += timedelta(hours=1)
    assert clock.now() == SHOWN
    assert clock.is_frozen


def test_the_machines_present_can_be_frozen(clock, real):
    clock.set(None, frozen=True)
    real.now += timedelta(hours=1)
    assert clock.now() == REAL


def test_a_reset_clock_shows_the_machines_time_again(clock, real):
    clock.set(SHOWN, frozen=True)
    clock.set(None)
    real.now += timedelta(hours=1)
    assert clock.now() == real.now
    assert not clock.is_set
