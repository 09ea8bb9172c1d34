"""Lets Airflow's api-server know a thousand sellers' tokens: it masks them in its logs, and still does.

Airflow 3.3.2 compiles one regular expression of all secrets it has seen, anew for each it sees first: a cost that grows
with the square of the Connections (620 of them took 240 s of CPU and 1 GB). The secrets are plain text, so they are
looked for as such here, the longest first, and nothing is compiled. It can go when Airflow no longer compiles them.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from types import SimpleNamespace
from typing import Any, Final

# Airflow keeps two copies of its masker, one for itself and one for tasks.
MASKERS: Final = ("airflow._shared.secrets_masker.secrets_masker", "airflow.sdk._shared.secrets_masker.secrets_masker")


class PlainTexts:
    """What Airflow takes for the compiled expression.

    Args:
        known: The secrets, which others may add to meanwhile.
    """

    def __init__(self, known: Collection[str]) -> None:
        self._known = known

    def sub(self, replacement: str, text: str) -> str:
        """Return the text with every secret in it replaced; one that holds another goes first, and whole."""
        found = [secret for secret in tuple(self._known) if secret in text]
        for secret in sorted(found, key=len, reverse=True):
            text = text.replace(secret, replacement)
        return text


class _Replacer:
    """Stands where the masker keeps its expression, and needs none."""

    def __get__(self, masker: Any, _owner: type) -> PlainTexts | None:
        return PlainTexts(masker.patterns) if masker is not None and masker.patterns else None

    def __set__(self, _masker: Any, _compiled: object) -> None:
        """Forget what Airflow would keep."""


def look_for_secrets_as_plain_text() -> None:
    """Change both maskers of this process, before they know anything or after."""
    for name in MASKERS:
        module: Any = import_module(name)
        masker, kept = module._secrets_masker(), module.re  # noqa: SLF001 - it has no other door
        if isinstance(kept, SimpleNamespace):
            continue
        known, masker.patterns = masker.patterns, set()
        masker.__dict__.pop("replacer", None)
        module.SecretsMasker.replacer = _Replacer()
        # Nothing is escaped and nothing is compiled; all else of `re` stays.
        mine = {"escape": lambda text: text, "compile": lambda _joined: None}
        module.re = SimpleNamespace(**{**vars(kept), **mine})
        masker.patterns |= {_unescaped(pattern) for pattern in known}


def _unescaped(pattern: str) -> str:
    parts = pattern.split("\\\\")
    return "\\".join(part.replace("\\", "") for part in parts)
