"""From the bytes of `sellers.yaml` to raw entries: every value is the text that somebody typed.

YAML would turn `no` into False and `12:30` into 750; here nothing is converted, so that a message can quote the file.
What is not the file's shape ends here as an error with line and column; what is wrong inside one entry is left to
`entry`. The parser's events are read as they come: three times as fast as a tree, and a value that is nested without
end cannot exhaust the stack. Every task reads the whole file before it starts, so that plain text, which is nearly
every event, is looked at first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

from include.errors import SettingsError

_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_DEEPEST: Final = 20


class Nested(Enum):
    """A list or mapping where only text can be meant; its content does not matter."""

    LIST = "a list"
    MAPPING = "a mapping"


Item = str | Nested | None
Value = Item | tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class RawEntry:
    """One item under `sellers:`, as typed.

    Attributes:
        position: 1 for the first entry of the file.
        line: Line where it starts, from 1.
        content: Its fields in file order, a key as often as it was given; or, for an item that is no mapping, what
            it is instead, in words.
    """

    position: int
    line: int
    content: list[tuple[str, Value]] | str


def shown(text: str) -> str:
    """Quote text for a message: on one line, without control characters, at most 60 characters."""
    quoted = repr(text[:60])
    return quoted if len(text) <= 60 and len(quoted) <= 60 else f"{quoted[:56]}...'"


def described(value: Value) -> str:
    """Say in words what stands in the file, for the middle of a sentence."""
    if isinstance(value, str):
        return shown(value)
    if value is None:
        return "empty"
    return value.value if isinstance(value, Nested) else Nested.LIST.value


def read_entries(path: Path, text: str) -> list[RawEntry]:
    """Read the items of the top-level list `sellers`, in file order.

    Args:
        path: The file, for messages.
        text: What `read_text` found in it.

    Raises:
        SettingsError: It is no YAML, or is not one mapping with the list `sellers` and nothing else; with line and
            column where there is one.
    """
    try:
        return _Document(path, text).entries()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else None
        _refuse(path, " ".join(part for part in (error.context, error.problem) if part), place)
    except yaml.reader.ReaderError as error:
        # Its position counts bytes or characters, depending on the parser; the file tells the place by itself.
        found = yaml.reader.Reader.NON_PRINTABLE.search(text)
        before = text[: found.start()] if found else ""
        _refuse(path, error.reason, (before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1))
    except (ValueError, OverflowError):  # the parser written in Python, on escapes beyond Unicode's end
        _refuse(path, "it holds an escape that is no Unicode character")


def read_text(path: Path) -> str:
    """Return the file's text.

    Raises:
        SettingsError: It cannot be read, or is not UTF-8.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"The sellers' file {path} cannot be read: {error.strerror or type(error).__name__}.",
            remedy="Put it there, or point SELLERS_FILE at it.",
        ) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            f"The sellers' file {path} is not UTF-8 text: line {line} holds a byte that is none.",
            remedy=f"Save {path} as UTF-8.",
        ) from error


def _refuse(path: Path, problem: str, place: tuple[int, int] | None = None) -> NoReturn:
    """Raise the error of a file that is not usable as a whole; `place` is line and column, both from 1.

    Raises:
        SettingsError: Always; it replaces the parser's error, whose text can quote the file without bound.
    """
    where = "line {}, column {}: ".format(*place) if place else ""
    which = f"line {place[0]} of {path}" if place else f"{path}"
    raise SettingsError(
        f"The sellers' file {path} is not usable: {where}{' '.join(problem.split())[:200]}.",
        remedy=f"Correct {which}; until then no seller can be read.",
    ) from None


class _Document:
    """The events of one file, and the anchors met so far."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._next: Callable[[], Any] = _LOADER(text).get_event
        self._anchors: dict[str, Value] = {}

    def entries(self) -> list[RawEntry]:
        self._next()  # the stream starts
        if isinstance(self._next(), yaml.StreamEndEvent):
            _refuse(self._path, "it is empty; expected a list named sellers")
        root = self._next()
        if not isinstance(root, yaml.MappingStartEvent):
            self._refuse("expected a list named sellers at the top", root)
        entries = self._top_level()
        self._next()  # the document ends
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            self._refuse("expected one document, but a second one starts", after)
        if entries is None:
            self._refuse("expected a list named sellers at the top", root)
        return entries

    def _top_level(self) -> list[RawEntry] | None:
        entries: list[RawEntry] | None = None
        for key in self._until(yaml.MappingEndEvent):
            name = self._key(key)
            if name != "sellers":
                self._refuse(f"{shown(name)} is no part of this file; expected only sellers", key)
            if entries is not None:
                self._refuse("sellers is given twice", key)
            value = self._next()
            if not isinstance(value, yaml.SequenceStartEvent):
                self._refuse("sellers is no list; expected entries, or [] for none", value)
            starts = enumerate(self._until(yaml.SequenceEndEvent), start=1)
            entries = [RawEntry(n, event.start_mark.line + 1, self._content(event)) for n, event in starts]
        return entries

    def _content(self, event: Any) -> list[tuple[str, Value]] | str:
        if isinstance(event, yaml.AliasEvent):
            return "an alias"
        if not isinstance(event, yaml.MappingStartEvent):
            return described(self._value(event))
        if event.anchor:
            self._anchors[event.anchor] = Nested.MAPPING
        return self._fields()

    def _fields(self) -> list[tuple[str, Value]]:
        # The loop that every event of a right file goes through: plain text is looked at first, without a call.
        next_event, scalar, fields = self._next, yaml.ScalarEvent, list[tuple[str, Value]]()
        while not isinstance(key := next_event(), yaml.MappingEndEvent):
            name = key.value if isinstance(key, scalar) else self._key(key)
            value = next_event()
            fields.append((name, self._scalar(value) if isinstance(value, scalar) else self._value(value)))
        return fields

    def _key(self, event: Any) -> str:
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value)
        return described(self._value(event))

    def _value(self, event: Any) -> Value:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.AliasEvent):
            return self._anchored(event)
        if not isinstance(event, yaml.SequenceStartEvent):
            return self._item(event)
        anchor = event.anchor
        if anchor:
            self._anchors[anchor] = Nested.LIST  # what a list that contains itself finds
        items = tuple(self._item(item) for item in self._until(yaml.SequenceEndEvent))
        if anchor:
            self._anchors[anchor] = items
        return items

    def _item(self, event: Any) -> Item:
        """Read what must be text, and pass over whatever it is instead."""
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        item = self._shape(event)
        depth = int(isinstance(event, yaml.CollectionStartEvent))
        while depth:
            inner = self._next()
            if isinstance(inner, yaml.CollectionEndEvent):
                depth -= 1
                continue
            self._shape(inner)
            depth += isinstance(inner, yaml.CollectionStartEvent)
            if depth > _DEEPEST:
                self._refuse(f"expected no more than {_DEEPEST} levels of nesting", inner)
        return item

    def _shape(self, event: Any) -> Item:
        if isinstance(event, yaml.AliasEvent):
            value = self._anchored(event)
            return Nested.LIST if isinstance(value, tuple) else value
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        nested = Nested.LIST if isinstance(event, yaml.SequenceStartEvent) else Nested.MAPPING
        if event.anchor:
            self._anchors[event.anchor] = nested
        return nested

    def _scalar(self, event: Any) -> str | None:
        text: str | None = None if not event.style and event.value in _NULLS else event.value
        if event.anchor:
            self._anchors[event.anchor] = text
        return text

    def _anchored(self, alias: Any) -> Value:
        if alias.anchor not in self._anchors:
            self._refuse(f"found undefined alias {shown(alias.anchor)}", alias)
        return self._anchors[alias.anchor]

    def _refuse(self, problem: str, event: Any) -> NoReturn:
        _refuse(self._path, problem, (event.start_mark.line + 1, event.start_mark.column + 1))

    def _until(self, end: type) -> Iterator[Any]:
        next_event = self._next
        while not isinstance(event := next_event(), end):
            yield event
