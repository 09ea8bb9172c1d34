"""Programs of their own beside the bench: spoken to by pipes, gone with all they started where it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer

Program = subprocess.Popen[str]


@contextmanager
def running(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run a program for as long as the block lasts; it is waited for at the end, and ended where the block fails."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, cwd=cwd, env=env, start_new_session=True
    ) as program:
        try:
            yield program
        except BaseException:
            # What it started itself, a connector, would go on without it.
            _end(program)
            raise


def line_of(program: Program, longest_s: float) -> str:
    """The next line that it says; "" where it ended without, or was ended because it took longer than this."""
    if program.stdout is None:
        raise RuntimeError("A program without pipes.")
    ending = Timer(longest_s, _end, [program])
    ending.start()
    try:
        return program.stdout.readline()
    finally:
        ending.cancel()


def tell(program: Program, line: str) -> None:
    """Say a line to it."""
    if program.stdin is None:
        raise RuntimeError("A program without pipes.")
    program.stdin.write(f"{line}\n")
    program.stdin.flush()


def _end(program: Program) -> None:
    with suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
