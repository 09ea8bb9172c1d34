"""Which failure is worth another try."""

from __future__ import annotations

from datetime import timedelta

import pytest

from include import errors

pytestmark = pytest.mark.airflow


def _decide(error: BaseException):
    from include.orchestration.retry_policy import AmazonRetryPolicy

    return AmazonRetryPolicy().evaluate(error, try_number=1, max_tries=3)


@pytest.mark.parametrize(
    "error",
    [
        errors.ReauthorizationRequiredError("x"),
        errors.ApplicationCredentialsError("x"),
        errors.AccessDeniedError("x"),
        errors.SettingsError("x"),
        errors.ContractError("x"),
        errors.ConsentError("x"),
        errors.AuthorizationCodeExpiredError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_a_person_must_mend_fails_at_once(error: Exception):
    assert _decide(error).action.value == "fail"


@pytest.mark.parametrize(
    "error",
    [errors.ThrottledError, errors.ServiceUnavailableError, errors.TransportError, errors.TransientError],
    ids=lambda error: error.__name__,
)
def test_a_transient_error_waits_what_it_says(error: type[errors.TransientError]):
    decision = _decide(error("x", retry_after_s=178.6))
    assert (decision.action.value, decision.retry_delay) == ("retry", timedelta(seconds=178.6))


@pytest.mark.parametrize("error", [errors.TransportError("x"), errors.LoadError("x"), ValueError("x")])
def test_everything_else_is_left_to_the_task(error: Exception):
    assert _decide(error).action.value == "default"
