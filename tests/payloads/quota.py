"""A token bucket that follows a clock moved by hand, where the warehouse's own would follow the real one."""

from __future__ import annotations

from datetime import datetime, timedelta

from include.clock import Now
from include.errors import NotYetError
from include.spapi.operations import Operation


class HandQuota:
    """The documented buckets of one seller; never sleeps.

    Args:
        now: The clock.
    """

    def __init__(self, now: Now) -> None:
        self.now = now
        self._buckets: dict[str, tuple[float, datetime]] = {}

    def left(self, operation: Operation) -> float:
        """Tokens in the bucket."""
        tokens, filled_utc = self._buckets.get(operation.name, (float(operation.burst), self.now()))
        return min(operation.burst, tokens + (self.now() - filled_utc).total_seconds() * operation.rate_per_s)

    def take(self, operation: Operation, *, come_back_for: int = 1) -> float:
        """Take one, or say when there are enough."""
        tokens = self.left(operation)
        if tokens < 1:
            wait = timedelta(seconds=(come_back_for + 0.02 - tokens) / operation.rate_per_s)
            raise NotYetError("No call left.", until_utc=self.now() + wait)
        self._buckets[operation.name] = (tokens - 1, self.now())
        return tokens - 1

    def empty(self, operation: Operation) -> float:
        """Amazon throttled."""
        self._buckets[operation.name] = (0.0, self.now())
        return 1 / operation.rate_per_s

    def adopt(self, operation: Operation, rate_per_s: float) -> None:
        """The documented rate stays."""
