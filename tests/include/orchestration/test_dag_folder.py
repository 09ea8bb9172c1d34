"""What makes Airflow parse its DAG files anew before their five minutes are over."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from include.local_stack.airflow_processes import DAG_BUNDLES

pytestmark = pytest.mark.airflow

LONG_AGO_S = 1_000_000_000


@pytest.fixture
def dag_file(tmp_path: Path) -> Path:
    folder = tmp_path / "dags"
    folder.mkdir()
    file = folder / "amazon_orders.py"
    file.touch()
    os.utime(file, (LONG_AGO_S, LONG_AGO_S))
    return file


@pytest.fixture
def sellers_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "sellers.yaml"
    file.write_text("sellers: []")
    monkeypatch.setenv("SELLERS_FILE", str(file))
    return file


def _refresh(dag_file: Path) -> None:
    """As the DAG processor does every ten seconds, with the bundle as the settings name it."""
    from airflow.sdk._shared.module_loading import import_string

    (bundle,) = json.loads(DAG_BUNDLES)
    import_string(bundle["classpath"])(name=bundle["name"], path=str(dag_file.parent), **bundle["kwargs"]).refresh()


def test_an_edit_of_the_sellers_file_makes_the_dag_files_new(dag_file: Path, sellers_file: Path):
    _refresh(dag_file)
    assert dag_file.stat().st_mtime >= sellers_file.stat().st_mtime


def test_without_an_edit_the_dag_files_stay_as_they_are(dag_file: Path, sellers_file: Path):
    os.utime(sellers_file, (LONG_AGO_S - 1, LONG_AGO_S - 1))
    _refresh(dag_file)
    assert dag_file.stat().st_mtime == LONG_AGO_S


def test_a_sellers_file_that_is_not_there_is_told_by_the_dag_file_and_not_here(dag_file: Path, sellers_file: Path):
    sellers_file.unlink()
    _refresh(dag_file)
    assert dag_file.stat().st_mtime == LONG_AGO_S
