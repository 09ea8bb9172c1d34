"""A program of its own: so many readers of the operators' list for so long; prints what they met as JSON.

`python -m bench.page_readers < job.json`, a `{"url": …, "token": …, "readers": 50, "pause_s": 0, "last_s": 20}`.
Every reader keeps its connection and its language; readers are spread over the list's pages.
"""

from __future__ import annotations

import gzip
import http.client
import json
import random
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 60.0
PAGES = 10


def read(job: dict[str, Any]) -> dict[str, Any]:
    """Let them all read; bounded by `last_s`."""
    met: dict[str, list[float]] = {"seconds": [], "errors": [], "bytes": []}
    ends_s = time.monotonic() + job["last_s"]
    readers = [threading.Thread(target=_reader, args=(job, number, ends_s, met)) for number in range(job["readers"])]
    begun_s = time.monotonic()
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    return {**met, "last_s": time.monotonic() - begun_s, "cpu_s": time.process_time()}


def _reader(job: dict[str, Any], number: int, ends_s: float, met: dict[str, list[float]]) -> None:
    address = urlsplit(job["url"])
    page, language = number % PAGES + 1, ("de", "en")[number // PAGES % 2]
    headers = {"Cookie": f"_token={job['token']}", "Accept-Encoding": "gzip", "Accept": "text/html"}
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=PATIENCE_S)
    # People do not begin at one instant.
    time.sleep(random.uniform(0, job["pause_s"] or 0.2))  # noqa: S311 - nothing secret about it
    while time.monotonic() < ends_s:
        begun_s = time.monotonic()
        try:
            connection.request("GET", f"{address.path}?lang={language}&page={page}", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            met["seconds"].append(time.monotonic() - begun_s)
            met["bytes"].append(len(body))
            if answer.status != 200 or not _is_page(body, answer.getheader("Content-Encoding"), page):
                met["errors"].append(answer.status)
        except (OSError, http.client.HTTPException):
            connection.close()
            met["errors"].append(0)
        time.sleep(job["pause_s"])


def _is_page(body: bytes, encoding: str | None, page: int) -> bool:
    text = gzip.decompress(body) if encoding == "gzip" else body
    return text.count(b"<tr>") == 101 and f"{page} / {PAGES}".encode() in text


if __name__ == "__main__":
    json.dump(read(json.load(sys.stdin)), sys.stdout)
