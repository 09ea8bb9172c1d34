"""How one variable is read: trimmed, checked, and refused with its name and what is expected."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from include.errors import SettingsError

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


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


def yes_or_no(environ: Mapping[str, str], name: str, default: bool) -> bool:
    """Read `yes` or `no`; the default where nothing stands."""
    text = environ.get(name, "").strip().lower()
    if text not in ("", "yes", "no"):
        raise SettingsError(f"{name} is {text!r}; expected yes or no.")
    return text == "yes" if text else default
