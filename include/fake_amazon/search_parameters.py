"""The query parameters of searchOrders, read by the rules of Amazon's model."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from include.fake_amazon.errors import (
    BEFORE_TOO_RECENT,
    INVALID_INPUT,
    MARKETPLACE_NOT_IN_REGION,
    RefusedError,
    invalid_instants,
)
from include.fake_amazon.included_data import DATASETS
from include.fake_amazon.instants import floor_to_ms, parse_query_instant
from include.fake_amazon.marketplaces import BY_ID

# What Amazon's index lags behind; no window may end later.
INDEX_LAG = timedelta(minutes=2)
_INSTANTS = ("createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore")
_STATUSES = frozenset(
    {"PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED", "UNFULFILLABLE"}
)
_FULFILLED_BY = frozenset({"MERCHANT", "AMAZON"})
_MOST_MARKETPLACES = 50
_MOST_RESULTS = 100


class SearchParameters(NamedTuple):
    """A valid request of searchOrders.

    Attributes:
        before_utc: None when the request leaves the end of the window to Amazon.
        by_creation: Whether the bounds are about creation, not the last update.
    """

    after_utc: datetime
    before_utc: datetime | None
    by_creation: bool
    marketplace_ids: frozenset[str]
    statuses: frozenset[str]
    fulfilled_by: frozenset[str]
    included: frozenset[str]
    page_size: int
    token: str | None

    def bound(self) -> tuple[object, ...]:
        """The parameters that a pagination token is bound to: all but the page size and the datasets."""
        return (
            self.after_utc,
            self.before_utc,
            self.by_creation,
            sorted(self.marketplace_ids),
            sorted(self.statuses),
            sorted(self.fulfilled_by),
        )


def read_parameters(pairs: Iterable[tuple[str, str]], region: str, now_utc: datetime) -> SearchParameters:
    """Read and check the query of a request to this region at this time.

    Lists may be separated by commas or repeated; unknown parameters are ignored.

    Raises:
        RefusedError: A rule is broken.
    """
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    after_utc, before_utc, by_creation = _bounds(values, now_utc)
    return SearchParameters(
        after_utc,
        before_utc,
        by_creation,
        _marketplace_ids(values, region),
        _words(values, "fulfillmentStatuses", _STATUSES),
        _words(values, "fulfilledBy", _FULFILLED_BY),
        _words(values, "includedData", DATASETS),
        _page_size(values),
        _single(values, "paginationToken"),
    )


def _single(values: dict[str, list[str]], name: str) -> str | None:
    given = values.get(name, [])
    if len(given) > 1:
        raise RefusedError(INVALID_INPUT)
    return given[0] if given else None


def _list(values: dict[str, list[str]], name: str) -> frozenset[str]:
    return frozenset(word for value in values.get(name, []) for word in value.split(",") if word)


def _words(values: dict[str, list[str]], name: str, known: frozenset[str]) -> frozenset[str]:
    words = _list(values, name)
    if words - known:
        raise RefusedError(INVALID_INPUT)
    return words


def _marketplace_ids(values: dict[str, list[str]], region: str) -> frozenset[str]:
    ids = _list(values, "marketplaceIds")
    if len(ids) > _MOST_MARKETPLACES:
        raise RefusedError(INVALID_INPUT)
    if any(marketplace_id not in BY_ID or BY_ID[marketplace_id].region != region for marketplace_id in ids):
        raise RefusedError(MARKETPLACE_NOT_IN_REGION)
    return ids


def _page_size(values: dict[str, list[str]]) -> int:
    text = _single(values, "maxResultsPerPage")
    if text is None:
        return _MOST_RESULTS
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST_RESULTS):
        raise RefusedError(INVALID_INPUT)
    return int(text)


def _bounds(values: dict[str, list[str]], now_utc: datetime) -> tuple[datetime, datetime | None, bool]:
    instants: dict[str, datetime] = {}
    invalid = []
    for name in _INSTANTS:
        text = _single(values, name)
        if text is not None:
            try:
                instants[name] = parse_query_instant(text)
            except ValueError:
                invalid.append(name)
    if invalid:
        raise RefusedError(invalid_instants(invalid))
    by_creation = "createdAfter" in instants
    mine, other = ("created", "lastUpdated") if by_creation else ("lastUpdated", "created")
    after_utc, before_utc = instants.get(f"{mine}After"), instants.get(f"{mine}Before")
    if after_utc is None or f"{other}After" in instants or f"{other}Before" in instants:
        raise RefusedError(INVALID_INPUT)
    if before_utc is not None and before_utc > latest_end(now_utc):
        raise RefusedError(BEFORE_TOO_RECENT)
    if before_utc is not None and before_utc < after_utc:
        raise RefusedError(INVALID_INPUT)
    return after_utc, before_utc, by_creation


def latest_end(now_utc: datetime) -> datetime:
    """The latest end a window may have, which is also its end where the request names none."""
    return floor_to_ms(now_utc - INDEX_LAG)
