"""`make chaos`: schedules of faults, one seed each, one after the other; a seed that fails says how to repeat it."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import get_args

from tests.chaos.judge import differences
from tests.chaos.kinds import KINDS
from tests.chaos.play import Play
from tests.chaos.points import Where
from tests.chaos.schedule import Fault, Schedule, draw, from_json
from tests.chaos.stage import House, running_house, set_stage

# So many schedules strike at points of every sort, so many with every kind.
SEEDS_OF_EVERY_WHERE, SEEDS_OF_EVERY_KIND = 12, 200


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


def never_struck(struck: Collection[Fault], seeds: int) -> list[str]:
    """What so many seeds have to strike with, and did not: a play in which nothing goes wrong proves nothing."""
    wheres = {fault.point.where for fault in struck if fault.point}
    kinds = {fault.kind for fault in struck}
    missing = [where for where in get_args(Where) if seeds >= SEEDS_OF_EVERY_WHERE and where not in wheres]
    return missing + [kind for kind in KINDS if seeds >= SEEDS_OF_EVERY_KIND and kind not in kinds]


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
    """Play what the command line asks for; 1 where there was a difference, or nothing struck."""
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
    failed: list[int] = []
    try:
        with running_house(folder) as house:
            missing = _play_all(house, schedules, failed, is_shrunk=wanted.shrink)
    finally:
        # What failed is kept to look at, however the play ends.
        if not failed:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed or missing else 0


def _play_all(house: House, schedules: Sequence[Schedule], failed: list[int], *, is_shrunk: bool) -> list[str]:
    """Play them; those with differences are added to `failed`, what never struck is returned."""
    struck: list[Fault] = []
    began_s = time.monotonic()
    for schedule in schedules:
        seed_began_s = time.monotonic()
        play, found = played(house, schedule)
        struck += play.record.struck
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
    missing = never_struck(struck, len(schedules))
    print(
        f"{len(schedules)} schedules, {len(struck)} faults of {len({fault.kind for fault in struck})} kinds struck,"
        f" {(time.monotonic() - began_s) / len(schedules):.1f} s each; with differences: {failed or 'none'};"
        f" never struck: {', '.join(missing) or 'nothing that these must strike'}"
    )
    return missing


if __name__ == "__main__":
    sys.exit(main())
