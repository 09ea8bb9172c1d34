"""Every test that docs/security.md names is there."""

from __future__ import annotations

import re

from include.settings import PROJECT_ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
SECURITY = (PROJECT_ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_every_test_that_is_named_exists():
    named = NAMED.findall(SECURITY)
    assert len(named) > 40
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (PROJECT_ROOT / path).is_file()
        or not re.search(rf"^(async )?def {name}\(", (PROJECT_ROOT / path).read_text(), re.MULTILINE)
    ]
    assert missing == []


def test_nothing_that_looks_like_a_test_is_named_in_another_way():
    assert len(re.findall(r"\btest_\w+(?!\w*\.py)\b", re.sub(r"test_\w+\.py", "", SECURITY))) == len(
        NAMED.findall(SECURITY)
    )


def test_every_threat_names_a_test_or_a_place():
    for threat in SECURITY.split("\n## Threat by threat")[1].split("\n## ")[0].split("\n\n")[1:]:
        assert NAMED.search(threat), threat[:80]
