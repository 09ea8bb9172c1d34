"""The fields of an entry, one line each: how its text is read, and what a message says is expected.

A reader takes one text and returns its meaning, None where it has none. What concerns several fields or the whole
list is `entry`'s business.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from include.sellers.marketplaces import by_country, country_codes
from include.sellers.regions import REGIONS

_ID: Final = re.compile(r"(?!entry_[0-9]+\Z)[a-z0-9_]{1,40}")
_EMAIL: Final = re.compile(r"""[^\s@<>()\[\],;:\\"]+@(?:[^\s@<>()\[\],;:\\".]+\.)+[^\s@<>()\[\],;:\\".]+""")
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Area/City and UTC only: shorter names are old aliases, or, like "localtime", differ from machine to machine.
_ZONE: Final = re.compile(r"UTC|[A-Z][A-Za-z0-9_+-]{1,30}(?:/[A-Z][A-Za-z0-9_+-]{1,30}){1,2}")
_FIRST_DAY: Final = date(2016, 1, 1)
_LAST_DAY: Final = date(2049, 12, 31)
_YES_NO: Final = {"no": False, "yes": True}


def as_id(text: str) -> str | None:
    """Read an id: lower case, so that no two differ only by case; `entry_<number>` is kept for broken entries."""
    return text if _ID.fullmatch(text) else None


def as_name(text: str) -> str | None:
    """Read a display name; it ends up in subjects of mails, so that line breaks must not get in."""
    name = text.strip()
    breaks = not name.isprintable() and any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in name)
    return name if 1 <= len(name) <= 80 and not breaks else None


def as_email(text: str) -> str | None:
    """Read a mail address; only what no mail server could deliver, or what smuggles a header in, is refused."""
    return text if len(text) <= 254 and text.isprintable() and _EMAIL.fullmatch(text) else None


def as_time(text: str) -> time | None:
    """Read a time of day, HH:MM."""
    match = _TIME.fullmatch(text)
    return time(int(match[1]), int(match[2])) if match else None


def as_date(text: str) -> date | None:
    """Read a day, YYYY-MM-DD; one outside the years 2016 to 2049 is taken for a slip."""
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None
    return day if day and _FIRST_DAY <= day <= _LAST_DAY else None


@lru_cache(maxsize=1024)
def as_zone(text: str) -> str | None:
    """Read the name of an IANA time zone that this machine knows."""
    if not _ZONE.fullmatch(text):
        return None
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    return text


def one_of(*words: str) -> Callable[[str], str | None]:
    """Make a reader that accepts exactly these words."""
    return lambda text: text if text in words else None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an entry.

    Attributes:
        name: As in the file.
        read: Text to meaning; None refuses it.
        expected: What a message asks for.
        many: Whether the value is a list, each item of which `read` takes.
        required: Whether it has to be there.
        default: Its meaning when it is not.
    """

    name: str
    read: Callable[[str], Any]
    expected: str
    many: bool = False
    required: bool = True
    default: Any = None


FIELDS: Final[tuple[Field, ...]] = (
    Field("id", as_id, "1 to 40 of the characters a-z, 0-9 and _, and not entry_<number>"),
    Field("name", as_name, "1 to 80 characters without control characters"),
    Field("region", one_of(*REGIONS), f"one of {', '.join(REGIONS)}"),
    Field("marketplaces", by_country, f"country codes out of {', '.join(country_codes())}", many=True),
    Field("contacts", as_email, "mail addresses like anna@shop.example", many=True),
    Field("language", one_of("de", "en"), "one of de, en"),
    Field("timezone", as_zone, "a time zone like Europe/Berlin"),
    Field("run_at", as_time, 'a time from 00:00 to 23:59 like "03:15", or no such line', required=False),
    Field("start_date", as_date, "a day like 2026-09-01, from 2016 to 2049, or no such line", required=False),
    Field("authorization", one_of("public", "private"), "public or private", required=False, default="public"),
    Field("personal_data", _YES_NO.get, "no or yes", required=False, default=False),
)
