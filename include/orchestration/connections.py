"""Airflow Connections, read as the domain's credentials; the only place that knows which field holds what."""

from __future__ import annotations

from datetime import date
from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from include.authorization.credentials import ApplicationCredentials, SellerCredentials
from include.errors import SettingsError
from include.orchestration.absent_connections import why_absent
from include.orchestration.provider_info import APPLICATION_CONNECTION_ID
from include.settings import AMAZON_ENDPOINTS


def application_credentials(connection_id: str = APPLICATION_CONNECTION_ID) -> ApplicationCredentials:
    """Read the application's Connection.

    Raises:
        SettingsError: The Connection is missing, or a field of it is.
        TransientError: AWS Secrets Manager, where it is kept, did not answer.
    """
    connection = _connection(connection_id)
    return ApplicationCredentials(
        client_id=_required(connection, connection_id, "login", "client_id"),
        client_secret=_required(connection, connection_id, "password", "client_secret"),
    )


def client_secret_made_on(connection_id: str = APPLICATION_CONNECTION_ID) -> date | None:
    """Return the day the client secret was made, None where the Connection does not say.

    Raises:
        SettingsError: The Connection is missing, or the day is none.
        TransientError: As for `application_credentials`.
    """
    text = str(_connection(connection_id).extra_dejson.get("made_on") or "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise SettingsError(
            f"Connection {connection_id}: made_on is {text[:20]!r}; expected a day, YYYY-MM-DD."
        ) from None


def seller_credentials(connection_id: str) -> SellerCredentials:
    """Read a seller's Connection.

    Raises:
        SettingsError: The Connection is missing, or a field of it is.
        TransientError: AWS Secrets Manager, where it is kept, did not answer.
    """
    connection = _connection(connection_id)
    region = str(connection.extra_dejson.get("region") or "")
    if region not in AMAZON_ENDPOINTS:
        raise SettingsError(f"Connection {connection_id}: region is {region[:20]!r}; expected one of eu, na, fe.")
    return SellerCredentials(
        refresh_token=_required(connection, connection_id, "password", "refresh_token"),
        selling_partner_id=connection.login or "",
        region=region,
    )


def _connection(connection_id: str) -> Any:
    try:
        return BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        raise why_absent(connection_id) from None


def _required(connection: Any, connection_id: str, attribute: str, name: str) -> str:
    value = (getattr(connection, attribute) or "").strip()
    if not value:
        raise SettingsError(f"Connection {connection_id}: {name} is empty.", remedy="Fill it in; Test tells.")
    return str(value)
