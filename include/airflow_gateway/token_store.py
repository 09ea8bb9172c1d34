"""Where refresh tokens are stored: in Airflow's Connections over its REST API, or in AWS Secrets Manager beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from include.airflow_gateway.gateway import AirflowGateway
from include.errors import ContractError, SettingsError, TransportError

CONNECTION_TYPE = "amazon_sp_seller"
ABSENT = "ResourceNotFoundException"


class TokenStore(Protocol):
    """Keeps a seller's token where the tasks read it."""

    def store(self, connection_id: str, *, region: str, selling_partner_id: str, refresh_token: str) -> None:
        """Store a token; storing it again changes nothing.

        Raises:
            TransientError: The store does not answer; nothing, or all of it, is stored.
            SettingsError: It refuses us (operators act).
        """

    def account_of(self, connection_id: str) -> str:
        """Return the selling partner id that stands beside a token, "" where there is none. Raises as `store` does."""

    def forget(self, connection_id: str) -> None:
        """Delete a token for good; none is fine. Raises as `store` does."""


class AirflowTokens:
    """Tokens in Airflow's Connections."""

    def __init__(self, airflow: AirflowGateway) -> None:
        self._airflow = airflow

    def store(self, connection_id: str, *, region: str, selling_partner_id: str, refresh_token: str) -> None:
        """Make the Connection, or replace its token, account and region."""
        fields = {"conn_type": CONNECTION_TYPE, "password": refresh_token, "extra": json.dumps({"region": region})}
        if selling_partner_id:
            fields["login"] = selling_partner_id
        self._airflow.put_connection(connection_id, fields)

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
        name = f"{self._prefix}/{connection_id}"
        with self._asking(name):
            return str((self._read(name) or {}).get("login") or "")

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
            code = str(refused.response.get("Error", {}).get("Code", ""))
            if code in ("ThrottlingException", "InternalServiceError", "ServiceUnavailable"):
                raise TransportError(f"AWS Secrets Manager is not able to keep {name} just now ({code}).") from None
            raise SettingsError(
                f"AWS Secrets Manager refuses {name} ({code}).", remedy="Let our role read and write secrets there."
            ) from None
        except BotoCoreError as lost:
            raise TransportError(f"AWS Secrets Manager does not answer ({type(lost).__name__}).") from None

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
            raise ContractError(f"The secret {name} is no JSON object, so nothing was written to it.")
        return known


def _extra(fields: dict[str, Any]) -> dict[str, Any]:
    extra = fields.get("extra") or {}
    try:
        extra = json.loads(extra) if isinstance(extra, str) else extra
    except ValueError:
        extra = {}
    return extra if isinstance(extra, dict) else {}


def _client() -> Any:
    import boto3  # noqa: PLC0415 - the same

    return boto3.client("secretsmanager")
