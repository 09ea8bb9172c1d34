"""Children of one run: started, watched, ended with everything they started."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from include.errors import OperatorActionError, SettingsError
from include.local_stack.processes import Supervisor
from include.local_stack.waiting import wait_until

pytestmark = pytest.mark.slow

# Ignores SIGTERM, has a child in its own session and one in its own group, and says their numbers.
STUBBORN = """
import signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(subprocess.Popen(["sleep", "600"], start_new_session=True).pid)
print(subprocess.Popen(["sleep", "600"], process_group=0).pid)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor whose children end with the test."""
    with Supervisor(tmp_path / "my run") as one:
        yield one
        one.stop_all(timeout_s=0)


def shell(code: str) -> list[str]:
    return ["sh", "-c", code]


def said(supervisor: Supervisor, name: str, line: str) -> list[str]:
    """Wait until the child has said the line, and return all it has said."""
    log = supervisor.log_file(name)
    assert wait_until(lambda: line in log.read_text().splitlines(), 10), log.read_text()
    return log.read_text().splitlines()


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_killed_child_takes_all_it_started_along_gets_no_word_and_may_start_again(supervisor: Supervisor) -> None:
    deaf = (
        "trap 'echo asked' TERM; (setsid sleep 600 & echo $!; wait) & echo $!; echo ready; while :; do sleep 0.1; done"
    )
    pid = supervisor.start("worker", shell(deaf))
    assert wait_until(lambda: len(said(supervisor, "worker", "ready")) == 3, 10)
    family = [pid, *map(int, [word for word in said(supervisor, "worker", "ready") if word.isdigit()])]
    supervisor.kill("worker")
    assert [one for one in family if alive(one)] == []
    assert "asked" not in supervisor.log_file("worker").read_text()
    supervisor.check()
    supervisor.kill("worker")
    supervisor.start("worker", shell("exec sleep 600"))


def test_a_child_has_its_own_session_environment_folder_and_log(supervisor: Supervisor, tmp_path: Path) -> None:
    pid = supervisor.start(
        "talker",
        shell('echo "$WORD in $PWD for $SELLER_ORDERS_RUN"; echo complaint >&2; echo done; exec sleep 600'),
        env={"WORD": "hello", "PATH": os.environ["PATH"]},
        cwd=tmp_path,
    )
    assert os.getsid(pid) == os.getpgid(pid) == pid
    assert said(supervisor, "talker", "done") == [f"hello in {tmp_path} for {supervisor.run_dir}", "complaint", "done"]


def test_a_child_is_on_record_as_soon_as_it_is_started(supervisor: Supervisor) -> None:
    pid = supervisor.start("sleeper", ["sleep", "600"])
    (entry,) = json.loads((supervisor.run_dir / "processes.json").read_text())
    assert (entry["name"], entry["pid"]) == ("sleeper", pid)
    assert entry["create_time"] == psutil.Process(pid).create_time()


def test_children_end_in_reverse_order_of_their_start(supervisor: Supervisor, tmp_path: Path) -> None:
    order = tmp_path / "order"
    for name in ("first", "second", "third"):
        supervisor.start(name, shell(f"trap 'echo {name} >> \"{order}\"; exit' TERM; echo ready; sleep 600 & wait"))
        said(supervisor, name, "ready")
    supervisor.stop_all()
    assert order.read_text().split() == ["third", "second", "first"]


def test_what_ignores_the_request_to_end_is_killed_with_all_it_started(supervisor: Supervisor) -> None:
    pid = supervisor.start("stubborn", [sys.executable, "-c", STUBBORN])
    own_session, own_group = map(int, said(supervisor, "stubborn", "ready")[:2])
    assert os.getpgid(own_group) == own_group
    supervisor.stop_all(timeout_s=0.2)
    assert [number for number in (pid, own_session, own_group) if alive(number)] == []


def test_children_of_a_child_that_died_by_itself_end_too(supervisor: Supervisor) -> None:
    supervisor.start("short", shell("sleep 600 & echo $!; echo ready; exit 0"))
    orphan = int(said(supervisor, "short", "ready")[0])
    assert wait_until(lambda: supervisor.first_dead() is not None, 10)
    supervisor.stop_all()
    assert not alive(orphan)


def test_a_second_ctrl_c_skips_the_waiting_but_not_the_ending(supervisor: Supervisor) -> None:
    pid = supervisor.start("stubborn", [sys.executable, "-c", STUBBORN])
    numbers = [pid, *map(int, said(supervisor, "stubborn", "ready")[:2])]
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    begun = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            supervisor.stop_all(timeout_s=60)
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert time.monotonic() - begun < 30
    assert [number for number in numbers if alive(number)] == []


def test_a_second_stop_does_nothing_and_the_record_is_empty(supervisor: Supervisor) -> None:
    supervisor.start("sleeper", ["sleep", "600"])
    supervisor.stop_all()
    supervisor.stop_all()
    assert json.loads(supervisor.record_file.read_text()) == []


def test_one_child_can_be_ended_and_started_anew_while_the_others_stay(supervisor: Supervisor) -> None:
    stays = supervisor.start("stays", ["sleep", "600"])
    first = supervisor.start("changes", shell("echo first; exec sleep 600"))
    said(supervisor, "changes", "first")
    supervisor.stop("changes")
    supervisor.stop("changes")
    assert (alive(first), alive(stays)) == (False, True)
    supervisor.start("changes", shell("echo second; exec sleep 600"))
    assert said(supervisor, "changes", "second") == ["second"]
    assert (supervisor.logs_dir / "changes.log.previous").read_text() == "first\n"


def test_nothing_is_reported_while_all_run(supervisor: Supervisor) -> None:
    supervisor.start("sleeper", ["sleep", "600"])
    supervisor.check()
    assert supervisor.first_dead() is None


def test_a_child_that_died_is_reported_with_exit_code_last_line_and_log(supervisor: Supervisor) -> None:
    supervisor.start("sleeper", ["sleep", "600"])
    supervisor.start("scheduler", shell("echo early; echo 'no database at postgresql://me:s3cret@host/db'; exit 3"))
    assert wait_until(lambda: supervisor.first_dead() is not None, 10)
    with pytest.raises(OperatorActionError) as report:
        supervisor.check()
    assert str(report.value) == (
        'scheduler ended unexpectedly with exit code 3; its last line was "no database at postgresql://***@host/db". '
        f"Read {supervisor.log_file('scheduler')}."
    )


def test_a_child_that_was_killed_in_silence_is_reported_with_the_signal(supervisor: Supervisor) -> None:
    pid = supervisor.start("sleeper", ["sleep", "600"])
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: supervisor.first_dead() is not None, 10)
    with pytest.raises(OperatorActionError, match="sleeper ended unexpectedly with signal 9; it said nothing"):
        supervisor.check()


def test_a_program_that_is_missing_is_refused_by_name(supervisor: Supervisor) -> None:
    with pytest.raises(SettingsError, match=r"ui cannot be started: No such file or directory \(/no/such/program\)"):
        supervisor.start("ui", ["/no/such/program"])


def test_a_name_is_given_once(supervisor: Supervisor) -> None:
    supervisor.start("sleeper", ["sleep", "600"])
    with pytest.raises(ValueError, match="started already"):
        supervisor.start("sleeper", ["sleep", "600"])
