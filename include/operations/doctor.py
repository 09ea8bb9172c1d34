"""Is everything set up? Looks at each part that a night, a lapse and a renewal need, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from include.consent.means import Means
from include.errors import SellerOrdersError
from include.operations import amazons_side, our_side, ways_out
from include.operations.finding import Finding, wrong

Check = Callable[[Means], Iterator[Finding]]
CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("Settings", our_side.settings),
    ("Sellers", our_side.sellers_file),
    ("Warehouse", our_side.warehouse),
    ("Raw pages", our_side.raw_pages),
    ("Buyers' data", our_side.personal_data),
    ("Airflow", our_side.airflow),
    ("DAGs", our_side.dags),
    ("Connections", our_side.connections),
    ("Application", amazons_side.application),
    ("Endpoints", amazons_side.endpoints),
    ("Clocks", amazons_side.clocks),
    ("Start page", ways_out.start_page),
    ("Redirect URI", ways_out.redirect_uri),
    ("Mail", ways_out.mail),
)
NAME_WIDTH: Final = max(len(name) for name, _ in CHECKS)


def examine(means: Means) -> Iterator[tuple[str, Finding]]:
    """Go through `CHECKS`; one that cannot be done is a finding too, and the next one follows.

    Yields:
        The check's name and what it found, as soon as it did.
    """
    for name, check in CHECKS:
        try:
            for finding in check(means):
                yield name, finding
        except SellerOrdersError as problem:
            yield name, wrong(str(problem))


def line_of(name: str, finding: Finding) -> str:
    """Write a finding as the terminal shows it; what is wrong stands out without colour too."""
    state = finding.state.upper() if finding.state == "wrong" else finding.state
    remedy = f"\n{'':{NAME_WIDTH + 9}}{finding.remedy}" if finding.remedy else ""
    return f"{state:<5}  {name:<{NAME_WIDTH}}  {finding.text}{remedy}"
