"""bench/results.json: every part of the bench with its own day and machine; a run replaces what it measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import Figure

RESULTS = Path(__file__).with_name("results.json")
# By the part's name: when and where it was measured, how long that took, and `figures` as `Figure.document` has them.
Results = dict[str, dict[str, Any]]


def read_results(path: Path = RESULTS) -> Results:
    """Read all parts; none where there is no file yet."""
    if not path.exists():
        return {}
    parts: Results = json.loads(path.read_text(encoding="utf-8"))["parts"]
    return parts


def keep_part(path: Path, part: str, facts: Mapping[str, Any], took_s: float, figures: Sequence[Figure]) -> Results:
    """Replace one part and leave the others as they are; a reader never sees half a file."""
    parts = read_results(path)
    documents = [figure.document() for figure in figures]
    parts[part] = {**facts, "took_s": round(took_s, 1), "figures": documents}
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps({"parts": parts}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)
    return parts


def figures_of(parts: Results, part: str) -> list[Figure]:
    """The part's figures; none where it was never measured."""
    entries = parts.get(part, {}).get("figures", [])
    return [
        Figure(part, entry["name"], entry["unit"], entry["values"], entry["goal"], entry.get("at_least", False))
        for entry in entries
    ]
