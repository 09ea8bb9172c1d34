"""`python -m include.authorization`: the day that only a person can know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.authorization.__main__ import main
from include.authorization.status import read_authorization
from include.warehouse.connection import Connection

SELLERS = """
sellers:
  - {id: acme, name: Acme, region: eu, marketplaces: [DE], contacts: [a@acme.example], language: de, timezone: UTC}
  - {id: own, name: Own, region: eu, marketplaces: [DE], contacts: [a@own.example], language: de, timezone: UTC,
     authorization: private}
"""


@pytest.fixture(autouse=True)
def environment(warehouse_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sellers.yaml").write_text(SELLERS)
    monkeypatch.setenv("SELLERS_FILE", str(tmp_path / "sellers.yaml"))
    monkeypatch.setenv("WAREHOUSE_DSN", warehouse_dsn)


def test_the_day_is_kept_and_the_end_is_told(warehouse: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["authorized", "acme", "--on", "2026-01-05"]) == 0
    assert capsys.readouterr().out == "acme: authorized on 2026-01-05, ends on 2027-01-05.\n"
    assert read_authorization(warehouse, "acme").authorized_utc == datetime(2026, 1, 5, tzinfo=UTC)


def test_a_private_application_does_not_end_by_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["authorized", "own", "--on", "2026-01-05"]) == 0
    assert "does not expire by date" in capsys.readouterr().out


@pytest.mark.parametrize("day", ["soon", "05.01.2026", str((datetime.now(UTC) + timedelta(days=2)).date())])
def test_what_is_no_day_of_the_past_is_refused(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["authorized", "acme", "--on", day]) == 1
    assert f"ON is '{day}'; expected a day of the past" in capsys.readouterr().err


def test_a_seller_without_an_entry_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["authorized", "nobody", "--on", "2026-01-05"]) == 1
    assert "'nobody' has no entry" in capsys.readouterr().err
