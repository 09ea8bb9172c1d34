"""What pip-audit says, read with distrust: a package that was not checked is no good news."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

from include.settings import PROJECT_ROOT

SKIPPED = "Dependency not found on PyPI and could not be audited: one (1.0)"
GOOD: dict[str, Any] = {"name": "one", "version": "1.0", "vulns": []}


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", PROJECT_ROOT / ".ci" / "audit.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def said(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": list(packages), "fixes": []})


def test_where_every_package_was_checked_and_is_well_nothing_is_wrong(audit):
    assert audit.problems(said(GOOD, {"name": "Two_Words", "version": "2", "vulns": []}), {"one", "two-words"}) == []


def test_a_hole_is_named_with_the_version_that_mends_it(audit):
    hole = {"id": "PYSEC-2026-1", "fix_versions": ["1.1"], "aliases": [], "description": ""}
    assert audit.problems(said({**GOOD, "vulns": [hole]}), {"one"}) == ["one 1.0: PYSEC-2026-1, mended in 1.1."]
    unmended = {**hole, "fix_versions": []}
    assert audit.problems(said({**GOOD, "vulns": [unmended]}), {"one"}) == [
        "one 1.0: PYSEC-2026-1, mended in no version yet."
    ]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (said({"name": "one", "skip_reason": SKIPPED}, {"name": "two", "skip_reason": SKIPPED}), "Nothing was checked"),
        (
            said(GOOD, {"name": "two", "skip_reason": SKIPPED}),
            "1 packages were not checked, among them two (Dep",
        ),
        (said(GOOD), "1 packages were not checked, among them two (not in the list)"),
        (said(), "Nothing was checked"),
        ("", "gave no list"),
        ("No known vulnerabilities found", "gave no list"),
        ("[]", "gave no list"),
        ('{"dependencies": [{"vulns": []}]}', "gave no list"),
    ],
    ids=["all skipped", "one skipped", "one forgotten", "none", "silence", "its good news", "a list", "another shape"],
)
def test_what_was_not_checked_is_no_good_news(audit, output, words):
    assert words in " ".join(audit.problems(output, {"one", "two"}))


def test_the_locks_pins_are_read_but_for_those_of_other_systems(audit):
    lock = "one==1.0 \\\n    --hash=sha256:00\nTwo.Words[extra]==2.0 \\\n    # via one\n"
    lock += 'win==3 ; sys_platform == "win32" \\\n'
    assert audit.pinned(lock) == {"one", "two-words"}
    ours = audit.pinned((PROJECT_ROOT / "requirements.txt").read_text())
    assert {"apache-airflow", "boto3", "msgspec"} <= ours
    assert len(ours) > 200


@pytest.mark.slow
def test_a_tool_that_cannot_even_start_is_a_failure_in_a_sentence(audit, monkeypatch, capsys, tmp_path):
    tool = tmp_path / "pip-audit"
    tool.write_text("#!/bin/sh\necho 'ERROR: no index' >&2\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setattr(audit, "PIP_AUDIT", tool)
    assert audit.main() == 1
    told = capsys.readouterr().err
    assert "Nothing was checked" in told
    assert "ERROR: no index" in told


def test_its_own_packages_are_pinned_with_hashes_and_not_among_ours():
    own = (PROJECT_ROOT / ".ci" / "audit.txt").read_text()
    assert own.count("==") <= own.count("--hash=sha256:")
    assert "pip-audit==" in own
    assert "\npip-audit==" not in (PROJECT_ROOT / "requirements.txt").read_text()
    assert subprocess.run([sys.executable, "-c", "import pip_audit"], capture_output=True, check=False).returncode
