"""Pagination tokens: opaque, signed, bound to the seller and to every parameter that must not change.

A token carries the last order shown and the frozen end of the window. The next page begins after that order, so
nothing is shown twice or left out, whatever is added or changed in between.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from include.fake_amazon.credentials import Mint
from include.fake_amazon.dice import digest_number
from include.fake_amazon.errors import PAGINATION_TOKEN_INVALID, RefusedError

TOKEN_LIFE = timedelta(hours=24)


class PagePosition(msgspec.Struct, frozen=True, tag="page", array_like=True):
    """Where a sequence of pages stands.

    Attributes:
        bound_to: Digest of the seller and of the parameters that must stay the same.
        end_utc: The effective end of the window, frozen with the first page.
        as_of_utc: The instant whose state of the orders is shown, frozen too.
        last_utc: Time of the last order shown, with its id the sort key; see `PageOrder.key`.
    """

    bound_to: int
    end_utc: datetime
    as_of_utc: datetime
    last_utc: datetime
    last_order_id: str
    issued_utc: datetime


def digest_of(shop_id: str, parameters: object) -> int:
    """What a token is bound to."""
    return digest_number("page", shop_id, parameters, bits=56)


def write_token(mint: Mint, position: PagePosition) -> str:
    """The token for the page after this position."""
    return mint.signed(msgspec.json.encode(position))


def read_token(mint: Mint, token: str, bound_to: int, now_utc: datetime) -> PagePosition:
    """Where the next page begins.

    Raises:
        RefusedError: The token is not of this world, of another seller or other parameters, or older than 24 hours.
    """
    payload = mint.opened(token)
    try:
        position = msgspec.json.decode(payload or b"", type=PagePosition)
    except msgspec.DecodeError as error:
        raise RefusedError(PAGINATION_TOKEN_INVALID) from error
    if position.bound_to != bound_to or now_utc > position.issued_utc + TOKEN_LIFE:
        raise RefusedError(PAGINATION_TOKEN_INVALID)
    return position
