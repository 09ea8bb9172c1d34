"""The folder that one local stack lives in: claimed when it is new or empty, so that it never mixes with others' files.

`make clean` deletes in claimed folders only; a wrong RUN_DIR costs nobody anything.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from include.errors import SettingsError
from include.local_stack.postgres import stop_leftover
from include.local_stack.run_lock import RunLock
from include.local_stack.sessions import clean_up_killed_run

CLAIM = ".seller-orders"
# `make story` has a stack of its own in here.
STORY = "story"
# What others on the machine have no business in. PostgreSQL's own folder is not among them: it guards itself, and its
# server may have to reach it as another user.
PRIVATE = ("airflow", "fake_amazon", "logs", "mails", "raw")
# The last three are a cluster's.
MADE_HERE = (*PRIVATE, "postgres*", "*.json", "*.json.new", "*.half", "lock", CLAIM, "redis", "secrets", ".env")


def claim(run_dir: Path) -> None:
    """Make the folder ours, with the folders in it that nobody else may read; ours already is fine.

    Raises:
        SettingsError: It holds something else, or belongs to somebody else.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    if os.geteuid() not in (0, run_dir.stat().st_uid):
        raise SettingsError(f"{run_dir} belongs to another user.", remedy="Choose a folder of your own with RUN_DIR=…")
    if not (run_dir / CLAIM).exists() and any(run_dir.iterdir()):
        raise SettingsError(f"{run_dir} holds other things.", remedy="Choose a new or empty folder with RUN_DIR=…")
    (run_dir / CLAIM).touch()
    for name in PRIVATE:
        (run_dir / name).mkdir(mode=0o700, exist_ok=True)


def clean(run_dir: Path) -> None:
    """Delete data, logs and passwords, after ending what a killed run left behind; nothing there is fine.

    Raises:
        SettingsError: A run is on, or the folder was never claimed.
    """
    run_dir = run_dir.resolve()
    if not run_dir.is_dir() or not any(run_dir.iterdir()):
        return
    if not (run_dir / CLAIM).exists():
        raise SettingsError(f"{run_dir} was not made by `make run`.", remedy="Nothing was deleted; check RUN_DIR.")
    clean(run_dir / STORY)
    with RunLock(run_dir):
        clean_up_killed_run(run_dir / "processes.json")
        stop_leftover(run_dir / "postgres")
        for pattern in MADE_HERE:
            for path in run_dir.glob(pattern):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if not any(run_dir.iterdir()):
        run_dir.rmdir()
