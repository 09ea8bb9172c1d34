"""The one place where the product reads the time; everything else is handed a callable like `utc_now`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]

# Years between which an instant from Amazon is believed. One outside them would poison whatever is compared with it: a
# watermark, "newer wins", or a reader whose calendar ends before PostgreSQL's does.
AMAZON_BEGAN = 1995
AMAZON_ENDS = 2100


def utc_now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)


def format_utc(instant: datetime) -> str:
    """Write an instant as Amazon reads it: UTC with `Z`, milliseconds only where there are any.

    Digits below a millisecond are cut, never rounded up: an inclusive lower bound may only move down.
    """
    utc = instant.astimezone(UTC)
    text = utc.strftime("%Y-%m-%dT%H:%M:%S")
    milliseconds = utc.microsecond // 1000
    return f"{text}.{milliseconds:03d}Z" if milliseconds else f"{text}Z"
