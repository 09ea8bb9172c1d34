"""A run folder is claimed once and cleaned whole; what was never claimed is nobody's to delete."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.errors import SettingsError
from include.local_stack.run_folder import claim, clean


@pytest.mark.parametrize("earlier", [None, "empty", "ours"])
def test_a_new_an_empty_and_a_claimed_folder_can_be_claimed(tmp_path: Path, earlier: str | None):
    run_dir = tmp_path / "run"
    if earlier == "empty":
        run_dir.mkdir()
    if earlier == "ours":
        claim(run_dir)
    claim(run_dir)
    assert oct((run_dir / "raw").stat().st_mode)[-3:] == "700"


def test_a_folder_with_other_things_is_neither_claimed_nor_cleaned(tmp_path: Path):
    for name in ("airflow", "logs", "postgres_backup"):
        (tmp_path / name).mkdir()
    (tmp_path / "credentials.json").write_text("mine")
    with pytest.raises(SettingsError, match="holds other things"):
        claim(tmp_path)
    with pytest.raises(SettingsError, match=r"not made by `make run`\..*Nothing was deleted"):
        clean(tmp_path)
    assert (tmp_path / "credentials.json").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 4


def test_cleaning_through_a_link_empties_the_folder_and_leaves_the_link(tmp_path: Path):
    claim(tmp_path / "run")
    (tmp_path / "link").symlink_to(tmp_path / "run")
    clean(tmp_path / "link")
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_cleaning_where_nothing_is_does_nothing(tmp_path: Path):
    clean(tmp_path / "nowhere")
    clean(tmp_path)
    assert tmp_path.is_dir()
