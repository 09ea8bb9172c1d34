"""The fake's own clock: the machine's, or set to an instant from which it runs on, or frozen there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def real_now() -> datetime:
    """The machine's clock in UTC."""
    return datetime.now(UTC)


class Clock:
    """What time it is at Amazon.

    Usage plans do not follow this clock: their buckets fill on real, monotonic time, so that setting the clock
    neither grants nor takes quota.
    """

    def __init__(self, real: Callable[[], datetime] = real_now) -> None:
        self._real = real
        self._offset = timedelta(0)
        self._frozen_utc: datetime | None = None

    def now(self) -> datetime:
        """The present instant in UTC."""
        return self._frozen_utc or self._real() + self._offset

    @property
    def is_set(self) -> bool:
        """Whether the clock shows anything but the machine's time."""
        return self._frozen_utc is not None or self._offset != timedelta(0)

    @property
    def is_frozen(self) -> bool:
        """Whether the clock stands still."""
        return self._frozen_utc is not None

    def set(self, instant_utc: datetime | None, *, frozen: bool = False) -> None:
        """Show this instant from now on, running on from it unless frozen; None returns to the machine's clock.

        Args:
            instant_utc: The instant to show. None with `frozen` stops the clock at the machine's present time.
            frozen: Whether the clock stands still.
        """
        shown = instant_utc or self._real()
        self._offset = shown - self._real() if instant_utc is not None else timedelta(0)
        self._frozen_utc = shown if frozen else None
