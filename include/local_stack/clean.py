"""Delete what the local stack keeps; only what it made, so that a wrong RUN_DIR costs nobody a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from include.local_stack.postgres import stop_leftover
from include.local_stack.run_lock import RunLock
from include.local_stack.sessions import clean_up_killed_run

MADE_HERE = ("airflow", "fake_amazon", "logs", "postgres*", "raw", "*.json", "*.half", "lock")


def clean(run_dir: Path) -> None:
    """Delete data, logs and passwords, after ending what a killed run left behind; nothing there is fine.

    Raises:
        SettingsError: A run is on.
    """
    if not run_dir.is_dir():
        return
    with RunLock(run_dir):
        clean_up_killed_run(run_dir / "processes.json")
        stop_leftover(run_dir / "postgres")
        for pattern in MADE_HERE:
            for path in run_dir.glob(pattern):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if not any(run_dir.iterdir()):
        run_dir.rmdir()
