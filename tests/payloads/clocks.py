"""Time as tests tell it: a clock that moves when told, a sleep that only moves that clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class HandClock:
    """A clock to be called like `utc_now`, standing still until moved by hand.

    Attributes:
        slept_s: Every wait asked of `sleep`, in seconds.
    """

    def __init__(self, start: datetime = datetime(2026, 10, 5, 12, 0, tzinfo=UTC)) -> None:
        self.instant = start
        self.slept_s: list[float] = []

    def __call__(self) -> datetime:
        """The present instant."""
        return self.instant

    def advance(self, **duration: float) -> None:
        """Move forward by a `timedelta` spelled in keywords."""
        self.instant += timedelta(**duration)

    def sleep(self, seconds: float) -> None:
        """Wait without waiting."""
        self.slept_s.append(seconds)
        self.advance(seconds=seconds)
