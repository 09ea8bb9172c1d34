"""Amazon's refusals, word for word as users have recorded them, in one table."""

from __future__ import annotations

from typing import NamedTuple


class Refusal(NamedTuple):
    """One error body of the Selling Partner API.

    Attributes:
        details: None where the recorded body has no such field.
        error_type: The `x-amzn-errortype` header, "" where none is known.
    """

    status: int
    code: str
    message: str
    details: str | None = ""
    error_type: str = ""


class RefusedError(Exception):
    """The request is answered with this refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


_DENIED = "Access to requested resource is denied."


def _denied(details: str) -> Refusal:
    return Refusal(403, "Unauthorized", _DENIED, details, "AccessDeniedException")


TOKEN_MISSING = _denied("Access token is missing in the request header.")
TOKEN_EXPIRED = _denied("The access token you provided has expired.")
TOKEN_INVALID = _denied("The access token you provided is revoked, malformed or invalid.")
NO_ACCESS = _denied("")
MARKETPLACE_NOT_IN_REGION = _denied("The marketplaces you provided are not valid for region.")
TOKEN_REQUEST_HERE = Refusal(403, "MissingAuthenticationToken", _DENIED, None)
QUOTA_EXCEEDED = Refusal(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
INVALID_INPUT = Refusal(
    400, "InvalidInput", "The input you have submitted is not valid. Please check your input and try again."
)
BEFORE_TOO_RECENT = Refusal(
    400,
    "InvalidInput",
    "The input you have submitted is not valid. Note that the error may be due to a systematic delay in data "
    "retrieval. The most updated data is 2 minutes after an order is created or last updated. If you set the "
    "CreatedBefore or LastUpdatedBefore parameters, please provide a date that is at least 2 minutes before current "
    "time and try again.",
)
PAGINATION_TOKEN_INVALID = Refusal(
    400,
    "InvalidInput",
    "The paginationToken you have submitted is not valid. All parameters must match the original request except "
    "maxResultsPerPage.",
)


def invalid_instants(fields: list[str]) -> Refusal:
    """The refusal of instants that are not ISO 8601 in UTC."""
    return Refusal(400, "InvalidInput", f"Invalid date-time field(s) [{', '.join(fields)}].")


class LwaRefusal(NamedTuple):
    """One error body of Login with Amazon: flat, unlike the Selling Partner API's.

    Attributes:
        has_ids: Whether `error_index` and `request_id` are part of the recorded body.
    """

    status: int
    error: str
    description: str
    error_type: str = ""
    has_ids: bool = False


REFRESH_TOKEN_INVALID = LwaRefusal(
    400,
    "invalid_grant",
    "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission.",
    "OA2InvalidRequestException",
    has_ids=True,
)
CODE_INVALID = LwaRefusal(400, "invalid_grant", "The request has an invalid grant parameter : code")
CLIENT_INVALID = LwaRefusal(401, "invalid_client", "Client authentication failed", "OA2InvalidClientException")
CLIENT_UNAUTHORIZED = LwaRefusal(400, "unauthorized_client", "Not authorized for requested operation")
GRANT_TYPE_UNSUPPORTED = LwaRefusal(
    400,
    "unsupported_grant_type",
    "The authorization grant type is not supported by the authorization server",
)
# Amazon names the code; no one has published its text.
SCOPE_INVALID = LwaRefusal(400, "invalid_scope", "The request has an invalid parameter : scope")


def parameter_missing(name: str) -> LwaRefusal:
    """The refusal of a token request without this parameter."""
    return LwaRefusal(400, "invalid_request", f"The request is missing a required parameter : {name}")
