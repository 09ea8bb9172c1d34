"""Instants as Amazon reads them: never later than they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.clock import format_utc, utc_now


@pytest.mark.parametrize(
    ("instant", "written"),
    [
        (datetime(2026, 10, 5, 8, 13, 44, tzinfo=UTC), "2026-10-05T08:13:44Z"),
        (datetime(2026, 10, 5, 8, 13, 44, 125000, tzinfo=UTC), "2026-10-05T08:13:44.125Z"),
        (datetime(2026, 10, 5, 8, 13, 44, 999999, tzinfo=UTC), "2026-10-05T08:13:44.999Z"),
        (datetime(2026, 10, 5, 8, 13, 44, 999, tzinfo=UTC), "2026-10-05T08:13:44Z"),
        (datetime(2026, 10, 5, 8, 13, 44, 5000, tzinfo=UTC), "2026-10-05T08:13:44.005Z"),
        (datetime(2026, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=9))), "2025-12-31T16:00:00Z"),
    ],
    ids=[
        "whole seconds",
        "milliseconds",
        "what is below a millisecond is cut",
        "less than a millisecond",
        "leading zeros",
        "Tokyo's new year",
    ],
)
def test_an_instant_is_written(instant: datetime, written: str) -> None:
    assert format_utc(instant) == written


OFFSETS = st.timedeltas(timedelta(hours=-14), timedelta(hours=14))
YEARS = st.datetimes(datetime(2000, 1, 2), datetime(2100, 1, 1))  # noqa: DTZ001 - the zone comes with the next line
INSTANTS = st.builds(lambda local, offset: local.replace(tzinfo=timezone(offset)), YEARS, OFFSETS)


@given(instant=INSTANTS)
def test_what_is_written_is_never_later_and_less_than_a_millisecond_earlier(instant: datetime) -> None:
    written = format_utc(instant)
    assert written.endswith("Z")
    lost = instant - datetime.fromisoformat(written)
    assert timedelta(0) <= lost < timedelta(milliseconds=1)


@given(instants=st.lists(INSTANTS, min_size=2, max_size=2))
def test_writing_keeps_the_sequence_of_instants(instants: list[datetime]) -> None:
    earlier, later = sorted(instants)
    assert datetime.fromisoformat(format_utc(earlier)) <= datetime.fromisoformat(format_utc(later))


def test_now_knows_its_zone() -> None:
    assert utc_now().utcoffset() == timedelta(0)
