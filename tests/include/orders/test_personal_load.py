"""Files of personal data between landing and load: one a page, whatever an earlier try left, and listed once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from upath import UPath

from include.errors import ContractError, TransientError
from include.orders.extract import REFUSED_INPUT
from tests.payloads.orders import a_page
from tests.payloads.people import an_order_of_a_person
from tests.payloads.personal_house import A, B, House, until

LATER = {"fulfillment": {"deliverByWindow": until("2026-12-01")}}
SOON, LATE = "20261108T215959Z", "20261231T000000Z"


def _names(house: House) -> list[str]:
    return sorted(file.name.partition("-")[2].removesuffix(".fernet") for file in house.personal_files())


def test_a_page_that_is_read_again_leaves_the_file_of_its_last_try_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = UPath(house.settings.raw_url).fs
    move = disk.mv

    def refuse_pages(source: str, target: str, **more: Any) -> None:
        if "/orders/" in target:
            raise OSError(28, "No space left on device")
        move(source, target, **more)

    with monkeypatch.context() as patched:
        patched.setattr(disk, "mv", refuse_pages)
        with pytest.raises(TransientError, match="No space left"):
            house.extract(a_page(an_order_of_a_person(A)))
    assert _names(house) == [f"0001-{SOON}"]
    house.extract(a_page(an_order_of_a_person(A, **LATER)))
    assert _names(house) == [f"0001-{LATE}"]


@pytest.mark.parametrize("hours", [1, 30], ids=["its token is refused", "its token is too old"])
def test_a_window_that_begins_again_leaves_no_file_of_its_first_time(house: House, hours: int) -> None:
    def refuse(until_call: int) -> Callable[[], None]:
        def answer() -> None:
            if 1 < len(house.amazon.asked) <= until_call:
                raise ContractError("Amazon does not take it.", code=REFUSED_INPUT)

        return answer

    house.amazon.before_answer = refuse(2)
    with pytest.raises(ContractError):
        house.extract(a_page(an_order_of_a_person(A), next_token="n"))
    assert _names(house) == [f"0001-{SOON}"]
    house.clock.advance(hours=hours - 1)
    # The token of before is refused once more, where it is sent at all.
    house.amazon.before_answer = refuse(3 if hours == 1 else 2)
    house.extract(a_page(an_order_of_a_person(A, **LATER), next_token="m"), a_page(an_order_of_a_person(B, **LATER)))
    assert _names(house) == [f"0001-{LATE}", f"0002-{LATE}"]
    house.load()
    assert house.table("buyers", "order_id") == [(A,), (B,)]
    assert house.personal_files() == []


def test_what_landed_before_a_window_is_read_on_stays(house: House) -> None:
    def fail_at_the_second() -> None:
        if len(house.amazon.asked) == 2:
            raise ContractError("Amazon says nothing.")

    house.amazon.before_answer = fail_at_the_second
    with pytest.raises(ContractError):
        house.extract(a_page(an_order_of_a_person(A), next_token="n"))
    house.extract(a_page(an_order_of_a_person(B)))
    assert _names(house) == [f"0001-{SOON}", f"0002-{SOON}"]
    house.load()
    assert house.table("buyers", "order_id") == [(A,), (B,)]


@pytest.mark.parametrize("pages", [1, 4])
def test_a_windows_files_are_listed_as_often_for_many_pages_as_for_one(
    house: House, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    disk = UPath(house.settings.raw_url).fs
    ls, listed = disk.ls, list[str]()

    def note(path: str, *args: Any, **more: Any) -> Any:
        listed.append(path)
        return ls(path, *args, **more)

    monkeypatch.setattr(disk, "ls", note)
    bodies = [
        a_page(an_order_of_a_person(f"303-000000{number}-0000001"), next_token=f"n{number}" if number < pages else None)
        for number in range(1, pages + 1)
    ]
    house.extract(*bodies)
    # For what an earlier try left.
    assert len(listed) == 1
    assert len(house.personal_files()) == pages
    house.load()
    assert len(house.table("buyers")) == pages
    # To read them, and to delete them.
    assert len(listed) == 3
