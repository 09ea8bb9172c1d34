"""What import contracts cannot see: the two folders that are no packages, and promises about the whole tree."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def _imports(path: Path, *, top_level: bool) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def _all_within(names: Iterator[str], allowed: tuple[str, ...]) -> list[str]:
    return [name for name in names if not any(name == a or name.startswith(f"{a}.") for a in allowed)]


def test_dag_files_import_little_while_airflow_parses_them(project_root: Path):
    allowed = (
        "__future__",
        "typing",
        "airflow.sdk",
        "airflow.providers.standard.operators.empty",
        "include.orchestration",
        "include.sellers",
        "include.settings",
    )
    files = list((project_root / "dags").glob("*.py"))
    assert files
    for path in files:
        assert _all_within(_imports(path, top_level=True), allowed) == []
        assert len(path.read_text().splitlines()) <= 120


def test_plugins_only_register(project_root: Path):
    allowed = ("__future__", "airflow.plugins_manager", "include.orchestration", "include.reconnect")
    files = list((project_root / "plugins").glob("*.py"))
    assert files
    for path in files:
        assert _all_within(_imports(path, top_level=False), allowed) == []
        assert len(path.read_text().splitlines()) <= 40


def test_airflow_sees_nothing_in_the_plugins_folder_but_registrations(project_root: Path):
    rules = [
        line
        for line in (project_root / "plugins" / ".airflowignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert rules == ["*.py", "!*_plugin.py"]
    assert all(path.name.endswith("_plugin.py") for path in (project_root / "plugins").rglob("*.py"))


@pytest.mark.parametrize(
    ("word", "only_in"),
    [
        (r"os\.environ|getenv", {"include/settings/", "include/local_stack", "include/orchestration/preload.py"}),
        (r"datetime\.now\(|utcnow\(|time\.time\(", {"include/clock.py", "include/fake_amazon", "include/local_stack"}),
    ],
    ids=["only the settings read the environment", "only the clock reads the time"],
)
def test_some_things_are_done_in_one_place(project_root: Path, word: str, only_in: set[str]):
    elsewhere = [
        path.relative_to(project_root).as_posix()
        for path in (project_root / "include").rglob("*.py")
        if re.search(word, path.read_text())
    ]
    assert [path for path in elsewhere if not path.startswith(tuple(only_in))] == []


def test_every_test_file_mirrors_a_room_and_no_machine_is_named(project_root: Path):
    for path in (project_root / "tests" / "include").iterdir():
        if path.is_dir() and path.name != "__pycache__":
            assert (project_root / "include" / path.name).is_dir(), path
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=project_root, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    for name in filter(None, tracked):
        path = project_root / name
        if path.suffix in {".py", ".md", ".yaml", ".toml", ".sh", ".env"} and path.exists():
            assert not re.search(r"/(home|Users)/\w+/", path.read_text()), name
