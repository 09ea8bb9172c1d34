"""The data folder of the embedded PostgreSQL: made whole or not at all, refused when spoilt, freed of a killed run.

It touches the data folder and the siblings it makes itself; modes and owners of anything above stay as they are. It
refuses to know ports, databases and what is stored.
"""

from __future__ import annotations

import glob
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil

from include.errors import SettingsError
from include.local_stack.postgres_binaries import PostgresBinaries, ServerUser
from include.local_stack.waiting import wait_until

SUPERUSER = "postgres"
INITDB_TIMEOUT_S = 120.0
# Fast, then immediate shutdown, in the postmaster's own signals; the last word is for what does not listen any more.
SHUTDOWN_STEPS = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
SPOILT_REMEDY = "Put a whole copy of the folder back, or run `make clean`, which deletes the data."


def server_environment() -> dict[str, str]:
    """Our environment without what would steer PostgreSQL past its command line, and with English messages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def prepare_data(data_dir: Path, binaries: PostgresBinaries, user: ServerUser, password: str) -> None:
    """Make the data folder if it is absent or empty, else check that these binaries can serve it.

    Raises:
        SettingsError: The folder is spoilt, of another major version or somebody else's; the sentence names it.
    """
    try:
        if data_dir.exists() and not data_dir.is_dir():
            raise SettingsError(f"{data_dir} should be PostgreSQL's data folder, but is a file.", remedy=SPOILT_REMEDY)
        if data_dir.is_dir() and any(data_dir.iterdir()):
            _check_data(data_dir, binaries)
            _give_folder(data_dir, user)
        else:
            _make_data(data_dir, binaries, user, password)
    except OSError as error:
        raise SettingsError(
            f"PostgreSQL's data folder {data_dir} cannot be used: {error.strerror} ({error.filename}).",
            remedy="Make the folder and the one above it writable for this user.",
        ) from error


def _check_data(data_dir: Path, binaries: PostgresBinaries) -> None:
    try:
        made_by = (data_dir / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise SettingsError(
            f"The data folder {data_dir} has no PG_VERSION but is not empty: it is spoilt, or no PostgreSQL data.",
            remedy=SPOILT_REMEDY,
        ) from None
    if made_by != str(binaries.major):
        raise SettingsError(
            f"The data folder {data_dir} was made by PostgreSQL {made_by!r}, but the one found here is "
            f"{binaries.version} ({binaries.folder}).",
            remedy=f"Provide PostgreSQL {made_by}, or run `make clean`, which deletes the data.",
        )


def _give_folder(folder: Path, user: ServerUser) -> None:
    owner = folder.stat().st_uid
    if user.owner is None:
        if owner != os.geteuid():
            raise SettingsError(
                f"The data folder {folder} belongs to user number {owner}, PostgreSQL would run as {os.geteuid()}.",
                remedy="Run as the folder's owner or as root, or choose another folder.",
            )
    elif owner != user.owner[0]:
        for path in [*folder.rglob("*"), folder]:
            os.chown(path, *user.owner, follow_symlinks=False)


def _make_data(data_dir: Path, binaries: PostgresBinaries, user: ServerUser, password: str) -> None:
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    workshop_prefix = f".{data_dir.name}.initdb-"
    for leftover in data_dir.parent.glob(glob.escape(workshop_prefix) + "*"):
        shutil.rmtree(leftover, ignore_errors=True)
    # Made beside and renamed at the end, so that a killed initdb never leaves half a data folder.
    workshop = Path(tempfile.mkdtemp(prefix=workshop_prefix, dir=data_dir.parent))
    try:
        password_file = workshop / "password"
        with os.fdopen(os.open(password_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(password + "\n")
        _give_folder(workshop, user)
        _run_initdb(workshop / "data", password_file, binaries, user)
        (workshop / "data").rename(data_dir)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _run_initdb(folder: Path, password_file: Path, binaries: PostgresBinaries, user: ServerUser) -> None:
    command = [*user.prefix, str(binaries.folder / "initdb"), "-D", str(folder), f"--username={SUPERUSER}"]
    command += [f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
    command += ["--no-instructions"]
    if binaries.major >= 17:
        # Sorts by code point as C does, but knows upper and lower case beyond ASCII, whatever the machine has.
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    # The folder we stand in may be closed to the server's user.
    answer = subprocess.run(
        command,
        cwd="/",
        env=server_environment(),
        capture_output=True,
        text=True,
        timeout=INITDB_TIMEOUT_S,
        check=False,
    )
    if answer.returncode != 0:
        lines = [line for line in answer.stderr.splitlines() if line.strip() and "removing" not in line]
        raise SettingsError(
            f"PostgreSQL's initdb could not make {folder.parent.parent}'s data folder: {lines[-1] if lines else '?'}.",
            remedy="Free what it names (disk, permissions) and start again.",
        )


def stop_leftover(data_dir: Path) -> None:
    """End a server that a killed run left on this data folder, and remove a lock that belongs to no server.

    Only processes called postgres whose command line or working folder is this data folder are signalled.
    """
    data_dir = data_dir.absolute().resolve()
    for step, patience_s in SHUTDOWN_STEPS:
        running = _servers_on(data_dir)
        if not running:
            break
        pids = {process.pid for process in running}
        for process in running:
            try:
                if process.ppid() not in pids:
                    process.send_signal(step)
            except psutil.NoSuchProcess:
                continue
        wait_until(lambda: not _servers_on(data_dir), patience_s)
    _remove_foreign_lock(data_dir)


def _servers_on(data_dir: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _serves(process, data_dir)]


def _serves(process: psutil.Process, data_dir: Path) -> bool:
    try:
        if not process.name().startswith("postgres"):
            return False
        command = process.cmdline()
        return str(data_dir) in command[1:] or process.cwd() == str(data_dir)
    except psutil.Error:
        return False


def _remove_foreign_lock(data_dir: Path) -> None:
    # PostgreSQL itself clears the lock of a dead process. It cannot know that the number lives on in somebody else,
    # or in a dead process whose parent has not collected it.
    lock = data_dir / "postmaster.pid"
    try:
        holder = psutil.Process(int(lock.read_text().split(maxsplit=1)[0]))
        if holder.status() == psutil.STATUS_ZOMBIE or (holder.cmdline() and not _serves(holder, data_dir)):
            lock.unlink()
    except (OSError, ValueError, IndexError, psutil.Error):
        return
