"""`make run` as a person meets it: every process real, in a folder and on ports of its own.

One story told in order, because a start of Airflow costs half a minute: run once, run again and stay, look around,
kill everything, run once more.
"""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import requests

from include.local_stack.waiting import wait_until
from include.warehouse.connection import connect
from tests.payloads.machine import PATIENCE_S, Machine, machine_in, read_until_it_serves

pytestmark = [pytest.mark.airflow, pytest.mark.stack, pytest.mark.timeout(600)]

DEMO_SELLERS = {
    "nordlicht_kerzen",
    "harbour_goods",
    "maple_trail",
    "sakura_kitchen",
    "grossmarkt_technik",
    "first_steps",
}
BROKEN_ENTRY = """
  - id: typo_shop
    name: Typo Shop
    region: europe
    marketplaces: [DE]
    contacts: [owner@typo.example]
    language: en
    timezone: Europe/Berlin
"""


@pytest.fixture(scope="module")
def machine(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    sellers = folder / "sellers.yaml"
    sellers.write_text((project_root / "include" / "sellers.yaml").read_text() + BROKEN_ENTRY)
    machine = machine_in(folder, sellers)
    yield machine
    machine.kill_everything()


@pytest.fixture(scope="module")
def first_run(machine: Machine) -> str:
    """What the first `make run ONCE=1` printed."""
    code, output = machine.run_once()
    assert code == 0, output
    return output


@dataclass
class Serving:
    """A `make run` that stays."""

    process: subprocess.Popen[str]
    output: str


@pytest.fixture(scope="module")
def serving(machine: Machine, first_run: str) -> Iterator[Serving]:
    """The second run, which stays; it leaves with kill -9 of everything at once."""
    with machine.start("run") as process:
        yield Serving(process, read_until_it_serves(process))
        machine.kill_everything()
        process.kill()


def test_a_first_run_loads_every_demo_seller_exactly_as_amazon_holds_it(first_run: str, machine: Machine):
    summary = machine.summary()
    assert set(summary) == DEMO_SELLERS
    for facts in summary.values():
        assert facts["run_state"] == "success"
        assert (facts["orders"], facts["items"]) == (facts["truth_orders"], facts["truth_items"])
        assert facts["amount_equal"] is True
    assert summary["grossmarkt_technik"]["orders"] >= 5000
    assert summary["first_steps"]["orders"] == 0


def test_the_table_names_each_seller_and_what_was_not_run(first_run: str):
    for seller_id in DEMO_SELLERS:
        assert re.search(rf"^{seller_id} +(eu|na|fe) +success", first_run, re.MULTILINE)
    assert "Not run: Seller typo_shop: region is 'europe'; expected one of eu, na, fe." in first_run


def test_a_run_that_ended_leaves_no_process_behind(first_run: str, machine: Machine):
    assert machine.processes() == []


def test_a_second_run_keeps_the_data_and_tells_how_to_get_in(serving: Serving, machine: Machine):
    assert machine.ui_url in serving.output
    assert machine.passwords()["ui"] in serving.output
    assert machine.analyst_dsn() in serving.output
    assert all(facts["amount_equal"] for facts in machine.summary().values())


def test_everything_listens_on_loopback_only(serving: Serving, machine: Machine):
    listening = {
        connection.laddr.ip
        for process in machine.processes()
        for connection in _connections_of(process)
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening <= {"127.0.0.1", "::1"}
    assert listening


def _connections_of(process: psutil.Process) -> list[Any]:
    try:
        return process.net_connections()
    except psutil.NoSuchProcess:
        return []  # a task that ended while its siblings were looked at


def test_the_analyst_reads_the_tables_and_nothing_else(serving: Serving, machine: Machine):
    with psycopg.connect(machine.analyst_dsn(), autocommit=True) as analyst:
        assert analyst.execute("SELECT count(*) FROM amazon.orders").fetchone() > (7000,)
        for refused in ("DELETE FROM amazon.orders", "SELECT * FROM ops.watermark"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                analyst.execute(refused)


def _ask_airflow(machine: Machine, path: str, body: dict | None = None) -> Any:
    login = {"username": "admin", "password": machine.passwords()["ui"]}
    token = requests.post(f"{machine.ui_url}/auth/token", json=login, timeout=30).json()["access_token"]
    method = "GET" if body is None else "POST"
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.request(method, machine.ui_url + path, json=body, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _test_connection(machine: Machine, body: dict) -> dict:
    stored = _ask_airflow(machine, f"/api/v2/connections/{body['connection_id']}")
    # What the UI's list of Connections sends, to the letter: nothing hidden is asked again, no port is 0.
    unset = {"host": "", "port": 0, "schema": ""}
    asked = {name: stored[name] for name in ("connection_id", "conn_type", "login", "password", "extra")} | unset | body
    return _ask_airflow(machine, "/api/v2/connections/test", asked)


def test_the_test_button_asks_amazon_about_application_and_seller(serving: Serving, machine: Machine):
    application = _test_connection(machine, {"connection_id": "amazon_application"})
    assert application == {"status": True, "message": "Amazon accepts the application's client id and secret."}
    seller = _test_connection(machine, {"connection_id": "amazon_seller_nordlicht_kerzen"})
    assert seller["status"] is True
    assert "DE, FR, IT, ES" in seller["message"]


def test_the_test_button_says_who_must_act_on_a_refusal(serving: Serving, machine: Machine):
    application = _test_connection(machine, {"connection_id": "amazon_application", "password": "wrong"})
    assert application["status"] is False
    assert "invalid_client" in application["message"]
    seller = _test_connection(machine, {"connection_id": "amazon_seller_maple_trail", "password": "Atzr|wrong"})
    assert seller["status"] is False
    assert "must authorize the application again" in seller["message"]
    assert "Atzr|wrong" not in seller["message"]


def test_both_connection_types_have_a_form_of_their_own(serving: Serving, machine: Machine):
    forms = _ask_airflow(machine, "/ui/connections/hook_meta")
    ours = {form["connection_type"]: form for form in forms if form["connection_type"].startswith("amazon_sp_")}
    assert set(ours) == {"amazon_sp_application", "amazon_sp_seller"}
    assert "region" in ours["amazon_sp_seller"]["extra_fields"]
    assert "made_on" in ours["amazon_sp_application"]["extra_fields"]


def test_a_broken_entrys_run_fails_in_its_first_task(serving: Serving, machine: Machine):
    gateway = machine.gateway()
    dag_id, run_id = "amazon_orders__typo_shop", "by_hand"
    gateway.trigger_run(dag_id, run_id)
    assert wait_until(lambda: gateway.run(dag_id, run_id)["state"] == "failed", 60, interval_s=0.5)
    assert gateway.task_states(dag_id, run_id) == {
        "validate_authorization": "failed",
        "extract_orders": "upstream_failed",
        "load_orders": "upstream_failed",
        "complete": "upstream_failed",
        "next_run": "upstream_failed",
        "notify_reconnect": "success",
    }


def test_a_run_tells_the_asset_how_many_rows_and_how_far(serving: Serving, machine: Machine):
    events = _ask_airflow(machine, "/api/v2/assets/events?order_by=timestamp&limit=100")["asset_events"]
    first = next(event for event in events if event["source_dag_id"] == "amazon_orders__sakura_kitchen")
    assert first["extra"]["rows"] > 100
    assert first["extra"]["watermark"].endswith("Z")


def test_a_task_without_quota_gives_its_worker_back_and_comes_again_without_using_a_retry(
    serving: Serving, machine: Machine
):
    with connect(machine.loader_dsn()) as loader:
        # Twelve and a half seconds a call, counted from when it is asked; Amazon's next answer tells the real rate.
        loader.execute(
            "UPDATE ops.quota_bucket SET tokens = 0, rate_per_s = 0.08, filled_utc = now() + interval '2 minutes'"
            " WHERE seller_id = 'harbour_goods' AND operation = 'searchOrders'"
        )
    states: set[str] = set()

    def ended() -> bool:
        states.add(str(machine.gateway().task_states(dag_id, run_id)["extract_orders"]))
        return machine.gateway().run(dag_id, run_id)["state"] in ("success", "failed")

    dag_id, run_id = "amazon_orders__harbour_goods", "without_quota"
    machine.gateway().trigger_run(dag_id, run_id)
    assert wait_until(ended, PATIENCE_S)
    assert machine.gateway().run(dag_id, run_id)["state"] == "success"
    assert "up_for_reschedule" in states
    task = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/extract_orders"
    assert _ask_airflow(machine, task)["try_number"] == 1


def test_landed_pages_load_again_without_asking_amazon(serving: Serving, machine: Machine):
    with connect(machine.loader_dsn()) as loader:
        count = "SELECT count(*) FROM amazon.orders WHERE seller_id = 'sakura_kitchen'"
        before = loader.execute(count).fetchone()
        loader.execute("DELETE FROM amazon.orders WHERE seller_id = 'sakura_kitchen'")
        machine.amazon.reset_calls()
        with machine.start("reload", "sakura_kitchen") as process:
            output, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, output
        assert loader.execute(count).fetchone() == before
    assert "0 rejected" in output
    assert not [shop for _, shop, _ in machine.amazon.calls() if shop == "sakura_kitchen"]


def test_a_second_run_at_the_same_time_is_refused_in_one_sentence(serving: Serving, machine: Machine):
    code, output = machine.run_once()
    assert code == 1
    assert "Already running" in output
    assert "Traceback" not in output


def test_a_busy_port_is_named_with_its_holder_and_the_way_out(serving: Serving, machine: Machine, tmp_path: Path):
    other = Machine(machine.root, tmp_path, {**machine.environment, "RUN_DIR": str(tmp_path / "run folder")})
    code, output = other.run_once()
    assert code == 1
    assert re.search(r"Port \d+ \(Airflow's UI\) is in use by .*; stop it, or choose another with UI_PORT=", output)


def test_no_secret_is_in_any_log(serving: Serving, machine: Machine):
    application = machine.amazon.application()
    secrets = {application.client_secret, *(machine.passwords().values())}
    secrets |= {machine.amazon.authorize(seller_id).refresh_token for seller_id in DEMO_SELLERS}
    logs = [path for path in machine.run_dir.rglob("*.log*") if path.is_file()]
    assert any("extract_orders" in str(path) for path in logs)
    for log in logs:
        text = log.read_text(errors="replace")
        assert not [secret for secret in secrets if secret in text], log
        assert "Atza|" not in text, log


def _said(machine: Machine, *arguments: str) -> tuple[int, str]:
    with machine.start(*arguments) as process:
        output, _ = process.communicate(timeout=PATIENCE_S)
    return process.returncode, output


def test_the_doctor_finds_everything_in_place_but_the_entry_that_is_broken(serving: Serving, machine: Machine):
    code, output = _said(machine, "doctor")
    wrong = [line for line in output.splitlines() if line.startswith("WRONG")]
    assert (code, len(wrong)) == (1, 1), output
    assert "typo_shop: region is 'europe'" in wrong[0]
    for name in ("Warehouse", "Airflow", "DAGs", "Application", "Endpoints", "Clocks", "Mail"):
        assert re.search(rf"^ok +{name} ", output, re.MULTILINE), output
    assert machine.passwords()["ui"] not in output


def test_a_seller_is_let_go_in_the_middle_of_a_run(serving: Serving, machine: Machine):
    gateway, dag_id = machine.gateway(), "amazon_orders__sakura_kitchen"
    with connect(machine.loader_dsn()) as loader:
        loader.execute(
            "UPDATE ops.quota_bucket SET tokens = 0, rate_per_s = 0.001, filled_utc = now()"
            " WHERE seller_id = 'sakura_kitchen' AND operation = 'searchOrders'"
        )
        gateway.trigger_run(dag_id, "interrupted")
        assert wait_until(lambda: gateway.run(dag_id, "interrupted")["state"] == "running", 60, interval_s=0.5)
        code, output = _said(machine, "offboard", "sakura_kitchen", "--data", "delete")
        assert code == 0, output
        assert gateway.run(dag_id, "interrupted")["state"] == "failed"
        assert gateway.is_paused(dag_id) is True
        assert gateway.connection("amazon_seller_sakura_kitchen") is None
        assert loader.execute("SELECT count(*) FROM amazon.orders WHERE seller_id = 'sakura_kitchen'").fetchone() == (
            0,
        )
    assert not (machine.run_dir / "raw" / "orders" / "sakura_kitchen").exists()


def test_after_a_kill_of_everything_the_next_run_is_right_again_and_ends_whole_on_ctrl_c(
    serving: Serving, machine: Machine
):
    through = re.search(r"^first_steps .* (\S+Z) ", serving.output, re.MULTILINE)
    assert through
    just_after_utc = datetime.fromisoformat(through[1]) + timedelta(seconds=1)
    added = {
        "orderId": "306-1234567-7654321",
        "createdTime": just_after_utc.isoformat(),
        "lastUpdatedTime": just_after_utc.isoformat(),
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "ATVPDKIKX0DER", "marketplaceName": "Amazon.com"},
        "orderItems": [{"orderItemId": "1", "quantityOrdered": 2, "product": {"asin": "B000000001"}}],
    }
    machine.amazon.add_orders("first_steps", [added])
    machine.kill_everything()
    serving.process.wait(timeout=10)
    assert wait_until(lambda: not machine.processes(), 10)

    with machine.start("run") as process:
        read_until_it_serves(process)
        assert machine.summary()["first_steps"]["orders"] == 1
        assert all(facts["amount_equal"] for facts in machine.summary().values())
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)

    assert (process.returncode, said.strip()) == (0, "Ended.")
    assert machine.processes() == []


def test_cleaning_deletes_what_was_made_and_nothing_else(serving: Serving, machine: Machine):
    (machine.run_dir / "somebody's notes").write_text("keep me")
    with machine.start("clean") as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert [path.name for path in machine.run_dir.iterdir()] == ["somebody's notes"]
