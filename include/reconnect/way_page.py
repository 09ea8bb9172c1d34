"""A stop on the way through Amazon's page and back: a title, a few sentences, at most one thing to do.

The sentences stand in `way.de.toml` and `way.en.toml`, one table a stop.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from include.notifications.words import one_line
from include.reconnect.start_page import environment
from include.sellers.seller import Language

_TEMPLATES: Final = Path(__file__).parent / "templates"
WORDS: Final[Mapping[str, Mapping[str, Any]]] = {
    language: tomllib.loads((_TEMPLATES / f"way.{language}.toml").read_text(encoding="utf-8"))
    for language in ("de", "en")
}


def way_page(
    stop: str,
    language: Language | None,
    *,
    facts: Mapping[str, str] | None = None,
    go_to: str = "",
    copy: str = "",
    post_to: str = "",
    hidden: Mapping[str, str] | None = None,
) -> str:
    """Write a stop's page.

    Args:
        stop: One of the tables.
        language: The page's, None for both below each other.
        facts: What the sentences name: shop, app, central.
        go_to: Where its one link leads.
        copy: An address to copy into another browser.
        post_to: Where its one button posts to.
        hidden: What it posts.
    """
    named = {"shop": "", "app": "", "central": ""} | {k: one_line(v) for k, v in (facts or {}).items()}
    parts = []
    for each in ("de", "en") if language is None else (language,):
        words = WORDS[each][stop]
        sentences = [sentence.format(**named) for sentence in words["sentences"]]
        parts.append((each, words["title"].format(**named), sentences, words.get("button", "")))
    return environment.get_template("way.html").render(
        language=language or "de", parts=parts, go_to=go_to, copy=copy, post_to=post_to, hidden=hidden or {}
    )
