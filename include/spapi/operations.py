"""The operations this project calls, with the request rates Amazon documents for them.

Source: Amazon's models orders_2026-01-01 and sellers v1, read 2026-11-23.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    """One Selling Partner API operation.

    Attributes:
        name: Amazon's operationId.
        path: Path below the region's endpoint.
        rate_per_s: Documented requests a second, for one seller and application.
        burst: Documented size of the token bucket.
    """

    name: str
    path: str
    rate_per_s: float
    burst: int


SEARCH_ORDERS = Operation("searchOrders", "/orders/2026-01-01/orders", 0.0056, 20)
GET_MARKETPLACE_PARTICIPATIONS = Operation(
    "getMarketplaceParticipations", "/sellers/v1/marketplaceParticipations", 0.016, 15
)
