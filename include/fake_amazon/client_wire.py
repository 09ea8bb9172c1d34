"""How the control API's client asks: JSON over HTTP on loopback, with the standard library only."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

_TIMEOUT_S = 30.0
# A proxy of the environment has no business between two processes of one machine.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class FakeAmazonError(RuntimeError):
    """The fake Amazon refused a wish, in its own words, or is not there."""


class Wire:
    """A connection to a running fake Amazon.

    Args:
        base_url: Its address, such as `http://127.0.0.1:8650`.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Send a JSON value, None for nothing, and return the JSON of the answer.

        Raises:
            FakeAmazonError: It refuses, or does not answer.
        """
        return self.send(method, path, None if body is None else json.dumps(body, ensure_ascii=False).encode())

    def send(self, method: str, path: str, body: bytes | None) -> Any:
        """As `ask`, with a body that is JSON text already."""
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.base_url + path, body, headers, method=method)  # noqa: S310 - own address
        try:
            with _open(request, timeout=_TIMEOUT_S) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise FakeAmazonError(_sentence(error.read()) or f"{method} {path}: status {error.code}") from error
        except OSError as error:
            raise FakeAmazonError(f"No fake Amazon answers at {self.base_url}: {error}.") from error


def _sentence(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return ""


def shop_path(shop_id: str, *rest: str) -> str:
    """The control API's path to a shop, or to something of it."""
    return "/".join(["/control/shops", *(quote(part, safe="") for part in (shop_id, *rest))])


def instant_text(instant: datetime | None) -> str | None:
    """An instant as the control API reads it, in UTC.

    Raises:
        ValueError: It has no time zone.
    """
    if instant is None:
        return None
    if instant.tzinfo is None:
        raise ValueError("An instant needs its time zone.")
    return instant.astimezone(UTC).isoformat()
