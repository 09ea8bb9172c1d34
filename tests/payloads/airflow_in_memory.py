"""An Airflow of a few dictionaries: what a consent, an offboarding and the doctor ask of the real one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from include.errors import ContractError, SellerOrdersError


@dataclass
class Airflow:
    """Connections and runs in memory; raises `trouble` where a test wants it away.

    Attributes:
        stored: By Connection, the tokens written, in their order.
        runs: DAG and run id, each once.
        paused: DAGs that are.
        trouble: What the next calls raise.
        no_runs: What starting a run raises.
        connections: As the API shows them, beside those of `stored`.
        dags: All there are, the watch among them.
        states: Of its processes.
        errors: Of DAG files.
        active: By DAG, the runs that wait or work.
        absent: DAGs that it does not know.
        did: Everything that was changed, in order.
        logins: By Connection, the id that stands in it.
    """

    place = "Airflow"
    stored: dict[str, list[str]] = field(default_factory=dict)
    runs: list[tuple[str, str]] = field(default_factory=list)
    paused: set[str] = field(default_factory=set)
    trouble: SellerOrdersError | None = None
    no_runs: SellerOrdersError | None = None
    logins: dict[str, str] = field(default_factory=dict)
    connections: dict[str, dict[str, Any]] = field(default_factory=dict)
    dags: set[str] = field(default_factory=set)
    states: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    active: dict[str, list[str]] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    did: list[str] = field(default_factory=list)

    def store(self, connection_id: str, *, region: str, selling_partner_id: str, refresh_token: str) -> None:
        self._fail()
        assert region == "eu"
        self.stored.setdefault(connection_id, []).append(refresh_token)
        self.logins[connection_id] = selling_partner_id

    def connection(self, connection_id: str) -> dict[str, Any] | None:
        self._fail()
        known = {name: {"login": login} for name, login in self.logins.items()} | self.connections
        return known.get(connection_id)

    def dag_ids(self, tag: str, *, paused: bool | None = None) -> set[str]:
        self._fail()
        assert tag == "amazon-orders"
        return (self.paused if paused else self.dags) - {"authorization_watch"}

    def account_of(self, connection_id: str) -> str:
        return str((self.connection(connection_id) or {}).get("login") or "")

    def connection_ids(self, beginning: str) -> set[str]:
        self._fail()
        return {name for name in {*self.stored, *self.connections} if name.startswith(beginning)}

    def is_paused(self, dag_id: str) -> bool | None:
        self._fail()
        return dag_id in self.paused

    def health(self) -> dict[str, str]:
        self._fail()
        return self.states

    def import_errors(self) -> list[str]:
        self._fail()
        return self.errors

    def active_runs(self, dag_id: str) -> list[str]:
        return list(self.active.get(dag_id, []))

    def pause(self, dag_id: str) -> None:
        self._fail()
        self.paused.add(dag_id)
        self.did.append(f"pause {dag_id}")

    def end_run(self, dag_id: str, run_id: str) -> None:
        self.active[dag_id].remove(run_id)
        self.did.append(f"end {run_id}")

    def forget(self, connection_id: str) -> None:
        self._fail()
        self.stored.pop(connection_id, None)
        self.did.append(f"forget {connection_id}")

    def start_run(self, dag_id: str, run_id: str, note: str = "") -> bool:
        self._fail()
        if self.no_runs:
            raise self.no_runs
        if dag_id in self.absent:
            raise ContractError(f"Airflow answered HTTP 404 to POST /api/v2/dags/{dag_id}/dagRuns.")
        if (dag_id, run_id) in self.runs:
            return False
        self.runs.append((dag_id, run_id))
        return True

    def _fail(self) -> None:
        if self.trouble:
            raise self.trouble
