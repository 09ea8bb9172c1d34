"""Where a refresh token is stored: the tasks read it there, and everything beside it stays."""

from __future__ import annotations

import json

import boto3
import pytest
from moto import mock_aws

from include.airflow_gateway.token_store import AirflowTokens, SecretsManagerTokens
from include.errors import ContractError, SettingsError, TransportError

NAME = "airflow/connections/amazon_seller_acme"
TOKEN = "Atzr|planted"


@pytest.fixture
def secrets(monkeypatch):
    """AWS Secrets Manager, as moto plays it in this process."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="eu-central-1")


def _store(client, token=TOKEN, account="A1"):
    tokens = SecretsManagerTokens("airflow/connections", lambda: client)
    tokens.store("amazon_seller_acme", region="eu", selling_partner_id=account, refresh_token=token)


def _stored(client):
    return json.loads(client.get_secret_value(SecretId=NAME)["SecretString"])


def test_a_new_secret_is_a_connection_as_airflows_backend_reads_it(secrets):
    _store(secrets)
    assert _stored(secrets) == {
        "conn_type": "amazon_sp_seller",
        "login": "A1",
        "password": TOKEN,
        "extra": {"region": "eu"},
    }


def test_a_secret_that_is_there_keeps_what_stands_beside_the_token(secrets):
    text = json.dumps({"password": "old", "description": "Acme", "extra": '{"note": "x"}', "login": "A1"})
    secrets.create_secret(Name=NAME, SecretString=text)
    _store(secrets, account="")
    stored = _stored(secrets)
    assert (stored["password"], stored["description"], stored["login"]) == (TOKEN, "Acme", "A1")
    assert stored["extra"] == {"note": "x", "region": "eu"}


def test_a_secret_that_is_no_object_is_left_alone(secrets):
    secrets.create_secret(Name=NAME, SecretString="amazon_sp_seller://x")
    with pytest.raises(ContractError, match="no JSON object"):
        _store(secrets)
    assert secrets.get_secret_value(SecretId=NAME)["SecretString"] == "amazon_sp_seller://x"


def test_a_forgotten_secret_is_gone_at_once_and_forgetting_none_is_fine(secrets):
    _store(secrets)
    tokens = SecretsManagerTokens("airflow/connections", lambda: secrets)
    tokens.forget("amazon_seller_acme")
    tokens.forget("amazon_seller_acme")
    assert secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"] == []


@pytest.mark.parametrize(
    ("code", "error"), [("AccessDeniedException", SettingsError), ("ThrottlingException", TransportError)]
)
def test_a_refusal_says_who_acts_and_never_the_token(code, error):
    from botocore.exceptions import ClientError

    class Refusing:
        def get_secret_value(self, **_):
            raise ClientError({"Error": {"Code": code, "Message": TOKEN}}, "GetSecretValue")

    with pytest.raises(error) as refused:
        _store(Refusing())
    assert code in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_airflows_connection_gets_token_account_and_region_and_keeps_an_account_that_is_not_known_anew():
    class Gateway:
        def put_connection(self, connection_id, fields):
            self.put = (connection_id, fields)

    gateway = Gateway()
    AirflowTokens(gateway).store("amazon_seller_acme", region="na", selling_partner_id="", refresh_token=TOKEN)
    assert gateway.put[1] == {"conn_type": "amazon_sp_seller", "password": TOKEN, "extra": '{"region": "na"}'}


def _tokens_behind(_aws):
    return SecretsManagerTokens("airflow/connections")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"code": "ThrottlingException"}, TransportError, "ThrottlingException"),
        ({"code": "AccessDeniedException"}, SettingsError, "Let our role read and write"),
        ({"code": "LimitExceededException"}, SettingsError, "LimitExceededException"),
        ({"slam": True}, TransportError, "does not answer"),
    ],
    ids=["throttled", "denied", "full", "cut off"],
)
@pytest.mark.parametrize("operation", ["GetSecretValue", "CreateSecret"])
def test_a_token_that_could_not_be_stored_is_told_by_who_acts_and_can_be_stored_later(
    aws, operation, how, error, words
):
    tokens, facts = _tokens_behind(aws), {"region": "eu", "selling_partner_id": "A1", "refresh_token": TOKEN}
    aws.fail(operation, message=TOKEN, **how) if "code" in how else aws.fail(operation, **how)
    with pytest.raises(error, match=words) as refused:
        tokens.store("amazon_seller_acme", **facts)
    assert TOKEN not in str(refused.value)
    aws.mend()
    tokens.store("amazon_seller_acme", **facts)
    assert _stored(aws.client("secretsmanager"))["password"] == TOKEN


@pytest.mark.slow
def test_a_secret_marked_for_deletion_is_named_with_the_way_back(aws):
    tokens, facts = _tokens_behind(aws), {"region": "eu", "selling_partner_id": "A1", "refresh_token": TOKEN}
    tokens.store("amazon_seller_acme", **facts)
    aws.client("secretsmanager").delete_secret(SecretId=NAME, RecoveryWindowInDays=7)
    with pytest.raises(SettingsError, match=r"scheduled for deletion.*restore-secret --secret-id"):
        tokens.store("amazon_seller_acme", **facts)
    tokens.forget("amazon_seller_acme")
    assert aws.client("secretsmanager").list_secrets(IncludePlannedDeletion=True)["SecretList"] == []


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"])
def test_a_process_without_region_or_credentials_is_the_operators_matter(aws, monkeypatch, missing):
    monkeypatch.delenv(missing)
    with pytest.raises(SettingsError, match=r"cannot be asked.*AWS_DEFAULT_REGION"):
        _tokens_behind(aws).account_of("amazon_seller_acme")
