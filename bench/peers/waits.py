"""A client's waits, made shorter and counted whole, so that a minute's wait need not be waited for."""

from __future__ import annotations

import atexit
import os
import time
from pathlib import Path

_sleep, _monotonic = time.sleep, time.monotonic
_asked_s = [0.0]


def asked_for_s() -> float:
    """All seconds of waiting that were asked for until now."""
    return _asked_s[0]


def shorten_waits(factor: float) -> None:
    """Let waits take so much less time, and the clock that they are measured by run so much faster.

    To be called before the client is imported. With WAITS_FILE in the environment, all seconds asked for go there when
    the process ends.
    """

    def sleep(seconds: float) -> None:
        _asked_s[0] += seconds
        _sleep(seconds / factor)

    time.sleep = sleep
    if factor != 1:
        time.monotonic = lambda: _monotonic() * factor
    if path := os.environ.get("WAITS_FILE"):
        atexit.register(lambda: Path(path).write_text(str(_asked_s[0])))
