"""Nights of a seller who wants personal data: they are where they may be, nowhere else, and gone when they must be."""

from __future__ import annotations

import dataclasses
import gzip
import re
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from cryptography.fernet import Fernet
from s3fs import S3FileSystem
from upath import UPath

from include.errors import ContractError, SettingsError, TransientError
from include.orders.details import fetch_details
from include.orders.forgetting import forget_order, forget_seller, purge_ended
from include.orders.personal_due import Term
from include.orders.personal_parts import LandedPart, PersonalPart, write_parts
from include.orders.reload import reload_orders
from include.warehouse.connection import connect
from tests.payloads.aws import Aws
from tests.payloads.orders import a_page, an_order
from tests.payloads.people import PLANTED, an_order_of_a_person
from tests.payloads.personal_house import DUE, KEY, A, Amazon, B, House, a_corrected_order, opened, until

OF_A_AND_B = write_parts({order_id: LandedPart(PersonalPart(), Term(None, DUE)) for order_id in (A, B)})


def test_between_landing_and_load_what_is_planted_can_be_read_nowhere(house: House) -> None:
    house.extract(a_page(an_order_of_a_person()))
    assert house.places() == set()
    (file,) = house.personal_files()
    assert file.name.endswith("-0001-20261108T215959Z.fernet")
    assert PLANTED["name"] in opened(file)


def test_after_the_load_they_are_in_their_tables_and_nowhere_else_and_the_file_is_gone(house: House) -> None:
    house.night(an_order_of_a_person())
    assert house.places() == {"amazon_pii.buyers", "amazon_pii.recipients"}
    assert house.personal_files() == []
    ((seller_id, order_id, name, email, company, po_number, registrations, *_),) = house.table("buyers")
    assert (seller_id, order_id, name, email) == ("acme", A, PLANTED["name"], PLANTED["email"])
    assert (company, po_number) == (PLANTED["company"], PLANTED["purchase order"])
    assert [one["taxRegistrationNumber"] for one in registrations] == [PLANTED["tax number"]]
    ((street, phone, preference),) = house.table("recipients", "address_line_1, phone, delivery_preference")
    assert (street, phone) == (PLANTED["street"], PLANTED["phone"])
    assert preference == {"addressInstruction": PLANTED["instruction"]}
    assert house.table("recipients", "delete_after_utc") == house.table("buyers", "delete_after_utc") == [(DUE,)]
    assert house.amazon.asked[0]["includedData"].endswith(",BUYER,RECIPIENT,TAX")
    assert house.warehouse.execute("SELECT invoice_status FROM amazon.orders").fetchone() == ("ACCEPTED",)


def test_a_seller_who_does_not_want_them_is_not_asked_for_with_them_and_nothing_is_kept(house: House) -> None:
    house.seller = dataclasses.replace(house.seller, personal_data=False)
    house.settings = dataclasses.replace(house.settings, personal_data_keys=())
    house.night(an_order_of_a_person())
    assert not {"BUYER", "RECIPIENT", "TAX"} & set(house.amazon.asked[0]["includedData"].split(","))
    assert house.places() == set()
    assert house.personal_files() == []


@pytest.mark.parametrize("keys", [(), ("no key",)], ids=["absent", "no key"])
def test_without_a_usable_key_amazon_is_asked_nothing(house: House, keys: tuple[str, ...]) -> None:
    house.settings = dataclasses.replace(house.settings, personal_data_keys=keys)
    with pytest.raises(SettingsError, match=r"PERSONAL_DATA_KEY.*Fernet") as refused:
        house.extract()
    assert "no key'" not in str(refused.value)
    assert house.amazon.asked == []


def test_a_key_that_was_replaced_still_opens_what_waits_while_it_stands_behind_the_new_one(house: House) -> None:
    house.extract(a_page(an_order_of_a_person()))
    new = Fernet.generate_key().decode()
    house.settings = dataclasses.replace(house.settings, personal_data_keys=(new,))
    with pytest.raises(SettingsError, match=r"Append the key.*or delete that file.*from_utc") as refused:
        house.load()
    (file,) = house.personal_files()
    assert f"does not open file://{file}." in str(refused.value)
    assert "forget" not in str(refused.value)
    assert house.warehouse.execute("SELECT count(*) FROM amazon.orders").fetchone() == (0,)
    house.settings = dataclasses.replace(house.settings, personal_data_keys=(new, KEY))
    house.load()
    assert len(house.table("buyers")) == 1
    house.extract(a_page(a_corrected_order()))
    (file,) = house.personal_files()
    assert Fernet(new).decrypt(file.read_bytes())


def test_a_file_that_nobody_can_open_is_deleted_by_hand_and_its_orders_asked_for_again_bring_names(
    house: House,
) -> None:
    house.extract(a_page(an_order_of_a_person()))
    house.settings = dataclasses.replace(house.settings, personal_data_keys=(Fernet.generate_key().decode(),))
    with pytest.raises(SettingsError, match="delete that file"):
        house.load()
    house.personal_files()[0].unlink()
    house.load()
    assert house.warehouse.execute("SELECT count(*) FROM amazon.orders").fetchone() == (1,)
    assert house.places() == set()
    house.night(an_order_of_a_person())
    assert len(house.table("buyers")) == 1


def test_newer_or_equal_wins_and_a_state_that_names_nobody_leaves_what_is_known(house: House) -> None:
    house.night(an_order_of_a_person(updated="2026-10-06T08:00:00Z"))
    house.night(an_order_of_a_person(updated="2026-10-05T08:00:00Z", buyer={"buyerName": "Older"}))
    assert house.table("buyers", "name") == [(PLANTED["name"],)]
    house.night(an_order_of_a_person(updated="2026-10-07T08:00:00Z", buyer={"buyerName": "Newer"}))
    assert house.table("buyers", "name") == [("Newer",)]
    house.night(an_order(A, updated="2026-10-08T08:00:00Z"))
    assert house.table("buyers", "name") == [("Newer",)]


def test_a_delivery_moves_the_day_forward_and_no_later_change_moves_it_back(house: House) -> None:
    house.night(an_order_of_a_person())
    delivered = [{"packageReferenceId": "1", "packageStatus": {"status": "DELIVERED"}}]
    house.night(an_order(A, updated="2026-10-06T08:00:00Z", packages=delivered))
    seen = datetime(2026, 10, 6, 8, tzinfo=UTC)
    expected = [(seen, seen + timedelta(days=30))]
    assert house.table("buyers", "delivered_utc, delete_after_utc") == expected
    house.night(an_order_of_a_person(updated="2026-10-08T08:00:00Z", packages=delivered))
    assert house.table("buyers", "delivered_utc, delete_after_utc") == expected
    assert house.table("recipients", "delivered_utc, delete_after_utc") == expected


def test_what_the_purge_took_after_a_delivery_no_later_change_brings_back(house: House) -> None:
    house.night(an_order_of_a_person(A), an_order_of_a_person(B, fulfillment={"deliverByWindow": until("2026-10-06")}))
    delivered = [{"packageReferenceId": "1", "packageStatus": {"status": "DELIVERED"}}]
    house.night(an_order(A, updated="2026-10-06T08:00:00Z", packages=delivered))
    house.clock.instant = datetime(2026, 11, 5, 0, 40, tzinfo=UTC)
    assert house.purge()["buyers"] == 2
    refunded = an_order_of_a_person(A, updated="2026-11-05T08:00:00Z", packages=delivered)
    # What was never delivered and is promised anew is needed again.
    promised = an_order_of_a_person(
        B, updated="2026-11-05T08:00:00Z", fulfillment={"deliverByWindow": until("2026-12-01")}
    )
    house.extract(a_page(refunded, promised))
    (file,) = house.personal_files()
    assert A not in opened(file)
    house.load()
    assert house.table("buyers", "order_id") == [(B,)]


@pytest.mark.parametrize("waits", [False, True], ids=["at its landing", "at its load"])
def test_what_came_too_late_after_its_delivery_no_later_change_brings_back(house: House, waits: bool) -> None:
    delivered = [{"packageReferenceId": "1", "packageStatus": {"status": "DELIVERED"}}]
    late = {"fulfillment": {"deliverByWindow": until("2026-12-24")}, "packages": delivered}
    due_utc = datetime(2026, 11, 5, 8, tzinfo=UTC)
    house.clock.instant = due_utc - timedelta(hours=26 if waits else 24)
    house.extract(a_page(an_order_of_a_person(A, updated="2026-10-06T08:00:00Z", **late)))
    assert len(house.personal_files()) == waits
    house.clock.instant = due_utc - timedelta(hours=23)
    house.load()
    house.night(an_order_of_a_person(A, updated="2026-11-04T10:00:00Z", **late))
    assert house.places() == set()


def test_the_term_moves_also_once_they_are_not_wanted_any_more(house: House) -> None:
    house.night(an_order_of_a_person())
    house.seller = dataclasses.replace(house.seller, personal_data=False)
    delivered = [{"packageReferenceId": "1", "packageStatus": {"status": "DELIVERED"}}]
    house.night(an_order(A, updated="2026-10-06T08:00:00Z", packages=delivered))
    assert house.table("buyers", "delete_after_utc") == [(datetime(2026, 11, 5, 8, tzinfo=UTC),)]


def test_details_fetched_one_by_one_go_the_same_way(house: House) -> None:
    house.warehouse.execute("INSERT INTO ops.order_to_fetch VALUES ('acme', %s, '2026-10-05T08:00:00Z')", (A,))
    fetch_details(house.warehouse, house.amazon, house.seller, house.settings, house.clock)  # type: ignore[arg-type]
    assert house.amazon.asked[0]["includedData"].endswith(",BUYER,RECIPIENT,TAX")
    assert house.places() == set()
    assert house.purge()["files"] == 0
    house.load()
    assert house.places() == {"amazon_pii.buyers", "amazon_pii.recipients"}
    assert house.personal_files() == []


@pytest.mark.parametrize("number", ["1e999999", "1e308", "9" * 400])
def test_a_number_that_no_table_holds_costs_that_order_its_rows_at_most(house: House, number: str) -> None:
    preference = {"deliveryPreference": {"deliveryTime": {"businessHours": [{"hour": "NUMBER"}]}}}
    page = a_page(an_order_of_a_person(A, recipient=preference), an_order_of_a_person(B))
    house.extract(page.replace(b'"NUMBER"', number.encode()))
    house.load()
    assert house.warehouse.execute("SELECT count(*) FROM amazon.orders").fetchone() == (2,)
    assert (B,) in house.table("buyers", "order_id")


def test_an_order_that_is_due_already_is_neither_landed_nor_loaded(house: House) -> None:
    house.clock.instant = DUE - timedelta(hours=24)
    house.night(an_order_of_a_person(updated="2026-11-07T08:00:00Z"))
    assert house.warehouse.execute("SELECT count(*) FROM amazon.orders").fetchone() == (1,)
    assert house.places() == set()


def test_the_purge_takes_what_is_due_before_the_next_night_and_writes_a_protocol(house: House) -> None:
    house.night(an_order_of_a_person(A), an_order_of_a_person(B, fulfillment={"deliverByWindow": until("2026-12-01")}))
    house.clock.instant = DUE - timedelta(hours=24, seconds=1)
    assert house.purge() == {"buyers": 0, "recipients": 0, "files": 0}
    house.clock.advance(seconds=1)
    assert house.purge() == {"buyers": 1, "recipients": 1, "files": 0}
    assert house.table("buyers", "order_id") == house.table("recipients", "order_id") == [(B,)]
    assert house.purge() == {"buyers": 0, "recipients": 0, "files": 0}
    house.clock.advance(days=60)
    house.purge()
    assert house.places() == set()
    protocol = house.warehouse.execute(
        "SELECT seller_id, reason, requested_by, buyers, recipients, files FROM ops.personal_data_deletion"
        " ORDER BY deletion_no"
    ).fetchall()
    assert protocol == [("acme", "due", "personal_data_purge", 1, 1, 0)] * 2


def test_what_a_killed_process_left_half_written_or_undeleted_is_taken_by_the_purge(house: House) -> None:
    house.night(an_order_of_a_person())
    folder = house.folder / "raw" / "personal" / "acme"
    loaded = house.warehouse.execute("SELECT window_id FROM ops.extraction_window").fetchone()[0]
    for name in (f"{loaded}-0001-20991231T000000Z.fernet", ".1-0002-20991231T000000Z.fernet.half"):
        (folder / name).write_bytes(b"gAAAA")
    house.extract(a_page(an_order_of_a_person(B)))
    assert house.purge()["files"] == 2
    assert len(house.personal_files()) == 1


def test_files_of_an_earlier_raw_url_are_found(house: House) -> None:
    house.extract(a_page(an_order_of_a_person()))
    house.settings = dataclasses.replace(house.settings, raw_url=f"file://{house.folder / 'elsewhere'}")
    house.load()
    assert len(house.table("buyers")) == 1
    assert house.personal_files() == []


def test_switched_off_between_landing_and_load_nothing_is_loaded_and_the_purge_takes_the_file(house: House) -> None:
    house.extract(a_page(an_order_of_a_person()))
    house.seller = dataclasses.replace(house.seller, personal_data=False)
    house.load()
    assert house.places() == set()
    assert house.purge()["files"] == 1
    assert house.personal_files() == []


def test_switched_off_in_the_middle_of_a_window_the_next_page_is_asked_for_without_them(house: House) -> None:
    house.amazon.before_answer = lambda: _fail_at(house.amazon, 2)
    with pytest.raises(ContractError):
        house.extract(a_page(an_order_of_a_person(), next_token="n"), a_page())
    house.amazon.before_answer = lambda: None
    house.seller = dataclasses.replace(house.seller, personal_data=False)
    house.extract()
    assert house.amazon.asked[2]["paginationToken"] == "n"
    assert "BUYER" in house.amazon.asked[1]["includedData"]
    assert "BUYER" not in house.amazon.asked[2]["includedData"]


def _fail_at(amazon: Amazon, number: int) -> None:
    if len(amazon.asked) == number:
        raise ContractError("Amazon says nothing.")


def test_a_reload_from_the_landing_leaves_them_as_they_are(house: House) -> None:
    house.night(an_order_of_a_person())
    before = house.table("buyers"), house.table("recipients")
    assert reload_orders(house.warehouse, "acme").orders == 1
    assert (house.table("buyers"), house.table("recipients")) == before


def test_a_part_of_another_shape_costs_that_order_its_rows_and_nothing_else(house: House) -> None:
    spoilt = an_order_of_a_person(A, buyer=[{"buyerName": PLANTED["name"]}], recipient=PLANTED["name"])
    house.night(spoilt, an_order_of_a_person(B))
    assert house.warehouse.execute("SELECT count(*) FROM amazon.orders").fetchone() == (2,)
    assert house.table("buyers", "order_id") == [(B,)]


def test_of_a_seller_whose_authorization_ended_everything_goes(house: House) -> None:
    house.night(an_order_of_a_person())
    house.extract(a_page(a_corrected_order()))
    purge_ended(house.warehouse, house.settings, {"other"}, now=house.clock)
    assert len(house.table("buyers")) == 1
    (done,) = purge_ended(house.warehouse, house.settings, {"acme", "other"}, now=house.clock)
    assert (done.buyers, done.recipients, done.files) == (1, 1, 1)
    assert house.places() == set()
    assert house.personal_files() == []
    # What is left of the folder is nothing to write a protocol of every night.
    assert purge_ended(house.warehouse, house.settings, {"acme"}, now=house.clock) == []


def test_a_forgotten_seller_is_gone_at_once_and_only_orders_placed_afterwards_come_back(house: House) -> None:
    house.night(an_order_of_a_person(A))
    house.extract(a_page(a_corrected_order(A)))
    done = forget_seller(
        house.warehouse, "acme", house.settings, reason="forget", requested_by="ticket 7", now=house.clock
    )
    assert (done.buyers, done.recipients, done.files) == (1, 1, 1)
    assert house.places() == set()
    assert house.personal_files() == []
    house.load()
    house.night(a_corrected_order(A, updated="2026-10-21T08:00:00Z"))
    assert house.places() == set()
    house.night(an_order_of_a_person(B, createdTime="2026-10-06T07:00:00Z", updated="2026-10-06T08:00:00Z"))
    assert house.table("buyers", "order_id") == [(B,)]


def test_a_forgotten_order_leaves_the_others_and_never_comes_back(house: House) -> None:
    house.night(an_order_of_a_person(A), an_order_of_a_person(B))
    house.extract(a_page(a_corrected_order(A), a_corrected_order(B, buyer={"buyerName": "B, corrected"})))
    done = forget_order(house.warehouse, "acme", A, house.settings, requested_by="anna", now=house.clock)
    assert (done.buyers, done.recipients, done.files) == (1, 1, 1)
    (file,) = house.personal_files()
    assert A not in opened(file)
    house.load()
    house.night(a_corrected_order(A, updated="2026-10-21T08:00:00Z"))
    assert house.table("buyers", "order_id, name") == [(B, "B, corrected")]
    protocol = "SELECT order_id, reason, requested_by FROM ops.personal_data_deletion"
    assert house.warehouse.execute(protocol).fetchall() == [(A, "forget", "anna")]


def test_without_a_key_an_order_is_not_forgotten_while_files_wait_and_nothing_is_deleted(house: House) -> None:
    house.night(an_order_of_a_person(A), an_order_of_a_person(B))
    house.extract(a_page(a_corrected_order(A), a_corrected_order(B)))
    keyless = dataclasses.replace(house.settings, personal_data_keys=())
    with pytest.raises(SettingsError, match=r"PERSONAL_DATA_KEY is not set here; nothing was deleted.*any new key"):
        forget_order(house.warehouse, "acme", A, keyless, requested_by="anna", now=house.clock)
    assert (len(house.personal_files()), len(house.table("buyers"))) == (1, 2)
    house.load()
    done = forget_order(house.warehouse, "acme", A, keyless, requested_by="anna", now=house.clock)
    assert (done.buyers, done.files) == (1, 0)


def test_a_file_that_no_key_opens_is_deleted_whole_and_counted_apart(house: House) -> None:
    house.extract(a_page(an_order_of_a_person(A), an_order_of_a_person(B)))
    (lost,) = house.personal_files()
    new = Fernet.generate_key().decode()
    lost.with_name(lost.name.replace("-0001-", "-0002-")).write_bytes(Fernet(new).encrypt(gzip.compress(OF_A_AND_B)))
    house.settings = dataclasses.replace(house.settings, personal_data_keys=(new,))
    done = forget_order(house.warehouse, "acme", A, house.settings, requested_by="anna", now=house.clock)
    assert str(done) == "0 buyers, 0 recipients, 2 encrypted files (1 deleted whole, 1 written anew)"
    (left,) = house.personal_files()
    assert "-0002-" in left.name


def test_a_file_that_the_store_does_not_let_us_read_is_not_deleted_for_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    house.extract(a_page(an_order_of_a_person(A), an_order_of_a_person(B)))
    with monkeypatch.context() as patched:
        patched.setattr(UPath(house.settings.raw_url).fs, "cat_file", refuse)
        with pytest.raises(SettingsError, match="Permission denied"):
            forget_order(house.warehouse, "acme", A, house.settings, requested_by="anna", now=house.clock)
    assert len(house.personal_files()) == 1
    # The mark counts all the same.
    house.load()
    assert house.table("buyers", "order_id") == [(B,)]


def test_forgetting_twice_is_harmless(house: House) -> None:
    house.night(an_order_of_a_person())
    for buyers in (1, 0):
        done = forget_seller(
            house.warehouse, "acme", house.settings, reason="forget", requested_by="anna", now=house.clock
        )
        assert done.buyers == buyers


def test_what_is_forgotten_while_a_page_is_on_its_way_does_not_land_with_it(house: House) -> None:
    def forget_meanwhile() -> None:
        with connect(house.dsn) as operator:
            forget_seller(operator, "acme", house.settings, reason="forget", requested_by="anna", now=house.clock)

    house.amazon.before_answer = forget_meanwhile
    house.extract(a_page(an_order_of_a_person()))
    assert house.personal_files() == []
    house.load()
    assert house.places() == set()


def test_the_analyst_cannot_read_them_and_the_reader_of_personal_data_reads_and_does_nothing_else(
    house: House, analyst_dsn: str
) -> None:
    house.night(an_order_of_a_person())
    refused = psycopg.errors.InsufficientPrivilege
    with psycopg.connect(analyst_dsn, autocommit=True) as analyst, pytest.raises(refused, match="amazon_pii"):
        analyst.execute("SELECT * FROM amazon_pii.buyers")
    reader_dsn = house.dsn.replace("loader:loader@", "personal_data_reader:personal_data_reader@")
    with psycopg.connect(reader_dsn, autocommit=True) as reader:
        assert reader.execute("SELECT name FROM amazon_pii.buyers").fetchall() == [(PLANTED["name"],)]
        for statement in ("DELETE FROM amazon_pii.buyers", "SELECT * FROM amazon.orders", "SELECT * FROM ops.outbox"):
            with pytest.raises(refused):
                reader.execute(statement)


def test_a_store_that_refuses_is_told_without_a_word_of_what_lies_there(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    house.extract(a_page(an_order_of_a_person()))
    monkeypatch.setattr(UPath(house.settings.raw_url).fs, "rm_file", refuse)
    with pytest.raises(SettingsError, match="Permission denied"):
        forget_seller(house.warehouse, "acme", house.settings, reason="forget", requested_by="anna", now=house.clock)
    # The mark counts all the same: the load brings nobody back, and the file waits for the purge.
    house.load()
    assert house.places() == set()
    assert len(house.personal_files()) == 1


def test_a_store_that_refuses_after_a_load_is_logged_in_its_words(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    house.extract(a_page(an_order_of_a_person()))
    monkeypatch.setattr(UPath(house.settings.raw_url).fs, "rm_file", refuse)
    house.load()
    assert len(house.table("buyers")) == 1
    assert re.search(r"stay until the purge: .*\.fernet could not be deleted: Permission denied", caplog.text)


def test_a_store_that_is_away_keeps_no_row_from_the_purge(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    house.night(an_order_of_a_person())
    house.clock.instant = DUE
    monkeypatch.setattr(UPath(house.settings.raw_url).fs, "ls", refuse)
    with pytest.raises(TransientError, match="Input/output error"):
        house.purge()
    assert house.places() == set()


@pytest.mark.slow
def test_on_s3_it_is_the_same_and_nothing_is_left_in_the_bucket(house: House, aws: Aws) -> None:
    S3FileSystem.clear_instance_cache()
    place = {"LocationConstraint": "eu-central-1"}
    aws.client("s3").create_bucket(Bucket="orders", CreateBucketConfiguration=place)
    house.settings = dataclasses.replace(house.settings, raw_url="s3://orders/raw")
    assert house.purge() == {"buyers": 0, "recipients": 0, "files": 0}
    house.extract(a_page(an_order_of_a_person(A)))
    (file,) = [name for name in aws.objects("orders") if "/personal/" in name]
    assert file.endswith("-0001-20261108T215959Z.fernet")
    house.load()
    assert len(house.table("buyers")) == 1
    assert [name for name in aws.objects("orders") if "/personal/" in name] == []
    house.extract(a_page(a_corrected_order(A)))
    forget_seller(house.warehouse, "acme", house.settings, reason="forget", requested_by="anna", now=house.clock)
    assert [name for name in aws.objects("orders") if "/personal/" in name] == []
    assert house.places() == set()
    S3FileSystem.clear_instance_cache()
