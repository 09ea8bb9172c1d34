"""Who asks: the browser's own cookie, the site it comes from, the address it is counted by.

A page with `Referrer-Policy: no-referrer` posts with `Origin: null`; what it came from is told by Sec-Fetch-Site then.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

COOKIE_LIFE: Final = timedelta(hours=1)
BURST: Final = 30.0
RATE_PER_S: Final = 1.0
MOST_VISITORS: Final = 10_000


class BrowserCookies:
    """One cookie a way through Amazon's page, so that two ways begun in one browser do not disturb each other.

    Args:
        public_base_url: Where the pages are reached; `__Host-` and Secure unless it is http, on this machine.
    """

    def __init__(self, public_base_url: str) -> None:
        self._is_secure = public_base_url.startswith("https://")

    def name(self, state: str) -> str:
        """What the cookie of a state is called."""
        mark = hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()[:8]
        return f"{'__Host-' if self._is_secure else ''}consent-{mark}"

    def give(self, response: Response, state: str, browser: str) -> None:
        """Let the browser keep its value; longer than it is good, so that who comes late is known again."""
        life_s = int(COOKIE_LIFE.total_seconds())
        response.set_cookie(
            self.name(state), browser, max_age=life_s, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )

    def take(self, request: Request, state: str) -> str:
        """Return the browser's value, "" where it has none."""
        return request.cookies.get(self.name(state), "")

    def drop(self, response: Response, state: str) -> None:
        """Let the browser forget it."""
        response.delete_cookie(self.name(state), path="/", secure=self._is_secure, httponly=True, samesite="lax")


def posts_from_own_page(request: Request, public_base_url: str) -> bool:
    """Tell whether a form of our own was sent; what cannot be told is another site's."""
    origin = request.headers.get("origin", "null")
    if origin != "null":
        parts = urlsplit(public_base_url)
        return origin == f"{parts.scheme}://{parts.netloc}"
    return request.headers.get("sec-fetch-site") == "same-origin"


def address_of(request: Request, trusted_proxies: Collection[str]) -> str:
    """Return the visitor's address; a proxy's word for it counts only where the proxy is trusted."""
    peer = request.client.host if request.client else ""
    # Some proxies add a line of their own to the browser's instead of writing into it: the last word counts.
    lines = ",".join(request.headers.getlist("x-forwarded-for"))
    named = [part.strip() for part in lines.split(",") if part.strip()]
    while named and peer in trusted_proxies:
        peer = named.pop()
    return peer


def _household(address: str) -> str:
    """Who has one IPv6 address has as many as there are in its /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address


class RateLimit:
    """A bucket for each address, in memory: enough for a person, too little for whoever guesses links.

    Args:
        monotonic: Seconds.
        burst: How often at once; by default as often as people open pages.
        rate_per_s: How often after that.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        burst: float | None = None,
        rate_per_s: float = RATE_PER_S,
    ) -> None:
        self._monotonic = monotonic
        self._burst = burst
        self._rate_per_s = rate_per_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, address: str) -> bool:
        """Take a token of an address's bucket; false where there is none."""
        now_s, address, burst = self._monotonic(), _household(address), self._burst or BURST
        tokens, then_s = self._buckets.pop(address, (burst, now_s))
        tokens = min(burst, tokens + (now_s - then_s) * self._rate_per_s)
        self._buckets[address] = (max(0.0, tokens - 1), now_s)
        if len(self._buckets) > MOST_VISITORS:
            self._buckets.popitem(last=False)
        return tokens >= 1
