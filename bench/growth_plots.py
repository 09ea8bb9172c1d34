"""The plots of growth, from whatever parts of bench/results.json have measured a size."""

from __future__ import annotations

import re

from bench.growth import MILLION_PART, PART
from bench.load import PART as LOAD
from bench.night import PART as NIGHT
from bench.plot import Point, Series, log_log
from bench.results import Results, figures_of

ORDERS, SELLERS = "growth_orders.svg", "growth_sellers.svg"
CPU = r"([\d,]+) orders(?: \([\d,]+ lines\))?, whole process with imports, CPU"
MEMORY = r"([\d,]+) orders(?: \([\d,]+ lines\))?, peak memory"
NIGHT_S = r"([\d,]+) sellers? with \d+ orders each, first trigger to last run done, wall"
NIGHT_MIB = r"([\d,]+) sellers? with \d+ orders each, Airflow's processes, peak memory"


def plots(results: Results) -> dict[str, str]:
    """Draw each plot that has sizes to draw.

    Returns:
        SVG documents by file name.
    """
    orders = (LOAD, PART, MILLION_PART)
    nights = (PART, NIGHT)
    wanted = {
        ORDERS: ("Loading orders, without Airflow", "orders", orders, ("CPU of the process, s", CPU), MEMORY),
        SELLERS: (
            "A night in Airflow, 30 orders a seller",
            "sellers",
            nights,
            ("time until all is done, s", NIGHT_S),
            NIGHT_MIB,
        ),
    }
    drawn = {}
    for file, (title, x_name, parts, (time_name, time), memory) in wanted.items():
        series = [
            Series(time_name, points(results, parts, time)),
            Series("peak memory, MiB", points(results, parts, memory)),
        ]
        if all(one.points for one in series):
            drawn[file] = log_log(title, x_name, series)
    return drawn


def points(results: Results, parts: tuple[str, ...], pattern: str) -> list[Point]:
    """The medians of the figures with such names over the sizes in them; of one size, the last part's."""
    found = {}
    for part in parts:
        for figure in figures_of(results, part):
            if match := re.fullmatch(pattern, figure.name):
                found[float(match[1].replace(",", ""))] = figure.median
    return sorted(found.items())
