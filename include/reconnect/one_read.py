"""What many ask for at once is read once and kept for a moment; it knows neither what is read nor for whom."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool


@dataclass(frozen=True, slots=True)
class _Begun:
    since_s: float
    reading: asyncio.Task[Any]

    def is_good(self, now_s: float, life_s: float) -> bool:
        if not self.reading.done():
            return True
        is_read = not self.reading.cancelled() and self.reading.exception() is None
        return is_read and now_s - self.since_s < life_s


class OneRead:
    """Answers by key; whoever waits for a read of somebody else's holds no thread meanwhile.

    Args:
        life_s: For how long an answer is given again, from the beginning of its read on.
        most: How many are kept.
        monotonic: Seconds.
    """

    def __init__(self, life_s: float, *, most: int = 200, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._life_s = life_s
        self._most = most
        self._monotonic = monotonic
        self._begun: OrderedDict[Hashable, _Begun] = OrderedDict()

    async def of(self, key: Hashable, read: Callable[[], Any], *, anew: bool = False) -> Any:
        """Return what `read` returns, called in a thread, or what it returned a moment ago for the same key.

        Args:
            key: All that the answer depends on, who may see it among it.
            read: Reads it; what it raises is raised to everybody who waits for it, and kept for nobody.
            anew: Whether to read now in any case, for whoever has just changed something.
        """
        begun = None if anew else self._begun.get(key)
        if begun is None or not begun.is_good(self._monotonic(), self._life_s):
            begun = _Begun(self._monotonic(), asyncio.create_task(run_in_threadpool(read)))
            self._begun[key] = begun
            self._begun.move_to_end(key)
            while len(self._begun) > self._most:
                self._begun.popitem(last=False)
        # Who leaves early takes nothing from the others.
        return await asyncio.shield(begun.reading)
