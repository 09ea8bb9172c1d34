"""Orders API v0 and Login with Amazon on loopback, without rate limits: what PyAirbyte's connector asks, and no more.

The product asks the newer Orders API of the fake Amazon, which knows no v0. The orders are the same.
"""

from __future__ import annotations

import json
import threading
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bench.v0_orders import v0_items, v0_order
from include.fake_amazon import literal
from include.fake_amazon.literal import LiteralAnswer

ORDERS_PATH = "/orders/v0/orders"
TOKEN_PATH = "/auth/o2/token"  # noqa: S105 - a path
CREDENTIALS = {"client_id": "bench", "client_secret": "throw-away", "refresh_token": "Atzr|bench"}
MOST_ORDERS_PER_PAGE = 100


@dataclass
class V0Amazon:
    """The orders, by their last update, and what may go wrong.

    Attributes:
        orders: Entries of getOrders, the oldest update first.
        items: Lines by order id.
        calls: How often each operation was called.
        is_revoked: Login with Amazon refuses the refresh token.
        dies_after: After so many calls of the API all hourly tokens until then are dead; None: never.
        base_url: Where it answers.
        asked_s: When the API was called, by the monotonic clock.
    """

    orders: list[dict[str, Any]]
    items: dict[str, list[dict[str, Any]]]
    calls: Counter[str] = field(default_factory=Counter)
    is_revoked: bool = False
    dies_after: int | None = None
    base_url: str = ""
    asked_s: list[float] = field(default_factory=list)
    _minted: int = 0
    _dead: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def forget_calls(self) -> None:
        """Count from nothing again."""
        self.calls.clear()
        self.asked_s.clear()

    def token(self) -> LiteralAnswer:
        """Answer a refresh."""
        with self._lock:
            self.calls["token"] += 1
            if self.is_revoked:
                return literal.LWA_REFRESH_TOKEN_INVALID
            self._minted += 1
            grant = {"access_token": f"Atza|{self._minted}", "token_type": "bearer", "expires_in": 3600}
        return _answer({**grant, "refresh_token": CREDENTIALS["refresh_token"]})

    def refuses(self, operation: str, access_token: str) -> LiteralAnswer | None:
        """Count a call of the API and refuse a dead token."""
        with self._lock:
            self.calls[operation] += 1
            self.asked_s.append(time.monotonic())
            number = int(access_token.rpartition("|")[2] or 0)
            if self.dies_after is not None and self.calls.total() - self.calls["token"] > self.dies_after:
                self._dead, self.dies_after = self._minted, None
            return literal.ACCESS_TOKEN_EXPIRED if number <= self._dead else None

    def page(self, query: dict[str, str]) -> LiteralAnswer:
        """Answer getOrders."""
        updates = [order["LastUpdateDate"] for order in self.orders]
        first, end = bisect_left(updates, query["LastUpdatedAfter"]), len(updates)
        if before := query.get("LastUpdatedBefore"):
            end = bisect_right(updates, before)
        first = int(query.get("NextToken", first))
        last = min(end, first + min(MOST_ORDERS_PER_PAGE, int(query.get("MaxResultsPerPage", "100"))))
        payload: dict[str, Any] = {"Orders": self.orders[first:last], "LastUpdatedBefore": before or updates[-1]}
        return _answer({"payload": payload | ({"NextToken": str(last)} if last < end else {})})

    def items_of(self, order_id: str) -> LiteralAnswer:
        """Answer getOrderItems."""
        return _answer({"payload": {"AmazonOrderId": order_id, "OrderItems": self.items[order_id]}})


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    amazon: V0Amazon
    protocol_version = "HTTP/1.1"
    # Small answers go out at once, or each waits for the acknowledgement of the one before.
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Login with Amazon."""
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self._send(self.amazon.token() if self.path == TOKEN_PATH else literal.RESOURCE_NOT_FOUND)

    def do_GET(self) -> None:
        """The Selling Partner API."""
        address = urlsplit(self.path)
        is_page = address.path == ORDERS_PATH
        refused = self.amazon.refuses(
            "getOrders" if is_page else "getOrderItems", self.headers.get("x-amz-access-token", "")
        )
        if refused:
            self._send(refused)
        elif is_page:
            self._send(self.amazon.page({name: values[0] for name, values in parse_qs(address.query).items()}))
        else:
            self._send(self.amazon.items_of(address.path.split("/")[-2]))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _send(self, answer: LiteralAnswer) -> None:
        self.send_response(answer.status)
        for name, value in {**answer.headers, "content-type": answer.content_type}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)


def _answer(document: object) -> LiteralAnswer:
    return LiteralAnswer(200, json.dumps(document, ensure_ascii=False).encode())


def v0_of(lines: Sequence[str]) -> V0Amazon:
    """Take orders in, one `Order` of the newer API a line, the oldest update first."""
    orders = [json.loads(line) for line in lines]
    return V0Amazon([v0_order(order) for order in orders], {order["orderId"]: v0_items(order) for order in orders})


@contextmanager
def serving_v0(orders_file: Path) -> Iterator[V0Amazon]:
    """Answer on a free port of loopback, from threads of this process, until the block ends."""
    amazon = v0_of(orders_file.read_text(encoding="utf-8").splitlines())
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"amazon": amazon}))
    amazon.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield amazon
    finally:
        server.shutdown()
        server.server_close()
