"""Which sellers' DAGs are paused, asked of Airflow's API in the background.

The API is this very server's: a request that waits for it holds a thread which the answer needs, and as many readers as
the server has threads would wait for each other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from include.errors import SellerOrdersError

log = logging.getLogger(__name__)
KNOWN_FOR_S: Final = 15.0
FIRST_TIME_S: Final = 2.0


class PausedDags:
    """What Airflow last said, at once.

    Args:
        ask: Asks Airflow.
    """

    def __init__(self, ask: Callable[[], set[str]]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._is_first_here = threading.Event()
        self._asked_s = float("-inf")
        self._known: frozenset[str] = frozenset()

    def now(self) -> frozenset[str]:
        """Return the paused DAGs' ids as of a quarter of a minute ago; only the first who asks may have to wait."""
        with self._lock:
            is_due = time.monotonic() - self._asked_s > KNOWN_FOR_S
            if is_due:
                self._asked_s = time.monotonic()
        if is_due:
            threading.Thread(target=self._learn, name="paused-dags", daemon=True).start()
        self._is_first_here.wait(FIRST_TIME_S)
        return self._known

    def _learn(self) -> None:
        try:
            self._known = frozenset(self._ask())
        except SellerOrdersError as trouble:
            log.warning("Which DAGs are paused cannot be told: %s", trouble)
        finally:
            self._is_first_here.set()
