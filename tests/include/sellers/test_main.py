"""`python -m include.sellers` says in words and by its exit status whether the file is all right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from include.sellers.__main__ import main


def test_a_good_file_is_one_line_and_success(
    load: Any, complete: Any, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load(complete(), complete(id="other"))
    assert main([str(file)]) == 0
    assert capsys.readouterr().out == "2 sellers, all fine\n"


def test_one_seller_is_not_many(load: Any, complete: Any, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(complete())
    assert main([str(file)]) == 0
    assert capsys.readouterr().out == "1 seller, all fine\n"


def test_every_problem_is_a_line_with_file_and_line_and_the_exit_status_is_one(
    load: Any, complete: Any, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load(complete(), complete(id="b", region="x", language="y"), complete(id="C"))
    assert main([str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].endswith(": Seller b: region is 'x'; expected one of eu, na, fe.")
    assert all(line.startswith(f"{file}:") for line in lines)


def test_a_file_that_is_none_at_all_is_told_on_one_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("sellers: [")
    assert main([str(file)]) == 1
    assert capsys.readouterr().out.count("\n") == 1


def test_without_an_argument_the_file_of_the_settings_is_checked(
    load: Any, complete: Any, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load(complete(language="fr"))
    monkeypatch.setenv("SELLERS_FILE", str(file))
    assert main([]) == 1
    assert "one of de, en" in capsys.readouterr().out
