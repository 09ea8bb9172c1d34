"""Airflow's API as a scripted server plays it: signing in, what is asked, what each refusal becomes."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from include.airflow_gateway.gateway import AirflowGateway
from include.errors import ContractError, SellerOrdersError, SettingsError, TransportError
from include.local_stack.ports import free_port
from tests.payloads.scripted_server import ScriptedServer

Call = Callable[[AirflowGateway], Any]


@pytest.mark.usefixtures("signed_in")
def test_it_signs_in_once_before_its_first_call(gateway: AirflowGateway, airflow: ScriptedServer) -> None:
    airflow.say(200, {"import_errors": []})
    airflow.say(200, {"import_errors": []})
    gateway.import_errors()
    gateway.import_errors()
    sign_in, first, second = airflow.asked
    assert (sign_in.method, sign_in.path) == ("POST", "/auth/token")
    assert json.loads(sign_in.body) == {"username": "admin", "password": "s3cr3t-password"}
    assert first.headers["authorization"] == second.headers["authorization"] == "Bearer jwt-s3cr3t"


def test_health_needs_no_sign_in(gateway: AirflowGateway, airflow: ScriptedServer) -> None:
    airflow.say(200, {"metadatabase": {"status": "healthy"}, "scheduler": {"status": None}, "version": "3"})
    assert gateway.health() == {"metadatabase": "healthy", "scheduler": "None"}
    assert [asked.path for asked in airflow.asked] == ["/api/v2/monitor/health"]
    assert "authorization" not in airflow.asked[0].headers


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize(("status", "there"), [(200, True), (404, False)])
def test_a_connection_is_there_or_not(
    gateway: AirflowGateway, airflow: ScriptedServer, status: int, there: bool
) -> None:
    airflow.say(status, {"connection_id": "amazon_application"})
    assert gateway.has_connection("amazon_application") is there
    assert airflow.asked[-1].path == "/api/v2/connections/amazon_application"


@pytest.mark.usefixtures("signed_in")
def test_a_connection_is_made_as_given(gateway: AirflowGateway, airflow: ScriptedServer) -> None:
    airflow.say(201, {})
    connection = {"connection_id": "amazon_seller_acme", "conn_type": "amazon_sp_seller", "extra": "{}"}
    gateway.create_connection(connection)
    assert (airflow.asked[-1].method, json.loads(airflow.asked[-1].body)) == ("POST", connection)


@pytest.mark.usefixtures("signed_in")
def test_many_connections_are_made_in_a_call_for_every_ten(gateway: AirflowGateway, airflow: ScriptedServer) -> None:
    connections = [{"connection_id": f"amazon_seller_{number}", "password": "s3cr3t"} for number in range(15)]
    for batch in (connections[:10], connections[10:]):
        airflow.say(200, {"create": {"success": [one["connection_id"] for one in batch], "errors": []}})
    gateway.create_connections(connections)
    bodies = [json.loads(asked.body) for asked in airflow.asked[1:]]
    assert [asked.method for asked in airflow.asked[1:]] == ["PATCH", "PATCH"]
    assert [one for body in bodies for one in body["actions"][0]["entities"]] == connections


@pytest.mark.usefixtures("signed_in")
def test_connections_that_airflow_does_not_take_are_an_error_without_their_secrets(
    gateway: AirflowGateway, airflow: ScriptedServer
) -> None:
    airflow.say(200, {"create": {"success": ["a"], "errors": [{"error": "s3cr3t is there already"}]}})
    with pytest.raises(ContractError, match="Airflow took 1 of 2 Connections") as caught:
        gateway.create_connections([{"connection_id": "a"}, {"connection_id": "b", "password": "s3cr3t"}])
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("count", [0, 99, 100, 250])
def test_every_dag_with_a_tag_is_found_page_by_page(
    gateway: AirflowGateway, airflow: ScriptedServer, count: int
) -> None:
    ids = [f"amazon_orders__{number}" for number in range(count)]
    for start in range(0, count + 1, 100):
        airflow.say(200, {"dags": [{"dag_id": name} for name in ids[start : start + 100]]})
    assert gateway.dag_ids("amazon") == set(ids)
    assert [asked.query for asked in airflow.asked[1:]] == [
        {"tags": "amazon", "limit": "100", "offset": str(start)} for start in range(0, count + 1, 100)
    ]


@pytest.mark.usefixtures("signed_in")
def test_files_that_cannot_be_read_are_told_in_airflows_words(gateway: AirflowGateway, airflow: ScriptedServer) -> None:
    airflow.say(200, {"import_errors": [{"stack_trace": "line 3"}, {"stack_trace": "line 7"}]})
    assert gateway.import_errors() == ["line 3", "line 7"]


@pytest.mark.usefixtures("signed_in")
def test_a_run_is_started_under_its_own_id(gateway: AirflowGateway, airflow: ScriptedServer) -> None:
    airflow.say(200, {})
    gateway.trigger_run("amazon_orders__acme", "mine")
    assert airflow.asked[-1].path == "/api/v2/dags/amazon_orders__acme/dagRuns"
    assert json.loads(airflow.asked[-1].body) == {"dag_run_id": "mine", "logical_date": None}


@pytest.mark.usefixtures("signed_in")
def test_a_run_and_its_tasks_are_read(gateway: AirflowGateway, airflow: ScriptedServer) -> None:
    airflow.say(200, {"state": "running", "duration": 3.5})
    airflow.say(200, {"task_instances": [{"task_id": "a", "state": "success"}, {"task_id": "b", "state": None}]})
    assert gateway.run("amazon_orders__acme", "mine")["state"] == "running"
    assert gateway.task_states("amazon_orders__acme", "mine") == {"a": "success", "b": None}
    assert airflow.asked[-1].path == "/api/v2/dags/amazon_orders__acme/dagRuns/mine/taskInstances"


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ContractError),
        (403, SettingsError),
        (409, ContractError),
        (500, TransportError),
        (503, TransportError),
    ],
)
def test_a_refusal_names_status_and_call(
    gateway: AirflowGateway, airflow: ScriptedServer, status: int, error: type[SellerOrdersError]
) -> None:
    airflow.say(status, b"<html>s3cr3t</html>")
    with pytest.raises(error, match="POST /api/v2/connections") as refused:
        gateway.create_connection({"connection_id": "x", "password": "s3cr3t"})
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.usefixtures("signed_in")
def test_what_is_absent_is_an_error_where_it_must_be_there(gateway: AirflowGateway, airflow: ScriptedServer) -> None:
    airflow.say(404, {"detail": "not found"})
    with pytest.raises(ContractError, match="404"):
        gateway.run("amazon_orders__acme", "nowhere")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"detail": "Invalid credentials"}, SettingsError),
        (403, b"", SettingsError),
        (500, b"", TransportError),
        (503, b"<html>", TransportError),
        (201, b"<html>another server</html>", ContractError),
        (201, {"no": "token"}, ContractError),
    ],
    ids=["wrong password", "forbidden", "failing", "starting", "no JSON", "no token"],
)
def test_a_login_that_fails_says_who_must_act_and_no_password(
    gateway: AirflowGateway,
    airflow: ScriptedServer,
    status: int,
    body: bytes | dict[str, str],
    error: type[SellerOrdersError],
) -> None:
    airflow.say(status, body)
    with pytest.raises(error) as refused:
        gateway.import_errors()
    assert "s3cr3t" not in "".join(traceback.format_exception(refused.value)) + repr(gateway)
    assert len(airflow.asked) == 1


def test_a_login_that_failed_is_tried_again_by_the_next_call(gateway: AirflowGateway, airflow: ScriptedServer) -> None:
    airflow.say(401)
    with pytest.raises(SettingsError, match="refuses the login of admin"):
        gateway.import_errors()
    airflow.say(201, {"access_token": "jwt"})
    airflow.say(200, {"import_errors": []})
    assert gateway.import_errors() == []


@pytest.mark.parametrize(
    "call", [AirflowGateway.health, AirflowGateway.import_errors], ids=["without sign-in", "with sign-in"]
)
def test_nobody_listening_is_a_transport_error(call: Call) -> None:
    gateway = AirflowGateway(f"http://127.0.0.1:{free_port()}", "admin", "s3cr3t-password")
    with pytest.raises(TransportError, match="does not answer") as lost:
        call(gateway)
    assert "s3cr3t" not in "".join(traceback.format_exception(lost.value))


def test_a_connection_that_breaks_is_a_transport_error(gateway: AirflowGateway, airflow: ScriptedServer) -> None:
    airflow.slam()
    with pytest.raises(TransportError, match="ConnectionError"):
        gateway.health()


@pytest.mark.parametrize(
    "body", [b"<html>another server</html>", b"[]", b"\xff"], ids=["a page of HTML", "a list", "no UTF-8"]
)
def test_an_answer_of_another_shape_is_a_contract_error(
    gateway: AirflowGateway, airflow: ScriptedServer, body: bytes
) -> None:
    airflow.say(200, body)
    with pytest.raises(ContractError, match="GET /api/v2/monitor/health is no JSON object"):
        gateway.health()


@pytest.mark.usefixtures("signed_in")
def test_what_a_task_left_and_when_it_began_are_read(gateway: AirflowGateway, airflow: ScriptedServer) -> None:
    airflow.say(200, {"key": "failure", "value": {"error_class": "LoadError"}})
    airflow.say(200, {"start_date": "2026-11-23T03:00:01.5Z"})
    airflow.say(200, {"start_date": None})
    assert gateway.xcom("amazon_orders__acme", "mine", "load_orders", "failure") == {"error_class": "LoadError"}
    assert airflow.asked[-1].path.startswith(
        "/api/v2/dags/amazon_orders__acme/dagRuns/mine/taskInstances/load_orders/xcomEntries/failure"
    )
    began = gateway.task_started_utc("amazon_orders__acme", "mine", "load_orders")
    assert began == datetime(2026, 11, 23, 3, 0, 1, 500_000, tzinfo=UTC)
    with pytest.raises(ContractError, match="no start of amazon_orders__acme load_orders"):
        gateway.task_started_utc("amazon_orders__acme", "mine", "load_orders")


@pytest.mark.usefixtures("signed_in")
def test_a_login_that_has_run_out_is_renewed_once(gateway: AirflowGateway, airflow: ScriptedServer) -> None:
    airflow.say(401, {"detail": "Token Expired"})
    airflow.say(201, {"access_token": "another"})
    airflow.say(200, {"is_paused": True})
    assert gateway.is_paused("amazon_orders__acme") is True
    assert [asked.path for asked in airflow.asked][-2:] == ["/auth/token", "/api/v2/dags/amazon_orders__acme"]


@pytest.mark.usefixtures("signed_in")
def test_a_connection_that_is_there_gets_exactly_the_fields_given(
    gateway: AirflowGateway, airflow: ScriptedServer
) -> None:
    airflow.say(200, {"connection_id": "x", "password": "***"})
    airflow.say(200, {})
    gateway.put_connection("x", {"conn_type": "amazon_sp_seller", "password": "new"})
    patch = airflow.asked[-1]
    assert (patch.method, patch.path) == ("PATCH", "/api/v2/connections/x")
    assert b"***" not in patch.body


@pytest.mark.usefixtures("signed_in")
def test_a_connection_that_is_absent_is_made(gateway: AirflowGateway, airflow: ScriptedServer) -> None:
    airflow.say(404, {"detail": "not found"})
    airflow.say(201, {})
    gateway.put_connection("x", {"conn_type": "amazon_sp_seller", "password": "new"})
    assert (airflow.asked[-1].method, airflow.asked[-1].path) == ("POST", "/api/v2/connections")


@pytest.mark.usefixtures("signed_in")
def test_a_run_that_exists_already_is_not_started_again(gateway: AirflowGateway, airflow: ScriptedServer) -> None:
    airflow.say(200, {})
    airflow.say(409, {"detail": "exists"})
    assert gateway.start_run("dag", "reconnected__7") is True
    assert gateway.start_run("dag", "reconnected__7") is False


@pytest.mark.usefixtures("signed_in")
def test_what_is_absent_is_neither_paused_nor_in_the_way_of_deleting(
    gateway: AirflowGateway, airflow: ScriptedServer
) -> None:
    for _ in range(3):
        airflow.say(404, {"detail": "not found"})
    assert gateway.is_paused("nowhere") is None
    assert gateway.connection("nowhere") is None
    gateway.delete_connection("nowhere")


@pytest.mark.usefixtures("signed_in")
def test_connections_are_found_by_their_beginning_page_by_page(
    gateway: AirflowGateway, airflow: ScriptedServer
) -> None:
    ids = [f"amazon_seller_{number}" for number in range(120)]
    airflow.say(200, {"connections": [{"connection_id": name} for name in ids[:100]]})
    # Airflow's pattern is found anywhere in an id.
    airflow.say(200, {"connections": [{"connection_id": name} for name in [*ids[100:], "old_amazon_seller_1"]]})
    assert gateway.connection_ids("amazon_seller_") == set(ids)
    assert [asked.query["offset"] for asked in airflow.asked[1:]] == ["0", "100"]


@pytest.mark.usefixtures("signed_in")
def test_runs_that_wait_or_work_are_found_and_ended(gateway: AirflowGateway, airflow: ScriptedServer) -> None:
    airflow.say(200, {"dag_runs": [{"dag_run_id": "nightly"}]})
    airflow.say(404, {"detail": "no such DAG"})
    airflow.say(200, {})
    assert gateway.active_runs("amazon_orders__acme") == ["nightly"]
    assert gateway.active_runs("nowhere") == []
    gateway.end_run("amazon_orders__acme", "nightly")
    ended = airflow.asked[-1]
    assert (ended.method, ended.path) == ("PATCH", "/api/v2/dags/amazon_orders__acme/dagRuns/nightly")
    assert json.loads(ended.body) == {"state": "failed"}


@pytest.mark.usefixtures("signed_in")
def test_a_dag_is_paused_and_one_that_is_absent_is_in_nobodys_way(
    gateway: AirflowGateway, airflow: ScriptedServer
) -> None:
    airflow.say(200, {})
    airflow.say(404, {"detail": "no such DAG"})
    gateway.pause("amazon_orders__acme")
    assert json.loads(airflow.asked[-1].body) == {"is_paused": True}
    gateway.pause("nowhere")
