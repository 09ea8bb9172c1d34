"""Which processes belong to a run, and how they end: by session, by descent, by the mark in their environment.

A number alone proves nothing, because the system gives it to somebody else later: who is signalled was seen to be ours.
This file refuses to know what the processes are for and who started them.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from include.local_stack.waiting import wait_until

RUN_MARK = "SELLER_ORDERS_RUN"
CLEAN_UP_GRACE_S = 5.0
KILL_TIMEOUT_S = 10.0
# The system computes creation times from its clock's idea of the boot; a clock that was set moves them all a little.
SAME_INSTANT_S = 0.02
CLOCK_TOLERANCE_S = 2.0


@dataclass(frozen=True, slots=True)
class RecordedProcess:
    """What a run remembers of a child, in the file that outlives the run.

    Attributes:
        name: For people.
        pid: The child's, which is also the id of the session that it leads.
        create_time: Seconds since the epoch, as psutil says it.
        log_file: Where the child and its descendants write.
    """

    name: str
    pid: int
    create_time: float
    log_file: str


def write_record(record_file: Path, recorded: Sequence[RecordedProcess]) -> None:
    """Write the record at once or not at all: a reader never sees half of it."""
    record_file.parent.mkdir(parents=True, exist_ok=True)
    new = record_file.with_name(record_file.name + ".new")
    new.write_text(json.dumps([asdict(process) for process in recorded], indent=1))
    new.replace(record_file)


def read_record(record_file: Path) -> list[RecordedProcess]:
    """What the record says; nothing where it is missing or not ours to read."""
    try:
        return [RecordedProcess(**entry) for entry in json.loads(record_file.read_text())]
    except (OSError, ValueError, TypeError):
        return []


def end_session(recorded: RecordedProcess, run_dir: Path, grace_s: float) -> None:
    """End a child with its session and its descendants: SIGTERM, `grace_s` seconds, then SIGKILL to what is left."""
    _end(lambda: _family(recorded, run_dir), grace_s)


def kill_session(recorded: RecordedProcess, run_dir: Path) -> None:
    """End a child with its session and its descendants as a power cut does: SIGKILL and no word before."""
    # Descendants in sessions of their own are lost from sight once their parents are dead: all are found before.
    family: set[psutil.Process] = set()

    def killed() -> bool:
        family.update(_family(recorded, run_dir))
        _signal(_living(family), signal.SIGKILL)
        return not _living(family)

    wait_until(killed, KILL_TIMEOUT_S)


def end_marked(run_dir: Path, grace_s: float) -> None:
    """End every process that carries the run's mark, wherever it went; see `end_session`."""
    _end(lambda: _marked(run_dir), grace_s)


def clean_up_killed_run(record_file: Path, grace_s: float = CLEAN_UP_GRACE_S) -> int:
    """End what an earlier run left running because it was killed itself, then remove its record.

    Ended are the recorded processes, if pid and creation time agree; every process of a session that one of them
    leads or led; their descendants; and whatever carries the mark of this run folder. A session whose leader is gone
    counts only if one of its members carries the mark or writes the child's log, so that a pid which somebody else
    has now never gets a stranger killed. The caller holds the run lock: no other run of this folder is alive.

    Returns:
        How many processes were found alive.
    """
    run_dir = record_file.absolute().resolve().parent
    recorded = read_record(record_file)

    def leftovers() -> set[psutil.Process]:
        families = [_family(process, run_dir) for process in recorded]
        return set().union(_marked(run_dir), *families)

    found = _end(leftovers, grace_s)
    record_file.unlink(missing_ok=True)
    return found


def _end(find: Callable[[], set[psutil.Process]], grace_s: float) -> int:
    # All that were ever found: a descendant in a session of its own is lost from sight once its parents are dead.
    family: set[psutil.Process] = set()
    asked: set[psutil.Process] = set()

    def gone() -> bool:
        living = _living(family)
        if not living:
            family.update(find())
            living = _living(family)
        # Those that made a group of their own (Airflow's tasks) are told by whoever made them, by us if that is gone.
        due = {process for process in living if _in_first_group(process)} or set(living)
        _signal(due - asked, signal.SIGTERM)
        asked.update(due)
        return not living

    def killed() -> bool:
        family.update(find())
        _signal(_living(family), signal.SIGKILL)
        return not _living(family)

    if not wait_until(gone, grace_s):
        wait_until(killed, KILL_TIMEOUT_S)
    return len(family)


def _family(recorded: RecordedProcess, run_dir: Path) -> set[psutil.Process]:
    session = [p for p in _session(recorded.pid) if _age_gap_s(p, recorded) > -CLOCK_TOLERANCE_S]
    if not any(_is_recorded(p, recorded) or _bears_sign(p, recorded, run_dir) for p in session):
        return set()
    return _with_descendants(session)


def _session(session_id: int) -> list[psutil.Process]:
    found = []
    for pid in psutil.pids():
        try:
            if pid and os.getsid(pid) == session_id:
                found.append(psutil.Process(pid))
        except (OSError, psutil.Error):
            continue
    return _living(found)


def _is_recorded(process: psutil.Process, recorded: RecordedProcess) -> bool:
    return process.pid == recorded.pid and abs(_age_gap_s(process, recorded)) < SAME_INSTANT_S


def _age_gap_s(process: psutil.Process, recorded: RecordedProcess) -> float:
    return _create_time(process) - recorded.create_time


def _create_time(process: psutil.Process) -> float:
    try:
        return float(process.create_time())
    except psutil.Error:
        return float("-inf")


def _bears_sign(process: psutil.Process, recorded: RecordedProcess, run_dir: Path) -> bool:
    # The environment is no longer readable in a process that rewrote its title, as Airflow's do; its log is.
    if _mark(process) == str(run_dir):
        return True
    try:
        return any(file.path == recorded.log_file for file in process.open_files())
    except (OSError, psutil.Error):
        return False


def _marked(run_dir: Path) -> set[psutil.Process]:
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return {p for p in psutil.process_iter() if p.pid not in own and _mark(p) == str(run_dir)}


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(RUN_MARK)
    except (OSError, psutil.Error):
        return None


def _with_descendants(processes: Iterable[psutil.Process]) -> set[psutil.Process]:
    found = set(processes)
    for process in list(found):
        try:
            found.update(process.children(recursive=True))
        except psutil.Error:
            continue
    return found


def _living(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    living = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                living.append(process)
        except psutil.Error:
            continue
    return living


def _in_first_group(process: psutil.Process) -> bool:
    try:
        return os.getpgid(process.pid) == os.getsid(process.pid)
    except OSError:
        return False


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    # The eldest first: a parent that hears of its child's end before its own would take it for an accident.
    for process in sorted(processes, key=lambda one: (_create_time(one), one.pid)):
        try:
            process.send_signal(number)
        except psutil.Error:
            continue
