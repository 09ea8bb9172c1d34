"""What each answer means, row by row, with the bodies that Amazon's users have recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import (
    AccessDeniedError,
    AccessTokenExpiredError,
    ApplicationCredentialsError,
    ContractError,
    OperatorActionError,
    ReauthorizationRequiredError,
    SellerActionError,
    SellerOrdersError,
    ServiceUnavailableError,
    ThrottledError,
    TransientError,
)
from include.spapi.classification import LONGEST_TEXT, Place, classify, read_refusal


def amazons(code: str, message: str, details: str | None = None) -> bytes:
    """A refusal by the Selling Partner API."""
    error = {"code": code, "message": message} | ({} if details is None else {"details": details})
    return json.dumps({"errors": [error]}).encode()


def denied(details: str) -> bytes:
    return amazons("Unauthorized", "Access to requested resource is denied.", details)


def lwas(code: str, description: str = "", **more: str) -> bytes:
    """A refusal by Login with Amazon: flat."""
    return json.dumps({"error_description": description, "error": code, **more}).encode()


API, REFRESH, APPLICATION = "sp-api", "lwa refresh", "lwa application"
BAD_INPUT = "The input you have submitted is not valid. Please check your input and try again."
NO_REFRESH = (
    "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission."
)
OUTAGE = b"<html><head><title>Website Temporarily Unavailable</title></head><body></body></html>"
EDGE = b"<!DOCTYPE html><html><head><title>x</title></head><body></body></html>"
QUOTA = amazons("QuotaExceeded", "You exceeded your quota for the requested resource.", "")
BAD_TOKEN_REQUEST = lwas("invalid_request", "The request is missing a required parameter : refresh_token")
BAD_GRANT_TYPE = lwas(
    "unsupported_grant_type", "The authorization grant type is not supported by the authorization server"
)
FAILURE = "We encountered an internal error. Please try again."
TOO_YOUNG = "Note that the error may be due to a systematic delay in data retrieval."
BAD_PAGE = "The paginationToken you have submitted is not valid. All parameters must match the original request except"

TABLE = [
    ("used up quota is for waiting", API, 429, QUOTA, ThrottledError),
    ("used up quota is for waiting without a body too", API, 429, b"", ThrottledError),
    ("LWA throttles as well", REFRESH, 429, b"", ThrottledError),
    (
        "a dead hourly token is for a fresh one",
        API,
        403,
        denied("The access token you provided has expired."),
        AccessTokenExpiredError,
    ),
    (
        "a token that Amazon cannot use is for a fresh one",
        API,
        403,
        denied("The access token you provided is revoked, malformed or invalid."),
        AccessTokenExpiredError,
    ),
    (
        "a missing token is our own fault",
        API,
        403,
        denied("Access token is missing in the request header."),
        AccessDeniedError,
    ),
    ("a denial without a reason is no proof of a lapsed authorization", API, 403, denied(""), AccessDeniedError),
    (
        "a marketplace of another region is for the operators",
        API,
        403,
        denied("The marketplaces you provided are not valid for region."),
        AccessDeniedError,
    ),
    (
        "the application's old secret is for the operators, not the sellers",
        API,
        403,
        denied("The LWA secret token you provided has expired."),
        ApplicationCredentialsError,
    ),
    (
        "Amazon's outage of May 2023 is nobody's fault here and clears itself",
        API,
        403,
        denied("The security token included in the request is expired"),
        ServiceUnavailableError,
    ),
    (
        "a token request sent to the wrong host",
        API,
        403,
        b'{"errors":[{"message":"Access to requested resource is denied.","code":"MissingAuthenticationToken"}]}',
        AccessDeniedError,
    ),
    ("a denial as a page of HTML", API, 403, EDGE, AccessDeniedError),
    ("the sandbox's 400", API, 400, amazons("InvalidInput", "Invalid Input", "Invalid Input"), ContractError),
    (
        "a sandbox call without a case",
        API,
        400,
        amazons("InvalidInput", "Could not match input arguments", ""),
        ContractError,
    ),
    (
        "instants that Amazon cannot read",
        API,
        400,
        amazons("InvalidInput", "Invalid date-time field(s) [lastUpdatedAfter, createdAfter].", ""),
        ContractError,
    ),
    ("input that is not valid", API, 400, amazons("InvalidInput", BAD_INPUT, ""), ContractError),
    ("a bound that is too young", API, 400, amazons("InvalidInput", TOO_YOUNG, ""), TransientError),
    ("a pagination token of another question", API, 400, amazons("InvalidInput", BAD_PAGE, ""), ContractError),
    ("a rejection at the edge, in HTML", API, 400, EDGE, ContractError),
    (
        "a path that is not there",
        API,
        404,
        amazons("ResourceNotFound", "Cannot find resource by the given URI"),
        ContractError,
    ),
    ("a request too large", API, 413, b"", ContractError),
    ("a media type that Amazon does not take", API, 415, b"", ContractError),
    ("Amazon's internal failure", API, 500, amazons("InternalFailure", FAILURE, ""), ServiceUnavailableError),
    ("the same without details", API, 500, amazons("InternalFailure", FAILURE), ServiceUnavailableError),
    ("a page that the site is unavailable", API, 503, OUTAGE, ServiceUnavailableError),
    ("a gateway that waited in vain", API, 504, b"", ServiceUnavailableError),
    ("the last of the 5xx", API, 599, b"null", ServiceUnavailableError),
    ("what is no HTTP status", API, 600, b"", ContractError),
    ("a redirection", API, 302, b"", ContractError),
    (
        "a refresh token that is refused is for the seller",
        REFRESH,
        400,
        lwas("invalid_grant", NO_REFRESH, error_index="x", request_id="y"),
        ReauthorizationRequiredError,
    ),
    (
        "the same in Amazon's older words",
        REFRESH,
        400,
        lwas("invalid_grant", "The request has an invalid grant parameter : refresh_token"),
        ReauthorizationRequiredError,
    ),
    ("the same word about no refresh token is nobody's lapse", APPLICATION, 400, lwas("invalid_grant"), ContractError),
    ("the same word from the API is nobody's lapse", API, 400, lwas("invalid_grant"), ContractError),
    (
        "a refused client secret is for the operators",
        REFRESH,
        401,
        lwas("invalid_client", "Client authentication failed"),
        ApplicationCredentialsError,
    ),
    (
        "a refused client secret while asking for the application alone",
        APPLICATION,
        401,
        lwas("invalid_client", "Client authentication failed"),
        ApplicationCredentialsError,
    ),
    (
        "a refresh token of another application is for the operators",
        REFRESH,
        400,
        lwas("unauthorized_client", "Not authorized for requested operation"),
        ApplicationCredentialsError,
    ),
    ("a token request without its token", REFRESH, 400, BAD_TOKEN_REQUEST, ContractError),
    ("a grant that LWA does not know", APPLICATION, 400, BAD_GRANT_TYPE, ContractError),
    ("a failure of LWA", REFRESH, 500, lwas("server_error"), ServiceUnavailableError),
    ("a failure of LWA in its documents' words", REFRESH, 500, lwas("ServerError"), ServiceUnavailableError),
    ("LWA out of order", APPLICATION, 503, lwas("temporarily_unavailable"), ServiceUnavailableError),
    ("a denial by LWA without a word", REFRESH, 403, b"", ContractError),
    ("LWA's 400 in HTML", REFRESH, 400, EDGE, ContractError),
]


@pytest.mark.parametrize(
    ("place", "status", "body", "error"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_it_means(place: Place, status: int, body: bytes, error: type[SellerOrdersError]) -> None:
    assert type(classify(read_refusal(place, status, body, {}))) is error


@pytest.mark.parametrize(
    ("place", "status", "body", "error"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_what_somebody_must_act_on_says_what_to_do(
    place: Place, status: int, body: bytes, error: type[SellerOrdersError]
) -> None:
    refused = classify(read_refusal(place, status, body, {}))
    must_act = issubclass(error, SellerActionError | OperatorActionError | ContractError)
    assert bool(refused.remedy) is must_act


def test_the_message_tells_status_place_code_and_amazons_words() -> None:
    headers = {"x-amzn-RequestId": "7d0c2f"}
    refused = classify(read_refusal("sp-api", 403, denied("The access token you provided has expired."), headers))
    assert str(refused) == (
        "Amazon answered HTTP 403 (sp-api): Unauthorized: Access to requested resource is denied. "
        "The access token you provided has expired. (Amazon request id 7d0c2f)"
    )
    assert (refused.code, refused.request_id) == ("Unauthorized", "7d0c2f")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"errors":[]}',
        b'{"errors":{}}',
        b'{"errors":["text"]}',
        b'{"errors":[{}]}',
        b'{"errors":[{"code":null,"message":7,"details":["x"]}]}',
        b'{"errors":[{"code":{"a":1}}]}',
        b"\xff\xfe",
        b"[" * 100_000,
        EDGE,
    ],
    ids=[
        "nothing",
        "null",
        "a list",
        "a text",
        "an empty object",
        "no errors",
        "errors as an object",
        "errors of text",
        "an error without fields",
        "fields of other types",
        "a code that is an object",
        "no UTF-8",
        "too deep to read",
        "HTML",
    ],
)
def test_a_body_of_any_shape_is_read(body: bytes) -> None:
    refused = classify(read_refusal("sp-api", 400, body, {}))
    assert type(refused) is ContractError
    assert "HTTP 400 (sp-api)" in str(refused)


def test_html_is_not_repeated_in_the_message() -> None:
    refused = classify(read_refusal("sp-api", 503, OUTAGE, {}))
    assert str(refused) == "Amazon answered HTTP 503 (sp-api): no reason given."


def test_control_characters_leave_the_message() -> None:
    body = amazons("Bad\x1b[31mCode", "one\ntwo\r\x00\u2028three", "\u202efour")
    refused = classify(read_refusal("sp-api", 400, body, {"x-amzn-RequestId": "id\x7f"}))
    assert str(refused).isprintable()
    assert "one two" in str(refused)


def test_a_long_text_is_cut() -> None:
    refused = classify(read_refusal("sp-api", 400, amazons("C" * 5000, "m" * 5000, "d" * 5000), {}))
    assert len(str(refused)) < 2 * LONGEST_TEXT + 200


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["errors", "code", "message", "details", "error"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    place=st.sampled_from(["sp-api", "lwa application"]),
    status=st.integers(300, 599),
    body=JSON.map(lambda document: json.dumps(document).encode()) | st.binary(max_size=50),
)
def test_nothing_but_a_refused_refresh_token_sends_a_seller_to_reconnect(
    place: Place, status: int, body: bytes
) -> None:
    refused = classify(read_refusal(place, status, body, {}))
    assert not isinstance(refused, SellerActionError)
    assert str(refused).isprintable()


@pytest.mark.parametrize("secret", ["Atzr|IwEBIsecret", "Atza|IwEBIsecret", "amzn1.oa2-cs.v1.secret"])
@pytest.mark.parametrize("field", ["message", "code"])
def test_a_token_or_secret_that_an_answer_echoes_is_struck_out(secret: str, field: str) -> None:
    error = {"code": "InvalidInput", "message": "bad", field: f"you sent {secret} to us"}
    refusal = read_refusal("sp-api", 400, json.dumps({"errors": [error]}).encode(), {"x-amzn-RequestId": secret})
    said = str(classify(refusal))
    assert "you sent *** to us" in said
    assert "secret" not in said
