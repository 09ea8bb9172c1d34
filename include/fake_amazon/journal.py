"""The changes made to a world, one JSON line each, so that a restart shows the same world.

A line counts once its newline is on disk: what a kill -9 cut off is dropped, and the answer to that request was never
sent.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from include.fake_amazon.changes import Change

_FILE = "changes.ndjson"


class JournalError(ValueError):
    """The journal cannot be used; the message says why and what to do."""


class Header(msgspec.Struct, frozen=True, tag="world", tag_field="change"):
    """The first line: which world the changes belong to."""

    seed: int


class Journal:
    """An append-only file of changes in a state directory.

    Args:
        directory: Is made when absent; readable for its owner only, because addresses of buyers may be in given
            orders.
        seed: The world's seed; changes of another seed's orders could not be repeated.

    Attributes:
        path: The file.

    Raises:
        JournalError: The file belongs to another seed, a line in its middle is spoilt, or it is in use.
    """

    def __init__(self, directory: Path, seed: int) -> None:
        self.path = directory / _FILE
        try:
            directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise JournalError(f"The state directory {directory} cannot be used: {error.strerror}.") from error
        self._file = os.fdopen(descriptor, "r+b", buffering=0)
        try:
            # The system lets go of the lock when the process ends, however it ends.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise JournalError(f"Another fake Amazon uses the state directory {directory}; end it first.") from error
        self._drop_unfinished_line()
        self._changes = self._read(seed)
        if not self._changes:
            self._write(Header(seed))

    def replay(self) -> Iterator[Change]:
        """The changes of earlier runs, oldest first."""
        return (change for change in self._changes if not isinstance(change, Header))

    def append(self, change: Change) -> None:
        """Keep a change; it is on disk when this returns."""
        self._write(change)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, line: Change | Header) -> None:
        self._file.seek(0, os.SEEK_END)
        self._file.write(msgspec.json.encode(line) + b"\n")
        os.fsync(self._file.fileno())

    def _drop_unfinished_line(self) -> None:
        content = self._file.readall() or b""
        if content and not content.endswith(b"\n"):
            self._file.truncate(content.rfind(b"\n") + 1)

    def _read(self, seed: int) -> list[Change | Header]:
        self._file.seek(0)
        changes: list[Change | Header] = []
        for number, line in enumerate((self._file.readall() or b"").splitlines(), start=1):
            try:
                changes.append(msgspec.json.decode(line, type=Header | Change))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise JournalError(f"{self.path}, line {number} is spoilt ({error}); remove the file.") from error
        if changes and changes[0] != Header(seed):
            raise JournalError(f"{self.path} belongs to another seed than {seed}; use that seed, or remove the file.")
        return changes
