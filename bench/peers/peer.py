"""A client that only reads, brought into one of the bench's situations: `peer.py CLIENT SITUATION < asked.json`.

CLIENT is a module here. Its `open_search(asked)` returns how it asks for one page: a pagination token in, the number of
orders and the next token out. Its `pages(asked)`, where it has one, reads all pages as its users let it wait. What
happened goes to stdout as one line of JSON. The standard library alone: every client has an environment of its own.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from waits import asked_for_s, shorten_waits

Document = dict[str, Any]
# So often is asked after the hourly token died.
TRIES = 3


def read(client: ModuleType, asked: Document) -> Document:
    """Read everything: what did that cost the process?"""
    orders = sum(_every_page(client, asked))
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    peak_mib = int(status["VmHWM"].split()[0]) / 1024
    return {"orders": orders, "process_cpu_s": time.process_time(), "peak_mib": peak_mib}


def wait(client: ModuleType, asked: Document) -> Document:
    """Read everything under Amazon's limits: how long until the last page, or until the client gives up?"""
    pages = getattr(client, "pages", None)
    orders, error, begun_s = 0, "", time.perf_counter()
    took = _took(begun_s)
    try:
        for page in pages(asked) if pages else _every_page(client, asked):
            orders, took = orders + page, _took(begun_s)
    except Exception as found:  # noqa: BLE001 - each client has its own
        error, took = _named(found), _took(begun_s)
    return {"orders": orders, "error": error, **took}


def ask(client: ModuleType, asked: Document) -> Document:
    """Ask once where the authorization was revoked: how long until an error, and which?"""
    # One of them exchanges the refresh token when it is opened.
    begun_s = time.perf_counter()
    try:
        client.open_search(asked)(None)
    except Exception as error:  # noqa: BLE001 - which it is, is what is asked
        return {"error": _named(error), **_took(begun_s)}
    raise SystemExit("There was an answer.")


def go_on(client: ModuleType, asked: Document) -> Document:
    """Ask, let the hourly token die while somebody is waited for, and go on asking: how often is there an answer?"""
    search, answered, error = client.open_search(asked), 0, ""
    search(None)
    sys.stdout.write("asked\n")
    sys.stdout.flush()
    sys.stdin.readline()
    begun_s = time.perf_counter()
    for _ in range(TRIES):
        try:
            search(None)
            answered += 1
        except Exception as found:  # noqa: BLE001 - each client has its own
            error = error or _named(found)
    return {"answered": answered, "error": error, **_took(begun_s)}


def _every_page(client: ModuleType, asked: Document) -> Iterator[int]:
    search = client.open_search(asked)
    orders, token = search(None)
    yield orders
    while token:
        orders, token = search(token)
        yield orders


def _took(begun_s: float) -> Document:
    return {"real_s": time.perf_counter() - begun_s, "waits_s": asked_for_s()}


def _named(error: Exception) -> str:
    """The error's class and all it says, its cause's too."""
    said = [f"{type(one).__name__}: {one} {getattr(one, '__dict__', '')}" for one in (error, error.__cause__) if one]
    return " / ".join(said)


SITUATIONS = {situation.__name__: situation for situation in (read, wait, ask, go_on)}


def main() -> None:
    """Do what the command line says with what the first line of standard input asks for."""
    name, situation = sys.argv[1:]
    asked = json.loads(sys.stdin.readline())
    # Before the client is imported, which may take what is shortened by name.
    shorten_waits(asked.get("shortened", 1.0))
    found = SITUATIONS[situation](importlib.import_module(name), asked)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
