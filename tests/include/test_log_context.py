"""Seller and window beside a line's text, for as long as a block lasts."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from include.log_context import JsonLines, of_seller, of_window

WINDOW = SimpleNamespace(
    window_start_utc=datetime(2026, 10, 5, 3, tzinfo=UTC), window_end_utc=datetime(2026, 10, 6, 3, 15, tzinfo=UTC)
)


def written(text: str, *values: object, error: BaseException | None = None) -> dict[str, object]:
    """A line as the formatter writes it."""
    problem = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("include.orders.extract", logging.WARNING, "extract.py", 7, text, values, problem)
    line = JsonLines().format(record)
    assert "\n" not in line
    return json.loads(line)


def test_a_line_names_seller_and_window_inside_their_blocks_and_nobody_after():
    with of_seller("acme"):
        with of_window(WINDOW):
            inside = written("Page %d: %d orders", 3, 100)
        between = written("is up to date")
    after = written("nothing")
    assert inside["event"] == "Page 3: 100 orders"
    assert (inside["level"], inside["logger"]) == ("warning", "include.orders.extract")
    assert datetime.fromisoformat(str(inside["timestamp"])).tzinfo
    assert (inside["window_start_utc"], inside["window_end_utc"]) == ("2026-10-05T03:00:00Z", "2026-10-06T03:15:00Z")
    assert (between["seller_id"], "window_start_utc" in between) == ("acme", False)
    assert "seller_id" not in after


def test_what_is_about_nobody_names_nobody_and_keeps_who_was_named_outside():
    with of_seller(None):
        assert "seller_id" not in written("Nobody is asked for")
    with of_seller("acme"), of_seller(None):
        assert written("x")["seller_id"] == "acme"


def test_a_block_that_fails_leaves_no_name_behind():
    with pytest.raises(ValueError, match="boom"), of_seller("acme"), of_window(WINDOW):
        raise ValueError("boom")
    assert {"seller_id", "window_start_utc"} & written("x").keys() == set()


def test_of_an_error_the_class_is_written_and_never_its_text():
    line = written("A defect", error=RuntimeError("postgresql://loader:hush@warehouse"))
    assert line["error"] == "RuntimeError"
    assert "hush" not in json.dumps(line)
