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

    def body(self) -> dict[str, list[dict[str, str]]]:
        """The body as recorded."""
        error = {"code": self.code, "message": self.message}
        return {"errors": [error if self.details is None else {**error, "details": self.details}]}

    def headers(self) -> dict[str, str]:
        """The headers that came with it."""
        return {"x-amzn-errortype": self.error_type} if self.error_type else {}


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
CLIENT_SECRET_EXPIRED = _denied("The LWA secret token you provided has expired.")
NO_ACCESS = _denied("")
MARKETPLACE_NOT_IN_REGION = _denied("The marketplaces you provided are not valid for region.")
TOKEN_REQUEST_HERE = Refusal(403, "MissingAuthenticationToken", _DENIED, None)
# Thousands of sellers at once, for half an hour of 27 May 2023; told without the JSON around it.
SECURITY_TOKEN_EXPIRED = Refusal(
    403, "Unauthorized", "The security token included in the request is expired", None, "AccessDeniedException"
)
QUOTA_EXCEEDED = Refusal(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
INVALID_INPUT = Refusal(
    400, "InvalidInput", "The input you have submitted is not valid. Please check your input and try again."
)
INVALID_INPUT_SANDBOX = Refusal(400, "InvalidInput", "Invalid Input", "Invalid Input")
INPUT_NOT_MATCHED = Refusal(400, "InvalidInput", "Could not match input arguments")
RESOURCE_NOT_FOUND = Refusal(404, "ResourceNotFound", "Cannot find resource by the given URI", None)
INTERNAL_FAILURE = Refusal(500, "InternalFailure", "We encountered an internal error. Please try again.")
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

    def body(self, request_id: str) -> dict[str, str]:
        """The body as recorded, its ids made of this one."""
        body = {"error_description": self.description, "error": self.error}
        if self.has_ids:
            body = {"error_index": request_id.replace("-", "").upper(), **body, "request_id": request_id}
        return body

    def headers(self) -> dict[str, str]:
        """The headers that came with it."""
        return {"x-amzn-errortype": self.error_type} if self.error_type else {}


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
# Amazon's own SDK knows these two codes; no one has published their texts.
SERVER_ERROR = LwaRefusal(500, "server_error", "The authorization server encountered an unexpected condition")
TEMPORARILY_UNAVAILABLE = LwaRefusal(
    503, "temporarily_unavailable", "The authorization server is currently unable to handle the request"
)


def parameter_missing(name: str) -> LwaRefusal:
    """The refusal of a token request without this parameter."""
    return LwaRefusal(400, "invalid_request", f"The request is missing a required parameter : {name}")
