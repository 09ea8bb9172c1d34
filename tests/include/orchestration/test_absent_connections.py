"""Connections in AWS Secrets Manager, read through Airflow's own backend: one call each, and why one is absent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from include.errors import SettingsError, TransientError
from include.local_stack.aws import SECRETS_BACKEND
from tests.payloads.aws import Aws

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

NAME = "airflow/connections/amazon_seller_acme"
TOKEN = "Atzr|planted"


@pytest.fixture
def secrets(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Airflow's backend set as docs/aws.md says, its memory of other backends gone."""
    from airflow.sdk.configuration import clear_secrets_backends_cache

    for name, value in SECRETS_BACKEND.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TOKENS_IN", "secrets_manager")
    clear_secrets_backends_cache()
    yield aws
    clear_secrets_backends_cache()


@pytest.fixture
def stored(secrets: Aws) -> Aws:
    """The seller's secret is there."""
    fields = {"conn_type": "amazon_sp_seller", "login": "A1", "password": TOKEN, "extra": {"region": "eu"}}
    secrets.client("secretsmanager").create_secret(Name=NAME, SecretString=json.dumps(fields))
    return secrets


def read() -> Any:
    from include.orchestration.connections import seller_credentials

    return seller_credentials("amazon_seller_acme")


def test_a_secret_is_a_connection_and_costs_one_call(stored: Aws):
    credentials = read()
    assert (credentials.refresh_token, credentials.selling_partner_id, credentials.region) == (TOKEN, "A1", "eu")
    assert stored.calls == ["GetSecretValue"]


def test_what_is_not_ours_is_not_asked_there(stored: Aws):
    from airflow.sdk import BaseHook, Variable
    from airflow.sdk.exceptions import AirflowNotFoundException

    for foreign in ("aws_default", "smtp_default", "amazon_redshift"):
        with pytest.raises(AirflowNotFoundException):
            BaseHook.get_connection(foreign)
    Variable.get("anything", default=None)
    assert stored.calls == []


def _absent(aws: Aws) -> None:
    aws.client("secretsmanager").delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)


def _marked(aws: Aws) -> None:
    aws.client("secretsmanager").delete_secret(SecretId=NAME, RecoveryWindowInDays=7)


def _says(code: str, times: int | None = None) -> Callable[[Aws], None]:
    return lambda aws: aws.fail("GetSecretValue", code, message=TOKEN, times=times)


CASES: dict[str, tuple[Callable[[Aws], None], type[Exception], str]] = {
    "throttled": (_says("ThrottlingException"), TransientError, "ThrottlingException"),
    "throttled for a moment": (_says("ThrottlingException", times=1), TransientError, "which is there"),
    "broken": (_says("InternalServiceError"), TransientError, "InternalServiceError"),
    "denied": (_says("AccessDeniedException"), SettingsError, r"AccessDeniedException.*docs/aws.md"),
    "its key is gone": (_says("DecryptionFailure"), SettingsError, "DecryptionFailure"),
    "marked for deletion": (_marked, SettingsError, "scheduled for deletion.*restore-secret"),
    "never made": (_absent, SettingsError, "There is no secret airflow/connections/amazon_seller_acme"),
}


@pytest.mark.parametrize("case", CASES)
def test_why_a_secret_could_not_be_read_decides_who_acts_and_its_content_is_told_nobody(stored: Aws, case: str):
    spoil, error, words = CASES[case]
    spoil(stored)
    with pytest.raises(error, match=words) as told:
        read()
    assert TOKEN not in str(told.value)


def test_a_backend_that_looks_elsewhere_is_named(stored: Aws, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARGS", '{"connections_prefix": "other"}')
    with pytest.raises(SettingsError, match="is there, but Airflow does not look"):
        read()


def test_without_secrets_manager_a_missing_connection_is_made_in_airflow(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TOKENS_IN", raising=False)
    with pytest.raises(SettingsError, match="Make it in Airflow under Admin"):
        read()
