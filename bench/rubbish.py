"""A program of its own: rubbish for the sellers' public routes, so many requests a second; prints what came back.

`python -m bench.rubbish < job.json`, one line: `{"url": "http://127.0.0.1:8092", "per_s": 200, "last_s": 10}`. Each
comes from another address of 127.0.0.0/8, as from a crowd, or all from one with `"addresses": 1`; none waits for the
answer to another.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import sys
import time
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 15.0
# What no answer may hold.
LEAKS = ("Traceback", "postgresql://", "psycopg", 'File "')


def requests_of(prefix: str, own: str) -> list[bytes]:
    """Return one request of each kind, as bytes on the wire; `own` is the origin that forms of ours come from."""
    state = secrets.token_urlsafe(32)
    gets = [
        f"/callback?state={state}&spapi_oauth_code={state}&selling_partner_id=A1",
        f"/callback?state={state}&state=x&error=access_denied",
        "/callback?state=%FF%FE%00&spapi_oauth_code=%zz",
        f"/callback?state={'A' * 20_000}",
        f"/callback?state={'A' * 100_000}",
        f"/callback?{'&'.join(f'a{number}={number}' for number in range(2000))}",
        "/callback",
        f"/shop/{state}.{state}",
        "/shop/%00%0d%0aSet-Cookie:x=y",
        f"/done/{state}",
        "/login?amazon_callback_uri=https://evil.example/x&amazon_state=1",
        "/login?amazon_callback_uri=%ff&amazon_state=" + "1" * 3000,
        "/health",
        "/..%2f..%2fetc/passwd",
        "//evil.example/%2e%2e",
        "/favicon.ico",
    ]
    head = f"Host: {urlsplit(own).netloc}\r\nConnection: close\r\n"
    from_own = f"{head}Origin: {own}\r\n"
    form = f"lang=de&{'x' * 100_000}".encode()
    odd = [f"{method} {prefix}/callback HTTP/1.1\r\n{head}\r\n".encode() for method in ("PUT", "TRACE", "BREW", "HEAD")]
    posts = [
        f"POST {prefix}{path} HTTP/1.1\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body
        for path in (f"/start/{state}", "/login", "/callback")
        for headers, body in ((head, b"a=b"), (from_own, form), (from_own, b"\xff\x00=%ff&lang=\xfe"))
    ]
    return [
        *(f"GET {prefix}{path} HTTP/1.1\r\n{head}\r\n".encode() for path in gets),
        *odd,
        *posts,
        f"GET {prefix}/callback?state={state} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode(),
        f"GET {prefix}/callback HTTP/1.1\r\n{head}Cookie: {'consent-aa=b; ' * 500}\r\n\r\n".encode(),
        f"GET {prefix}/shop/".encode() + b"\xff\xfe HTTP/1.1\r\n" + head.encode() + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        f"POST {prefix}/login HTTP/1.1\r\n{head}Content-Length: -5\r\n\r\n".encode(),
    ]


async def throw(job: dict[str, Any]) -> dict[str, Any]:
    """Send them at the rate that is asked for, whatever comes back, and report; bounded by `last_s`."""
    address = urlsplit(job["url"])
    own = f"{address.scheme}://{address.netloc}"
    met: dict[str, Any] = {"statuses": Counter(), "seconds": [], "leaks": []}
    kinds = requests_of(address.path, own)
    begun_s, sent, flying = time.monotonic(), 0, set()
    while (late_s := time.monotonic() - begun_s) < job["last_s"]:
        while sent < late_s * job["per_s"]:
            flight = asyncio.create_task(_one(job, kinds[sent % len(kinds)], met))
            flying.add(flight)
            flight.add_done_callback(flying.discard)
            sent += 1
        await asyncio.sleep(0.002)
    if flying:
        await asyncio.wait(flying, timeout=PATIENCE_S + 5)
    return {**met, "sent": sent, "per_s": sent / job["last_s"]}


async def _one(job: dict[str, Any], request: bytes, met: dict[str, Any]) -> None:
    address = urlsplit(job["url"])
    addresses = job.get("addresses", 60_000)
    number = 1 if addresses == 1 else random.randrange(2, addresses)  # noqa: S311 - nothing secret about it
    begun_s = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE_S):
            source = (f"127.9.{number // 250}.{number % 250 + 1}", 0)
            reader, writer = await asyncio.open_connection(address.hostname, address.port, local_addr=source)
            writer.write(request)
            answer = await reader.read(65536)
            writer.close()
        status = int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0
    except TimeoutError:
        status, answer = -1, b""
    except (OSError, ValueError, IndexError):
        # It hung up on what is no HTTP, or in the middle of an oversize body.
        status, answer = 0, b""
    met["statuses"][status] += 1
    met["seconds"].append(round(time.monotonic() - begun_s, 4))
    text = answer.decode("latin-1")
    met["leaks"] += [f"{leak} in the answer to {request[:60]!r}" for leak in LEAKS if leak in text]


if __name__ == "__main__":
    json.dump(asyncio.run(throw(json.loads(sys.stdin.readline()))), sys.stdout)
