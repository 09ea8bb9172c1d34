"""What a refusal by Amazon means: one table, read top down, and the few lines that read it.

The same word means different things in different places (`invalid_grant` for a refresh token or for a stale code), so
the place is part of the key. What no row knows is a ContractError, never a lapsed authorization: a wrong reconnect
link costs trust.
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
    ContractError,
    ReauthorizationRequiredError,
    SellerOrdersError,
    ServiceUnavailableError,
    ThrottledError,
    TransientError,
)

Place = Literal["lwa refresh", "lwa application", "sp-api"]
LONGEST_TEXT = 300
SECRETS = re.compile(r"Atz[a-z]\|\S+|amzn1\.oa2-cs\.\S+")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is not a success, reduced to what the table asks for.

    Attributes:
        place: Which kind of request was refused.
        status: HTTP status.
        code: Amazon's error code, "" where the body has none (an HTML page, say).
        text: Amazon's words, cleaned of control characters and cut.
        request_id: Amazon's id of the request, "" where absent.
    """

    place: Place
    status: int
    code: str
    text: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: empty fields match anything, `text` matches as a part, `status` 500 means all of 5xx."""

    places: tuple[Place, ...]
    status: int | None
    code: str
    text: str
    error: type[SellerOrdersError]
    remedy: str = ""

    def matches(self, refusal: Refusal) -> bool:
        """Tell whether this row speaks of that refusal."""
        status_matches = self.status in (None, refusal.status) or (self.status == 500 <= refusal.status < 600)
        return (
            refusal.place in self.places
            and status_matches
            and self.code in ("", refusal.code)
            and self.text.lower() in refusal.text.lower()
        )


LWA: tuple[Place, ...] = ("lwa refresh", "lwa application")
API: tuple[Place, ...] = ("sp-api",)
ROTATE = "Check client id and secret in the Connection amazon_application; a secret ends after 180 days."
FOREIGN = (
    "The refresh token in the seller's Connection belongs to another application, or the Connection amazon_application "
    "holds another client id than the one the seller authorized."
)
DENIED = (
    "The token is fresh, so look at the application's roles, the marketplaces, the seller's account, and whether "
    "other sellers are refused too (then it is Amazon's fault)."
)

RULES = (
    Rule(
        ("lwa refresh",),
        None,
        "invalid_grant",
        "",
        ReauthorizationRequiredError,
        "The seller must authorize the application again.",
    ),
    Rule(LWA, None, "invalid_client", "", ApplicationCredentialsError, ROTATE),
    Rule(LWA, None, "unauthorized_client", "", ApplicationCredentialsError, FOREIGN),
    # Our clock is ahead; what is asked for grows old enough while we wait.
    Rule(API, 400, "", "systematic delay in data retrieval", TransientError),
    Rule(API, 403, "", "LWA secret token you provided has expired", ApplicationCredentialsError, ROTATE),
    Rule(API, 403, "", "access token you provided has expired", AccessTokenExpiredError),
    Rule(API, 403, "", "is revoked, malformed or invalid", AccessTokenExpiredError),
    Rule(API, 403, "", "security token included in the request is expired", ServiceUnavailableError),
    Rule(API, 403, "", "", AccessDeniedError, DENIED),
    Rule(LWA + API, 429, "", "", ThrottledError),
    Rule(LWA + API, 500, "", "", ServiceUnavailableError),
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
    return Refusal(
        place, status, plain_text(str(code)), plain_text(text), plain_text(headers.get("x-amzn-RequestId", ""))
    )


def plain_text(text: str) -> str:
    """Make Amazon's words fit for a log: one line, cut, and without a token or secret that a proxy may echo."""
    printable = "".join(c if c.isprintable() else " " for c in text).strip()
    return SECRETS.sub("***", printable)[:LONGEST_TEXT]


def classify(refusal: Refusal) -> SellerOrdersError:
    """Turn a refusal into the error that says who acts next; `ContractError` where no row knows it."""
    rule = next((rule for rule in RULES if rule.matches(refusal)), None)
    said = f"{refusal.code}: {refusal.text}" if refusal.text else refusal.code or "no reason given"
    error = (rule.error if rule else ContractError)(
        f"Amazon answered HTTP {refusal.status} ({refusal.place}): {said.rstrip('.')}.",
        request_id=refusal.request_id,
        code=refusal.code,
    )
    error.remedy = (
        rule.remedy
        if rule
        else "Nothing here knows this answer: compare the settings with its words, or report it with the request id."
    )
    return error
