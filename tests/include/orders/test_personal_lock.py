"""Whoever deletes personal data waits for whoever lands or loads them, so that nothing slips through in between."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pytest
from upath import UPath

from include.orders.details import fetch_details
from include.orders.forgetting import forget_seller, purge_due
from include.orders.load import load_orders
from include.warehouse.connection import Connection, connect
from tests.payloads.orders import a_page
from tests.payloads.people import an_order_of_a_person
from tests.payloads.personal_house import A, House


class Other:
    """Another session that deletes, begun in the middle of something else.

    Attributes:
        waited: Whether it was seen to wait for a lock.
        done: What it returned.
    """

    def __init__(self, house: House, delete: Callable[[Connection], Any]) -> None:
        self.waited = False
        self.done: Any = None
        self._house = house
        self._delete = delete
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Let it begin, and return once it waits for a lock or is over; a second call does nothing."""
        if self._thread:
            return
        with ExitStack() as opened:
            session = connect(self._house.dsn)
            watcher = opened.enter_context(connect(self._house.dsn))

            def run() -> None:
                with session:
                    self.done = self._delete(session)

            pid = session.info.backend_pid
            self._thread = threading.Thread(target=run)
            self._thread.start()
            while self._thread.is_alive() and not self.waited:
                waiting = "SELECT FROM pg_locks WHERE pid = %s AND locktype = 'advisory' AND NOT granted"
                self.waited = watcher.execute(waiting, (pid,)).fetchone() is not None

    def end(self) -> None:
        """Let it come to its end."""
        assert self._thread is not None
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()


@pytest.fixture
def forgetting(house: House) -> Other:
    """An operator who forgets the seller."""

    def forget(connection: Connection) -> object:
        return forget_seller(connection, "acme", house.settings, reason="forget", requested_by="anna", now=house.clock)

    return Other(house, forget)


@pytest.fixture
def purging(house: House) -> Other:
    """The nightly purge."""
    return Other(house, lambda connection: purge_due(connection, house.settings, {"acme"}, now=house.clock))


@pytest.fixture
def once_written(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], None]], None]:
    """Let something happen just after a file was written whose address holds a word."""

    def arrange(word: str, then: Callable[[], None]) -> None:
        disk = UPath(house.settings.raw_url).fs
        move = disk.mv

        def move_and_go_on(source: str, target: str, **more: Any) -> None:
            move(source, target, **more)
            if word in target:
                then()

        monkeypatch.setattr(disk, "mv", move_and_go_on)

    return arrange


def test_forgetting_waits_for_a_load_at_work_and_nothing_of_it_stays(house: House, forgetting: Other) -> None:
    house.extract(a_page(an_order_of_a_person()))
    buyers_meanwhile: list[int] = []

    def now() -> datetime:
        # First asked for when the window's orders are written and its buyers are about to be.
        forgetting.begin()
        buyers_meanwhile.append(len(house.table("buyers")))
        return house.clock()

    load_orders(house.warehouse, "acme", seller=house.seller, settings=house.settings, now=now)
    forgetting.end()
    assert forgetting.waited
    assert buyers_meanwhile[0] == 0
    # It found what the load wrote while it waited.
    assert (forgetting.done.buyers, forgetting.done.recipients) == (1, 1)
    assert house.places() == set()
    assert house.personal_files() == []


def test_forgetting_waits_for_a_page_that_lands_and_takes_its_file(
    house: House, forgetting: Other, once_written: Callable[..., None]
) -> None:
    once_written("/personal/", forgetting.begin)
    house.extract(a_page(an_order_of_a_person()))
    forgetting.end()
    assert forgetting.waited
    assert forgetting.done.files == 1
    assert house.personal_files() == []
    house.load()
    assert house.places() == set()


def test_the_purge_waits_for_details_that_land_and_leaves_their_file_to_the_load(
    house: House, purging: Other, once_written: Callable[..., None]
) -> None:
    # Their window shows with the end of their transaction; a purge in between would find a file of no window.
    once_written("/orders/acme/", purging.begin)
    house.warehouse.execute("INSERT INTO ops.order_to_fetch VALUES ('acme', %s, '2026-10-05T08:00:00Z')", (A,))
    fetch_details(house.warehouse, house.amazon, house.seller, house.settings, house.clock)  # type: ignore[arg-type]
    purging.end()
    assert purging.waited
    assert purging.done == []
    assert len(house.personal_files()) == 1
    house.load()
    assert len(house.table("buyers")) == 1
