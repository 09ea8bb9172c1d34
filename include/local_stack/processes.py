"""The child processes of one run: each in a session of its own, with a log, on record, and ended as a whole.

What a killed run left behind is found and ended by `sessions`. Nothing here knows what the processes are for.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from include.errors import OperatorActionError, SettingsError
from include.local_stack.sessions import (
    RUN_MARK,
    RecordedProcess,
    clean_up_killed_run,
    end_marked,
    end_session,
    kill_session,
    write_record,
)

__all__ = ["DeadChild", "Supervisor", "clean_up_killed_run", "keep_previous"]

STOP_TIMEOUT_S = 15.0
REAP_TIMEOUT_S = 5.0
LAST_LINE_BYTES = 4096
LAST_LINE_LENGTH = 300


@dataclass(frozen=True, slots=True)
class DeadChild:
    """A child that ended although nobody stopped it.

    Attributes:
        name: As given to `start`.
        exit_code: Negative where a signal ended it.
        log_file: Its whole output.
        last_line: The end of it, without passwords of addresses, "" where it said nothing.
    """

    name: str
    exit_code: int
    log_file: Path
    last_line: str


class Supervisor:
    """Starts named children and ends them, the last one first; a context manager.

    Every child is written to `processes.json` in the run folder before `start` returns, for `clean_up_killed_run`.
    """

    def __init__(self, run_dir: Path, *, logs_dir: Path | None = None) -> None:
        """Remember the folders; nothing starts yet.

        Args:
            run_dir: Holds the record; its path is the mark of this run in every child's environment.
            logs_dir: One `<name>.log` a child, and `<name>.log.previous` of the start before; `logs` by default.
        """
        self.run_dir = run_dir.absolute().resolve()
        self.logs_dir = (logs_dir or self.run_dir / "logs").absolute().resolve()
        self.record_file = self.run_dir / "processes.json"
        self._children: dict[str, tuple[RecordedProcess, subprocess.Popen[bytes]]] = {}

    def start(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> int:
        """Start a child and put it on record.

        Args:
            name: Unique among the children of this run; names the log too.
            command: Program and arguments.
            env: The child's whole environment, ours by default; the mark of the run is added.
            cwd: The child's working folder, ours by default.

        Returns:
            Its pid, which is also its session and its process group.

        Raises:
            SettingsError: The program cannot be started.
        """
        if name in self._children:
            raise ValueError(f"A child named {name!r} was started already.")
        self.logs_dir.mkdir(parents=True, exist_ok=True)
        log_file = self.log_file(name)
        keep_previous(log_file)
        log = os.open(log_file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        environment = {**(os.environ if env is None else env), RUN_MARK: str(self.run_dir)}
        try:
            process = subprocess.Popen(
                list(command),
                env=environment,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            raise SettingsError(
                f"{name} cannot be started: {error.strerror} ({error.filename}).", remedy="Set the project up again."
            ) from error
        finally:
            os.close(log)
        recorded = RecordedProcess(name, process.pid, psutil.Process(process.pid).create_time(), str(log_file))
        self._children[name] = (recorded, process)
        self._write_record()
        return process.pid

    def log_file(self, name: str) -> Path:
        """Where the child of this name writes its output."""
        return self.logs_dir / f"{name}.log"

    def first_dead(self) -> DeadChild | None:
        """The first child, in the order of their starts, that has ended by itself; None while all run."""
        for name, (_, process) in self._children.items():
            if (exit_code := process.poll()) is not None:
                return DeadChild(name, exit_code, self.log_file(name), _last_line(self.log_file(name)))
        return None

    def check(self) -> None:
        """Complain if a child has ended by itself.

        Raises:
            OperatorActionError: Name, exit code, last line and log of the first one that did.
        """
        if dead := self.first_dead():
            end = f"signal {-dead.exit_code}" if dead.exit_code < 0 else f"exit code {dead.exit_code}"
            said = f'its last line was "{dead.last_line}"' if dead.last_line else "it said nothing"
            raise OperatorActionError(
                f"{dead.name} ended unexpectedly with {end}; {said}.", remedy=f"Read {dead.log_file}."
            )

    def stop(self, name: str, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End one child with everything it started; does nothing if it is not there (any more)."""
        if name not in self._children:
            return
        recorded, process = self._children[name]
        process.poll()
        end_session(recorded, self.run_dir, timeout_s)
        process.wait(REAP_TIMEOUT_S)
        del self._children[name]
        self._write_record()

    def kill(self, name: str) -> None:
        """End one child with everything it started by SIGKILL, as when its machine is gone; none is fine."""
        if name not in self._children:
            return
        recorded, process = self._children[name]
        kill_session(recorded, self.run_dir)
        process.wait(REAP_TIMEOUT_S)
        del self._children[name]
        self._write_record()

    def stop_all(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End every child with everything it started, the last one first; a second call does nothing.

        Each child's process group gets SIGTERM and `timeout_s` seconds, then SIGKILL goes to whatever is left of its
        session and its descendants. An interruption (a second Ctrl-C) skips the waiting, not the ending.
        """
        try:
            for name in reversed(list(self._children)):
                self.stop(name, timeout_s)
            end_marked(self.run_dir, timeout_s)
        except BaseException:
            for name in reversed(list(self._children)):
                self.stop(name, 0)
            raise

    def __enter__(self) -> Self:
        """Nothing starts yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every child, whatever happened."""
        self.stop_all()

    def _write_record(self) -> None:
        write_record(self.record_file, [recorded for recorded, _ in self._children.values()])


def keep_previous(log_file: Path) -> None:
    """Move the log of the start before aside, so that there are two and never more."""
    if log_file.exists():
        log_file.replace(log_file.with_name(log_file.name + ".previous"))


def _last_line(log_file: Path) -> str:
    with log_file.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - LAST_LINE_BYTES))
        lines = file.read().decode(errors="replace").strip().splitlines()
    # Database addresses in error texts carry passwords.
    return re.sub(r"://[^/@\s]*@", "://***@", lines[-1].strip())[:LAST_LINE_LENGTH] if lines else ""
