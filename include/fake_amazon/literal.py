"""Literal answers for `FakeAmazonClient.fail_next`: every body that Amazon or its users have put on record, by name.

`amazon.fail_next("searchOrders", **QUOTA_EXCEEDED._asdict())`.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from include.fake_amazon import errors
from include.fake_amazon.errors import LwaRefusal, Refusal

_LWA_REQUEST_ID = "6d3a1f0e-2b7c-4c1d-9a51-0f6f5b8d2e47"


class LiteralAnswer(NamedTuple):
    """An answer, whoever asks; the fields are arguments of `fail_next`."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody changes it


def _refusal(refusal: Refusal) -> LiteralAnswer:
    return LiteralAnswer(refusal.status, json.dumps(refusal.body()).encode(), headers=refusal.headers())


def _lwa(refusal: LwaRefusal) -> LiteralAnswer:
    body = json.dumps(refusal.body(_LWA_REQUEST_ID)).encode()
    return LiteralAnswer(refusal.status, body, headers=refusal.headers())


def _html(status: int, text: str) -> LiteralAnswer:
    return LiteralAnswer(status, text.encode(), "text/html")


# The Selling Partner API.
QUOTA_EXCEEDED = _refusal(errors.QUOTA_EXCEEDED)
ACCESS_TOKEN_EXPIRED = _refusal(errors.TOKEN_EXPIRED)
ACCESS_TOKEN_INVALID = _refusal(errors.TOKEN_INVALID)
ACCESS_TOKEN_MISSING = _refusal(errors.TOKEN_MISSING)
ACCESS_DENIED = _refusal(errors.NO_ACCESS)
MARKETPLACE_NOT_IN_REGION = _refusal(errors.MARKETPLACE_NOT_IN_REGION)
CLIENT_SECRET_EXPIRED = _refusal(errors.CLIENT_SECRET_EXPIRED)
SECURITY_TOKEN_EXPIRED = _refusal(errors.SECURITY_TOKEN_EXPIRED)
TOKEN_REQUEST_HERE = _refusal(errors.TOKEN_REQUEST_HERE)
INVALID_INPUT = _refusal(errors.INVALID_INPUT)
INVALID_INPUT_SANDBOX = _refusal(errors.INVALID_INPUT_SANDBOX)
INPUT_NOT_MATCHED = _refusal(errors.INPUT_NOT_MATCHED)
INVALID_INSTANT = _refusal(errors.invalid_instants(["lastUpdatedAfter", "createdAfter"]))
BEFORE_TOO_RECENT = _refusal(errors.BEFORE_TOO_RECENT)
PAGINATION_TOKEN_INVALID = _refusal(errors.PAGINATION_TOKEN_INVALID)
RESOURCE_NOT_FOUND = _refusal(errors.RESOURCE_NOT_FOUND)
INTERNAL_FAILURE = _refusal(errors.INTERNAL_FAILURE)
INTERNAL_FAILURE_WITHOUT_DETAILS = _refusal(errors.INTERNAL_FAILURE._replace(details=None))
HTML_REJECTED = _html(400, "<!DOCTYPE html><html><head><title>x</title></head><body></body></html>")
# The page is longer; its title is what is on record.
HTML_UNAVAILABLE = _html(
    503, "<!DOCTYPE html><html><head><title>Website Temporarily Unavailable</title></head><body></body></html>"
)

# Login with Amazon.
LWA_REFRESH_TOKEN_INVALID = _lwa(errors.REFRESH_TOKEN_INVALID)
LWA_CODE_INVALID = _lwa(errors.CODE_INVALID)
LWA_CLIENT_INVALID = _lwa(errors.CLIENT_INVALID)
LWA_CLIENT_UNAUTHORIZED = _lwa(errors.CLIENT_UNAUTHORIZED)
LWA_PARAMETER_MISSING = _lwa(errors.parameter_missing("refresh_token"))
LWA_GRANT_TYPE_UNSUPPORTED = _lwa(errors.GRANT_TYPE_UNSUPPORTED)
LWA_SERVER_ERROR = _lwa(errors.SERVER_ERROR)
LWA_TEMPORARILY_UNAVAILABLE = _lwa(errors.TEMPORARILY_UNAVAILABLE)
