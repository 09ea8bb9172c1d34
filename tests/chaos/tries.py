"""One try of one task in a process of its own: started from the fork server, held at points, killed with -9."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, Literal

from tests.chaos.points import Point

# Longer than anything takes whose waits are not waited for; what hangs is a find.
PATIENCE_S = 60.0


@dataclass
class Job:
    """What a process is to do.

    Attributes:
        task: The task's name.
        environment: The product's settings.
        points: Where to be held.
        raw_root: Folder of the raw pages, "" where they are no files.
        facts: Arguments of the body.
        is_last_try: Whether a failure is the end.
    """

    task: str
    environment: dict[str, str]
    points: list[Point]
    raw_root: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    is_last_try: bool = False


@dataclass(frozen=True)
class Ended:
    """How a try ended.

    Attributes:
        how: done, to come back at an instant, failed, or killed.
        value: What the body returned, or the instant.
        error_class: The error's name.
        delay_s: Seconds until the next try as the error asks, -1 for the task's own; None where none makes sense.
        pushed: What its callback left for the tasks after it.
    """

    how: Literal["done", "wait", "failed", "killed"]
    value: Any = None
    error_class: str = ""
    delay_s: float | None = -1.0
    pushed: dict[str, Any] = field(default_factory=dict)

    @property
    def until_utc(self) -> datetime:
        """When to come back."""
        assert isinstance(self.value, datetime)
        return self.value


class Try:
    """A running process.

    Attributes:
        output: What it has written so far, logs and all.
    """

    def __init__(self, job: Job) -> None:
        context = get_context("forkserver")
        self.task = job.task
        self.output = bytearray()
        self._is_open = True
        self._line, theirs = context.Pipe()
        self._written, writing = context.Pipe(duplex=False)
        os.set_blocking(self._written.fileno(), False)
        # By its name, because importing the module here would put the clock into this process.
        # A daemon: whoever ends the play must not wait for one that stands at a point.
        self._process = context.Process(target=_run, args=(job, theirs, writing), daemon=True)
        self._process.start()
        theirs.close()
        writing.close()

    def until_held(self, patience_s: float = PATIENCE_S) -> Point | Ended | None:
        """Let it work until it stands at a point or has ended; None where it does neither for so many seconds."""
        while True:
            ready = wait([self._line, *[self._written] * self._is_open], patience_s)
            if not ready:
                return None
            if self._written in ready:
                self._drain()
            if self._line in ready:
                try:
                    kind, *rest = self._line.recv()
                except EOFError:
                    return self._buried(Ended("killed"))
                if kind == "point":
                    return Point(*rest[0])
                return self._buried(_ended(kind, rest))

    def go_on(self, word: str = "go", value: int = 0) -> None:
        """Let it leave the point where it stands."""
        self._line.send((word, value))

    def kill(self) -> Ended:
        """End it with -9."""
        self._process.kill()
        return self._buried(Ended("killed"))

    def text(self) -> str:
        """What it has written so far."""
        return self.output.decode(errors="replace")

    def _buried(self, ended: Ended) -> Ended:
        self._process.join()
        self._drain()
        self._process.close()
        self._line.close()
        self._written.close()
        return ended

    def _drain(self) -> None:
        try:
            while part := os.read(self._written.fileno(), 65536):
                self.output += part
            self._is_open = False
        except BlockingIOError:
            pass


def _ended(kind: Any, rest: list[Any]) -> Ended:
    if kind == "failed":
        return Ended("failed", None, *rest)
    return Ended(kind, rest[0])


def _run(job: Job, line: Connection, output: Connection) -> None:
    from tests.chaos.worker import main

    main(job, line, output)
