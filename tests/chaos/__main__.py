"""`make chaos`: schedules of faults, one seed each, one after the other; a seed that fails says how to repeat it."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.judge import differences
from tests.chaos.play import Play
from tests.chaos.schedule import Schedule, draw, from_json
from tests.chaos.stage import House, running_house, set_stage


def played(house: House, schedule: Schedule) -> tuple[Play, list[str]]:
    """Play a schedule on a stage of its own; returns the play and what the judge found."""
    with set_stage(house, schedule.seed, schedule.store) as stage:
        play = Play(schedule, stage)
        try:
            play.perform()
        except Exception:  # noqa: BLE001 - whatever breaks a play is a find
            return play, [f"the play broke off: {traceback.format_exc()}"]
        with stage.connect() as connection:
            return play, differences(play, connection)


def report(schedule: Schedule, found: list[str], log_file: Path) -> str:
    """What somebody needs who is to mend it."""
    lines = [f"seed {schedule.seed} ({schedule.store}): {len(found)} differences"]
    lines += [f"  - {difference}" for difference in found]
    lines += ["  what went wrong:", *(f"    {number}. {fault}" for number, fault in enumerate(schedule.faults, 1))]
    lines += [f"  every task's log: {log_file}", f"  again: make chaos FROM={schedule.seed} SEEDS=1"]
    return "\n".join(lines)


def shrunk(house: House, schedule: Schedule) -> Schedule:
    """Leave out one fault after the other for as long as there is still a difference."""
    number = 0
    while number < len(schedule.faults):
        smaller = schedule.without(number)
        if played(house, smaller)[1]:
            schedule = smaller
        else:
            number += 1
    return schedule


def main() -> int:
    """Play what the command line asks for; 1 where there was a difference."""
    arguments = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    arguments.add_argument("--seeds", type=int, default=20, help="how many schedules")
    arguments.add_argument("--from", type=int, default=1, dest="first", help="the first seed")
    arguments.add_argument("--play", help="one schedule, as JSON")
    arguments.add_argument("--shrink", action="store_true", help="leave out what a difference does not need")
    wanted = arguments.parse_args()
    schedules = [from_json(wanted.play)] if wanted.play else [draw(wanted.first + n) for n in range(wanted.seeds)]
    # Whoever ends it, with a time limit say, must not leave a PostgreSQL behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="seller-orders-chaos-"))
    with running_house(folder) as house:
        failed = _play_all(house, schedules, is_shrunk=wanted.shrink)
    if not failed:
        shutil.rmtree(folder)
    return 1 if failed else 0


def _play_all(house: House, schedules: Sequence[Schedule], *, is_shrunk: bool) -> list[int]:
    failed, struck, began_s = [], Counter[str](), time.monotonic()
    for schedule in schedules:
        seed_began_s = time.monotonic()
        play, found = played(house, schedule)
        struck.update(fault.kind for fault in play.record.struck)
        print(
            f"seed {schedule.seed}: {len(play.record.struck)} of {len(schedule.faults)} faults struck,"
            f" {play.scheduler.tries} processes, {len(found)} differences, {time.monotonic() - seed_began_s:.1f} s",
            flush=True,
        )
        if found:
            failed.append(schedule.seed)
            log_file = house.folder / f"seed-{schedule.seed}.log"
            log_file.write_text("\n".join(play.scheduler.log))
            print(report(schedule, found, log_file), flush=True)
        if found and is_shrunk:
            print(f"  the least that fails: python -m tests.chaos --play '{shrunk(house, schedule).as_json()}'")
    print(
        f"{len(schedules)} schedules, {sum(struck.values())} faults of {len(struck)} kinds struck,"
        f" {(time.monotonic() - began_s) / len(schedules):.1f} s each; with differences: {failed or 'none'}"
    )
    return failed


if __name__ == "__main__":
    sys.exit(main())
