"""Waiting for a condition with a deadline; nothing here waits for the clock alone."""

from __future__ import annotations

import time
from collections.abc import Callable

POLL_INTERVAL_S = 0.05


def wait_until(condition: Callable[[], bool], timeout_s: float, *, interval_s: float = POLL_INTERVAL_S) -> bool:
    """Ask every `interval_s` until the condition holds; false when `timeout_s` seconds passed without."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval_s)
    return True
