"""Letting a seller go: nothing works for it any more, its data stay or are gone, and nobody else's are touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from upath import UPath

from include.authorization import consent_state
from include.authorization.status import read_authorization, record_good
from include.clock import utc_now
from include.errors import SettingsError, TransientError, TransportError
from include.notifications.incidents import open_incident, open_incidents
from include.notifications.outbox import owe
from include.operations.__main__ import main
from include.operations.offboarding import offboard
from include.orders import store
from include.orders.landing import write_page
from include.orders.load import load_orders
from include.warehouse.connection import connect, seller_lock
from tests.include.operations.conftest import House
from tests.payloads.orders import a_page, an_order
from tests.payloads.sellers import acme

SELLERS = ("acme", "other")
PROTOCOL = "ops.personal_data_deletion"


@pytest.fixture
def full(house: House) -> House:
    """Two sellers with a row of everything that is kept of one."""
    house.airflow.active["amazon_orders__acme"] = ["nightly"]
    for seller in SELLERS:
        house.airflow.stored[f"amazon_seller_{seller}"] = ["Atzr|planted"]
        _fill(house, seller)
    return house


def _fill(house: House, seller_id: str) -> None:
    execute, now = house.warehouse.execute, utc_now()
    page = f"{house.means.settings.raw_url}/orders/{seller_id}/window/page-0001.json.gz"
    write_page(page, a_page(an_order()))
    execute(
        "INSERT INTO ops.extraction_window (seller_id, window_start_utc, window_end_utc, marketplace_ids,"
        " included_data, state, opened_utc, complete_through_utc, settled_before_utc)"
        " VALUES (%s, now() - interval '1 day', now(), '{A1PA6795UKMFR9}', '{}', 'extracted', now(), now(), now())",
        (seller_id,),
    )
    execute(
        "INSERT INTO ops.landed_page (window_id, page_number, page_url, orders, extracted_utc)"
        " SELECT window_id, 1, %s, 1, now() FROM ops.extraction_window WHERE seller_id = %s",
        (page, seller_id),
    )
    load_orders(house.warehouse, seller_id)
    for table in ("buyers", "recipients"):
        execute(
            f"INSERT INTO amazon_pii.{table} (seller_id, order_id, name, last_updated_utc, extracted_utc,"
            " delete_after_utc) VALUES (%s, '303-1', 'Zwaantje', now(), now(), now() + interval '9 days')",
            (seller_id,),
        )
    store.write(f"{house.means.settings.raw_url}/personal/{seller_id}/1-0001-20991231T000000Z.fernet", b"gAAAA")
    incident, _ = open_incident(house.warehouse, seller_id, "LoadError", now_utc=now)
    owe(house.warehouse, incident.incident_id, "alert", "operators", ["ops@example.com"], now_utc=now)
    record_good(house.warehouse, _seller(seller_id), "mark", now_utc=now)
    consent_state.begin_kept(
        house.warehouse, seller_id=seller_id, sealed_token="sealed", generation=1, started_by="x", now_utc=now
    )


def _seller(seller_id: str):
    from dataclasses import replace
    from datetime import date

    return replace(acme(date(2026, 10, 1)), seller_id=seller_id)


def _let_go(house: House, seller_id: str = "acme", **how) -> list[str]:
    return list(offboard(house.warehouse, seller_id, house.means, **{"delete_data": False, **how}))


def _rows_by_table(house: House, seller_id: str) -> dict[str, int]:
    """Of every table that names a seller, a new one too."""
    tables = house.warehouse.execute(
        "SELECT table_schema || '.' || table_name FROM information_schema.columns JOIN information_schema.tables"
        " USING (table_schema, table_name) WHERE column_name = 'seller_id' AND table_type = 'BASE TABLE'"
        " AND table_schema IN ('amazon', 'amazon_pii', 'ops')"
    ).fetchall()
    count = "SELECT count(*) FROM {} WHERE seller_id = %s"
    return {name: house.warehouse.execute(count.format(name), (seller_id,)).fetchone()[0] for (name,) in tables}


def test_no_run_and_no_token_is_left_and_each_step_is_said(full):
    steps = _let_go(full)
    assert full.airflow.did == ["pause amazon_orders__acme", "end nightly", "forget amazon_seller_acme"]
    assert "amazon_seller_acme" not in full.airflow.stored
    assert "amazon_seller_other" in full.airflow.stored
    assert "Its run nightly is ended." in steps
    assert any("Now take acme out of" in step for step in steps)
    assert any("Amazon the authorization ends when" in step for step in steps)


def test_what_was_open_ends_and_no_mail_of_it_goes_out(full):
    _let_go(full)
    assert open_incidents(full.warehouse, "acme") == []
    owed = (
        "SELECT count(*) FROM ops.outbox JOIN ops.incident USING (incident_id)"
        " WHERE seller_id = %s AND dropped_utc IS NULL"
    )
    assert full.warehouse.execute(owed, ("acme",)).fetchone() == (0,)
    assert full.warehouse.execute(owed, ("other",)).fetchone() == (1,)


def test_a_token_on_its_way_is_forgotten(full):
    _let_go(full)
    (consent,) = consent_state.read_consents(full.warehouse, "acme")
    assert (consent.step, consent.sealed_token, consent.trouble) == ("refused", "", "let go")
    assert consent_state.read_consents(full.warehouse, "other")[0].sealed_token == "sealed"


def test_kept_data_stay(full):
    before = _rows_by_table(full, "acme")
    assert before["amazon.orders"] == 1
    _let_go(full)
    personal = {"amazon_pii.buyers": 0, "amazon_pii.recipients": 0, PROTOCOL: 1}
    assert _rows_by_table(full, "acme") == before | personal
    assert read_authorization(full.warehouse, "acme").generation == 1
    assert UPath(f"{full.means.settings.raw_url}/orders/acme/window/page-0001.json.gz").exists()


@pytest.mark.parametrize("delete_data", [False, True])
def test_personal_data_go_at_once_whatever_becomes_of_the_rest_and_only_that_sellers(full, delete_data):
    steps = _let_go(full, delete_data=delete_data)
    assert any("Deleted: personal data, 1 buyers, 1 recipients, 1 encrypted files" in step for step in steps)
    assert full.warehouse.execute("SELECT DISTINCT seller_id FROM amazon_pii.buyers").fetchall() == [("other",)]
    folders = UPath(f"{full.means.settings.raw_url}/personal")
    assert {file.parent.name for file in folders.rglob("*.fernet")} == {"other"}
    protocol = full.warehouse.execute(f"SELECT seller_id, reason, buyers, recipients, files FROM {PROTOCOL}").fetchall()
    assert protocol == [("acme", "offboarding", 1, 1, 1)]


def test_deleted_data_are_gone_from_every_table_and_from_the_store_and_only_that_sellers(full):
    others = _rows_by_table(full, "other")
    stray = UPath(f"{full.means.settings.raw_url}/orders/acme/killed/.page-0001.json.gz.half")
    write_page(str(stray), b"nobody noted it")
    _let_go(full, delete_data=True)
    # The proof that personal data were deleted outlives them.
    assert {name for name, count in _rows_by_table(full, "acme").items() if count} == {PROTOCOL}
    assert not UPath(f"{full.means.settings.raw_url}/orders/acme").exists()
    assert _rows_by_table(full, "other") == others
    assert UPath(f"{full.means.settings.raw_url}/orders/other/window/page-0001.json.gz").exists()


def test_pages_of_an_earlier_raw_url_are_deleted_too(full, tmp_path: Path):
    earlier = f"file://{tmp_path}/earlier/orders/acme/window/page-0001.json.gz"
    write_page(earlier, b"{}")
    full.warehouse.execute(
        "UPDATE ops.landed_page SET page_url = %s FROM ops.extraction_window w WHERE w.window_id ="
        " landed_page.window_id AND seller_id = 'acme'",
        (earlier,),
    )
    _let_go(full, delete_data=True)
    assert not UPath(earlier).exists()


def test_a_second_time_is_fine_also_once_the_entry_is_gone(full):
    _let_go(full, "other")
    steps = _let_go(full, "other", delete_data=True)
    assert not any("Now take" in step for step in steps)


def test_a_task_at_work_is_waited_for_and_nothing_is_deleted_under_its_hands(full, warehouse_dsn):
    waited = []
    with connect(warehouse_dsn) as task, seller_lock(task, "acme"):
        with pytest.raises(TransientError, match="still working on seller acme"):
            _let_go(full, delete_data=True, patience_s=3, sleep=waited.append)
        assert sum(_rows_by_table(full, "acme").values()) > 3
    assert len(waited) == 3
    _let_go(full, delete_data=True)
    assert {name for name, count in _rows_by_table(full, "acme").items() if count} == {PROTOCOL}


def test_where_airflow_is_away_nothing_is_deleted(full):
    full.airflow.trouble = TransportError("Airflow does not answer.")
    with pytest.raises(TransportError):
        _let_go(full, delete_data=True)
    assert sum(_rows_by_table(full, "acme").values()) > 3


@pytest.mark.parametrize("unknown", ["nobody", "../acme", "", "ACME", "acme/"])
def test_an_unknown_seller_is_refused_before_anything_happens(full, unknown):
    with pytest.raises(SettingsError, match="Nothing is known of a seller"):
        _let_go(full, unknown, delete_data=True)
    assert full.airflow.did == []


def test_what_becomes_of_the_data_must_be_said(capsys):
    with pytest.raises(SystemExit):
        main(["offboard", "acme"])
    assert "--data" in capsys.readouterr().err
