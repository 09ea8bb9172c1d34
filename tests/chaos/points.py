"""Named points of a task: its n-th call over HTTP, statement, raw file or word to a mail server, where it can be held.

A fault strikes while the task stands at such a point, so that a seed repeats what a race would hide. The task does not
know: nothing of it is replaced, it is only listened to.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, Literal, NamedTuple

import psycopg

Where = Literal["http", "db", "answered", "file", "mail"]


class Point(NamedTuple):
    """Before the n-th of something; `answered` is after the n-th statement, before the task hears of it."""

    where: Where
    number: int


def hold_at(points: Collection[Point], raw_root: str, hold: Callable[[Point], None]) -> None:
    """Call `hold` in this process whenever it comes to one of these points.

    Args:
        points: Where to hold.
        raw_root: Folder of the raw pages, "" where they are no files.
        hold: Returns when the task may go on.
    """
    counts: Counter[Where] = Counter()

    def come_to(where: Where) -> None:
        counts[where] += 1
        if Point(where, counts[where]) in points:
            hold(Point(where, counts[where]))

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "http.client.send":
            come_to("http")
        elif event == "smtplib.send":
            come_to("mail")
        elif raw_root and event in ("open", "shutil.move", "os.rename") and str(arguments[0]).startswith(raw_root):
            come_to("file")

    answer = psycopg.Connection.wait

    def wait(self: psycopg.Connection[Any], *arguments: Any, **named: Any) -> Any:
        come_to("db")
        result = answer(self, *arguments, **named)
        come_to("answered")
        return result

    sys.addaudithook(listen)
    psycopg.Connection.wait = wait  # type: ignore[method-assign]
