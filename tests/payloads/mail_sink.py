"""A mail sink of this test's own, on ports that really were free."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from include.local_stack.mail_sink import serving
from include.local_stack.ports import free_port

TRIES = 5


@contextmanager
def mail_sink(folder: Path) -> Iterator[tuple[str, int]]:
    """Take mails until the block ends; yields the page's address and the port for mails."""
    with ExitStack() as ending:
        for last in (False,) * (TRIES - 1) + (True,):
            smtp_port = free_port()
            try:
                url = ending.enter_context(serving(folder, smtp_port, free_port()))
            except OSError:
                # Tests run side by side, and another one was quicker.
                if last:
                    raise
            else:
                break
        yield url, smtp_port
