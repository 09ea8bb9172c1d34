"""From one raw entry to a seller's values, or to everything that is wrong with it, all at once.

Nothing here raises: an entry that somebody broke must leave every other entry alone.
"""

from __future__ import annotations

import difflib
import re
from typing import Any, Final

from include.sellers.document import RawEntry, Value, described, shown
from include.sellers.fields import FIELDS, Field, as_id
from include.sellers.marketplaces import Marketplace, country_codes
from include.sellers.regions import REGIONS
from include.sellers.seller import Problem

_NAMES: Final = tuple(field.name for field in FIELDS)
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")


def read_id(raw: RawEntry) -> str | None:
    """Read the id of one entry and nothing else; None where `read_entry` has no value for it either."""
    given = [value for name, value in raw.content if name == "id"] if isinstance(raw.content, list) else []
    return as_id(given[0]) if len(given) == 1 and isinstance(given[0], str) else None


def read_entry(raw: RawEntry) -> tuple[dict[str, Any], list[Problem]]:
    """Read the values of one entry.

    Returns:
        The values by field name, of those fields that are right, with defaults for those left out; and the problems.
        Without problems there is a value for every field.
    """
    if isinstance(raw.content, str):
        return {}, [Problem("entry", raw.content, f"a mapping with the fields {', '.join(_NAMES)}")]
    given: dict[str, Value] = {}
    twice: dict[str, None] = {}
    for name, value in raw.content:
        if name in given:
            twice[name] = None
        given[name] = value
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for field in FIELDS:
        if field.name not in twice:
            problems += _read_field(field, given, values)
    problems += [Problem(_field_name(name), "given more than once", "it once") for name in twice]
    problems += [_unknown(name) for name in given if name not in _NAMES]
    return values, problems + _foreign_marketplaces(values)


def _read_field(field: Field, given: dict[str, Value], values: dict[str, Any]) -> list[Problem]:
    """Put the meaning of one field into `values`, or return why there is none."""
    if field.name not in given:
        values[field.name] = field.default
        return [Problem(field.name, "missing", field.expected)] if field.required else []
    value = given[field.name]
    if field.many:
        return _read_list(field, value, values)
    meaning = field.read(value) if isinstance(value, str) else None
    values[field.name] = meaning
    return [Problem(field.name, described(value), field.expected)] if meaning is None else []


def _read_list(field: Field, value: Value, values: dict[str, Any]) -> list[Problem]:
    if not isinstance(value, tuple):
        return [Problem(field.name, described(value), f"a list in square brackets: {field.expected}")]
    if not value:
        return [Problem(field.name, "an empty list", f"at least one: {field.expected}")]
    meanings: dict[Any, int] = {}
    problems = []
    for position, item in enumerate(value, start=1):
        meaning = field.read(item) if isinstance(item, str) else None
        if meaning is None:
            problems.append(Problem(field.name, described(item), field.expected, position))
        elif meaning in meanings:
            again = f"each once, and item {meanings[meaning]} is the same"
            problems.append(Problem(field.name, described(item), again, position))
        else:
            meanings[meaning] = position
    values[field.name] = tuple(meanings)
    return problems


def _foreign_marketplaces(values: dict[str, Any]) -> list[Problem]:
    region = values.get("region")
    if region not in REGIONS:
        return []
    marketplaces: tuple[Marketplace, ...] = values.get("marketplaces") or ()
    foreign = [marketplace for marketplace in marketplaces if marketplace.region != region]
    if not foreign:
        return []
    expected = f"marketplaces of region {region}: {', '.join(country_codes(region))}"
    return [
        Problem("marketplaces", f"{shown(m.country_code)}, which is in region {m.region}", expected) for m in foreign
    ]


def _field_name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else shown(name)


def _unknown(name: str) -> Problem:
    close = difflib.get_close_matches(name[:40].lower(), _NAMES, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return Problem(_field_name(name), "no field of a seller", f"one of {', '.join(_NAMES)}{hint}")
