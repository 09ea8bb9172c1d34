"""Gives the worker slot back where a task would wait, and says when Airflow shall start it again.

Two kinds of waits: for an instant that the domain knows (quota, a report), however far away, and for Amazon to answer
again, which ends after half an hour. When that began Airflow knows itself: since then the try has been put off.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowRescheduleException

from include.clock import Now, format_utc, utc_now
from include.errors import (
    NotYetError,
    OnlyWaitedError,
    ServiceUnavailableError,
    ThrottledError,
    TransientError,
    TransportError,
)
from include.orchestration import metrics

log = logging.getLogger(__name__)

# What the client may sleep through inside the task; a new process costs more than that.
PATIENCE_IN_TASK_S = 10.0
OUTAGE_PATIENCE = timedelta(minutes=30)
# Airflow loses tasks that come back sooner.
SHORTEST_RESCHEDULE = timedelta(seconds=10)
SHORTEST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(seconds=60)


@contextmanager
def coming_back(seller_id: str, now: Now = utc_now) -> Iterator[None]:
    """Put the task off where there is nothing to do before an instant, or Amazon has not answered for a while.

    Raises:
        AirflowRescheduleException: Airflow starts the task again at its instant, as the same try.
        TransientError: Amazon has not answered for half an hour; Airflow's own retries follow.
    """
    try:
        yield
    except NotYetError as wait:
        metrics.waited(seller_id, wait.until_utc, now_utc=now())
        not_before_utc = now() + SHORTEST_RESCHEDULE
        raise AirflowRescheduleException(max(wait.until_utc, not_before_utc)) from None  # type: ignore[no-untyped-call]
    except OnlyWaitedError:
        raise
    except (ServiceUnavailableError, ThrottledError, TransportError) as failing:
        until_utc = _ask_again_utc(failing, now())
        if until_utc is None:
            raise
        log.warning("%s Again at %s.", failing, format_utc(until_utc))
        raise AirflowRescheduleException(until_utc) from None  # type: ignore[no-untyped-call]


def _ask_again_utc(failing: TransientError, now_utc: datetime) -> datetime | None:
    """Choose the instant: as the error says, else after as long as it has lasted; None at the end of patience."""
    try:
        context = get_current_context()
    except RuntimeError:
        # Not called by Airflow, so nobody would start it again.
        return None
    begun_utc = context["ti"].get_first_reschedule_date(context) or now_utc
    if now_utc - begun_utc >= OUTAGE_PATIENCE:
        return None
    if failing.retry_after_s is not None:
        return now_utc + max(timedelta(seconds=failing.retry_after_s), SHORTEST_WAIT)
    return now_utc + min(max(now_utc - begun_utc, SHORTEST_WAIT), LONGEST_WAIT)
