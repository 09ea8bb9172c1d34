"""One seller's door to the Selling Partner API: headers, waiting and repeating, and what a refusal means."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import Protocol
from urllib.parse import quote

import requests

from include.clock import Now, format_utc
from include.errors import (
    AccessDeniedError,
    AccessTokenExpiredError,
    NotYetError,
    ThrottledError,
    TransientError,
    TransportError,
)
from include.spapi.answers import read_body
from include.spapi.classification import classify, plain_text, read_refusal
from include.spapi.operations import Operation
from include.spapi.patience import LONGEST_PATIENCE_S, Sleep, repeat_while_transient
from include.spapi.quota import LONGEST_SLEEP_S, Quota

log = logging.getLogger(__name__)
USER_AGENT = "SellerOrders/0.1 (Language=Python)"


class AccessToken(Protocol):
    """Where the hourly token comes from."""

    def __call__(self) -> str:
        """Return a token that is good now, exchanging one where needed."""

    def forget(self) -> None:
        """Drop the token held, so that the next call exchanges a fresh one."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer.

    Attributes:
        body: As sent.
        request_id: Amazon's id of the request, "" where absent.
        quota_left: Calls of the operation that the bucket holds after this one.
    """

    body: bytes
    request_id: str
    quota_left: float = 0.0


@dataclass(frozen=True, slots=True)
class _Call:
    operation: Operation
    query: Mapping[str, str] = field(default_factory=dict)
    id_: str = ""
    body: Mapping[str, object] | None = None


class SellingPartnerClient:
    """Asks the Selling Partner API on behalf of one seller.

    Args:
        endpoint: The region's base address, without a slash at its end.
        access_token: Source of the hourly token.
        now: Tells the time for the `x-amz-date` header.
        quota: The seller's token buckets.
        sleep: Waits seconds.
        rate_scale: Factor on documented rates, as in the settings.
        timeout_s: Seconds to wait for a connection, and again for each part of an answer.
        patience_s: Seconds to wait in all for a call that is throttled or failing.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        access_token: AccessToken,
        now: Now,
        quota: Quota,
        sleep: Sleep = time.sleep,
        rate_scale: float = 1.0,
        timeout_s: float = 30.0,
        patience_s: float = LONGEST_PATIENCE_S,
    ) -> None:
        self._endpoint = endpoint
        self._access_token = access_token
        self._now = now
        self._quota = quota
        self._sleep = sleep
        self._rate_scale = rate_scale
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._session = requests.Session()

    def get(self, operation: Operation, query: Mapping[str, str], *, id_: str = "", come_back_for: int = 1) -> Reply:
        """Ask until answered: waits out throttling and outages, renews a dead access token once.

        Args:
            operation: What to call.
            query: Its parameters.
            id_: What stands in its path, where an id does.
            come_back_for: How many calls' quota to wait for where there is none and the wait is long.

        Raises:
            NotYetError: The quota is used up, and the wait is not worth holding a worker for.
            TransientError: No answer within the patience of `repeat_while_transient`.
            AccessDeniedError: 403 with a fresh token (operators act).
            ReauthorizationRequiredError: Exchanging a fresh token failed (the seller acts).
            ApplicationCredentialsError: The application's secret or id is refused (operators act).
            ContractError: An answer Amazon does not document.
        """
        return self._ask_with_renewal(_Call(operation, query, id_), come_back_for)

    def post(self, operation: Operation, body: Mapping[str, object]) -> Reply:
        """Create, as `get` asks. What is repeated because its answer was lost may have been made twice."""
        return self._ask_with_renewal(_Call(operation, body=body), 1)

    def _ask_with_renewal(self, call: _Call, come_back_for: int) -> Reply:
        try:
            return self._ask_until_answered(call, come_back_for)
        except AccessTokenExpiredError as expired:
            log.info("%s: the access token is not accepted any more; exchanging a fresh one", call.operation.name)
            self._access_token.forget()
            try:
                return self._ask_until_answered(call, come_back_for)
            except AccessTokenExpiredError as again:
                raise AccessDeniedError(
                    f"{again.args[0]} The access token was fresh.",
                    remedy="Check the seller's account and the application's roles; two tokens in a row were refused.",
                    request_id=again.request_id,
                    code=again.code,
                    amazon_said=again.amazon_said,
                ) from expired

    def quota_left(self, operation: Operation) -> float:
        """Return how many calls of an operation the seller's bucket holds now."""
        return self._quota.left(operation)

    def seconds_per_call(self, operation: Operation) -> float:
        """Return how long one call's quota takes to come, at the documented rate."""
        return 1 / (operation.rate_per_s * self._rate_scale)

    def _ask_until_answered(self, call: _Call, come_back_for: int) -> Reply:
        failed: TransientError | None = None

        def ask() -> Reply:
            nonlocal failed
            try:
                return self._ask(call, come_back_for)
            except NotYetError as wait:
                if failed is None:
                    raise
                # Amazon is failing, and asking has used the quota up: that is a failure to retry, not a wait for quota.
                failed.retry_after_s = (wait.until_utc - self._now()).total_seconds()
                raise failed from None
            except TransientError as failure:
                failed = failure if failed is None or not isinstance(failure, ThrottledError) else failed
                raise

        return repeat_while_transient(ask, sleep=self._sleep, patience_s=self._patience_s)

    def _ask(self, call: _Call, come_back_for: int) -> Reply:
        operation = call.operation
        headers = {
            "x-amz-access-token": self._access_token(),
            "x-amz-date": self._now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"),
            "user-agent": USER_AGENT,
            "accept": "application/json",
        }
        left = self._quota.take(operation, come_back_for=come_back_for)
        try:
            answer = self._session.request(
                operation.method,
                self._endpoint + operation.path.format(quote(call.id_, safe="")),
                params=dict(call.query),
                json=call.body,
                headers=headers,
                timeout=self._timeout_s,
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException as lost:
            # The exception's own text may hold the whole address with its query; its type says enough.
            raise TransportError(f"No answer to {operation.name} from Amazon ({type(lost).__name__}).") from None
        body = read_body(answer, operation.name, timeout_s=self._timeout_s)
        self._learn_rate(operation, answer.headers.get("x-amzn-RateLimit-Limit", ""))
        if answer.status_code in (200, 202):
            return Reply(body, plain_text(answer.headers.get("x-amzn-RequestId", "")), left)
        error = classify(read_refusal("sp-api", answer.status_code, body, answer.headers))
        if isinstance(error, ThrottledError):
            error.retry_after_s = self._throttled(operation)
        raise error

    def _learn_rate(self, operation: Operation, header: str) -> None:
        try:
            rate_per_s = float(header)
        except ValueError:
            return
        if 0 < rate_per_s < float("inf"):
            self._quota.adopt(operation, rate_per_s)

    def _throttled(self, operation: Operation) -> float:
        """Note it; return the seconds until the next call, where they are worth waiting here."""
        wait_s = self._quota.empty(operation) or self.seconds_per_call(operation)
        if wait_s >= LONGEST_SLEEP_S and self._patience_s:
            until_utc = self._now() + timedelta(seconds=wait_s)
            raise NotYetError(
                f"Amazon throttled {operation.name} before its time; again at {format_utc(until_utc)}.",
                until_utc=until_utc,
            )
        return wait_s
