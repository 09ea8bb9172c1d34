"""Instants as Amazon writes them: ISO 8601 in UTC, milliseconds, a Z at the end."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_QUERY_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


def format_instant(instant_utc: datetime) -> str:
    """Write an instant as Amazon does, `2026-10-05T08:13:44.123Z`; what lies below a millisecond is cut off."""
    return instant_utc.isoformat(timespec="milliseconds")[:-6] + "Z"


def exact_instant(instant_utc: datetime) -> str:
    """Write an instant as Amazon does, but to its last digit: an order from a file may carry more than milliseconds."""
    timespec = "microseconds" if instant_utc.microsecond % 1000 else "milliseconds"
    return instant_utc.isoformat(timespec=timespec)[:-6] + "Z"


def parse_instant(text: str) -> datetime:
    """Read an instant of an order or of the control API, with any offset, as UTC.

    Raises:
        ValueError: The text is no ISO 8601 instant with an offset.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return instant.astimezone(UTC)


def parse_query_instant(text: str) -> datetime:
    """Read an instant of a Selling Partner API query: `Z` only, because Amazon refuses offsets; floored to 1 ms.

    Raises:
        ValueError: The text is anything else.
    """
    if not _QUERY_INSTANT.fullmatch(text):
        raise ValueError(f"{text!r} is not an instant in UTC")
    return floor_to_ms(parse_instant(text))


def floor_to_ms(instant: datetime) -> datetime:
    """Drop the microseconds below a millisecond."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def years_before(instant: datetime, years: int) -> datetime:
    """The same day and time so many years earlier; 29 February becomes 28 February."""
    try:
        return instant.replace(year=instant.year - years)
    except ValueError:
        return instant.replace(year=instant.year - years, day=28)


def span_ms(milliseconds: float) -> timedelta:
    """A duration of whole milliseconds, so that every instant made from it can be written without loss."""
    return timedelta(milliseconds=int(milliseconds))
