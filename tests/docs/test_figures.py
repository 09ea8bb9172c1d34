"""What README and docs/performance.md say was measured stands in the bench's JSON, and nothing else does."""

from __future__ import annotations

import re

import pytest

from bench import airbyte, limits
from bench.documents import DOCUMENTS, IMAGES, SUMMARY, with_figures, without_figures
from bench.figures import Figure
from bench.growth_plots import plots
from bench.parts import PARTS
from bench.results import figures_of, keep_part, read_results
from include.settings import PROJECT_ROOT

PERFORMANCE = "docs/performance.md"
# A number with a unit of what is measured; orders, sellers and days are what was asked for.
MEASURED = re.compile(r"\d[\d.,]*\s?(?:CPU s|s|ms|seconds?|min|minutes?|h|hours?|MiB|MB|GiB|%|x|times|percent)\b")


def text_of(name: str) -> str:
    return (PROJECT_ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_documents_tables_are_what_was_measured(name: str) -> None:
    assert text_of(name) == with_figures(text_of(name), read_results())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_outside_its_tables_a_document_says_no_figure(name: str) -> None:
    prose = without_figures(text_of(name))
    if name != PERFORMANCE:
        # The README tells settings and Amazon's own limits elsewhere.
        prose = prose.split("## Measured", 1)[1].split("\n## ", 1)[0]
    assert MEASURED.findall(prose) == []


def test_every_part_has_its_table() -> None:
    missing = [part for part in PARTS if f"<!-- bench: {part} -->" not in text_of(PERFORMANCE)]
    assert missing == []


def test_what_the_readme_shows_is_a_figure_of_each_part_that_was_measured() -> None:
    results = read_results()
    named = {part: {figure.name for figure in figures_of(results, part)} for part in results}
    missing = [(part, name) for part, name in SUMMARY if part in results and name not in named[part]]
    assert missing == []


def test_what_the_readme_shows_of_parts_that_take_long_are_the_names_that_these_parts_give() -> None:
    reached = limits.Reached(limits.LARGE, 1.0, 1.0, 1, 0)
    ours = {"process_cpu_s": 1.0, "postgres_cpu_s": 1.0, "peak_mib": 1.0, "process_wall_s": 1.0}
    theirs = {"process_cpu_s": 1.0, "connector_cpu_s": 1.0, "peak_mib": 1.0, "wall_s": 1.0}
    figures = [
        *limits.figures_of(limits.LARGE, limits.LARGE_SCALE, limits.PRODUCT, [reached]),
        *airbyte.figures_of(f"{airbyte.ORDERS:,} orders", [(ours, theirs)]),
    ]
    shown = {(part, name) for part, name in SUMMARY if part in (limits.PART, airbyte.PART)}
    assert len(shown) == 2
    assert shown <= {(figure.part, figure.name) for figure in figures}


def test_the_plots_are_drawn_from_what_was_measured() -> None:
    drawn = plots(read_results())
    assert drawn
    for name, drawing in drawn.items():
        assert text_of(f"{IMAGES}/{name}") == drawing
        assert f"{IMAGES.name}/{name}" in text_of(PERFORMANCE)


def test_a_figure_that_somebody_types_into_a_table_or_into_the_prose_is_noticed() -> None:
    text = text_of(PERFORMANCE)
    typed = text.replace("<!-- bench: load -->\n", "<!-- bench: load -->\n| work | 0.1 s | | |\n")
    assert typed != with_figures(typed, read_results()) == with_figures(text, read_results())
    assert MEASURED.findall(without_figures(text + "\nLoading takes 1.9 s.\n")) == ["1.9 s"]


def test_a_part_that_is_measured_again_replaces_its_table_alone(tmp_path) -> None:
    results = {"load": {**_FACTS, "figures": []}, "parse": {**_FACTS, "figures": []}}
    keep_part(tmp_path / "r.json", "parse", _FACTS, 1.0, [Figure("parse", "one seller", "s", [0.1, 0.2, 0.3], 0.1)])
    keep_part(tmp_path / "r.json", "load", _FACTS, 2.0, [Figure("load", "work", "s", [2.0])])
    results = keep_part(tmp_path / "r.json", "load", _FACTS, 3.0, [Figure("load", "work", "s", [4.0])])
    assert results == read_results(tmp_path / "r.json")
    text = with_figures("<!-- bench: load -->\nold\n<!-- end -->\n<!-- bench: parse -->\n<!-- end -->\n", results)
    assert "| work | 4 s | once |  |" in text
    assert "| one seller | 0.200 s | 0.100 to 0.300 | <= 0.100, missed |" in text
    assert "old" not in text


_FACTS = {"measured_utc": "2026-11-28T00:00:00Z", "cpus": 2, "python": "3.11.7", "calibration_cpu_s": 0.2}
