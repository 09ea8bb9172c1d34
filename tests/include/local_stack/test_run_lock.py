"""One run at a time, also when runs are killed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from include.errors import SettingsError
from include.local_stack.run_lock import RunLock

Spawn = Callable[..., "subprocess.Popen[str]"]
HOLD = """
import subprocess, sys, time
from pathlib import Path
from include.local_stack.run_lock import RunLock
lock = RunLock(Path(sys.argv[1]))
lock.acquire()
child = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL, start_new_session=True)
print("ready", flush=True)
time.sleep(600)
"""


def test_the_first_run_gets_the_lock_and_leaves_its_number(tmp_path: Path) -> None:
    with RunLock(tmp_path / "run") as lock:
        assert lock.path.read_text() == f"{os.getpid()}\n"


def test_a_second_run_is_told_who_holds_it(tmp_path: Path, spawn: Spawn) -> None:
    holder = spawn(HOLD, str(tmp_path))
    with pytest.raises(SettingsError, match=rf"^Already running \(pid {holder.pid}\): stop it with Ctrl-C there"):
        RunLock(tmp_path).acquire()


def test_a_killed_run_gives_the_lock_back_although_its_children_live_on(tmp_path: Path, spawn: Spawn) -> None:
    holder = spawn(HOLD, str(tmp_path))
    (child,) = psutil.Process(holder.pid).children()
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    RunLock(tmp_path).acquire()
    assert child.is_running()


def test_a_released_lock_can_be_taken_by_the_next(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path), RunLock(tmp_path)
    first.acquire()
    first.acquire()
    with pytest.raises(SettingsError, match="Already running"):
        second.acquire()
    first.release()
    first.release()
    second.acquire()


def test_the_number_of_a_killed_run_is_overwritten_whole(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("99999999999\n")
    with RunLock(tmp_path) as lock:
        assert lock.path.read_text() == f"{os.getpid()}\n"


def test_a_folder_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"run folder .*file/run cannot be used"):
        RunLock(tmp_path / "file" / "run").acquire()
