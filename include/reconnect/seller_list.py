"""Which sellers the operators' list shows: who needs somebody first, a hundred a page; no database, no HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from include.authorization.status import Authorization, Status
from include.sellers.registry import Seller

PAUSED: Final = "paused"
PER_PAGE: Final = 100
# Where somebody has to act comes first.
URGENCY: Final = (
    Status.REAUTHORIZATION_REQUIRED,
    Status.ACCESS_DENIED,
    Status.APPLICATION_CREDENTIALS,
    Status.VERIFYING,
    Status.EXPIRES_SOON,
    Status.NEVER_CONNECTED,
    Status.CONNECTED,
)


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of the list.

    Attributes:
        sellers: Who is on it, by id, in order.
        query: What was searched for in names and ids.
        status: Which status they have, "paused" for paused ones, "" for all.
        number: This page, from 1.
        pages: How many there are.
    """

    sellers: Mapping[str, Seller]
    query: str = ""
    status: str = ""
    number: int = 1
    pages: int = 1


def list_page(
    sellers: Mapping[str, Seller],
    standings: Mapping[str, Authorization],
    *,
    paused: frozenset[str] = frozenset(),
    query: str = "",
    status: str = "",
    number: int = 1,
) -> ListPage:
    """Pick the sellers that fit a search and a status, and of them one page; a page too far is the last one."""
    wanted = query.casefold().strip()

    def state(seller: Seller) -> Status:
        standing = standings.get(seller.seller_id)
        return standing.status if standing else Status.NEVER_CONNECTED

    def fits(seller: Seller) -> bool:
        is_found = wanted in f"{seller.name} {seller.seller_id}".casefold()
        return is_found and (status in ("", state(seller)) or (status == PAUSED and seller.dag_id in paused))

    found = sorted(filter(fits, sellers.values()), key=lambda seller: URGENCY.index(state(seller)))
    pages = max(1, ceil(len(found) / PER_PAGE))
    number = min(max(1, number), pages)
    chosen = found[(number - 1) * PER_PAGE : number * PER_PAGE]
    return ListPage({seller.seller_id: seller for seller in chosen}, query, status, number, pages)
