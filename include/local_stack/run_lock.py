"""One run at a time on a run folder.

A lock of the kernel, not a file that somebody must delete: it ends with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from include.errors import SettingsError


class RunLock:
    """The right to run on a folder, held until `release` or the end of this process; a context manager.

    The open file is closed in every program that this process starts, so that children which outlive a killed run do
    not keep the lock. The file itself stays: deleting it would let two runs hold two different locks.
    """

    def __init__(self, run_dir: Path) -> None:
        """Remember the folder; nothing is locked yet."""
        self.path = run_dir / "lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock or refuse at once; a second call does nothing. Makes the folder where it is missing.

        Raises:
            SettingsError: Another process holds it; the sentence says which.
        """
        if self._descriptor is not None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SettingsError(
                f"The run folder {self.path.parent} cannot be used: {error.strerror}.",
                remedy="Make it writable for this user.",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            os.close(descriptor)
            who = f" (pid {holder})" if holder.isdigit() else ""
            raise SettingsError(
                f"Already running{who}: stop it with Ctrl-C there; both would use {self.path.parent}."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        """Take the lock."""
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        self.release()
