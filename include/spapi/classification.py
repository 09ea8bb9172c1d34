"""What a refusal by Amazon means: one table, read top down, and the few lines that read it.

The same word means different things in different places (`invalid_grant` for a refresh token or for a consent's code),
so the place is part of the key. What no other row knows the last one makes a ContractError, never a lapsed
authorization: a wrong reconnect link costs trust.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from include.errors import (
    AccessDeniedError,
    AccessTokenExpiredError,
    ApplicationCredentialsError,
    AuthorizationCodeExpiredError,
    ContractError,
    ReauthorizationRequiredError,
    SellerOrdersError,
    ServiceUnavailableError,
    SettingsError,
    ThrottledError,
    TransientError,
)

Place = Literal["lwa refresh", "lwa code", "lwa application", "sp-api"]
LONGEST_TEXT = 300
SECRETS = re.compile(r"Atz[a-z]\|\S+|amzn1\.oa2-cs\.\S+")
BEFORE_A_PAGE = b"\xef\xbb\xbf \t\r\n"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is not a success, reduced to what the table asks for.

    Attributes:
        place: Which kind of request was refused.
        status: HTTP status.
        code: Amazon's error code, "" where the body has none (an HTML page, say).
        text: Amazon's words, cleaned of control characters and cut.
        request_id: Amazon's id of the request, "" where absent.
        is_page: Whether the body is markup, a page for people, where Amazon documents JSON.
    """

    place: Place
    status: int
    code: str
    text: str
    request_id: str
    is_page: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: empty fields match anything, `text` matches as a part, `status` 4 and 5 mean all of 4xx and 5xx."""

    places: tuple[Place, ...]
    status: int | None
    code: str
    text: str
    error: type[SellerOrdersError]
    remedy: str = ""
    only_pages: bool = False

    def matches(self, refusal: Refusal) -> bool:
        """Tell whether this row speaks of that refusal."""
        return (
            refusal.place in self.places
            and self.status in (None, refusal.status, refusal.status // 100)
            and self.code in ("", refusal.code)
            and self.text.lower() in refusal.text.lower()
            and (refusal.is_page or not self.only_pages)
        )


REFRESH: tuple[Place, ...] = ("lwa refresh",)
CODE: tuple[Place, ...] = ("lwa code",)
LWA: tuple[Place, ...] = ("lwa refresh", "lwa code", "lwa application")
API: tuple[Place, ...] = ("sp-api",)
RECONNECT = "The seller must authorize the application again."
START_AGAIN = "Start the consent again from its link and finish it within five minutes."
ROTATE = "Check client id and secret in the Connection amazon_application; a secret ends after 180 days."
FOREIGN = (
    "The refresh token in the seller's Connection belongs to another application, or the Connection amazon_application "
    "holds another client id than the one the seller authorized."
)
OTHER_ID = "Compare the client id in the Connection amazon_application with the application's own in Seller Central."
OUR_FAULT = "This is a fault of this program, not of a seller: report it with the request id."
WRONG_HOST = "Correct LWA_TOKEN_URL: it leads to the Selling Partner API, which gives out no tokens."
MARKETPLACES = "Make the seller's marketplaces and region in sellers.yaml fit each other."
DENIED = (
    "Amazon gives no reason that helps, so check the application's roles, the marketplace, the seller's account, and "
    "whether other sellers are refused too, which makes it Amazon's own fault."
)
A_PAGE = "If this lasts, look for a proxy in between, or for a wrong address of Amazon's in the settings."
UNKNOWN = "Nothing here knows this answer: compare the settings with its words, or report it with the request id."

RULES = (
    # Who is overloaded or out of order knows nothing about anybody's authorization.
    Rule(LWA, None, "server_error", "", ServiceUnavailableError),
    Rule(LWA, None, "ServerError", "", ServiceUnavailableError),
    Rule(LWA, None, "temporarily_unavailable", "", ServiceUnavailableError),
    Rule(LWA + API, 429, "", "", ThrottledError),
    Rule(LWA + API, 5, "", "", ServiceUnavailableError),
    # Amazon's edge or a proxy on the way.
    Rule(LWA + API, 4, "", "", ServiceUnavailableError, A_PAGE, only_pages=True),
    Rule(REFRESH, None, "invalid_grant", "", ReauthorizationRequiredError, RECONNECT),
    Rule(CODE, None, "invalid_grant", "", AuthorizationCodeExpiredError, START_AGAIN),
    Rule(LWA, None, "invalid_client", "", ApplicationCredentialsError, ROTATE),
    Rule(REFRESH, None, "unauthorized_client", "", ApplicationCredentialsError, FOREIGN),
    Rule(LWA, None, "unauthorized_client", "", ApplicationCredentialsError, OTHER_ID),
    Rule(LWA, None, "invalid_request", "", ContractError, OUR_FAULT),
    Rule(LWA, None, "unsupported_grant_type", "", ContractError, OUR_FAULT),
    Rule(LWA, None, "invalid_scope", "", ContractError, OUR_FAULT),
    Rule(LWA, None, "access_denied", "", ContractError, OUR_FAULT),
    Rule(LWA, 403, "MissingAuthenticationToken", "", SettingsError, WRONG_HOST),
    # Our clock is ahead; what is asked for grows old enough while we wait.
    Rule(API, 400, "", "systematic delay in data retrieval", TransientError),
    Rule(API, 403, "", "LWA secret token you provided has expired", ApplicationCredentialsError, ROTATE),
    Rule(API, 403, "", "access token you provided has expired", AccessTokenExpiredError),
    Rule(API, 403, "", "is revoked, malformed or invalid", AccessTokenExpiredError),
    Rule(API, 403, "", "access token is missing in the request header", ContractError, OUR_FAULT),
    Rule(API, 403, "", "security token included in the request is expired", ServiceUnavailableError),
    Rule(API, 403, "", "marketplaces you provided are not valid for region", AccessDeniedError, MARKETPLACES),
    # MissingAuthenticationToken too: on record only for token requests, so for any other it names no setting.
    Rule(API, 403, "", "", AccessDeniedError, DENIED),
    Rule(LWA + API, None, "", "", ContractError, UNKNOWN),
)


def read_refusal(place: Place, status: int, body: bytes, headers: Mapping[str, str]) -> Refusal:
    """Reduce an answer of any shape to a `Refusal`: Amazon's JSON, LWA's flat JSON, an HTML page, nothing."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = {}
    document = document if isinstance(document, dict) else {}
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code = first.get("code") or document.get("error") or ""
    words = (first.get("message"), first.get("details"), document.get("error_description"))
    text = " ".join(word for word in words if isinstance(word, str) and word)
    request_id = headers.get("x-amzn-RequestId", "")
    is_page = body.lstrip(BEFORE_A_PAGE).startswith(b"<")
    return Refusal(place, status, plain_text(str(code)), plain_text(text), plain_text(request_id), is_page)


def plain_text(text: str) -> str:
    """Make Amazon's words fit for a log: one line, cut, and without a token or secret that a proxy may echo."""
    printable = "".join(c if c.isprintable() else " " for c in text).strip()
    return SECRETS.sub("***", printable)[:LONGEST_TEXT]


def classify(refusal: Refusal) -> SellerOrdersError:
    """Turn a refusal into the error that says who acts next; `ContractError` where only the last row knows it."""
    rule = next(rule for rule in RULES if rule.matches(refusal))
    said = f"{refusal.code}: {refusal.text}" if refusal.text else refusal.code or "no reason given"
    error = rule.error(
        f"Amazon answered HTTP {refusal.status} ({refusal.place}): {said.rstrip('.')}.",
        request_id=refusal.request_id,
        code=refusal.code,
        amazon_said=refusal.text,
    )
    error.remedy = rule.remedy
    return error
