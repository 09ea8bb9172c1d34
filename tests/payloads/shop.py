"""A shop that answers searchOrders in memory: a fake client for tests that need many runs and no HTTP.

It holds the states an order went through and answers with the newest of the present; the fake Amazon is the real
thing, this is the smallest that can still catch a lost or doubled order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from include.clock import Now, format_utc
from include.errors import ContractError
from include.spapi.client import Reply
from include.spapi.operations import SEARCH_ORDERS, Operation
from tests.payloads.orders import a_page, an_order

TOKEN_LIFE = timedelta(hours=24)


class Shop:
    """One seller's orders at Amazon.

    Args:
        now: Amazon's clock.
        page_size: Orders a page.
        bound_lag: How far the bound that a reply names lies before the one that was sent.

    Attributes:
        fields: What each order has besides.
        calls_left: What its bucket holds, however much is asked.
        last_updated: What its orders say of their last update, "" for the truth.
        is_mixed: Whether a window's orders come in no order of time.
    """

    def __init__(self, now: Now, *, page_size: int = 2, bound_lag: timedelta = timedelta(0)) -> None:
        self.now = now
        self.page_size = page_size
        self.bound_lag = bound_lag
        self.updated: dict[str, datetime] = {}
        self.indexed: dict[str, datetime] = {}
        self.asked: list[dict[str, str]] = []
        self.fields: dict[str, Any] = {}
        self.calls_left = float(SEARCH_ORDERS.burst)
        self.last_updated = ""
        self.is_mixed = False
        self.before_answer: Callable[[], None] = lambda: None

    def change(self, number: int, *, at_utc: datetime | None = None, late: timedelta = timedelta(0)) -> None:
        """Place order `number`, or change it, now or at an instant; Amazon's index shows it so much later."""
        name = f"303-0000000-{number:07d}"
        self.updated[name] = at_utc or self.now()
        self.indexed[name] = self.updated[name] + late

    def quota_left(self, operation: Operation) -> float:
        """As much as it was told."""
        return self.calls_left if operation is SEARCH_ORDERS else float(operation.burst)

    def seconds_per_call(self, operation: Operation) -> float:
        """As documented."""
        return 1 / operation.rate_per_s

    def post(self, operation: Operation, body: Mapping[str, object]) -> Reply:
        """Make no reports: searchOrders alone is what this shop is about."""
        raise ContractError(f"{operation.name} is nothing that this shop does.")

    def get(self, operation: Operation, query: Mapping[str, str], *, come_back_for: int = 1) -> Reply:
        """Answer one page as `SellingPartnerClient.get` does."""
        assert operation is SEARCH_ORDERS
        self.asked.append(dict(query))
        self.before_answer()
        start, end = (datetime.fromisoformat(query[name]) for name in ("lastUpdatedAfter", "lastUpdatedBefore"))
        assert end <= self.now() - timedelta(minutes=2), "Amazon refuses a bound younger than two minutes"
        end -= self.bound_lag
        after = self._read_token(query.get("paginationToken"))
        found = sorted(
            (self._place(name, utc), name, utc)
            for name, utc in self.updated.items()
            if start <= utc <= end and (self._place(name, utc), name) > after and self.indexed[name] <= self.now()
        )
        page, rest = found[: self.page_size], found[self.page_size :]
        token = f"{page[-1][0]} {page[-1][1]} {self.now().isoformat()}" if rest else None
        orders = [
            an_order(name, updated=self.last_updated or utc.isoformat(), amount=self.amount(name, utc), **self.fields)
            for _, name, utc in page
        ]
        return Reply(a_page(*orders, next_token=token, last_updated_before=format_utc(end)), "request-1")

    def _place(self, name: str, utc: datetime) -> str:
        """Where an order stands among a window's."""
        return sha256(name.encode()).hexdigest() if self.is_mixed else utc.isoformat(timespec="microseconds")

    def _read_token(self, token: str | None) -> tuple[str, str]:
        if token is None:
            return "", ""
        place, name, issued = token.split()
        if self.now() - datetime.fromisoformat(issued) >= TOKEN_LIFE:
            raise ContractError("The paginationToken you have submitted is not valid.")
        return place, name

    @staticmethod
    def amount(name: str, utc: datetime) -> str:
        """A price that tells the states of an order apart."""
        return f"{int(name[-7:])}.{int(utc.timestamp() * 1000) % 10**9:09d}"

    def truth(self, through_utc: datetime) -> dict[str, tuple[datetime, str]]:
        """The orders last changed up to an instant: when, and for how much."""
        return {name: (utc, self.amount(name, utc)) for name, utc in self.updated.items() if utc <= through_utc}
