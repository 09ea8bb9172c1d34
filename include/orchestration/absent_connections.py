"""Why Airflow found no Connection. It takes a secrets backend that fails for one that has nothing, and looks further.

So a throttled or closed Secrets Manager would pass for a Connection that nobody made. Asked again here, once a lookup
has failed, it says which of them it was.
"""

from __future__ import annotations

import re
from typing import Any, cast

from airflow.configuration import conf

from include.airflow_gateway.token_store import SecretsManagerTokens
from include.errors import SellerOrdersError, SettingsError, TransportError
from include.settings import load_consent_settings

BACKEND = "SecretsManagerBackend"


def why_absent(connection_id: str) -> SellerOrdersError:
    """Return the error that says who must act."""
    ours = load_consent_settings()
    if ours.tokens_in != "secrets_manager":
        return SettingsError(
            f"There is no Connection {connection_id}.", remedy="Make it in Airflow under Admin, Connections."
        )
    name = f"{ours.secrets_prefix}/{connection_id}"
    try:
        found = SecretsManagerTokens(ours.secrets_prefix).connection(connection_id)
    except SellerOrdersError as refusal:
        return refusal
    if found is None:
        return SettingsError(
            f"There is no secret {name}.", remedy="Let the seller connect, or make it as docs/aws.md says."
        )
    if not _airflow_reads(connection_id, ours.secrets_prefix):
        return SettingsError(
            f"The secret {name} is there, but Airflow does not look for it.",
            remedy="Compare AIRFLOW__SECRETS__BACKEND and its connections_prefix with docs/aws.md.",
        )
    return TransportError(f"AWS Secrets Manager did not give Airflow the secret {name}, which is there.")


def reads_secrets_manager() -> bool:
    """Tell whether Airflow asks AWS Secrets Manager for Connections."""
    return conf.get("secrets", "backend", fallback="").endswith(BACKEND)


def _airflow_reads(connection_id: str, prefix: str) -> bool:
    kwargs = cast("dict[str, Any]", conf.getjson("secrets", "backend_kwargs", fallback={}) or {})
    pattern = kwargs.get("connections_lookup_pattern") or ""
    same_prefix = str(kwargs.get("connections_prefix", "airflow/connections")).rstrip("/") == prefix
    return reads_secrets_manager() and same_prefix and bool(re.match(pattern, connection_id, re.IGNORECASE))
