"""How one variable is read: trimmed, checked, and refused with its name and what is expected."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from include.errors import SettingsError

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
# What may stand in a file that NAME_FILE names, as containers are given secrets.
SECRETS = (
    "WAREHOUSE_DSN",
    "SECRET_KEY",
    "OLD_SECRET_KEYS",
    "PERSONAL_DATA_KEY",
    "AMAZON_CLIENT_SECRET",
    "AIRFLOW_API_PASSWORD",
    "UI_PASSWORD",
)


def environment(environ: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Return the environment, or the mapping that stands for it, with each secret that only its file holds.

    Raises:
        SettingsError: A file that is named cannot be read.
    """
    given = os.environ if environ is None else environ
    named = {name.removesuffix("_FILE"): path for name, path in given.items() if name.endswith("_FILE") and path}
    files = {name: path for name, path in named.items() if name in SECRETS and not given.get(name)}
    return {**given, **{name: _content(name, path) for name, path in files.items()}} if files else given


def _content(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{name}_FILE is {path!r}, which cannot be read ({type(error).__name__}).") from None


def require_address(name: str, address: str) -> None:
    """Refuse what is no http address, and http to another machine: credentials travel there."""
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"{name} is {address!r}; expected an address that starts with https:// or http://.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise SettingsError(f"{name} is {address!r}; expected https, because credentials travel there.")


def is_on_this_machine(address: str) -> bool:
    """Tell whether an address is on loopback."""
    return urlsplit(address).hostname in LOOPBACK_HOSTS


def number(environ: Mapping[str, str], name: str, default: float, *, least: float) -> float:
    """Read a number, at least `least`; the default where nothing stands."""
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number < float("inf"):
        raise SettingsError(f"{name} is {text!r}; expected a number, at least {least:g}.")
    return number


def whole_number(environ: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    """Read a whole number within its bounds; the default where nothing stands."""
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or not least <= int(text) <= most:
        raise SettingsError(f"{name} is {text!r}; expected a whole number from {least} to {most}.")
    return int(text)


def words(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Read words with commas between; none where nothing stands."""
    return tuple(word.strip() for word in environ.get(name, "").split(",") if word.strip())


def yes_or_no(environ: Mapping[str, str], name: str, default: bool) -> bool:
    """Read `yes` or `no`; the default where nothing stands."""
    text = environ.get(name, "").strip().lower()
    if text not in ("", "yes", "no"):
        raise SettingsError(f"{name} is {text!r}; expected yes or no.")
    return text == "yes" if text else default
