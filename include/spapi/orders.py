"""searchOrders, Orders API v2026-01-01: one page of a window at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from include.clock import AMAZON_BEGAN, AMAZON_ENDS, format_utc
from include.errors import ContractError
from include.spapi.answers import UNREADABLE, keepable
from include.spapi.client import SellingPartnerClient
from include.spapi.operations import GET_ORDER, SEARCH_ORDERS


@dataclass(frozen=True, slots=True)
class OrdersQuery:
    """What a window asks for; the same for every page of it, as Amazon demands of a pagination token.

    Attributes:
        last_updated_after_utc: Lower bound, inclusive.
        last_updated_before_utc: Upper bound, inclusive, at least two minutes ago.
        marketplace_ids: At most 50.
        included_data: Amazon's words for the parts of an order.
    """

    last_updated_after_utc: datetime
    last_updated_before_utc: datetime
    marketplace_ids: tuple[str, ...]
    included_data: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrdersPage:
    """One page of answers.

    Attributes:
        body: The page as Amazon sent it, but for characters that nothing can keep.
        orders: How many orders it holds, 0 to 100.
        next_token: Asks for the next page within 24 hours; None on the last page.
        last_updated_before_utc: The bound Amazon says it used, None where it says none.
        request_id: Amazon's id of the request.
        quota_left: Calls that the bucket holds after this one.
    """

    body: bytes
    orders: int
    next_token: str | None
    last_updated_before_utc: datetime | None
    request_id: str
    quota_left: float


class _Updated(msgspec.Struct, rename="camel"):
    last_updated_time: datetime


class _Updates(msgspec.Struct):
    orders: list[_Updated]


class _Single(msgspec.Struct):
    order: msgspec.Raw


class _Pagination(msgspec.Struct, rename="camel"):
    next_token: str | None = None


class _Envelope(msgspec.Struct, rename="camel"):
    orders: list[msgspec.Raw]
    pagination: _Pagination | None = None
    last_updated_before: datetime | None = None


MOST_ORDERS_PER_PAGE = 100
# Amazon's codes for an order that it does not know, and for a parameter that it does not take.
NOT_FOUND = "ResourceNotFound"
REFUSED_INPUT = "InvalidInput"
_envelope = msgspec.json.Decoder(_Envelope)


def search_orders(
    client: SellingPartnerClient, query: OrdersQuery, next_token: str | None, *, come_back_for: int = 1
) -> OrdersPage:
    """Ask for one page; without a token the first, with the previous page's token the next.

    Args:
        client: The seller's door.
        query: The window.
        next_token: From the page before.
        come_back_for: As `SellingPartnerClient.get` takes it.

    Raises:
        ContractError: The answer is not the documented envelope; the message names the JSON path.
        SellerOrdersError: As `SellingPartnerClient.get` says.
    """
    parameters = {
        "lastUpdatedAfter": format_utc(query.last_updated_after_utc),
        "lastUpdatedBefore": format_utc(query.last_updated_before_utc),
        "marketplaceIds": ",".join(query.marketplace_ids),
        "includedData": ",".join(query.included_data),
        "maxResultsPerPage": str(MOST_ORDERS_PER_PAGE),
    }
    if next_token is not None:
        parameters["paginationToken"] = next_token
    reply = client.get(
        SEARCH_ORDERS, {name: value for name, value in parameters.items() if value}, come_back_for=come_back_for
    )
    try:
        body = keepable(reply.body)
        envelope = _envelope.decode(body)
    except UNREADABLE as problem:
        raise ContractError(f"searchOrders: {problem}.", request_id=reply.request_id) from None
    bound = envelope.last_updated_before
    if bound is not None and not _is_sane(bound):
        raise ContractError("searchOrders: `$.lastUpdatedBefore` is no instant.", request_id=reply.request_id)
    token = envelope.pagination.next_token if envelope.pagination else None
    if token and (token == next_token or not token.isprintable()):
        raise ContractError("searchOrders: `$.pagination.nextToken` leads nowhere.", request_id=reply.request_id)
    return OrdersPage(body, len(envelope.orders), token or None, bound, reply.request_id, reply.quota_left)


def updates_on(page: OrdersPage) -> tuple[datetime, datetime] | None:
    """Return the first and the last update on a page, None where it does not tell."""
    try:
        updates = [order.last_updated_time for order in msgspec.json.decode(page.body, type=_Updates).orders]
    except UNREADABLE:
        return None
    sane = [at_utc for at_utc in updates if _is_sane(at_utc)]
    return (min(sane), max(sane)) if sane else None


def get_order(client: SellingPartnerClient, order_id: str, included_data: Sequence[str]) -> bytes | None:
    """Ask for one order; returns it as Amazon sent it but for characters that nothing can keep, None where it has none.

    Raises:
        ContractError: Amazon does not take the id (code `REFUSED_INPUT`), or the answer is not the documented envelope.
        SellerOrdersError: As `SellingPartnerClient.get` says.
    """
    try:
        reply = client.get(GET_ORDER, {"includedData": ",".join(included_data)}, id_=order_id)
    except ContractError as refused:
        if refused.code == NOT_FOUND:
            return None
        raise
    try:
        return bytes(msgspec.json.decode(keepable(reply.body), type=_Single).order)
    except UNREADABLE as problem:
        raise ContractError(f"getOrder: {problem}.", request_id=reply.request_id) from None


def _is_sane(instant: datetime) -> bool:
    return instant.tzinfo is not None and AMAZON_BEGAN <= instant.year <= AMAZON_ENDS
