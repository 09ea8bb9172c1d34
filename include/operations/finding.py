"""What a look at something found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        state: `ok`; `look`, where a person should know of it; `wrong`, where something will not work.
        text: What was found.
        remedy: What to do, "" where nothing is to be done.
    """

    state: Literal["ok", "look", "wrong"]
    text: str
    remedy: str = ""


def ok(text: str) -> Finding:
    """All is well."""
    return Finding("ok", text)


def look(text: str, remedy: str = "") -> Finding:
    """It works, or will; a person should know."""
    return Finding("look", text, remedy)


def wrong(text: str, remedy: str = "") -> Finding:
    """It does not work."""
    return Finding("wrong", text, remedy)
