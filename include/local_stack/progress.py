"""What `make run` says on the terminal while it works: one line a step, with its seconds."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Prints steps; on a terminal the line in work shows what is going on right now."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._on_terminal = sys.stdout.isatty()

    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a step while it works, and its seconds when it is done."""
        begun = time.monotonic()
        self.now(f"{name} …")
        yield
        self.say(f"  {name:<44} {time.monotonic() - begun:5.1f} s")

    def now(self, text: str) -> None:
        """Show what is going on, overwritten by the next line; only on a terminal."""
        if self._on_terminal:
            # Cut to the terminal's width: a line that wraps cannot be overwritten.
            width = shutil.get_terminal_size().columns - 3
            print(f"\r\033[K  {text[:width]}", end="", flush=True)

    def say(self, text: str = "") -> None:
        """Print a line that stays."""
        print(f"\r\033[K{text}" if self._on_terminal else text, flush=True)
