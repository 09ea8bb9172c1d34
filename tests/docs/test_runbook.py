"""What operators copy out of the runbook works, and the list of metrics is the one that is sent."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.warehouse.connection import Connection

BLOCKS = re.compile(r"```sql\n(.*?)```", re.DOTALL)


def _statements(text: str) -> list[str]:
    blocks = "\n".join(re.sub(r"^--.*$", "", block, flags=re.MULTILINE) for block in BLOCKS.findall(text))
    ours = r"(SELECT\b.*|UPDATE )\b(ops|amazon_pii)\."
    inline = [found for found in re.findall(r"`([^`\n]+)`", text) if re.match(ours, found)]
    return [one.strip() for one in [*blocks.split(";"), *(found.rstrip(";") for found in inline)] if one.strip()]


def test_every_statement_of_the_runbook_is_one_that_the_warehouse_takes(project_root: Path, warehouse: Connection):
    statements = _statements((project_root / "docs" / "runbook.md").read_text())
    assert len(statements) > 12
    for statement in statements:
        with warehouse.transaction(force_rollback=True):
            warehouse.execute(statement)


def test_fewer_days_for_personal_data_reach_the_rows_that_are_there(project_root: Path, warehouse: Connection):
    tables = ("buyers", "recipients")
    for table in tables:
        warehouse.execute(
            f"INSERT INTO amazon_pii.{table} (seller_id, order_id, last_updated_utc, extracted_utc, delete_after_utc)"
            " VALUES ('acme', 'A', now(), now(), '2026-11-30T00:00:00Z')"
        )
    for statement in _statements((project_root / "docs" / "runbook.md").read_text()):
        if statement.startswith("UPDATE amazon_pii"):
            warehouse.execute(statement)
    for table in tables:
        (due_utc,) = warehouse.execute(f"SELECT delete_after_utc FROM amazon_pii.{table}").fetchone()
        assert due_utc == datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize("kind", ["counter", "gauge"])
def test_the_documented_metrics_are_those_that_the_code_sends(project_root: Path, kind: str):
    code = (project_root / "include" / "orchestration" / "metrics.py").read_text()
    counted = " ".join(re.findall(r"_count\(seller_id, (.*)\)\n", code))
    calls = {"counter": re.findall(r"(\w+)=", counted), "gauge": re.findall(r'_gauge\("(\w+)"', code)}
    told = (project_root / "docs" / "metrics.md").read_text()
    documented = re.findall(rf"^\| `airflow\.seller_orders\.(\w+)` \| {kind} \|", told, re.MULTILINE)
    assert sorted(documented) == sorted(calls[kind])
    assert len(documented) >= 5


def test_every_make_target_that_the_runbook_names_exists(project_root: Path):
    targets = set(re.findall(r"^([a-z-]+):", (project_root / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", (project_root / "docs" / "runbook.md").read_text()))
    assert named <= targets
    assert {"backup", "restore"} <= named
