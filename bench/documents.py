"""The measured figures of README.md and docs/performance.md, drawn from bench/results.json between two marks each.

`<!-- bench: PART -->` begins a block, `<!-- end -->` ends it; what stands between is written anew whenever the bench
has measured. So no document can say a figure that the file does not hold, and a test sees to it.
"""

from __future__ import annotations

import re
from pathlib import Path

from bench import airbyte, beside, limits, load, parse, parsing
from bench.figures import Figure, shown
from bench.growth_plots import plots
from bench.results import Results, figures_of
from include.settings import PROJECT_ROOT

DOCUMENTS = ("README.md", "docs/performance.md")
IMAGES = Path("docs/images")
BLOCK = re.compile(r"(?<=<!-- bench: )(?P<part>\w+)(?P<head> -->\n)(?P<old>.*?)(?=<!-- end -->)", re.DOTALL)
HEADINGS = ("| {} | Median | Spread | Goal |", "|---|---|---|---|")
# The README's few, each named by its part and by its name there, in the part's own words: it may not be measured yet.
SUMMARY = (
    (load.PART, f"{load.size_name(load.SIZES[0])}, {load.WORK}"),
    (load.PART, f"{load.size_name(load.SIZES[0])}, {load.POSTGRES}"),
    (load.PART, f"{load.size_name(load.SIZES[0])}, {load.PEAK}"),
    (load.PART, load.growth_name(max(load.SIZES), min(load.SIZES))),
    (beside.PART, f"{beside.ORDERS:,} orders, {beside.OVER_READERS}"),
    (airbyte.PART, f"{airbyte.ORDERS:,} orders, {airbyte.OVER_OURS}"),
    (limits.PART, f"{limits.size_name(limits.LARGE, limits.LARGE_SCALE, limits.PRODUCT)}, {limits.OVER_OPTIMUM}"),
    (parsing.PART, parse.WORDS["parse_all"]),
    (parsing.PART, parse.WORDS["parse_one"]),
)


def write(results: Results, root: Path = PROJECT_ROOT) -> None:
    """Bring documents and plots up to these results."""
    for name in DOCUMENTS:
        path = root / name
        path.write_text(with_figures(path.read_text(encoding="utf-8"), results), encoding="utf-8")
    for name, drawing in plots(results).items():
        (root / IMAGES / name).write_text(drawing, encoding="utf-8")


def with_figures(text: str, results: Results) -> str:
    """Return a document with every block as these results have it."""
    return BLOCK.sub(lambda found: found["part"] + found["head"] + _block(found["part"], results), text)


def without_figures(text: str) -> str:
    """Return what stands in a document outside its blocks."""
    return BLOCK.sub("", text)


def _block(part: str, results: Results) -> str:
    if part == "summary":
        return "\n".join(["", HEADINGS[0].format("Measured"), HEADINGS[1], *_summary(results), "", ""])
    if part not in results:
        return "\nNot measured yet.\n\n"
    facts = results[part]
    took = f", {facts['took_s']:.0f} s for all of it" if "took_s" in facts else ""
    where = (
        f"On {facts['measured_utc'][:10]}, {facts['cpus']} CPUs, Python {facts['python']},"
        f" calibration {facts['calibration_cpu_s']:.3f} CPU s{took}."
    )
    return "\n".join(["", *_rows(f"`{part}`", figures_of(results, part)), "", where, "", ""])


def _summary(results: Results) -> list[str]:
    rows = []
    for part, name in SUMMARY:
        found = [_row(figure) for figure in figures_of(results, part) if figure.name == name]
        rows += found or [f"| {name} | not measured yet |  |  |"]
    return rows


def _rows(heading: str, figures: list[Figure]) -> list[str]:
    return [HEADINGS[0].format(heading), HEADINGS[1], *(_row(figure) for figure in figures)]


def _row(figure: Figure) -> str:
    value = f"{shown(figure.median)} {figure.unit}".rstrip()
    missed = "" if figure.met is not False else ", missed"
    return f"| {figure.name} | {value} | {figure.spread} | {figure.bound}{missed} |"
