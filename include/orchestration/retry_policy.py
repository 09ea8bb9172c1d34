"""Which failure is worth another try: the class of the error decides, as `include.errors` names it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from include.errors import ConsentError, ContractError, OperatorActionError, SellerActionError, TransientError


class AmazonRetryPolicy(RetryPolicy):
    """Fails at once where a person must act, waits what a transient error says, else leaves it to the task."""

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """Decide by the exception's class; runs in the worker."""
        if isinstance(exception, SellerActionError):
            return RetryDecision.fail(reason="The seller must act; asking again cannot help.")
        if isinstance(exception, OperatorActionError | ContractError):
            return RetryDecision.fail(reason="The operators must act; asking again cannot help.")
        if isinstance(exception, ConsentError):
            return RetryDecision.fail(reason="The consent has to be given anew.")
        if isinstance(exception, TransientError) and exception.retry_after_s is not None:
            return RetryDecision.retry(timedelta(seconds=exception.retry_after_s), reason="Wait as Amazon asks.")
        return RetryDecision.default()
