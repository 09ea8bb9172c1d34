"""Airflow's public REST API v2, as far as it is needed here; a token is fetched when the first call needs one."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import requests

from include.errors import ContractError, SettingsError, TransportError

TIMEOUT_S = 30.0


class AirflowGateway:
    """Speaks to one Airflow installation as one user.

    Args:
        base_url: Address of the api-server, without a slash at its end.
        username: An Airflow user who may do what is asked.
        password: That user's password.
    """

    def __init__(self, base_url: str, username: str, password: str) -> None:
        self._base_url = base_url
        self._username = username
        self._password = password
        self._session = requests.Session()

    def health(self) -> dict[str, str]:
        """Return the state of each Airflow process that reports one, `healthy` or another word."""
        health = self._call("GET", "/api/v2/monitor/health", signed=False)
        return {part: str(facts.get("status")) for part, facts in health.items() if isinstance(facts, dict)}

    def has_connection(self, connection_id: str) -> bool:
        """Tell whether Airflow's own store holds the Connection."""
        return self._call("GET", f"/api/v2/connections/{connection_id}", absent_is_none=True) is not None

    def create_connection(self, connection: dict[str, Any]) -> None:
        """Make a Connection.

        Args:
            connection: `connection_id`, `conn_type` and the fields of Airflow's API, `extra` as JSON text.
        """
        self._call("POST", "/api/v2/connections", json=connection)

    def create_connections(self, connections: Sequence[dict[str, Any]]) -> None:
        """Make many, none of which is there, in a call for every ten; as `create_connection`."""
        # An Airflow without our settings takes longer for each secret the more it knows; a call has to end in time.
        for start in range(0, len(connections), 10):
            entities = connections[start : start + 10]
            actions = [{"action": "create", "entities": entities, "action_on_existence": "fail"}]
            made = self._call("PATCH", "/api/v2/connections", json={"actions": actions}).get("create") or {}
            # What is wrong could quote a secret, so it is counted only.
            if len(made.get("success", [])) != len(entities):
                raise ContractError(f"Airflow took {len(made.get('success', []))} of {len(entities)} Connections.")

    def connection(self, connection_id: str) -> dict[str, Any] | None:
        """Return a Connection as the API shows it, secrets masked; None where there is none."""
        found: dict[str, Any] | None = self._call("GET", f"/api/v2/connections/{connection_id}", absent_is_none=True)
        return found

    def connection_ids(self, beginning: str) -> set[str]:
        """Return the ids of the Connections in Airflow's own store that begin like this."""
        found: set[str] = set()
        query: dict[str, Any] = {"connection_id_pattern": beginning, "limit": 100, "order_by": "connection_id"}
        for offset in itertools.count(0, 100):
            page = self._call("GET", "/api/v2/connections", params={**query, "offset": offset})["connections"]
            found |= {one["connection_id"] for one in page if one["connection_id"].startswith(beginning)}
            if len(page) < 100:
                break
        return found

    def put_connection(self, connection_id: str, fields: Mapping[str, Any]) -> None:
        """Make a Connection, or replace exactly these fields of it; what is masked is never written back."""
        if not self.has_connection(connection_id):
            self.create_connection({"connection_id": connection_id, **fields})
            return
        changed = {"connection_id": connection_id, "conn_type": fields.get("conn_type"), **fields}
        self._call(
            "PATCH",
            f"/api/v2/connections/{connection_id}",
            params={"update_mask": list(fields)},
            json=changed,
        )

    def delete_connection(self, connection_id: str) -> None:
        """Delete a Connection; none is fine."""
        self._call("DELETE", f"/api/v2/connections/{connection_id}", absent_is_none=True)

    def is_paused(self, dag_id: str) -> bool | None:
        """Tell whether a DAG is paused, None where there is none."""
        dag = self._call("GET", f"/api/v2/dags/{dag_id}", absent_is_none=True)
        return None if dag is None else bool(dag.get("is_paused"))

    def pause(self, dag_id: str) -> None:
        """Pause a DAG; none is fine."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", absent_is_none=True, json={"is_paused": True})

    def dag_ids(self, tag: str, *, paused: bool | None = None) -> set[str]:
        """Return the ids of the active DAGs that carry a tag; by `paused` only those that are, or are not."""
        found: set[str] = set()
        while True:
            query: dict[str, Any] = {"tags": tag, "limit": 100, "offset": len(found)}
            if paused is not None:
                query["paused"] = str(paused).lower()
            dags = self._call("GET", "/api/v2/dags", params=query)["dags"]
            found |= {dag["dag_id"] for dag in dags}
            if len(dags) < 100:
                return found

    def import_errors(self) -> list[str]:
        """Return the text of each DAG file that could not be read."""
        return [error["stack_trace"] for error in self._call("GET", "/api/v2/importErrors")["import_errors"]]

    def trigger_run(self, dag_id: str, run_id: str) -> None:
        """Start a run of a DAG under an id of our own."""
        self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json={"dag_run_id": run_id, "logical_date": None})

    def start_run(self, dag_id: str, run_id: str, note: str = "") -> bool:
        """Start a run under an id of our own, once; a DAG that is paused, or runs already, keeps it waiting.

        Returns:
            Whether it is new: false where a run of that id exists.
        """
        body = {"dag_run_id": run_id, "logical_date": None, "note": note or None}
        path = f"/api/v2/dags/{dag_id}/dagRuns"
        return self._call("POST", path, json=body, conflict_is_none=True) is not None

    def active_runs(self, dag_id: str) -> list[str]:
        """Return the ids of a DAG's runs that wait or work; none where there is no such DAG."""
        path, query = f"/api/v2/dags/{dag_id}/dagRuns", {"state": ["queued", "running"], "limit": 100}
        answer = self._call("GET", path, absent_is_none=True, params=query)
        return [] if answer is None else [run["dag_run_id"] for run in answer["dag_runs"]]

    def end_run(self, dag_id: str, run_id: str) -> None:
        """Let a run fail; its tasks hear of it with their next heartbeat."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}", absent_is_none=True, json={"state": "failed"})

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return a run: `state`, `start_date`, `end_date`, `duration` and more, as the API names them."""
        answer: dict[str, Any] = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")
        return answer

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Return the state of each task of a run, None where it has none yet."""
        answer = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        return {instance["task_id"]: instance["state"] for instance in answer["task_instances"]}

    def task_started_utc(self, dag_id: str, run_id: str, task_id: str) -> datetime:
        """Return when a task's last try began.

        Raises:
            ContractError: It has not begun.
        """
        task = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")
        if not task.get("start_date"):
            raise ContractError(f"Airflow knows no start of {dag_id} {task_id}.")
        return datetime.fromisoformat(task["start_date"])

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str) -> Any:
        """Return what a task left under a key."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self._call("GET", path, params={"deserialize": "true"})["value"]

    def _call(
        self,
        method: str,
        path: str,
        *,
        signed: bool = True,
        absent_is_none: bool = False,
        conflict_is_none: bool = False,
        **kwargs: Any,
    ) -> Any:
        if signed and "Authorization" not in self._session.headers:
            self._sign_in()
        answer = self._asked(method, path, **kwargs)
        if answer.status_code == 401 and signed:
            # A login is good for a day; whoever holds this gateway may live for months.
            self._sign_in()
            answer = self._asked(method, path, **kwargs)
        if (answer.status_code == 404 and absent_is_none) or (answer.status_code == 409 and conflict_is_none):
            return None
        if signed and answer.status_code == 403:
            raise SettingsError(
                f"Airflow does not let {self._username} do {method} {path}.", remedy="Give that user the right to."
            )
        if answer.status_code >= 500:
            raise TransportError(f"Airflow answered HTTP {answer.status_code} to {method} {path}.")
        if not answer.ok:
            raise ContractError(f"Airflow answered HTTP {answer.status_code} to {method} {path}.")
        return _document(answer, f"{method} {path}")

    def _asked(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        try:
            return self._session.request(method, self._base_url + path, timeout=TIMEOUT_S, **kwargs)
        except requests.RequestException as lost:
            raise TransportError(f"Airflow does not answer ({type(lost).__name__}).") from None

    def _sign_in(self) -> None:
        login = {"username": self._username, "password": self._password}
        try:
            answer = requests.post(f"{self._base_url}/auth/token", json=login, timeout=TIMEOUT_S)
        except requests.RequestException as lost:
            raise TransportError(f"Airflow does not answer ({type(lost).__name__}).") from None
        if answer.status_code >= 500:
            raise TransportError(f"Airflow answered HTTP {answer.status_code} to POST /auth/token.")
        if answer.status_code != 201:
            raise SettingsError(
                f"Airflow refuses the login of {self._username} (HTTP {answer.status_code}).",
                remedy="Check the user's name and password.",
            )
        token = _document(answer, "POST /auth/token").get("access_token")
        if not isinstance(token, str):
            raise ContractError("Airflow answered POST /auth/token without an access token.")
        self._session.headers["Authorization"] = f"Bearer {token}"


def _document(answer: requests.Response, call: str) -> dict[str, Any]:
    try:
        document = answer.json() if answer.content else {}
    except requests.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise ContractError(f"Airflow's answer to {call} is no JSON object; does something else listen there?")
    return document
