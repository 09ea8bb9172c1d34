"""`make chaos`, short: a few seeds, each of which must leave no difference; and what a schedule is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.settings import PROJECT_ROOT
from tests.chaos.__main__ import SEEDS_OF_EVERY_WHERE, never_struck, played, report, shrunk
from tests.chaos.kinds import KINDS
from tests.chaos.points import Point
from tests.chaos.schedule import Fault, Schedule, draw, from_json
from tests.chaos.stage import House

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(600)]

FIRST, SEEDS = int(os.environ.get("CHAOS_FROM", "1")), int(os.environ.get("CHAOS_SEEDS", "12"))


# What struck in which seed, for the test that asks whether faults strike at all.
STRUCK: dict[int, list[Fault]] = {}


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_a_schedule_leaves_the_tables_as_at_amazon_and_the_mails_that_are_owed(house: House, seed: int) -> None:
    schedule = draw(seed)
    play, found = played(house, schedule)
    STRUCK[seed] = play.record.struck
    log_file = house.folder / f"seed-{seed}.log"
    log_file.write_text("\n".join(play.scheduler.log))
    assert not found, report(schedule, found, log_file)


@pytest.mark.skipif(SEEDS < SEEDS_OF_EVERY_WHERE, reason="too few schedules to strike everywhere")
def test_the_schedules_strike_at_points_of_every_sort(house: House) -> None:
    for seed in range(FIRST, FIRST + SEEDS):
        if seed not in STRUCK:
            # This test was asked for alone.
            STRUCK[seed] = played(house, draw(seed))[0].record.struck
    assert never_struck([fault for struck in STRUCK.values() for fault in struck], SEEDS) == []


def test_what_never_struck_is_missed_as_soon_as_there_were_seeds_enough() -> None:
    assert never_struck([], 11) == []
    assert never_struck([], 12) == ["http", "db", "answered", "file", "mail"]
    drawn = [fault for seed in range(1, 201) for fault in draw(seed).faults]
    assert never_struck(drawn, 200) == []
    assert never_struck([fault for fault in drawn if fault.kind != "revoked"], 200) == ["revoked"]


def test_whoever_ends_it_while_a_worker_stands_at_a_point_does_not_wait_and_leaves_nothing(tmp_path: Path) -> None:
    standing = Schedule(1, "file", (Fault("slow worker", 1, "", "validate_authorization", Point("db", 1), {}),))
    code = (
        "import os, signal, sys\n"
        "from tests.chaos.__main__ import main\n"
        "from tests.chaos.play import Play\n"
        "Play.strike = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.exit(main())\n"
    )
    command = [sys.executable, "-c", code, "--play", standing.as_json()]
    ended = subprocess.run(
        command, cwd=PROJECT_ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, timeout=120, check=False
    )
    assert ended.returncode == 143
    assert list(tmp_path.glob("seller-orders-chaos-*")) == []


def test_a_schedule_played_twice_goes_the_same_way(house: House) -> None:
    def way() -> list[str]:
        play, found = played(house, draw(5))
        assert not found
        # Without the time: a busy machine may ask Amazon once more.
        return [line[line.index("Begun") :] for text in play.scheduler.log for line in text.splitlines()[:1]]

    first = way()
    assert len(first) > 40
    assert first == way()


def test_a_seed_is_always_the_same_schedule_and_can_be_written_down() -> None:
    assert draw(7) == draw(7)
    assert draw(7) != draw(8)
    assert from_json(draw(7).as_json()) == draw(7)


def test_the_seeds_of_the_long_run_hold_every_kind() -> None:
    drawn = {fault.kind for seed in range(1, 201) for fault in draw(seed).faults}
    assert drawn == set(KINDS)
    assert len(KINDS) > 30


def test_what_fails_is_shrunk_to_what_it_needs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = Fault("worker killed", 1, "maple", "load_orders", Point("db", 3), {})
    token = Fault("access token dies", 1, "maple", "extract_orders", None, {})

    def fails_when_a_worker_dies(_: House, schedule: Schedule) -> tuple[None, list[str]]:
        return None, ["a difference"] if killed in schedule.faults else []

    monkeypatch.setattr("tests.chaos.__main__.played", fails_when_a_worker_dies)
    assert shrunk(house, Schedule(1, "file", (token, killed, token))).faults == (killed,)
