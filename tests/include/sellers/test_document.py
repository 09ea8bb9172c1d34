"""A file that is unusable as a whole ends in one error that says where; nothing else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from include.errors import SettingsError
from include.sellers import document
from include.sellers.document import described, read_entries, read_text, shown


@pytest.fixture(params=["CBaseLoader", "BaseLoader"], autouse=True)
def either_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test here runs with the parser written in C and with the one that stands in where there is none."""
    monkeypatch.setattr(document, "_LOADER", getattr(yaml, request.param))


WHOLE_FILE = [
    ("a colon too many", "sellers:\n  - id: a: b\n", "line 2, column 10: .*mapping values are not allowed"),
    ("a bracket that stays open", "sellers:\n  - id: [a\n", "line [23], column [0-9]+: "),
    ("a tab as indentation", "sellers:\n\t- id: a\n", "line 2, column 1: .*cannot start any token"),
    ("an alias to nothing", "sellers:\n  - id: *a\n", "line 2, column 9: found undefined alias 'a'"),
    ("a control character", "sellers:\n  - id: ä\x07\n", "line 2, column 10: .*characters are not allowed"),
    ("a character that is none", "sellers: \x00", "line 1, column 10: .*characters are not allowed"),
    ("a second document", "sellers: []\n---\nsellers: []\n", "line 2, column 1: expected one document"),
    ("nothing", "", "it is empty; expected a list named sellers"),
    ("only a comment", "# sellers: []\n", "it is empty"),
    ("a text", "sellers", "line 1, column 1: expected a list named sellers"),
    ("a list at the top", "- id: a\n", "line 1, column 1: expected a list named sellers"),
    ("an empty mapping", "{}", "line 1, column 1: expected a list named sellers"),
    ("another key", "sellers: []\ndefaults: {}\n", "line 2, column 1: 'defaults' is no part of this file"),
    ("the key in capitals", "Sellers: []\n", "line 1, column 1: 'Sellers' is no part of this file"),
    ("a list as key", "? [sellers]\n: []\n", "is no part of this file"),
    ("sellers twice", "sellers: []\nsellers: []\n", "line 2, column 1: sellers is given twice"),
    ("sellers with nothing under it", "sellers:\n", r"sellers is no list; expected entries, or \[\] for none"),
    ("sellers as a mapping", "sellers:\n  acme: {}\n", "line 2, column 3: sellers is no list"),
    ("nesting without end", "sellers: [{a: " + "[" * 500 + "]" * 500 + "}]", "more than 20 levels of nesting"),
    ("an escape beyond Unicode", 'sellers: ["\\UFFFFFFFF"]', "not usable: .*[Uu]nicode"),
]


@pytest.mark.parametrize(("text", "told"), [w[1:] for w in WHOLE_FILE], ids=[w[0] for w in WHOLE_FILE])
def test_a_file_of_another_kind_is_an_error_that_says_where_and_what(file: Path, text: str, told: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=told) as caught:
        read_entries(file, read_text(file))
    assert str(file) in str(caught.value)
    assert caught.value.remedy.startswith("Correct ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["sellers: *" + "a" * 5000, "sellers: !" + "a" * 5000 + "!b []"])
def test_an_error_quotes_a_long_line_only_in_part(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_entries(file, read_text(file))
    assert len(str(caught.value)) < 600 + 2 * len(str(file))


def test_a_file_that_is_no_utf_8_names_the_line(file: Path) -> None:
    file.write_bytes("sellers:\n- name: Großmarkt\n".encode("latin-1"))
    with pytest.raises(SettingsError, match="not UTF-8 text: line 2 ") as caught:
        read_entries(file, read_text(file))
    assert caught.value.remedy == f"Save {file} as UTF-8."


def test_a_file_that_is_not_there_is_an_error_that_names_it_and_the_setting(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read: No such file") as caught:
        read_entries(file, read_text(file))
    assert str(file) in str(caught.value)
    assert "SELLERS_FILE" in caught.value.remedy


def test_a_folder_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read: Is a directory"):
        read_text(tmp_path)


def test_an_editors_byte_order_mark_does_not_matter(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfsellers: []\r\n")
    assert read_entries(file, read_text(file)) == []


def test_entries_come_as_typed_with_their_position_and_line(file: Path) -> None:
    file.write_text("sellers:\n  - id: no\n    at: 12:30\n    at: '~'\n\n  - {day: 2026-01-01, of: [1.0, ~]}\n")
    first, second = read_entries(file, read_text(file))
    assert (first.position, first.line, second.position, second.line) == (1, 2, 2, 6)
    assert first.content == [("id", "no"), ("at", "12:30"), ("at", "~")]
    assert second.content == [("day", "2026-01-01"), ("of", ("1.0", None))]


def test_an_alias_means_what_its_anchor_means(file: Path) -> None:
    file.write_text("sellers:\n- {a: &x y, b: *x, c: &l [*x], d: *l, e: [*l], f: {g: &deep z}, h: *deep}\n")
    (entry,) = read_entries(file, read_text(file))
    values: dict[str, Any] = dict(entry.content)  # type: ignore[arg-type]
    assert (values["b"], values["d"], values["h"]) == ("y", ("y",), "z")
    assert values["e"] == (document.Nested.LIST,)


@pytest.mark.parametrize("text", ["", "a", "it's", "\n" * 200, "'\"" * 50, "\U0010ffff" * 70, "x" * 60, "x" * 61])
def test_a_quoted_text_is_one_line_of_at_most_sixty_characters(text: str) -> None:
    assert len(shown(text)) <= 60
    assert shown(text).isprintable()


def test_values_are_described_in_words() -> None:
    words = [described(value) for value in ("x", "", None, (), document.Nested.MAPPING)]
    assert words == ["'x'", "''", "empty", "a list", "a mapping"]
