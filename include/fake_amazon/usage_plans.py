"""Amazon's usage plans: a token bucket for each pair of application and seller, operation by operation."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


class UsagePlan(NamedTuple):
    """How often an operation may be called: tokens added a second, and how many the bucket holds."""

    rate_per_s: float
    burst: int


DOCUMENTED_PLANS = {
    "searchOrders": UsagePlan(0.0056, 20),
    "getMarketplaceParticipations": UsagePlan(0.016, 15),
}


class UsagePlans:
    """All buckets; they start full and fill on real, monotonic time, whatever the fake's clock shows.

    Args:
        rate_scale: Factor on every documented rate; bursts stay.
        monotonic: Seconds that only grow.
    """

    def __init__(self, rate_scale: float = 1.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.rate_scale = rate_scale
        self._monotonic = monotonic
        self._buckets: dict[tuple[str, str, str], tuple[float, float]] = {}

    def rate_per_s(self, operation: str) -> float:
        """The scaled rate of an operation."""
        return DOCUMENTED_PLANS[operation].rate_per_s * self.rate_scale

    def take(self, client_id: str, shop_id: str, operation: str) -> bool:
        """Take one token if there is one; a refused call takes nothing."""
        burst = float(DOCUMENTED_PLANS[operation].burst)
        key = (client_id, shop_id, operation)
        now_s = self._monotonic()
        tokens, filled_s = self._buckets.get(key, (burst, now_s))
        tokens = min(burst, tokens + (now_s - filled_s) * self.rate_per_s(operation))
        # A full token may show as 0.9999999 after many small additions.
        granted = tokens >= 1 - 1e-9
        self._buckets[key] = (tokens - granted, now_s)
        return granted

    def refill(self) -> None:
        """Make every bucket full again."""
        self._buckets.clear()
