"""The purge's tasks as Airflow calls them: whose files they leave, and whom they tell when they could not do all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from upath import UPath

from include.errors import SettingsError
from include.orchestration.personal_data_tasks import delete_due, delete_of_ended
from include.warehouse.connection import Connection

ENTRY = """
  - id: {id}
    name: Acme
    region: eu
    marketplaces: [{marketplace}]
    contacts: [anna@acme.example]
    language: en
    timezone: Europe/Berlin
    personal_data: {wanted}
"""


@pytest.fixture
def folder(warehouse: Connection, warehouse_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """acme's folder with one encrypted file, whose window waits for its load."""
    monkeypatch.setenv("WAREHOUSE_DSN", warehouse_dsn)
    monkeypatch.setenv("RAW_URL", f"file://{tmp_path / 'raw'}")
    monkeypatch.setenv("SELLERS_FILE", str(tmp_path / "sellers.yaml"))
    monkeypatch.setenv("OPERATOR_CONTACTS", "ops@example.com")
    (window_id,) = warehouse.execute(
        "INSERT INTO ops.extraction_window (seller_id, purpose, window_start_utc, window_end_utc, marketplace_ids,"
        " included_data, complete_through_utc, opened_utc, settled_before_utc, state)"
        " VALUES ('acme', 'nightly', now(), now(), '{}', '{}', now(), now(), now(), 'extracted') RETURNING window_id"
    ).fetchone()
    folder = tmp_path / "raw" / "personal" / "acme"
    folder.mkdir(parents=True)
    (folder / f"{window_id}-0001-20991231T000000Z.fernet").write_bytes(b"gAAAA")
    return folder


@pytest.fixture
def write_entries(tmp_path: Path) -> Callable[..., None]:
    """Write sellers.yaml; keywords as the entry of acme has them, or its text."""

    def write(text: str | None = None, **fields: str) -> None:
        values = {"id": "acme", "marketplace": "DE", "wanted": "yes", **fields}
        (tmp_path / "sellers.yaml").write_text("sellers:" + (text or ENTRY.format(**values)))

    return write


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({}, True),
        ({"marketplace": "DEE"}, True),
        ({"wanted": "yess"}, True),
        ({"id": "Acme GmbH"}, True),
        ({"id": "other"}, False),
        ({"wanted": "no"}, False),
    ],
    ids=[
        "wanted",
        "a slip elsewhere in the entry",
        "a slip in the switch",
        "a slip in the id",
        "no entry",
        "not wanted",
    ],
)
def test_only_who_surely_wants_none_loses_the_files_that_wait(
    folder: Path, write_entries: Callable[..., None], fields: dict[str, str], kept: bool
) -> None:
    write_entries(**fields)
    delete_due()
    assert bool(list(folder.iterdir())) is kept


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_store_that_refuses_to_delete_is_told_to_the_operators_once_and_ends_when_it_lets_us(
    folder: Path, write_entries: Callable[..., None], warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> list[tuple[str, str, bool, int]]:
        return warehouse.execute(
            "SELECT error_class, i.facts ->> 'remedy', closed_utc IS NULL, count(o.*) FROM ops.incident i"
            " LEFT JOIN ops.outbox o USING (incident_id) GROUP BY incident_id"
        ).fetchall()

    write_entries(wanted="no")
    with monkeypatch.context() as patched:
        patched.setattr(UPath(folder).fs, "rm_file", _refuse)
        for _ in range(2):
            with pytest.raises(SettingsError, match="could not be deleted: Permission denied"):
                delete_due()
        # Nobody's authorization has ended, which says nothing of what is due.
        delete_of_ended()
    ((error_class, remedy, is_open, mails),) = told()
    assert (error_class, is_open, mails) == ("PersonalDataNotDeleted", True, 1)
    assert "Permission denied" in remedy
    delete_due()
    assert [is_open for _, _, is_open, _ in told()] == [False]
    assert list(folder.iterdir()) == []


def test_what_one_task_could_not_delete_is_told_until_that_task_could(
    folder: Path, write_entries: Callable[..., None], warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_entries(wanted="no")
    warehouse.execute(
        "INSERT INTO ops.seller_authorization (seller_id, status, last_good_utc, since_utc)"
        " VALUES ('acme', 'reauthorization_required', now() - interval '40 days', now())"
    )

    def open_and_owed() -> tuple[int, int]:
        return warehouse.execute(
            "SELECT (SELECT count(*) FROM ops.incident WHERE closed_utc IS NULL),"
            " (SELECT count(*) FROM ops.outbox WHERE dropped_utc IS NULL)"
        ).fetchone()

    with monkeypatch.context() as patched:
        patched.setattr(UPath(folder).fs, "rm_file", _refuse)
        for delete in (delete_due, delete_of_ended):
            with pytest.raises(SettingsError, match="Permission denied"):
                delete()
    delete_due()
    assert open_and_owed() == (1, 1)
    delete_of_ended()
    assert open_and_owed() == (0, 0)


def test_of_an_ended_authorization_too(
    folder: Path, write_entries: Callable[..., None], warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_entries()
    warehouse.execute(
        "INSERT INTO ops.seller_authorization (seller_id, status, last_good_utc, since_utc)"
        " VALUES ('acme', 'reauthorization_required', now() - interval '40 days', now())"
    )
    monkeypatch.setattr(UPath(folder).fs, "rm_file", _refuse)
    with pytest.raises(SettingsError, match="Permission denied"):
        delete_of_ended()
    assert warehouse.execute("SELECT error_class FROM ops.incident").fetchall() == [("PersonalDataNotDeleted",)]
