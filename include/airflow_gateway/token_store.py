"""Where refresh tokens are stored: in Airflow's Connections over its REST API, or in AWS Secrets Manager beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from include.airflow_gateway.gateway import AirflowGateway
from include.errors import ContractError, SellerOrdersError, SettingsError, TransportError

CONNECTION_TYPE = "amazon_sp_seller"
ABSENT = "ResourceNotFoundException"
# What Secrets Manager says when it is busy, or keeps two writers apart; everything else is for people to mend.
AWS_IS_BUSY = frozenset(
    {
        *("ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException"),
        *("InternalServiceError", "InternalFailure", "ServiceUnavailable", "RequestTimeout", "ResourceExistsException"),
    }
)
# What boto3 says before it asks anybody.
NOT_SET_UP = frozenset(
    {
        *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "NoRegionError"),
        *("ProfileNotFound", "ParamValidationError", "InvalidRegionError", "UnauthorizedSSOTokenError"),
    }
)
# A seller waits in front of the callback page.
CONNECT_TIMEOUT_S, READ_TIMEOUT_S, TRIES = 5, 10, 3


class TokenStore(Protocol):
    """Keeps a seller's token where the tasks read it.

    Attributes:
        place: What people call it.
    """

    place: str

    def store(self, connection_id: str, *, region: str, selling_partner_id: str, refresh_token: str) -> None:
        """Store a token; storing it again changes nothing.

        Raises:
            TransientError: The store does not answer; nothing, or all of it, is stored.
            SettingsError: It refuses us (operators act).
        """

    def connection(self, connection_id: str) -> dict[str, Any] | None:
        """Return a Connection as it is kept there, None where there is none. Raises as `store` does."""

    def account_of(self, connection_id: str) -> str:
        """Return the selling partner id that stands beside a token, "" where there is none. Raises as `store` does."""

    def forget(self, connection_id: str) -> None:
        """Delete a token for good; none is fine. Raises as `store` does."""


class AirflowTokens:
    """Tokens in Airflow's Connections."""

    place = "Airflow"

    def __init__(self, airflow: AirflowGateway) -> None:
        self._airflow = airflow

    def store(self, connection_id: str, *, region: str, selling_partner_id: str, refresh_token: str) -> None:
        """Make the Connection, or replace its token, account and region."""
        fields = {"conn_type": CONNECTION_TYPE, "password": refresh_token, "extra": json.dumps({"region": region})}
        if selling_partner_id:
            fields["login"] = selling_partner_id
        self._airflow.put_connection(connection_id, fields)

    def connection(self, connection_id: str) -> dict[str, Any] | None:
        """Read the Connection, its secrets masked."""
        return self._airflow.connection(connection_id)

    def account_of(self, connection_id: str) -> str:
        """Read the Connection's login."""
        return str((self._airflow.connection(connection_id) or {}).get("login") or "")

    def forget(self, connection_id: str) -> None:
        """Delete the Connection."""
        self._airflow.delete_connection(connection_id)


class SecretsManagerTokens:
    """Tokens where Airflow's Secrets Manager backend reads Connections: one JSON secret each.

    Args:
        prefix: As the backend's `connections_prefix`.
        make_client: Makes the client of boto3 when it is first needed.
    """

    place = "AWS Secrets Manager"

    def __init__(self, prefix: str, make_client: Callable[[], Any] | None = None) -> None:
        self._prefix = prefix
        self._make_client = make_client or _client
        self._client: Any = None

    def store(self, connection_id: str, *, region: str, selling_partner_id: str, refresh_token: str) -> None:
        """Make the secret, or replace token, account and region in it."""
        name = f"{self._prefix}/{connection_id}"
        with self._asking(name) as client:
            known = self._read(name)
            fields = {**(known or {}), "conn_type": CONNECTION_TYPE, "password": refresh_token}
            fields["extra"] = {**_extra(fields), "region": region}
            if selling_partner_id:
                fields["login"] = selling_partner_id
            text = json.dumps(fields)
            if known is None:
                client.create_secret(Name=name, SecretString=text)
            else:
                client.put_secret_value(SecretId=name, SecretString=text)

    def account_of(self, connection_id: str) -> str:
        """Read the login in the secret."""
        return str((self.connection(connection_id) or {}).get("login") or "")

    def connection(self, connection_id: str) -> dict[str, Any] | None:
        """Read a secret, None where there is none. Raises as `store` does; ContractError where it is no JSON object."""
        name = f"{self._prefix}/{connection_id}"
        with self._asking(name):
            return self._read(name)

    def forget(self, connection_id: str) -> None:
        """Delete the secret at once; Amazon's days to change one's mind would keep the token alive."""
        name = f"{self._prefix}/{connection_id}"
        with self._asking(name) as client:
            client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

    @contextmanager
    def _asking(self, name: str) -> Iterator[Any]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - only who uses it pays for it

        try:
            self._client = self._client or self._make_client()
            yield self._client
        except ClientError as refused:
            raise _refusal(name, refused.response.get("Error", {})) from None
        except BotoCoreError as lost:
            kind = type(lost).__name__
            if kind in NOT_SET_UP:
                raise SettingsError(
                    f"AWS Secrets Manager cannot be asked ({kind}).",
                    remedy="Give this process a role or credentials, and AWS_DEFAULT_REGION; see docs/aws.md.",
                ) from None
            raise TransportError(f"AWS Secrets Manager does not answer ({kind}).") from None

    def _read(self, name: str) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError  # noqa: PLC0415 - the same

        try:
            text = self._client.get_secret_value(SecretId=name)["SecretString"]
        except ClientError as refused:
            if refused.response.get("Error", {}).get("Code") == ABSENT:
                return None
            raise
        try:
            known = json.loads(text)
        except ValueError:
            known = None
        if not isinstance(known, dict):
            raise ContractError(f"The secret {name} is no JSON object; it is left as it is.")
        return known


def _refusal(name: str, said: dict[str, Any]) -> SellerOrdersError:
    """Tell who acts on a refusal; Amazon's words are looked at and never repeated, for they may quote a secret."""
    code, words = str(said.get("Code", "")), str(said.get("Message", ""))
    if code in AWS_IS_BUSY:
        return TransportError(f"AWS Secrets Manager is not able to keep {name} just now ({code}).", code=code)
    remedy = "Let our role read and write secrets there; docs/aws.md has the policy."
    if code == "InvalidRequestException" and "delet" in words:
        code = "scheduled for deletion"
        remedy = f"Take that back (aws secretsmanager restore-secret --secret-id {name}), or delete it at once."
    return SettingsError(f"AWS Secrets Manager refuses {name} ({code}).", remedy=remedy)


def _extra(fields: dict[str, Any]) -> dict[str, Any]:
    extra = fields.get("extra") or {}
    try:
        extra = json.loads(extra) if isinstance(extra, str) else extra
    except ValueError:
        extra = {}
    return extra if isinstance(extra, dict) else {}


def _client() -> Any:
    import boto3  # noqa: PLC0415 - the same
    from botocore.config import Config  # noqa: PLC0415 - the same

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": TRIES},
    )
    return boto3.client("secretsmanager", config=config)
