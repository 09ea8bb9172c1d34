"""One PostgreSQL server on loopback as our child process: start, be sure that it answers, stop, find the reason if not.

It changes no setting of the machine and trusts nobody without a password. It refuses to know which databases there are.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg

from include.errors import SettingsError
from include.local_stack.postgres_binaries import PostgresBinaries, ServerUser, server_user
from include.local_stack.postgres_data import (
    SHUTDOWN_STEPS,
    SPOILT_REMEDY,
    SUPERUSER,
    prepare_data,
    server_environment,
    stop_leftover,
)
from include.local_stack.processes import keep_previous
from include.local_stack.waiting import wait_until

HOST = "127.0.0.1"
START_TIMEOUT_S = 60.0
# How long a start is repeated while the remains of a killed server (lock, shared memory) are still there.
REMAINS_TIMEOUT_S = 15.0
REMAINS_PAUSE_S = 0.2
REMAINS = ("lock file", "pre-existing shared memory block")
SERVER_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "256MB",
    "jit": "off",
    "log_error_verbosity": "terse",  # the details of an error quote rows
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}


class PostgresServer:
    """A PostgreSQL server with one superuser, `postgres`; usable as a context manager.

    The data folder survives `stop` and any kill. The log of this start is `<data folder>.log`, of the one before
    `<data folder>.log.previous`; neither holds a password.
    """

    def __init__(
        self,
        data_dir: Path,
        binaries: PostgresBinaries,
        port: int,
        password: str,
        *,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Remember how to run; nothing starts yet.

        Args:
            data_dir: Made at the first start; may not exist yet, may hold spaces.
            binaries: From `find_binaries`.
            port: TCP port on 127.0.0.1.
            password: The superuser's, set when the folder is made and needed ever after.
            settings: More of postgresql.conf by name, over SERVER_SETTINGS.
        """
        self.data_dir = data_dir.absolute().resolve()
        self.binaries = binaries
        self.port = port
        self.log_file = self.data_dir.with_name(self.data_dir.name + ".log")
        self._password = password
        self._settings = {**SERVER_SETTINGS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The postmaster's process number while it runs, else None."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def dsn(self, database: str = "postgres", *, user: str = SUPERUSER, password: str | None = None) -> str:
        """A libpq URL, every part quoted; it carries the password, for the superuser without being told."""
        if password is None and user == SUPERUSER:
            password = self._password
        login = quote(user, safe="") + (f":{quote(password, safe='')}" if password is not None else "")
        return f"postgresql://{login}@{HOST}:{self.port}/{quote(database, safe='')}"

    def start(self) -> None:
        """Start and return when the server answers; a second call does nothing. A killed run's server is ended first.

        Raises:
            SettingsError: Spoilt folder, other version, port in use, other password: one sentence and what to do.
        """
        if self.pid is not None and self._answers(self.pid):
            return
        self.stop()
        user = server_user(self.data_dir)
        stop_leftover(self.data_dir)
        prepare_data(self.data_dir, self.binaries, user, self._password)
        try:
            keep_previous(self.log_file)
            self._launch_until_up(user)
        except OSError as error:
            self.stop()
            raise SettingsError(
                f"PostgreSQL on {self.data_dir} could not be started: {error.strerror} ({error.filename}).",
                remedy="Mend what it names and start again.",
            ) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop within about ten seconds, harder if need be; a second call, or one before `start`, does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        for step, patience_s in SHUTDOWN_STEPS:
            if process.poll() is not None:
                return
            process.send_signal(step)
            try:
                process.wait(patience_s)
            except subprocess.TimeoutExpired:
                continue

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server, whatever happened."""
        self.stop()

    def _launch_until_up(self, user: ServerUser) -> None:
        deadline = time.monotonic() + REMAINS_TIMEOUT_S
        while not self._launch(user):
            reason = self._reason()
            if not reason.startswith(REMAINS) or time.monotonic() >= deadline:
                raise self._refusal(reason)
            # The kernel and the orphaned workers of a killed server need a moment.
            time.sleep(REMAINS_PAUSE_S)
            stop_leftover(self.data_dir)

    def _launch(self, user: ServerUser) -> bool:
        command = [*user.prefix, str(self.binaries.folder / "postgres"), "-D", str(self.data_dir), "-p", str(self.port)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        log = os.open(self.log_file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            # A session of its own, because Ctrl-C in the terminal would shut it down before those who still need it.
            process = subprocess.Popen(
                command,
                cwd="/",
                env=server_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            os.close(log)
        self._process = process
        wait_until(lambda: process.poll() is not None or self._answers(process.pid), START_TIMEOUT_S)
        return process.poll() is None and self._answers(process.pid)

    def _answers(self, pid: int) -> bool:
        # The port alone proves nothing: a stranger's server may hold it while ours is on its way to fail.
        try:
            state = (self.data_dir / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        if len(state) < 8 or state[0] != str(pid) or state[7].strip() != "ready":
            return False
        try:
            psycopg.connect(self.dsn(), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise SettingsError(
                    f"The data folder {self.data_dir} was made with another password for the user {SUPERUSER}.",
                    remedy="Give the password it was made with, or run `make clean`, which deletes the data.",
                ) from None
            return False
        return True

    def _reason(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()
        severe = [found.group(1) for line in lines if (found := re.search(r"(?:FATAL|PANIC):\s+(.*)", line))]
        if any("could not bind" in line for line in lines):
            return "port"
        return severe[-1] if severe else (lines[-1] if lines else "it said nothing")

    def _refusal(self, reason: str) -> SettingsError:
        if reason == "port":
            return SettingsError(
                f"Port {self.port} (PostgreSQL) is in use.", remedy="Stop what listens there, or choose another port."
            )
        if self.pid is not None:
            return SettingsError(
                f"PostgreSQL on {self.data_dir} did not answer within {START_TIMEOUT_S:g} s: {reason}.",
                remedy=f"Read {self.log_file} and start again.",
            )
        return SettingsError(
            f"PostgreSQL does not start on the data folder {self.data_dir}: {reason} (log: {self.log_file}).",
            remedy=SPOILT_REMEDY,
        )
