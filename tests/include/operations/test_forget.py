"""`make forget` as an operator says it: what it prints, what the protocol says, whom it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.operations.__main__ import main
from tests.include.operations.conftest import House

ORDER = "303-0000001-0000001"
COUNT = "SELECT count(*) FROM amazon_pii.buyers WHERE seller_id = %s"


@pytest.fixture
def said(house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Says `forget` with arguments; returns the exit code and what was printed."""
    for seller_id in ("acme", "other", "without_entry"):
        for order_id in (ORDER, "303-0000002-0000002"):
            house.warehouse.execute(
                "INSERT INTO amazon_pii.buyers (seller_id, order_id, name, last_updated_utc, extracted_utc,"
                " delete_after_utc) VALUES (%s, %s, 'Zwaantje', now(), now(), now() + interval '9 days')",
                (seller_id, order_id),
            )
    settings = house.means.settings
    monkeypatch.setenv("WAREHOUSE_DSN", settings.warehouse_dsn)
    monkeypatch.setenv("RAW_URL", settings.raw_url)
    monkeypatch.setenv("SELLERS_FILE", str(house.sellers_file))

    def say(*arguments: str) -> tuple[int, str]:
        code = main(["forget", *arguments])
        printed = capsys.readouterr()
        assert "Zwaantje" not in printed.out + printed.err
        return code, printed.out + printed.err

    return say


def test_all_of_a_sellers_go_with_a_protocol_and_nobody_elses(said, house: House):
    code, output = said("acme", "--by", "ticket 4711")
    assert code == 0
    assert "acme, all orders placed so far: deleted 2 buyers, 0 recipients, 0 encrypted files." in output
    ((number, requested_by, buyers),) = house.warehouse.execute(
        "SELECT deletion_no, requested_by, buyers FROM ops.personal_data_deletion"
    ).fetchall()
    assert f"asked for by ticket 4711; no. {number} of ops.personal_data_deletion" in output
    assert (requested_by, buyers) == ("ticket 4711", 2)
    assert house.warehouse.execute(COUNT, ("acme",)).fetchone() == (0,)
    assert house.warehouse.execute(COUNT, ("other",)).fetchone() == (2,)


def test_one_order_goes_alone_and_a_second_time_is_harmless(said, house: House):
    for buyers in (1, 0):
        code, output = said("acme", "--order", ORDER)
        assert (code, f"acme, order {ORDER}: deleted {buyers} buyers" in output) == (0, True)
    assert house.warehouse.execute(COUNT, ("acme",)).fetchone() == (1,)


def test_who_is_logged_in_is_noted_where_nobody_is_named(said, house: House):
    import getpass

    said("acme")
    (who,) = house.warehouse.execute("SELECT requested_by FROM ops.personal_data_deletion").fetchone()
    assert who == getpass.getuser()


def test_a_seller_who_still_wants_them_is_told_how_to_end_that(said, house: House):
    assert "personal_data: yes" not in said("acme")[1]
    house.sellers_file.write_text(house.sellers_file.read_text() + "    personal_data: yes\n")
    assert "Of orders placed from now on they are kept" in said("acme")[1]


@pytest.mark.parametrize("spoilt", [False, True], ids=["no entry", "a file that cannot be read"])
def test_a_seller_without_an_entry_is_forgotten_all_the_same(said, house: House, spoilt: bool):
    if spoilt:
        house.sellers_file.write_text("sellers: [")
    assert said("without_entry")[0] == 0
    assert house.warehouse.execute(COUNT, ("without_entry",)).fetchone() == (0,)


@pytest.mark.parametrize(
    ("arguments", "remark"),
    [
        (("nobody",), "Nothing is known of a seller 'nobody'"),
        (("../acme",), "Nothing is known of a seller '../acme'"),
        (("acme", "--order", "1' OR 1=1"), "ORDER is no order id"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_deleted(said, house: House, arguments, remark):
    code, output = said(*arguments)
    assert code == 1
    assert remark in output
    assert house.warehouse.execute(COUNT, ("acme",)).fetchone() == (2,)
    assert house.warehouse.execute("SELECT count(*) FROM ops.personal_data_deletion").fetchone() == (0,)


def test_make_says_what_it_needs(project_root: Path):
    import subprocess

    done = subprocess.run(["make", "forget"], cwd=project_root, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "make forget SELLER=id" in done.stderr
