"""`make backup` and `make restore`: docker/backup.sh for the local stack, with its server, its logins and its pages."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

from include.errors import OperatorActionError, SettingsError
from include.local_stack.passwords import load_or_make_passwords
from include.local_stack.postgres import (
    PERSONAL_DATA_READER,
    PostgresServer,
    ensure_role,
    ensure_role_to_grant,
    find_binaries,
)
from include.local_stack.postgres_data import SUPERUSER
from include.local_stack.postgres_server import HOST
from include.local_stack.product_environment import raw_url_of
from include.local_stack.run_folder import claim
from include.local_stack.run_lock import RunLock
from include.settings import PROJECT_ROOT, StackSettings, load_settings

SCRIPT = PROJECT_ROOT / "docker" / "backup.sh"


def back_up(settings: StackSettings, folder: Path) -> None:
    """Write both databases and the raw pages into a new folder, whether the stack runs or not.

    Raises:
        SettingsError: There is nothing to back up.
        OperatorActionError: The script failed; it has said why, and no folder is left.
    """
    if not (settings.run_dir / "passwords.json").exists():
        raise SettingsError("There is no warehouse here yet.", remedy="Run `make run` first.")
    with ExitStack() as ending:
        server = _server(settings)
        try:
            ending.enter_context(RunLock(settings.run_dir))
        except SettingsError:
            # It runs, so its server answers.
            _call("backup", folder, settings, server)
            return
        ending.enter_context(server)
        _call("backup", folder, settings, server)


def restore(settings: StackSettings, folder: Path) -> None:
    """Replace both databases and the raw pages by a backup's; where there is no stack yet, one is made for them.

    Raises:
        SettingsError: The stack runs.
        OperatorActionError: The script failed; it has said why, and may be repeated.
    """
    claim(settings.run_dir)
    with RunLock(settings.run_dir), _server(settings) as server:
        passwords = load_or_make_passwords(settings.run_dir)
        for role in ("loader", "analyst", "airflow"):
            ensure_role(server, role, getattr(passwords, role))
        ensure_role_to_grant(server, PERSONAL_DATA_READER)
        _call("restore", folder, settings, server)


def _server(settings: StackSettings) -> PostgresServer:
    superuser = load_or_make_passwords(settings.run_dir).superuser
    return PostgresServer(
        settings.run_dir / "postgres", find_binaries(settings.postgres_bin), settings.warehouse_port, superuser
    )


def _call(command: str, folder: Path, settings: StackSettings, server: PostgresServer) -> None:
    programs = server.binaries.folder
    if not (programs / "pg_dump").exists():
        raise SettingsError(
            f"{programs} holds no pg_dump.", remedy="Install PostgreSQL's client programs of the server's version."
        )
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ.get('PATH', '')}",
        "PGHOST": HOST,
        "PGPORT": str(server.port),
        "PGUSER": SUPERUSER,
        "PGPASSWORD": load_or_make_passwords(settings.run_dir).superuser,
        "RAW_DIR": _raw_folder(settings),
    }
    done = subprocess.run([str(SCRIPT), command, str(folder.resolve())], env=environment, check=False)
    if done.returncode:
        raise OperatorActionError(f"The {command} failed.", remedy="What stands above says why; mend it and repeat.")


def _raw_folder(settings: StackSettings) -> str:
    """Where the stack's pages are files; "" where they are none."""
    raw_url = raw_url_of(settings, load_settings())
    return raw_url.removeprefix("file://") if raw_url.startswith("file://") else ""
