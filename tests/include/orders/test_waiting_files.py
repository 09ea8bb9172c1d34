"""What a deletion makes of files that wait for their load: no more goes than must, and no store blocks another."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from upath import UPath

from include.errors import SettingsError, TransientError
from include.orders.forgetting import forget_order, forget_seller, purge_ended
from include.warehouse.connection import Connection
from tests.payloads.orders import a_page
from tests.payloads.people import an_order_of_a_person
from tests.payloads.personal_house import DUE, A, B, House, opened, until

LATER = {"fulfillment": {"deliverByWindow": until("2026-12-01")}}
DELIVERED = [{"packageReferenceId": "1", "packageStatus": {"status": "DELIVERED"}}]


def test_what_is_due_leaves_a_file_whose_load_does_not_come_and_the_others_load_with_their_names(house: House) -> None:
    house.extract(a_page(an_order_of_a_person(B, **LATER), an_order_of_a_person(A)))
    house.clock.instant = DUE - timedelta(hours=24, seconds=1)
    assert house.purge()["files"] == 0
    house.clock.advance(seconds=1)
    assert house.purge()["files"] == 1
    (file,) = house.personal_files()
    assert file.name.endswith("-0001-20261231T000000Z.fernet")
    assert A not in opened(file)
    assert house.purge()["files"] == 0
    house.load()
    assert house.warehouse.execute("SELECT count(*) FROM amazon.orders").fetchone() == (2,)
    assert house.table("buyers", "order_id") == house.table("recipients", "order_id") == [(B,)]


def test_a_file_of_which_every_order_is_due_is_deleted_and_the_page_loads_all_the_same(house: House) -> None:
    house.extract(a_page(an_order_of_a_person(B), an_order_of_a_person(A)))
    house.clock.instant = DUE - timedelta(hours=24)
    assert house.purge()["files"] == 1
    assert house.personal_files() == []
    house.load()
    assert house.warehouse.execute("SELECT count(*) FROM amazon.orders").fetchone() == (2,)
    assert house.places() == set()


def test_what_the_purge_took_out_of_a_file_after_a_delivery_no_later_change_brings_back(house: House) -> None:
    delivered = {**LATER, "packages": DELIVERED}
    house.extract(a_page(an_order_of_a_person(A, updated="2026-10-06T08:00:00Z", **delivered), an_order_of_a_person(B)))
    house.clock.instant = datetime(2026, 11, 4, 8, tzinfo=UTC)
    assert house.purge()["files"] == 1
    house.load()
    refunded = an_order_of_a_person(A, updated="2026-11-05T08:00:00Z", **delivered)
    house.night(refunded, an_order_of_a_person(B, updated="2026-11-05T08:00:00Z", **LATER))
    assert house.table("buyers", "order_id") == [(B,)]


@pytest.mark.parametrize("keys", [(), ("no key",), (Fernet.generate_key().decode(),)], ids=["none", "no key", "other"])
def test_without_a_key_that_opens_it_a_file_goes_whole_when_its_first_order_is_due(
    house: House, keys: tuple[str, ...]
) -> None:
    house.extract(a_page(an_order_of_a_person(A), an_order_of_a_person(B, **LATER)))
    house.settings = dataclasses.replace(house.settings, personal_data_keys=keys)
    house.clock.instant = DUE - timedelta(hours=24, seconds=1)
    assert house.purge()["files"] == 0
    house.clock.advance(seconds=1)
    assert house.purge()["files"] == 1
    assert house.personal_files() == []


def test_a_file_that_cannot_be_read_just_now_waits_for_the_purges_next_try(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.extract(a_page(an_order_of_a_person(A), an_order_of_a_person(B, **LATER)))
    house.clock.instant = DUE - timedelta(hours=24)
    with monkeypatch.context() as patched:
        patched.setattr(UPath(house.settings.raw_url).fs, "cat_file", _away)
        with pytest.raises(TransientError, match="could not be read: Input/output error"):
            house.purge()
    assert len(house.personal_files()) == 1
    assert house.purge()["files"] == 1
    assert len(house.personal_files()) == 1


def test_a_purge_asks_once_where_pages_landed_however_many_sellers_there_are(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seller_id in ("beta", "gamma"):
        (house.folder / "raw" / "personal" / seller_id).mkdir(parents=True)
    house.night(an_order_of_a_person())
    statements, execute = list[str](), psycopg.Connection.execute

    def note(connection: Connection, statement: Any, *args: Any, **more: Any) -> Any:
        statements.append(str(statement))
        return execute(connection, statement, *args, **more)

    monkeypatch.setattr(psycopg.Connection, "execute", note)
    house.purge()
    purge_ended(house.warehouse, house.settings, {"acme", "beta", "gamma"}, now=house.clock)
    assert sum("amazon_pii" in one and "UNION" in one for one in statements) == 2
    assert sum("landed_page" in one and "split_part" in one for one in statements) == 2


def _away(*_: object, **__: object) -> None:
    raise OSError(5, "Input/output error")


@pytest.fixture
def two_stores(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """A file waits where RAW_URL led before, another where it leads now; the first store by name refuses."""
    house.extract(a_page(an_order_of_a_person(A)))
    house.settings = dataclasses.replace(house.settings, raw_url=f"file://{house.folder / 'second' / 'raw'}")
    house.extract(a_page(an_order_of_a_person(B)))
    disk = UPath(house.settings.raw_url).fs
    ls = disk.ls

    def refuse_one(path: str, *args: Any, **more: Any) -> Any:
        if path.startswith(str(house.folder / "raw" / "personal")):
            raise PermissionError(13, "Permission denied")
        return ls(path, *args, **more)

    monkeypatch.setattr(disk, "ls", refuse_one)
    assert len(_files_of_the_other_store(house)) == 1
    return house


def _files_of_the_other_store(house: House) -> list[Any]:
    return list((house.folder / "second").rglob("*.fernet"))


def test_a_store_that_refuses_keeps_no_other_from_the_purge(two_stores: House) -> None:
    two_stores.clock.instant = DUE
    with pytest.raises(SettingsError, match=r"raw/personal.*could not be listed: Permission denied"):
        two_stores.purge()
    assert _files_of_the_other_store(two_stores) == []
    protocol = "SELECT reason, files FROM ops.personal_data_deletion"
    assert two_stores.warehouse.execute(protocol).fetchall() == [("due", 1)]


def test_nor_from_the_end_of_an_authorization(two_stores: House) -> None:
    with pytest.raises(SettingsError, match="Permission denied"):
        purge_ended(two_stores.warehouse, two_stores.settings, {"acme"}, now=two_stores.clock)
    assert _files_of_the_other_store(two_stores) == []


def test_nor_from_forgetting_a_seller_or_an_order(two_stores: House) -> None:
    house = two_stores
    with pytest.raises(SettingsError, match="Permission denied"):
        forget_order(house.warehouse, "acme", A, house.settings, requested_by="anna", now=house.clock)
    assert len(_files_of_the_other_store(house)) == 1
    with pytest.raises(SettingsError, match="Permission denied"):
        forget_order(house.warehouse, "acme", B, house.settings, requested_by="anna", now=house.clock)
    assert _files_of_the_other_store(house) == []
    house.extract(a_page(an_order_of_a_person("303-0000003-0000003")))
    with pytest.raises(SettingsError, match="Permission denied"):
        forget_seller(house.warehouse, "acme", house.settings, reason="forget", requested_by="anna", now=house.clock)
    assert _files_of_the_other_store(house) == []


def test_without_a_key_a_file_behind_a_store_that_refuses_stops_nothing_and_one_that_is_seen_does(
    two_stores: House,
) -> None:
    house = two_stores
    keyless = dataclasses.replace(house.settings, personal_data_keys=())
    with pytest.raises(SettingsError, match="nothing was deleted"):
        forget_order(house.warehouse, "acme", B, keyless, requested_by="anna", now=house.clock)
    assert len(_files_of_the_other_store(house)) == 1
    _files_of_the_other_store(house)[0].unlink()
    with pytest.raises(SettingsError, match="Permission denied"):
        forget_order(house.warehouse, "acme", B, keyless, requested_by="anna", now=house.clock)
    marks = house.warehouse.execute("SELECT order_id, reason FROM ops.personal_data_deletion").fetchall()
    assert marks == [(B, "forget")]
