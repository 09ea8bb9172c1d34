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
    "getOrder": UsagePlan(0.5, 30),
    "createReport": UsagePlan(0.0167, 15),
    "getReport": UsagePlan(2, 15),
    "getReportDocument": UsagePlan(0.0167, 15),
}


class UsagePlans:
    """All buckets; they start full and fill on real, monotonic time, whatever the fake's clock shows.

    Args:
        rate_scale: Factor on every documented rate; bursts stay.
        monotonic: Seconds that only grow; also what else takes real time is counted by.
    """

    def __init__(self, rate_scale: float = 1.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.rate_scale = rate_scale
        self.monotonic = monotonic
        self._own: dict[tuple[str, str], UsagePlan] = {}
        self._buckets: dict[tuple[str, str, str], tuple[float, float]] = {}

    def plan(self, shop_id: str, operation: str) -> UsagePlan:
        """The plan of a seller's operation, its rate scaled."""
        plan = self._own.get((shop_id, operation)) or DOCUMENTED_PLANS[operation]
        return plan._replace(rate_per_s=plan.rate_per_s * self.rate_scale)

    def set_plan(self, client_id: str, shop_id: str, operation: str, plan: UsagePlan) -> None:
        """Give a seller another plan, its rate unscaled; a bucket in use keeps its tokens, as far as they fit."""
        key = (client_id, shop_id, operation)
        if key in self._buckets:
            # What has flowed in until now came at the old rate.
            self._buckets[key] = self._filled(key)
        self._own[shop_id, operation] = plan

    def take(self, client_id: str, shop_id: str, operation: str) -> bool:
        """Take one token if there is one; a refused call takes nothing."""
        key = (client_id, shop_id, operation)
        tokens, now_s = self._filled(key)
        # A full token may show as 0.9999999 after many small additions.
        granted = tokens >= 1 - 1e-9
        self._buckets[key] = (tokens - granted, now_s)
        return granted

    def set_tokens(self, client_id: str, shop_id: str, operation: str, tokens: float) -> None:
        """Leave so many tokens in a bucket; more than its burst do not fit."""
        self._buckets[client_id, shop_id, operation] = (tokens, self.monotonic())

    def _filled(self, key: tuple[str, str, str]) -> tuple[float, float]:
        """How many tokens a bucket holds now, and when that is."""
        _, shop_id, operation = key
        rate_per_s, burst = self.plan(shop_id, operation)
        now_s = self.monotonic()
        tokens, filled_s = self._buckets.get(key, (float(burst), now_s))
        return min(float(burst), tokens + (now_s - filled_s) * rate_per_s), now_s
