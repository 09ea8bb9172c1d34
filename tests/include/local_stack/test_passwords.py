"""The passwords of a run folder: the same for as long as it lives, also where an older version made it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from include.errors import SettingsError
from include.local_stack.passwords import load_or_make_passwords


def test_they_stay_and_are_for_their_owner_alone(tmp_path: Path) -> None:
    made = load_or_make_passwords(tmp_path)
    assert asdict(load_or_make_passwords(tmp_path)) == asdict(made)
    assert (tmp_path / "passwords.json").stat().st_mode & 0o077 == 0
    assert made.loader not in repr(made)


def test_a_folder_of_an_earlier_version_gets_the_key_it_lacks_and_keeps_it(tmp_path: Path) -> None:
    made = asdict(load_or_make_passwords(tmp_path))
    del made["secret_key"], made["personal_data_key"]
    (tmp_path / "passwords.json").write_text(json.dumps(made))
    now = load_or_make_passwords(tmp_path)
    assert asdict(now) | made == asdict(now)
    assert now.secret_key == load_or_make_passwords(tmp_path).secret_key


@pytest.mark.parametrize("text", ["{", "[]", '{"loader": "x"}'])
def test_a_damaged_file_is_named_and_not_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "passwords.json").write_text(text)
    with pytest.raises(SettingsError, match=r"passwords\.json is damaged"):
        load_or_make_passwords(tmp_path)
    assert (tmp_path / "passwords.json").read_text() == text
