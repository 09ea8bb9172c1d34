"""Airflow for tests: a database of its own, and DAG files parsed as the DAG processor parses them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SELLERS = """
sellers:
  - id: acme
    name: Acme
    region: eu
    marketplaces: [DE, FR]
    contacts: [anna@acme.example]
    language: de
    timezone: Europe/Berlin
    run_at: "03:15"
    start_date: 2026-10-01
"""


@pytest.fixture
def sellers_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write a sellers.yaml and make it the one that counts."""

    def write(text: str = SELLERS) -> Path:
        path = tmp_path / "sellers.yaml"
        path.write_text(text)
        monkeypatch.setenv("SELLERS_FILE", str(path))
        return path

    return write


@pytest.fixture
def dag_bag(project_root: Path):
    """Parse the DAG folder anew at each call."""
    from airflow.dag_processing.dagbag import DagBag

    return lambda: DagBag(dag_folder=project_root / "dags")
