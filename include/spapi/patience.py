"""When to ask again: the waits after a throttled, failed or lost call, and where patience ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception

from include.errors import AccessTokenExpiredError, TransientError

log = logging.getLogger(__name__)
T = TypeVar("T")
Sleep = Callable[[float], None]

LONGEST_BACKOFF_S = 60.0
LONGEST_PATIENCE_S = 30 * 60.0


def _is_worth_waiting(error: BaseException) -> bool:
    return isinstance(error, TransientError) and not isinstance(error, AccessTokenExpiredError)


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, TransientError) and error.retry_after_s is not None:
        return error.retry_after_s
    return min(LONGEST_BACKOFF_S, 2.0**state.attempt_number)


def _log_wait(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.info("Waiting %.1f s, then asking again (wait %d): %s", _wait_s(state), state.attempt_number, error)


def repeat_while_transient(
    call: Callable[[], T], *, sleep: Sleep = time.sleep, patience_s: float = LONGEST_PATIENCE_S
) -> T:
    """Call until it answers, waiting as the error says, else 2, 4, 8 … 60 s.

    Args:
        call: What to repeat; it must be safe to repeat.
        sleep: Waits that many seconds.
        patience_s: How many seconds to wait in all; 0 asks once.

    Raises:
        TransientError: The last one, when the next wait would pass `patience_s` in all.
        SellerOrdersError: Any other, at once. An expired access token is not for waiting either: a fresh one is.
    """
    retrying = Retrying(
        retry=retry_if_exception(_is_worth_waiting),
        wait=_wait_s,
        stop=lambda state: state.idle_for + _wait_s(state) > patience_s,
        sleep=sleep,
        before_sleep=_log_wait,
        reraise=True,
    )
    return retrying(call)
