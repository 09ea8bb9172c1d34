"""Who may see and do what on the operators' page, by Airflow's own permissions; no other module here knows Airflow.

Seeing a seller needs read on its DAG, acting needs edit on its Connection. Airflow guards no route of a plugin by
itself and compares no origin.
"""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails
from airflow.api_fastapi.core_api.security import get_user, requires_access_connection, requires_access_dag
from fastapi import Depends, HTTPException, Request

User = Annotated[Any, Depends(get_user)]
SIGNED_IN = Depends(get_user)
MAY_SEE = Depends(requires_access_dag("GET"))
MAY_ACT = Depends(requires_access_connection("PUT"))


def _own_page(request: Request) -> None:
    origin = request.headers.get("origin", "null")
    is_own = request.headers.get("sec-fetch-site") == "same-origin"
    if origin != "null":
        is_own = urlsplit(origin).netloc == request.headers.get("host") and request.headers.get(
            "sec-fetch-site", "same-origin"
        ) in ("same-origin", "none")
    if not is_own:
        raise HTTPException(403, "This form was not sent by a page of ours.")


OWN_PAGE = Depends(_own_page)


def who(user: Any) -> str:
    """Return all that Airflow knows a user by, the role among it where the login holds it; equal for no two of them."""
    return json.dumps(get_auth_manager().serialize_user(user), sort_keys=True, default=str)


def readable_dag_ids(user: Any) -> set[str]:
    """Return every DAG that a user may read."""
    found: set[str] = get_auth_manager().get_authorized_dag_ids(user=user)
    return found


def may_act(user: Any, connection_id: str) -> bool:
    """Tell whether a user may edit a Connection."""
    details = ConnectionDetails(conn_id=connection_id)
    return bool(get_auth_manager().is_authorized_connection(method="PUT", user=user, details=details))


def name_of(user: Any) -> str:
    """Return a user's name."""
    return str(user.get_name())
