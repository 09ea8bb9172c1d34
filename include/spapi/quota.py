"""What is left of Amazon's request quota, kept in the warehouse: one token bucket an application, seller and operation.

All processes share it, whichever machine they run on, and a new one knows what the last one used. The clock is the
database's, so that machines need not agree on the time. Amazon's own bucket decides; this one saves refused calls.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Protocol, cast

from include.clock import Now, format_utc
from include.errors import NotYetError
from include.spapi.operations import Operation
from include.spapi.patience import Sleep
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)

# Airflow loses tasks that are rescheduled for less (a report that comes late meets the task queued again), and a new
# process costs more than such a wait.
LONGEST_SLEEP_S = 10.0
# A call may reach Amazon a little sooner after the last one than planned, and a refused one costs a whole token.
MARGIN_TOKENS = 0.02
# The rates Amazon may tell for one seller, as multiples of the documented one; beyond is a misread header.
LOWEST_FACTOR, HIGHEST_FACTOR = 0.1, 100.0

# The volatile clock stands in a FROM of its own, so that it is read once.
FILLED = """
FROM (SELECT clock_timestamp() AS utc) AS clock CROSS JOIN LATERAL (SELECT least(
    b.burst, b.tokens + b.rate_per_s * greatest(0, extract(epoch FROM clock.utc - b.filled_utc))) AS tokens) AS filled
"""
THIS_ONE = "(b.client_id, b.seller_id, b.operation) = (%(client_id)s, %(seller_id)s, %(operation)s)"
# The row is made where there is none, full but for what is taken from it at once.
SEED = """
INSERT INTO ops.quota_bucket AS b (client_id, seller_id, operation, rate_per_s, burst, tokens, filled_utc)
VALUES (%(client_id)s, %(seller_id)s, %(operation)s, %(rate)s, %(burst)s, %(burst)s - %(take)s, clock_timestamp())
ON CONFLICT (client_id, seller_id, operation) DO UPDATE SET
"""
TAKE = f"""{SEED} (tokens, filled_utc, refused) = (
    SELECT filled.tokens - CASE WHEN filled.tokens >= 1 THEN 1 ELSE 0 END, clock.utc, filled.tokens < 1 {FILLED})
RETURNING NOT refused, tokens, rate_per_s
"""
EMPTY = f"{SEED} tokens = 0, filled_utc = clock_timestamp() RETURNING rate_per_s"
ADOPT = f"""
UPDATE ops.quota_bucket AS b SET rate_per_s = %(rate)s, (tokens, filled_utc) = (
    SELECT filled.tokens, clock.utc {FILLED})
WHERE {THIS_ONE} AND rate_per_s <> %(rate)s
"""  # noqa: S608 - our own words
LEFT = f"""
SELECT now.tokens FROM ops.quota_bucket AS b CROSS JOIN LATERAL (SELECT filled.tokens {FILLED}) AS now WHERE {THIS_ONE}
"""  # noqa: S608


class Quota(Protocol):
    """Where the client asks whether it may call."""

    def take(self, operation: Operation, *, come_back_for: int = 1) -> float:
        """Take one token and return how many are left; raise `NotYetError` where the next is long in coming."""

    def empty(self, operation: Operation) -> float | None:
        """Note that Amazon throttled; return the seconds until the next call, None where nobody counts."""

    def adopt(self, operation: Operation, rate_per_s: float) -> None:
        """Note the rate that Amazon tells."""

    def left(self, operation: Operation) -> float:
        """Return how many tokens there are now."""


class UncountedQuota:
    """No bucket at all: for a single call that somebody waits for, where Amazon itself may say no."""

    def take(self, operation: Operation, *, come_back_for: int = 1) -> float:  # noqa: ARG002
        """Grant it."""
        return self.left(operation)

    def empty(self, operation: Operation) -> float | None:
        """Forget it."""

    def adopt(self, operation: Operation, rate_per_s: float) -> None:
        """Forget it."""

    def left(self, operation: Operation) -> float:
        """Claim a full bucket."""
        return float(operation.burst)


class QuotaBuckets:
    """The buckets of one application and seller.

    Args:
        connection: The warehouse, in autocommit and outside any transaction: each question is one short statement.
        client_id: The application.
        seller_id: Ours.
        rate_scale: Factor on documented rates, as in the settings.
        now: Tells the time for the errors.
        sleep: Waits seconds.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        client_id: str,
        seller_id: str,
        rate_scale: float,
        now: Now,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._connection = connection
        self._client_id = client_id
        self._seller_id = seller_id
        self._rate_scale = rate_scale
        self._now = now
        self._sleep = sleep
        self._rates: dict[str, float] = {}

    def take(self, operation: Operation, *, come_back_for: int = 1) -> float:
        """Take one token, waiting for it where the wait is short.

        Args:
            operation: What is about to be called.
            come_back_for: How many tokens to wait for where the wait is long.

        Returns:
            Tokens left.

        Raises:
            NotYetError: The next token is ten seconds or more away; it says when it is worth coming back.
        """
        slept_s = 0.0
        while True:
            granted, tokens, rate_per_s = self._take(operation)
            self._rates[operation.name] = rate_per_s
            if granted:
                return tokens
            wait_s = (1 + MARGIN_TOKENS - tokens) / rate_per_s
            if slept_s + wait_s >= LONGEST_SLEEP_S:
                raise self._not_yet(operation, max(LONGEST_SLEEP_S, wait_s + (come_back_for - 1) / rate_per_s))
            self._sleep(wait_s)
            slept_s += wait_s

    def empty(self, operation: Operation) -> float | None:
        """Note that Amazon's bucket is empty, whatever this one says; return the seconds until the next call."""
        row = self._connection.execute(EMPTY, self._parameters(operation, take=operation.burst)).fetchone()
        return (1 + MARGIN_TOKENS) / cast("tuple[float]", row)[0]

    def adopt(self, operation: Operation, rate_per_s: float) -> None:
        """Go on with the rate that Amazon tells for this seller, within reason."""
        documented = operation.rate_per_s * self._rate_scale
        rate = min(max(rate_per_s, LOWEST_FACTOR * documented), HIGHEST_FACTOR * documented)
        if rate == self._rates.get(operation.name):
            return
        self._rates[operation.name] = rate
        if self._connection.execute(ADOPT, {**self._parameters(operation), "rate": rate}).rowcount:
            log.info("%s: Amazon grants %s %.4g calls a second", operation.name, self._seller_id, rate)

    def left(self, operation: Operation) -> float:
        """Return how many tokens the bucket holds now."""
        row = self._connection.execute(LEFT, self._parameters(operation)).fetchone()
        return cast("float", row[0]) if row else float(operation.burst)

    def _take(self, operation: Operation) -> tuple[bool, float, float]:
        row = self._connection.execute(TAKE, self._parameters(operation)).fetchone()
        return cast("tuple[bool, float, float]", row)

    def _parameters(self, operation: Operation, *, take: float = 1) -> dict[str, object]:
        return {
            "client_id": self._client_id,
            "seller_id": self._seller_id,
            "operation": operation.name,
            "rate": operation.rate_per_s * self._rate_scale,
            "burst": float(operation.burst),
            "take": float(take),
        }

    def _not_yet(self, operation: Operation, wait_s: float) -> NotYetError:
        until_utc = self._now() + timedelta(seconds=wait_s)
        log.info("%s: no call left; waiting until %s", operation.name, format_utc(until_utc))
        return NotYetError(
            f"Amazon's quota of {operation.name} for {self._seller_id} is used up until {format_utc(until_utc)}.",
            until_utc=until_utc,
        )
