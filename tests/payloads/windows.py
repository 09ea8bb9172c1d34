"""A window as its row says, for tests that need one without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from include.orders.planning import Purpose
from include.orders.windows import Window

START = datetime(2026, 10, 1, tzinfo=UTC)
END = datetime(2026, 10, 5, 11, 58, tzinfo=UTC)


def a_window(**changes: Any) -> Window:
    """A nightly window of acme's that has no page yet; keywords replace fields."""
    bounds = {"window_start_utc": START, "window_end_utc": END, "complete_through_utc": END, "opened_utc": END}
    facts = {
        "window_id": 1,
        "seller_id": "acme",
        "purpose": Purpose.NIGHTLY,
        "marketplace_ids": ["A1PA6795UKMFR9"],
        "included_data": ["PROCEEDS"],
        "expected_orders": None,
        "settled_before_utc": START,
        "next_token": None,
        "next_token_utc": None,
        "pages": 0,
    }
    return Window(**{**bounds, **facts, **changes})
