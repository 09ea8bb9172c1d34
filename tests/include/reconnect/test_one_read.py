"""One read for all who ask at once: shared while young, never when it failed, never with who wants it anew."""

from __future__ import annotations

import asyncio
import threading
from itertools import count

import pytest

from include.errors import TransportError
from include.reconnect.one_read import OneRead
from include.reconnect.paused_dags import PausedDags
from tests.payloads.event_loops import run_in_a_loop


class Seconds:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def _in_a_crowd(reads: OneRead, read, many: int = 50) -> list:
    return await asyncio.gather(*(reads.of("key", read) for _ in range(many)), return_exceptions=True)


def test_fifty_who_ask_at_once_are_told_what_was_read_once():
    numbers = count(1)
    assert run_in_a_loop(_in_a_crowd(OneRead(2.0), lambda: next(numbers))) == [1] * 50


def test_what_was_read_is_told_again_until_it_is_too_old_counted_from_the_beginning_of_its_read():
    numbers, clock = count(1), Seconds()

    def slowly() -> int:
        clock.now += 1.5
        return next(numbers)

    async def ask() -> list[int]:
        reads = OneRead(2.0, monotonic=clock)
        told = [await reads.of("key", slowly)]
        clock.now += 0.4
        told.append(await reads.of("key", slowly))
        clock.now += 0.2
        told.append(await reads.of("key", slowly))
        return told

    assert run_in_a_loop(ask()) == [1, 1, 2]


def test_an_error_is_told_to_all_who_wait_for_it_and_kept_for_nobody():
    tries = count(1)

    def fails_once() -> int:
        if (number := next(tries)) == 1:
            raise TransportError("Away.")
        return number

    async def ask() -> tuple[list, int]:
        reads = OneRead(2.0)
        return await _in_a_crowd(reads, fails_once), await reads.of("key", fails_once)

    waited, later = run_in_a_loop(ask())
    assert {type(one) for one in waited} == {TransportError}
    assert later == 2


def test_whoever_wants_it_anew_does_not_get_what_began_before():
    has_begun, may_end = threading.Event(), threading.Event()

    def before() -> str:
        has_begun.set()
        may_end.wait(10)
        return "before"

    async def ask() -> tuple[str, str, str]:
        reads = OneRead(2.0)
        first = asyncio.create_task(reads.of("key", before))
        await asyncio.to_thread(has_begun.wait, 10)
        anew = await reads.of("key", lambda: "after", anew=True)
        may_end.set()
        return anew, await first, await reads.of("key", before)

    assert run_in_a_loop(ask()) == ("after", "before", "after")


def test_whoever_leaves_takes_nothing_from_the_others():
    may_end = threading.Event()

    def read() -> str:
        may_end.wait(10)
        return "read"

    async def ask() -> str:
        reads = OneRead(2.0)
        leaver, stayer = (asyncio.create_task(reads.of("key", read)) for _ in range(2))
        await asyncio.sleep(0)
        leaver.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaver
        may_end.set()
        return await stayer

    assert run_in_a_loop(ask()) == "read"


def test_no_more_is_kept_than_said():
    numbers = count(1)

    async def ask() -> list[int]:
        reads = OneRead(600.0, most=2)
        return [await reads.of(key, lambda: next(numbers)) for key in (1, 2, 3, 3, 2, 1)]

    assert run_in_a_loop(ask()) == [1, 2, 3, 3, 2, 4]


def test_only_the_first_waits_for_airflow_and_the_others_are_told_what_was_known():
    answers, asked = iter([{"a"}, {"b"}]), threading.Semaphore(0)

    def ask() -> set[str]:
        asked.release()
        return next(answers)

    paused = PausedDags(ask)
    assert paused.now() == {"a"}
    assert paused.now() == {"a"}
    assert asked.acquire(timeout=5)
    assert not asked.acquire(blocking=False)


def test_an_airflow_that_does_not_answer_pauses_nobody():
    def ask() -> set[str]:
        raise TransportError("Airflow does not answer.")

    assert PausedDags(ask).now() == frozenset()
