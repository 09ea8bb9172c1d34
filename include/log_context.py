"""Which seller and which window a log line is about: fields beside the text, which stays for people to read.

Airflow's task logs are made by structlog, which puts them into every line's JSON by itself; `JsonLines` does the same
for our own processes. Knows no settings and no rooms.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Protocol

from structlog.contextvars import bound_contextvars, get_contextvars

from include.clock import format_utc


class Stretch(Protocol):
    """Anything that has both bounds of a window."""

    @property
    def window_start_utc(self) -> datetime:
        """The first instant."""

    @property
    def window_end_utc(self) -> datetime:
        """The last instant."""


@contextmanager
def of_seller(seller_id: str | None) -> Iterator[None]:
    """Name the seller in every line of the block; None for what is about no seller in particular."""
    with bound_contextvars(**({"seller_id": seller_id} if seller_id else {})):
        yield


def of_window(window: Stretch) -> AbstractContextManager[None]:
    """Name a window's bounds in every line of the block."""
    return of_stretch(window.window_start_utc, window.window_end_utc)


@contextmanager
def of_stretch(start_utc: datetime, end_utc: datetime) -> Iterator[None]:
    """Name a stretch's bounds in every line of the block."""
    with bound_contextvars(window_start_utc=format_utc(start_utc), window_end_utc=format_utc(end_utc)):
        yield


class JsonLines(logging.Formatter):
    """Writes one JSON object a line: time, level, logger, text and what the line is about.

    Of an exception it names the class alone: its text could hold an address or a password.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **get_contextvars(),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line, ensure_ascii=False)
