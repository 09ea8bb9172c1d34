"""What a run of all sellers brought: a table for people, `summary.json` for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from include.clock import format_utc
from include.local_stack.runs import RunOutcome
from include.local_stack.truth import Comparison

HEADINGS = (
    "seller",
    "region",
    "status",
    "orders",
    "items",
    "rejected",
    "data complete through",
    "seconds",
    "as at Amazon",
)


def table(outcomes: Sequence[RunOutcome], comparisons: Mapping[str, Comparison]) -> list[str]:
    """Return the lines of a table, one a seller, numbers to the right."""
    rows = [HEADINGS, *(_row(outcome, comparisons[outcome.seller.seller_id]) for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    numbers = {HEADINGS.index(name) for name in ("orders", "items", "rejected", "seconds")}
    return [
        "  ".join(
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _row(outcome: RunOutcome, comparison: Comparison) -> tuple[str, ...]:
    through = comparison.complete_through_utc
    return (
        outcome.seller.seller_id,
        outcome.seller.region,
        f"failed in {outcome.failed_task}" if outcome.failed_task else outcome.state,
        f"{comparison.orders:,}",
        f"{comparison.items:,}",
        f"{comparison.rejected:,}",
        format_utc(through) if through else "-",
        f"{outcome.seconds:.1f}",
        {True: "yes", False: "NO", None: "-"}[comparison.equal],
    )


def write_summary(
    path: Path, outcomes: Sequence[RunOutcome], comparisons: Mapping[str, Comparison], seconds_to_ready: float
) -> bool:
    """Write the facts as JSON; true where there was a run, every run succeeded and no table differs from the truth.

    Args:
        path: Where to.
        outcomes: The runs.
        comparisons: By seller id.
        seconds_to_ready: From the start of the program to all tables loaded and compared.
    """
    sellers = [_facts(outcome, comparisons[outcome.seller.seller_id]) for outcome in outcomes]
    summary = {"sellers": sellers, "seconds_to_ready": round(seconds_to_ready, 1)}
    half = path.with_suffix(".half")
    half.write_text(json.dumps(summary, indent=2) + "\n")
    half.replace(path)
    return bool(sellers) and all(
        seller["run_state"] == "success" and seller["amount_equal"] is not False for seller in sellers
    )


def _facts(outcome: RunOutcome, comparison: Comparison) -> dict[str, object]:
    return {
        "seller_id": outcome.seller.seller_id,
        "run_state": outcome.state,
        "orders": comparison.orders,
        "items": comparison.items,
        "rejected": comparison.rejected,
        "truth_orders": comparison.truth_orders,
        "truth_items": comparison.truth_items,
        "amount_equal": comparison.equal,
        "seconds": round(outcome.seconds, 1),
    }
