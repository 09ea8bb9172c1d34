"""Days in words, and names on one line: what every text for people needs, in mails and on pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from include.sellers.seller import Language

_MONTHS: Final[Mapping[Language, str]] = {
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "en": "January February March April May June July August September October November December",
}


def day_in_words(instant: datetime | None, timezone: str, language: Language) -> str:
    """Write the day of an instant in an IANA zone, such as `12. Oktober 2026`; "" for none."""
    if instant is None:
        return ""
    local = instant.astimezone(ZoneInfo(timezone))
    month = _MONTHS[language].split()[local.month - 1]
    return f"{local.day}{'.' if language == 'de' else ''} {month} {local.year}"


def moment_in_words(instant: datetime | None, timezone: str, language: Language) -> str:
    """Write an instant to the minute in an IANA zone, such as `12. Oktober 2026, 03:00 Uhr`; "" for none."""
    if instant is None:
        return ""
    clock = f"{instant.astimezone(ZoneInfo(timezone)):%H:%M}{' Uhr' if language == 'de' else ''}"
    return f"{day_in_words(instant, timezone, language)}, {clock}"


def one_line(text: str) -> str:
    """Put a text on one line, without what is not printable: line breaks, controls, marks that turn the direction."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
