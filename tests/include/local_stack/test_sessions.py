"""What a killed run left running is ended; what only looks like it is not."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from include.local_stack.processes import clean_up_killed_run
from include.local_stack.waiting import wait_until

pytestmark = pytest.mark.slow

Spawn = Callable[..., "subprocess.Popen[str]"]
RUN = """
import sys, time
from pathlib import Path
from include.local_stack.processes import Supervisor
supervisor = Supervisor(Path(sys.argv[1]))
supervisor.start("child", sys.argv[2:])
while "ready" not in supervisor.log_file("child").read_text():
    time.sleep(0.02)
print("ready", flush=True)
time.sleep(600)
"""
SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
WAIT = "echo ready; while :; do sleep 0.05; done"
FAMILY = """
import subprocess, time
subprocess.Popen(["sleep", "601"])
subprocess.Popen(["sleep", "602"], process_group=0)
subprocess.Popen(["sleep", "603"], start_new_session=True)
print("ready", flush=True)
time.sleep(600)
"""


@dataclass
class KilledRun:
    """A run that was killed, and what it left."""

    record_file: Path
    leader: psutil.Process
    others: dict[str, psutil.Process]

    def alive(self) -> list[str]:
        return [name for name, one in {"leader": self.leader, **self.others}.items() if is_alive(one)]

    def kill_leader(self) -> None:
        self.leader.kill()
        assert wait_until(lambda: not is_alive(self.leader), 10)

    def edit_record(self, **changes: object) -> None:
        (entry,) = json.loads(self.record_file.read_text())
        self.record_file.write_text(json.dumps([{**entry, **changes}]))


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


Kill = Callable[..., KilledRun]


@pytest.fixture
def killed_run(tmp_path: Path, spawn: Spawn) -> Iterator[Kill]:
    """Start a run with one child, the given command,, and kill the run but not the child."""
    left: list[psutil.Process] = []

    def kill(*command: str) -> KilledRun:
        runner = spawn(RUN, str(tmp_path), *command)
        (leader,) = psutil.Process(runner.pid).children()
        others = {" ".join(one.cmdline()): one for one in leader.children(recursive=True)}
        left.extend([leader, *others.values()])
        os.kill(runner.pid, signal.SIGKILL)
        runner.wait()
        return KilledRun(tmp_path / "processes.json", leader, others)

    yield kill
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def test_a_living_child_is_ended_with_its_whole_family_and_the_record_goes(killed_run: Kill) -> None:
    run = killed_run(sys.executable, "-c", FAMILY)
    assert run.alive() == ["leader", "sleep 601", "sleep 602", "sleep 603"]
    assert clean_up_killed_run(run.record_file) == 4
    assert run.alive() == []
    assert not run.record_file.exists()


def test_what_a_dead_child_left_in_its_session_and_out_of_it_is_ended(killed_run: Kill) -> None:
    run = killed_run(sys.executable, "-c", FAMILY)
    run.kill_leader()
    assert clean_up_killed_run(run.record_file) == 3
    assert run.alive() == []


def test_what_ignores_the_request_to_end_is_killed(killed_run: Kill) -> None:
    run = killed_run("sh", "-c", "trap '' TERM; sleep 601 & echo ready; wait; sleep 602")
    assert clean_up_killed_run(run.record_file, grace_s=0.2) == 2
    assert run.alive() == []


def test_what_is_left_without_the_parent_who_would_tell_it_is_asked_before_it_is_killed(
    killed_run: Kill, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    code = f"import os; os.setpgid(0, 0); os.execlp('sh', 'sh', '-c', \"trap 'touch {asked}; exit' TERM; {WAIT}\")"
    run = killed_run("sh", "-c", '"$1" -c "$2" & wait', "sh", sys.executable, code)
    run.kill_leader()
    assert clean_up_killed_run(run.record_file) >= 1
    assert asked.exists()


def test_a_process_that_lost_its_environment_is_known_by_its_log(killed_run: Kill) -> None:
    run = killed_run("sh", "-c", "env -i sleep 601 & echo ready; exec sleep 604")
    # The name of `env` turns into `sleep 601` a moment later.
    (member,) = run.others.values()
    assert wait_until(lambda: member.environ() == {}, 10)
    run.kill_leader()
    assert clean_up_killed_run(run.record_file) == 1
    assert run.alive() == []


def test_a_clock_that_was_set_in_between_hides_nothing(killed_run: Kill) -> None:
    run = killed_run("sh", "-c", "echo ready; exec env -i sleep 601")
    assert wait_until(lambda: run.leader.environ() == {}, 10)
    run.edit_record(create_time=run.leader.create_time() + 0.8)
    assert clean_up_killed_run(run.record_file) == 1
    assert run.alive() == []


@pytest.mark.parametrize("shift_s", [-100.0, -1.0, 1.0, 100.0])
def test_a_stranger_who_has_a_recorded_number_now_is_left_alone(shift_s: float, killed_run: Kill, spawn: Spawn) -> None:
    run = killed_run("sh", "-c", "echo ready; exec sleep 604")
    run.kill_leader()
    stranger = spawn(SLEEPER)
    run.edit_record(pid=stranger.pid, create_time=psutil.Process(stranger.pid).create_time() + shift_s)
    assert clean_up_killed_run(run.record_file) == 0
    assert stranger.poll() is None


def test_a_strangers_session_whose_leader_is_gone_is_left_alone(killed_run: Kill, spawn: Spawn) -> None:
    run = killed_run("sh", "-c", "echo ready; exec sleep 604")
    run.kill_leader()
    code = "import subprocess, time; subprocess.Popen(['sleep', '605']); print('ready', flush=True); time.sleep(600)"
    stranger = spawn(code, env={**os.environ, "SELLER_ORDERS_RUN": "/some/other/run"})
    (member,) = psutil.Process(stranger.pid).children()
    stranger.kill()
    stranger.wait()
    assert os.getsid(member.pid) == stranger.pid
    run.edit_record(pid=stranger.pid)
    assert clean_up_killed_run(run.record_file) == 0
    assert is_alive(member)


def test_the_mark_of_another_run_protects(tmp_path: Path, spawn: Spawn) -> None:
    other = spawn(SLEEPER, env={**os.environ, "SELLER_ORDERS_RUN": str(tmp_path / "other")})
    assert clean_up_killed_run(tmp_path / "processes.json") == 0
    assert other.poll() is None


def test_the_mark_alone_is_enough_where_the_run_died_before_it_wrote_its_record(tmp_path: Path, spawn: Spawn) -> None:
    unrecorded = spawn(SLEEPER, env={**os.environ, "SELLER_ORDERS_RUN": str(tmp_path)})
    assert clean_up_killed_run(tmp_path / "processes.json") == 1
    assert unrecorded.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("content", ["", "{", '[{"pid": 1}]', "7"], ids=["empty", "cut off", "of another kind", "odd"])
def test_a_record_that_cannot_be_read_ends_nobody_and_goes(content: str, tmp_path: Path) -> None:
    record_file = tmp_path / "processes.json"
    record_file.write_text(content)
    assert clean_up_killed_run(record_file) == 0
    assert not record_file.exists()
