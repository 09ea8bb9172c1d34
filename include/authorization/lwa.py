"""Login with Amazon: codes and refresh tokens for tokens, and the check of the application alone.

Source: Amazon's developer guide and recorded answers, read 2026-11-23. The refresh token does not change.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import requests

from include.authorization.credentials import ApplicationCredentials
from include.clock import Now
from include.errors import ContractError, TransportError
from include.spapi.answers import UNREADABLE, read_body
from include.spapi.classification import Place, classify, read_refusal

# A token that dies on its way to Amazon costs a refused call, so the last minute of its hour is not used.
SAFETY_MARGIN = timedelta(seconds=60)
LONGEST_LIFE_S = 24 * 3600
PROBE_SCOPE = "sellingpartnerapi::notifications"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An hourly token.

    Attributes:
        value: Goes into the header `x-amz-access-token`; never into a log.
        expires_utc: When Amazon stops accepting it.
    """

    value: str = field(repr=False)
    expires_utc: datetime


class _TokenReply(msgspec.Struct):
    access_token: str
    expires_in: int = 3600
    refresh_token: str = ""


def exchange_refresh_token(
    refresh_token: str, application: ApplicationCredentials, *, token_url: str, now: Now, timeout_s: float = 30.0
) -> AccessToken:
    """Exchange a seller's refresh token for an access token.

    Raises:
        ReauthorizationRequiredError: The authorization lapsed or was revoked (the seller acts).
        ApplicationCredentialsError: Client id or secret are refused (operators act).
        TransientError: LWA is throttling, failing or out of reach.
        ContractError: An answer nobody documented.
    """
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return _ask_for_token("lwa refresh", form, application, token_url, now, timeout_s)


def exchange_code(
    code: str,
    application: ApplicationCredentials,
    *,
    redirect_uri: str,
    token_url: str,
    now: Now,
    timeout_s: float = 30.0,
) -> str:
    """Exchange a consent's code, within its five minutes and once, for the seller's refresh token.

    Args:
        code: `spapi_oauth_code` as Amazon sent it.
        application: The application that the consent was given to.
        redirect_uri: Where Amazon sent the browser.
        token_url: Login with Amazon's token endpoint.
        now: Tells the time.
        timeout_s: Seconds to wait.

    Raises:
        AuthorizationCodeExpiredError: The code is too old or was used (the seller starts again).
        ApplicationCredentialsError: Client id or secret are refused (operators act).
        TransientError: LWA is throttling, failing or out of reach.
        ContractError: An answer nobody documented.
    """
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    reply, _ = _ask("lwa code", form, application, token_url, now, timeout_s)
    if not re.fullmatch(r"[!-~]{1,4096}", reply.refresh_token):
        raise ContractError("Login with Amazon: `$.refresh_token` is missing or no plain text.")
    return reply.refresh_token


def probe_application(
    application: ApplicationCredentials, *, token_url: str, now: Now, timeout_s: float = 30.0
) -> None:
    """Ask LWA for a token of the application itself, which proves id and secret without any seller.

    Raises:
        ApplicationCredentialsError: Client id or secret are refused.
        TransientError: LWA is throttling, failing or out of reach.
        ContractError: An answer nobody documented.
    """
    form = {"grant_type": "client_credentials", "scope": PROBE_SCOPE}
    _ask_for_token("lwa application", form, application, token_url, now, timeout_s)


def _ask_for_token(
    place: Place,
    form: dict[str, str],
    application: ApplicationCredentials,
    token_url: str,
    now: Now,
    timeout_s: float,
) -> AccessToken:
    reply, asked_utc = _ask(place, form, application, token_url, now, timeout_s)
    return AccessToken(reply.access_token, asked_utc + timedelta(seconds=min(reply.expires_in, LONGEST_LIFE_S)))


def _ask(
    place: Place,
    form: dict[str, str],
    application: ApplicationCredentials,
    token_url: str,
    now: Now,
    timeout_s: float,
) -> tuple[_TokenReply, datetime]:
    form = {**form, "client_id": application.client_id, "client_secret": application.client_secret}
    asked_utc = now()
    try:
        answer = requests.post(token_url, data=form, timeout=timeout_s, allow_redirects=False, stream=True)
    except requests.RequestException as lost:
        raise TransportError(f"No answer from Login with Amazon ({type(lost).__name__}).") from None
    body = read_body(answer, "Login with Amazon", timeout_s=timeout_s)
    if answer.status_code != 200:
        raise classify(read_refusal(place, answer.status_code, body, answer.headers))
    try:
        reply = msgspec.json.decode(body, type=_TokenReply)
    except UNREADABLE as problem:
        raise ContractError(f"Login with Amazon: {problem}.") from None
    if not re.fullmatch(r"[!-~]+", reply.access_token):
        # It could not travel in a header, and the error of whoever tried would quote it.
        raise ContractError("Login with Amazon: `$.access_token` is not plain text.")
    return reply, asked_utc


class CachedAccessToken:
    """Holds one seller's access token for as long as it is good; an instance is an `spapi.client.AccessToken`.

    Args:
        exchange: Gets a fresh token.
        now: Tells the time.
    """

    def __init__(self, exchange: Callable[[], AccessToken], now: Now) -> None:
        self._exchange = exchange
        self._now = now
        self._held: AccessToken | None = None

    def __call__(self) -> str:
        """Return a token with at least a minute left."""
        if self._held is None or self._now() >= self._held.expires_utc - SAFETY_MARGIN:
            self._held = self._exchange()
        return self._held.value

    def forget(self) -> None:
        """Drop the token held; the next call exchanges a fresh one."""
        self._held = None
