"""The operations this project calls, with the request rates Amazon documents for them.

Source: Amazon's models orders_2026-01-01, sellers v1 and reports_2021-06-30, read 2026-11-24.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    """One Selling Partner API operation.

    Attributes:
        name: Amazon's operationId.
        path: Path below the region's endpoint, `{}` where an id stands.
        rate_per_s: Documented requests a second, for one seller and application.
        burst: Documented size of the token bucket.
        method: HTTP's.
    """

    name: str
    path: str
    rate_per_s: float
    burst: int
    method: str = "GET"


SEARCH_ORDERS = Operation("searchOrders", "/orders/2026-01-01/orders", 0.0056, 20)
GET_MARKETPLACE_PARTICIPATIONS = Operation(
    "getMarketplaceParticipations", "/sellers/v1/marketplaceParticipations", 0.016, 15
)
GET_ORDER = Operation("getOrder", "/orders/2026-01-01/orders/{}", 0.5, 30)
CREATE_REPORT = Operation("createReport", "/reports/2021-06-30/reports", 0.0167, 15, "POST")
GET_REPORT = Operation("getReport", "/reports/2021-06-30/reports/{}", 2, 15)
GET_REPORT_DOCUMENT = Operation("getReportDocument", "/reports/2021-06-30/documents/{}", 0.0167, 15)
