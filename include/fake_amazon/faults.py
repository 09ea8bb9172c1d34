"""Faults: the next answers of an operation are bad ones, late ones, or none at all."""

from __future__ import annotations

from typing import Annotated

import msgspec

OPERATIONS = frozenset(
    {
        "searchOrders",
        "getMarketplaceParticipations",
        "getOrder",
        "createReport",
        "getReport",
        "getReportDocument",
        "unknown",
        "lwa.refresh_token",
        "lwa.authorization_code",
        "lwa.client_credentials",
        "lwa.unknown",
    }
)
_NO_BODY = (204, 304)


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the next answers of an operation are like.

    Attributes:
        operation: One of `OPERATIONS`.
        times: How many answers are still to come.
        shop_id: Whose calls are meant, None for everybody's.
        status: With it, status, body, content type and headers are the answer; without it the operation's own is.
        latency_s: How long the answer is held back.
        drop: The connection is closed without an answer.
        cut_off: The connection is closed after half of the body.
    """

    operation: str
    times: Annotated[int, msgspec.Meta(ge=1)] = 1
    shop_id: str | None = None
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = {}
    latency_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    drop: bool = False
    cut_off: bool = False

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS:
            raise ValueError(f"There is no operation {self.operation!r}; known are {', '.join(sorted(OPERATIONS))}")
        if self.status is None and not (self.latency_s or self.drop or self.cut_off):
            raise ValueError("A fault is a status, a latency_s, drop or cut_off")
        if self.drop and (self.cut_off or self.status is not None):
            raise ValueError("A dropped answer has neither a status nor a half of a body")
        if self.status in _NO_BODY and self.body:
            raise ValueError(f"An answer of status {self.status} has no body")
        if self.cut_off and self.status is not None and not self.body:
            raise ValueError("An answer without a body cannot be cut off")

    def concerns(self, operation: str, shop_id: str) -> bool:
        """Whether this call is meant."""
        return self.operation == operation and self.shop_id in (None, shop_id)


class Faults:
    """The faults still to come, in the order they were given."""

    def __init__(self) -> None:
        self._coming: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let it happen once those given before are over."""
        self._coming.append(fault)

    def take(self, operation: str, shop_id: str) -> Fault | None:
        """The fault of this call, if one is to come, which makes it one fewer."""
        fault = next((fault for fault in self._coming if fault.concerns(operation, shop_id)), None)
        if fault is not None:
            fault.times -= 1
            self._coming = [other for other in self._coming if other.times]
        return fault

    def coming(self) -> dict[tuple[str, str | None], int]:
        """How many are still to come, by operation and shop."""
        counts: dict[tuple[str, str | None], int] = {}
        for fault in self._coming:
            key = (fault.operation, fault.shop_id)
            counts[key] = counts.get(key, 0) + fault.times
        return counts

    def clear(self) -> None:
        """Forget all of them."""
        self._coming.clear()
