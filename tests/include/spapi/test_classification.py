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
    AuthorizationCodeExpiredError,
    ConsentError,
    ContractError,
    OperatorActionError,
    ReauthorizationRequiredError,
    SellerActionError,
    SellerOrdersError,
    ServiceUnavailableError,
    SettingsError,
    ThrottledError,
    TransientError,
)
from include.spapi.classification import LONGEST_TEXT, RULES, Place, Refusal, classify, read_refusal


def amazons(code: str, message: str, details: str | None = None) -> bytes:
    """A refusal by the Selling Partner API."""
    error = {"code": code, "message": message} | ({} if details is None else {"details": details})
    return json.dumps({"errors": [error]}).encode()


def denied(details: str) -> bytes:
    return amazons("Unauthorized", "Access to requested resource is denied.", details)


def lwas(code: str, description: str = "", **more: str) -> bytes:
    """A refusal by Login with Amazon: flat."""
    return json.dumps({"error_description": description, "error": code, **more}).encode()


API, REFRESH, CODE, APPLICATION = "sp-api", "lwa refresh", "lwa code", "lwa application"
PLACES: list[Place] = ["sp-api", "lwa refresh", "lwa code", "lwa application"]
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
BAD_PAGE = (
    "The paginationToken you have submitted is not valid. All parameters must match the original request except "
    "maxResultsPerPage."
)
BAD_OLD_PAGE = (
    "We could not decode your NextToken. Possible reasons include: a transmission error, improper quoting or a "
    "truncation problem."
)
EXPIRED_TOKEN = denied("The access token you provided has expired.")
BAD_TOKEN = denied("The access token you provided is revoked, malformed or invalid.")
NO_TOKEN = denied("Access token is missing in the request header.")
WRONG_REGION = denied("The marketplaces you provided are not valid for region.")
OLD_SECRET = denied("The LWA secret token you provided has expired.")
WRONG_HOST = b'{"errors":[{"message":"Access to requested resource is denied.","code":"MissingAuthenticationToken"}]}'
BAD_CODE = lwas("invalid_grant", "The request has an invalid grant parameter : code")
BAD_CLIENT = lwas("invalid_client", "Client authentication failed")
OTHER_CLIENT = lwas("unauthorized_client", "Not authorized for requested operation")

TABLE = [
    ("used up quota is for waiting", API, 429, QUOTA, ThrottledError),
    ("used up quota is for waiting without a body too", API, 429, b"", ThrottledError),
    ("LWA throttles as well", REFRESH, 429, b"", ThrottledError),
    ("a dead hourly token is for a fresh one", API, 403, EXPIRED_TOKEN, AccessTokenExpiredError),
    ("a token that Amazon cannot use is for a fresh one", API, 403, BAD_TOKEN, AccessTokenExpiredError),
    ("a missing token is our own fault", API, 403, NO_TOKEN, ContractError),
    ("a denial without a reason is no proof of a lapsed authorization", API, 403, denied(""), AccessDeniedError),
    ("a marketplace of another region is for the operators", API, 403, WRONG_REGION, AccessDeniedError),
    (
        "the application's old secret is for the operators, not the sellers",
        API,
        403,
        OLD_SECRET,
        ApplicationCredentialsError,
    ),
    (
        "Amazon's outage of May 2023 is nobody's fault here and clears itself",
        API,
        403,
        denied("The security token included in the request is expired"),
        ServiceUnavailableError,
    ),
    ("a request for a seller's token sent to the API's host", REFRESH, 403, WRONG_HOST, SettingsError),
    ("a consent's code sent to the API's host", CODE, 403, WRONG_HOST, SettingsError),
    ("a request for the application's token sent to the API's host", APPLICATION, 403, WRONG_HOST, SettingsError),
    ("the same word about a call, not a token request, is a denial", API, 403, WRONG_HOST, AccessDeniedError),
    ("a denial with words that nobody has recorded", API, 403, denied("Ask your account manager."), AccessDeniedError),
    ("a denial with nothing", API, 403, b"", AccessDeniedError),
    ("a denial as a page of HTML is a proxy's", API, 403, EDGE, ServiceUnavailableError),
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
    ("input that is invalid", API, 400, amazons("InvalidInput", "This is an invalid input", ""), ContractError),
    ("a bound that is too young", API, 400, amazons("InvalidInput", TOO_YOUNG, ""), TransientError),
    ("a pagination token of another question", API, 400, amazons("InvalidInput", BAD_PAGE, ""), ContractError),
    ("a token of the old API that Amazon cannot read", API, 400, amazons("InvalidInput", BAD_OLD_PAGE), ContractError),
    ("a rejection at the edge, in HTML", API, 400, EDGE, ServiceUnavailableError),
    ("the same after a byte order mark", API, 400, b"\xef\xbb\xbf" + EDGE, ServiceUnavailableError),
    ("the same after blank lines", API, 400, b" \r\n\t" + EDGE, ServiceUnavailableError),
    ("a page that is cut off", API, 400, b"<", ServiceUnavailableError),
    ("a page while a path is not there", API, 404, EDGE, ServiceUnavailableError),
    ("HTML within JSON is no page", API, 400, amazons("InvalidInput", "<html>"), ContractError),
    ("a text with a page in it is no page", API, 400, b"see " + EDGE, ContractError),
    ("throttling by a page is throttling", API, 429, EDGE, ThrottledError),
    ("a redirection by a page is no outage", API, 302, EDGE, ContractError),
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
    ("a code too old, or used before, is for who is consenting", CODE, 400, BAD_CODE, AuthorizationCodeExpiredError),
    ("a refused client secret is for the operators", REFRESH, 401, BAD_CLIENT, ApplicationCredentialsError),
    ("a refused client secret at the end of a consent", CODE, 401, BAD_CLIENT, ApplicationCredentialsError),
    (
        "a refused client secret while asking for the application alone",
        APPLICATION,
        401,
        BAD_CLIENT,
        ApplicationCredentialsError,
    ),
    (
        "a refresh token of another application is for the operators",
        REFRESH,
        400,
        OTHER_CLIENT,
        ApplicationCredentialsError,
    ),
    ("a code of another application is for the operators", CODE, 400, OTHER_CLIENT, ApplicationCredentialsError),
    ("an application that may not ask", APPLICATION, 400, OTHER_CLIENT, ApplicationCredentialsError),
    ("a token request without its token", REFRESH, 400, BAD_TOKEN_REQUEST, ContractError),
    ("a code's exchange without all it needs", CODE, 400, lwas("invalid_request"), ContractError),
    ("a grant that LWA does not know", APPLICATION, 400, BAD_GRANT_TYPE, ContractError),
    ("a scope that LWA does not know", APPLICATION, 400, lwas("invalid_scope"), ContractError),
    ("an access that LWA denies is no lapse", REFRESH, 403, lwas("access_denied"), ContractError),
    ("a word of LWA that nobody has recorded", REFRESH, 400, lwas("other"), ContractError),
    ("a failure of LWA", REFRESH, 500, lwas("server_error"), ServiceUnavailableError),
    ("a failure of LWA in its documents' words", REFRESH, 500, lwas("ServerError"), ServiceUnavailableError),
    ("LWA out of order", APPLICATION, 503, lwas("temporarily_unavailable"), ServiceUnavailableError),
    ("a failure of LWA under a status that blames us", REFRESH, 400, lwas("server_error"), ServiceUnavailableError),
    ("the same in its documents' words", CODE, 400, lwas("ServerError"), ServiceUnavailableError),
    ("LWA out of order under such a status", CODE, 400, lwas("temporarily_unavailable"), ServiceUnavailableError),
    ("LWA out of order, whatever it says of a token", REFRESH, 503, lwas("invalid_grant"), ServiceUnavailableError),
    ("LWA throttling, whatever it says of a token", REFRESH, 429, lwas("invalid_grant"), ThrottledError),
    ("a denial by LWA without a word", REFRESH, 403, b"", ContractError),
    ("LWA's 400 in HTML", REFRESH, 400, EDGE, ServiceUnavailableError),
    ("LWA's 403 in HTML", CODE, 403, EDGE, ServiceUnavailableError),
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
    must_act = issubclass(error, SellerActionError | OperatorActionError | ConsentError | ContractError)
    assert refused.remedy or not must_act


@pytest.mark.parametrize(
    ("place", "status", "body", "words"),
    [
        (REFRESH, 400, lwas("invalid_grant", NO_REFRESH), ["seller", "authorize", "again"]),
        (CODE, 400, BAD_CODE, ["Start the consent again"]),
        (REFRESH, 401, BAD_CLIENT, ["client id and secret", "amazon_application", "180 days"]),
        (API, 403, OLD_SECRET, ["client id and secret", "amazon_application", "180 days"]),
        (REFRESH, 400, OTHER_CLIENT, ["refresh token", "amazon_application"]),
        (CODE, 400, OTHER_CLIENT, ["client id", "amazon_application"]),
        (REFRESH, 400, BAD_TOKEN_REQUEST, ["fault of this program", "report it"]),
        (REFRESH, 400, BAD_GRANT_TYPE, ["fault of this program", "report it"]),
        (APPLICATION, 400, lwas("invalid_scope"), ["fault of this program", "report it"]),
        (CODE, 403, lwas("access_denied"), ["fault of this program", "report it"]),
        (API, 403, NO_TOKEN, ["fault of this program", "report it"]),
        (CODE, 403, WRONG_HOST, ["LWA_TOKEN_URL"]),
        (API, 403, WRONG_REGION, ["marketplaces", "region", "sellers.yaml"]),
        (API, 403, denied(""), ["application's roles", "marketplace", "seller's account", "other sellers", "Amazon's"]),
        (API, 403, WRONG_HOST, ["application's roles", "marketplace", "seller's account", "other sellers", "Amazon's"]),
        (API, 403, EDGE, ["proxy", "address"]),
        (API, 400, amazons("InvalidInput", BAD_INPUT, ""), ["compare the settings", "report it"]),
    ],
    ids=[
        "a lapsed authorization",
        "an old code",
        "a refused secret",
        "an old secret",
        "a token of another application",
        "a code of another application",
        "a parameter missing",
        "an unknown grant",
        "an unknown scope",
        "an access denied by LWA",
        "a call without a token",
        "a token request to the wrong host",
        "a marketplace of another region",
        "a denial without a reason",
        "a call called a token request",
        "a page",
        "an answer that nothing here knows",
    ],
)
def test_the_remedy_names_what_to_look_at(place: Place, status: int, body: bytes, words: list[str]) -> None:
    remedy = classify(read_refusal(place, status, body, {})).remedy
    assert [word for word in words if word not in remedy] == []


def test_nobody_but_a_lapsed_seller_is_told_to_authorize_again() -> None:
    for rule in RULES:
        if rule.error is not ReauthorizationRequiredError:
            assert "authorize the application again" not in rule.remedy, rule
            assert "reconnect" not in rule.remedy.lower(), rule


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


def assert_only_invalid_grant_blames_a_token(refusal: Refusal) -> None:
    error, invalid = classify(refusal), refusal.code == "invalid_grant"
    if isinstance(error, SellerActionError):
        assert (refusal.place, invalid, type(error)) == ("lwa refresh", True, ReauthorizationRequiredError)
    if isinstance(error, ConsentError):
        assert (refusal.place, invalid, type(error)) == ("lwa code", True, AuthorizationCodeExpiredError)


@given(
    place=st.sampled_from(PLACES),
    status=st.integers(100, 700),
    code=st.sampled_from(sorted({"invalid_grant", "Invalid_Grant", "Unauthorized", *(rule.code for rule in RULES)}))
    | st.text(max_size=20),
    text=st.sampled_from(sorted({NO_REFRESH, "invalid_grant", *(rule.text for rule in RULES)})) | st.text(max_size=20),
    is_page=st.booleans(),
)
def test_nothing_but_invalid_grant_blames_a_refresh_token_or_a_code(
    place: Place, status: int, code: str, text: str, is_page: bool
) -> None:
    assert_only_invalid_grant_blames_a_token(Refusal(place, status, code, text, "", is_page))


@given(
    place=st.sampled_from(PLACES),
    status=st.integers(300, 599),
    body=JSON.map(lambda document: json.dumps(document).encode()) | st.binary(max_size=50),
)
def test_no_body_of_any_shape_blames_a_seller_without_that_word(place: Place, status: int, body: bytes) -> None:
    refusal = read_refusal(place, status, body, {})
    assert_only_invalid_grant_blames_a_token(refusal)
    assert str(classify(refusal)).isprintable()


@pytest.mark.parametrize(
    ("place", "body", "said"),
    [
        (API, EXPIRED_TOKEN, "Access to requested resource is denied. The access token you provided has expired."),
        (REFRESH, lwas("invalid_grant", NO_REFRESH), NO_REFRESH),
        (CODE, BAD_CODE, "The request has an invalid grant parameter : code"),
        (API, WRONG_HOST, "Access to requested resource is denied."),
        (API, EDGE, ""),
        (API, b"", ""),
    ],
    ids=["the API", "LWA of a refresh token", "LWA of a code", "a message without details", "a page", "nothing"],
)
def test_an_error_keeps_amazons_own_words(place: Place, body: bytes, said: str) -> None:
    assert classify(read_refusal(place, 403, body, {})).amazon_said == said


@pytest.mark.parametrize("secret", ["Atzr|IwEBIsecret", "Atza|IwEBIsecret", "amzn1.oa2-cs.v1.secret"])
@pytest.mark.parametrize("field", ["message", "code"])
def test_a_token_or_secret_that_an_answer_echoes_is_struck_out(secret: str, field: str) -> None:
    error = {"code": "InvalidInput", "message": "bad", field: f"you sent {secret} to us"}
    refusal = read_refusal("sp-api", 400, json.dumps({"errors": [error]}).encode(), {"x-amzn-RequestId": secret})
    refused = classify(refusal)
    assert "you sent *** to us" in str(refused)
    assert "secret" not in str(refused) + refused.amazon_said + refused.code + refused.request_id


@pytest.mark.parametrize("place", PLACES)
def test_amazons_own_words_are_kept_on_one_line_and_without_secrets(place: Place) -> None:
    words = "no\x1b[2J:\nAtzr|IwEBsecret, Atza|secret and amzn1.oa2-cs.v1.secret are not accepted"
    body = amazons("InvalidInput", words) if place == API else lwas("invalid_grant", words)
    assert classify(read_refusal(place, 400, body, {})).amazon_said == "no [2J: *** *** and *** are not accepted"
