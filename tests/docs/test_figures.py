"""What README and docs/performance.md say was measured stands in the bench's JSON."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from include.settings import PROJECT_ROOT

README, PERFORMANCE = "README.md", "docs/performance.md"
MEASURED, NIGHT = "results.json", "results_night.json"
TROUBLE, BESIDE = "results_trouble.json", "results_beside.json"
TEN, SELLERS = "10,000 orders (12,500 lines)", "200 sellers with 30 orders each"
REVOKED, DYING = "revoked authorization", "dying hourly token"
PEER = "python-amazon-sp-api"


class Said(NamedTuple):
    """A sentence with a figure in it, and the figure it must be: its file, its name, how it is rounded."""

    document: str
    words: str
    results: str
    name: str


SAID = [
    Said(README, "CPU of the work | {:.1f} s", MEASURED, f"{TEN}, work, CPU per 10,000"),
    Said(README, "CPU of PostgreSQL | {:.1f} s", MEASURED, f"{TEN}, PostgreSQL, CPU per 10,000"),
    Said(README, "imports included | {:.1f} s", MEASURED, f"{TEN}, whole process with imports, CPU"),
    Said(
        README,
        "whole process (`BENCH=beside`) | {:.1f} s",
        BESIDE,
        f"10,000 orders, {PEER}, only reads, whole process, CPU",
    ),
    Said(README, "10,000 and 100,000 orders | {:.0f} MiB both", MEASURED, f"{TEN}, peak memory"),
    Said(README, "100,000 orders | {:.0f} MiB both", MEASURED, "100,000 orders (125,000 lines), peak memory"),
    Said(
        README,
        "over the bucket's optimum | {:.3f}",
        MEASURED,
        "10,000 orders at 200 times the rate, last call over optimum",
    ),
    Said(README, "for 1,000 sellers | {:.1f} s", MEASURED, "all sellers, as a DagBag"),
    Said(README, "one task's seller | {:.2f} s", MEASURED, "one seller, as a DagBag"),
    Said(
        PERFORMANCE, "each, all triggered at once: {:.0f} s", NIGHT, f"{SELLERS}, first trigger to last run done, wall"
    ),
    Said(PERFORMANCE, "{:.2f} CPU s a run", NIGHT, f"{SELLERS}, Airflow's processes, CPU a run"),
    Said(PERFORMANCE, "{:.2f} in PostgreSQL", NIGHT, f"{SELLERS}, PostgreSQL (both databases), CPU a run"),
    Said(PERFORMANCE, "at most {:,.0f} MiB", NIGHT, f"{SELLERS}, Airflow's processes, peak memory"),
    Said(PERFORMANCE, "known as such after | {:.3f} s", TROUBLE, f"{REVOKED}, this project, known as such, wall"),
    Said(PERFORMANCE, "s, {:.0f} call |", TROUBLE, f"{REVOKED}, this project, calls until then"),
    Said(PERFORMANCE, "| {:.3f} s, 1 call |", TROUBLE, f"{REVOKED}, {PEER}, known as such, wall"),
    Said(PERFORMANCE, "next orders after | {:.3f} s", TROUBLE, f"{DYING}, this project, next orders, wall"),
    Said(PERFORMANCE, "s, {:.0f} calls |", TROUBLE, f"{DYING}, this project, calls until then"),
    Said(
        PERFORMANCE,
        "| This project, to the tables | {:.1f} s |",
        BESIDE,
        "10,000 orders, this project, to the tables, whole process, CPU",
    ),
    Said(
        PERFORMANCE,
        "| amzn-selling-partner, only reads | {:.1f} s |",
        BESIDE,
        "10,000 orders, amzn-selling-partner, only reads, whole process, CPU",
    ),
    Said(
        PERFORMANCE,
        "| amzn-sp-api with one configuration for all its objects, only reads | {:.1f} s |",
        BESIDE,
        "10,000 orders, amzn-sp-api mended, only reads, whole process, CPU",
    ),
    Said(
        PERFORMANCE,
        "only reads, 1,000 orders | {:.1f} s |",
        BESIDE,
        "1,000 orders, amzn-sp-api as shipped, only reads, whole process, CPU",
    ),
    Said(PERFORMANCE, "takes {:.2f} times", BESIDE, "10,000 orders, CPU over the fastest that only reads"),
]


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.name)
def test_a_figure_in_a_document_is_the_one_that_was_measured(said: Said) -> None:
    figures = json.loads((PROJECT_ROOT / "bench" / said.results).read_text(encoding="utf-8"))["figures"]
    (median,) = [figure["median"] for figure in figures if figure["name"] == said.name]
    text = " ".join((PROJECT_ROOT / said.document).read_text(encoding="utf-8").split())
    assert said.words.format(median) in text


def test_every_line_of_the_readmes_table_is_compared() -> None:
    table = (PROJECT_ROOT / README).read_text(encoding="utf-8").split("## Measured", 1)[1].split("## ", 1)[0]
    lines = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| |")]
    compared = {line for line in lines for said in SAID if said.words.split("{")[0] in line}
    assert [line for line in lines if line not in compared] == []
