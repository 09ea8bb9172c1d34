"""What an operator sees from outside, on a whole stack with Airflow's metrics switched on and a collector that listens.

One stack for all, its tests in their order: a run that waits, loads and rejects; the watch; the log files that both
left; another run while nobody listens any more; and at last another Fernet key.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from cryptography.fernet import Fernet

from include.clock import utc_now
from include.local_stack import stack as stack_module
from include.local_stack.airflow_processes import AIRFLOW, airflow_environment
from include.local_stack.backup import back_up, restore
from include.local_stack.connections import create_absent_connections, create_absent_mail_connection
from include.local_stack.ports import on_free_ports
from include.local_stack.postgres import PostgresServer, find_binaries
from include.local_stack.progress import Progress
from include.local_stack.run_folder import claim
from include.local_stack.runs import FINISHED, paused_sellers
from include.local_stack.stack import Stack, running_stack
from include.local_stack.waiting import wait_until
from include.notifications.lookout import SECRET_LIFE
from include.sellers.registry import Seller, load_sellers
from include.settings import PROJECT_ROOT, load_settings
from include.warehouse.connection import connect
from tests.payloads.otlp_receiver import Collector, collector

pytestmark = [pytest.mark.airflow, pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(600)]

PATIENCE_S = 180.0
SELLER = """
sellers:
  - id: acme
    name: Acme
    region: eu
    marketplaces: [DE]
    contacts: [owner@acme.example]
    language: en
    timezone: UTC
    run_at: "{night:%H:%M}"
"""
TEN_DAYS_S = 10 * 24 * 3600


@pytest.fixture(scope="module")
def listening() -> Iterator[tuple[Collector, ExitStack]]:
    """A collector, and what ends it early."""
    with ExitStack() as ending:
        yield ending.enter_context(collector()), ending


@pytest.fixture(scope="module")
def environments() -> list[dict[str, str]]:
    """What the stack's Airflow was given."""
    return []


@pytest.fixture(scope="module")
def seller(tmp_path_factory: pytest.TempPathFactory) -> Seller:
    path = tmp_path_factory.mktemp("watched") / "sellers.yaml"
    path.write_text(SELLER.format(night=utc_now() + timedelta(hours=12)))
    os.environ["WATCHED_SELLERS"] = str(path)
    (entry,) = load_sellers(path)
    assert isinstance(entry, Seller)
    return entry


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory,
    seller: Seller,
    listening: tuple[Collector, ExitStack],
    environments: list[dict[str, str]],
) -> Iterator[Stack]:
    settings = on_free_ports(tmp_path_factory.mktemp("watched") / "run")
    compose = (PROJECT_ROOT / "docker-compose.yaml").read_text()
    assert "TEMPORALITY_PREFERENCE: delta" in compose
    switched_on = {
        "AIRFLOW__METRICS__OTEL_ON": "True",
        "OTEL_EXPORTER_OTLP_ENDPOINT": listening[0].url,
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
    }

    def environment(*arguments: Any, **named: Any) -> dict[str, str]:
        environments.append({**airflow_environment(*arguments, **named), **switched_on})
        return environments[-1]

    product = load_settings({"SELLERS_FILE": os.environ.pop("WATCHED_SELLERS")})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack_module, "airflow_environment", environment)
        with running_stack(settings, product, Progress()) as stack:
            create_absent_mail_connection(stack.airflow, settings.smtp_port)
            create_absent_connections(stack.airflow, stack.amazon, [seller])
            assert not paused_sellers(stack, [seller])
            yield stack


def _run(stack: Stack, dag_id: str, run_id: str) -> dict[str, Any]:
    stack.airflow.trigger_run(dag_id, run_id)
    assert wait_until(lambda: stack.airflow.run(dag_id, run_id)["state"] in FINISHED, PATIENCE_S, interval_s=0.5)
    return stack.airflow.run(dag_id, run_id)


def _arrives(found: Any, wanted: Any) -> None:
    """Metrics leave a task's process when it ends, a moment after the task."""
    assert wait_until(lambda: found() == wanted, 30.0), (found(), wanted)


def test_every_counter_of_a_run_arrives_with_the_seller_and_no_other_tag(
    stack: Stack, seller: Seller, listening: tuple[Collector, ExitStack]
):
    stack.amazon.add_broken_order(
        "acme", {"orderId": "303-0000001-0000001", "orderItems": None}, at_utc=utc_now() - timedelta(hours=1)
    )
    with connect(stack.loader_dsn) as warehouse:
        # Empty until it is asked, and eleven seconds from then: the task gives its worker back once.
        warehouse.execute(
            "INSERT INTO ops.quota_bucket (client_id, seller_id, operation, rate_per_s, burst, tokens, filled_utc)"
            " VALUES (%s, 'acme', 'searchOrders', 0.09, 20, 0, clock_timestamp() + interval '1 hour')",
            (stack.amazon.application().client_id,),
        )
        assert _run(stack, seller.dag_id, "watched")["state"] == "success"
        pages, landed = warehouse.execute("SELECT count(*), sum(orders)::int FROM ops.landed_page").fetchone()
    rows = stack.airflow.xcom(seller.dag_id, "watched", "load_orders", "return_value")["rows"]
    found = listening[0]
    wanted = {"pages_landed": pages, "orders_landed": landed, "orders_loaded": rows, "orders_rejected": 1}
    _arrives(lambda: {name: found.sums["airflow.seller_orders." + name, "acme"] for name in wanted}, wanted)
    assert found.sums["airflow.seller_orders.quota_waits", "acme"] == 1
    assert 10 <= found.sums["airflow.seller_orders.quota_wait_s", "acme"] <= 13
    assert rows > 50
    ours = {name: tags for name, tags in found.tags.items() if ".seller_orders." in name}
    assert len(ours) == 6
    assert set().union(*ours.values()) == {"seller"}


def test_every_gauge_of_the_watch_arrives_with_the_seller_and_health_is_well(
    stack: Stack, seller: Seller, listening: tuple[Collector, ExitStack]
):
    with connect(stack.loader_dsn) as warehouse:
        warehouse.execute("UPDATE ops.seller_authorization SET expires_utc = now() + interval '100 days'")
        warehouse.execute("UPDATE ops.watermark SET complete_through_utc = now() - interval '10 days'")
        assert _run(stack, "authorization_watch", "watched")["state"] == "success"
        assert warehouse.execute("SELECT error_class FROM ops.incident").fetchall() == [("DataLate",)]
    gauges = listening[0].gauges
    _arrives(lambda: gauges.get(("airflow.seller_orders.open_incidents", "acme")), 1.0)
    assert gauges["airflow.seller_orders.days_to_expiry", "acme"] == pytest.approx(100, abs=0.1)
    assert gauges["airflow.seller_orders.data_age_s", "acme"] == pytest.approx(TEN_DAYS_S, abs=600)
    of_all = "airflow.seller_orders.open_incidents_of_all", ""
    secret = "airflow.seller_orders.client_secret_days_to_expiry", ""
    _arrives(lambda: {of_all, secret} <= gauges.keys(), True)
    assert gauges[of_all] == 0
    # The stack's application was made today.
    assert gauges[secret] == pytest.approx(SECRET_LIFE / timedelta(days=1), abs=1.1)
    health = requests.get(f"{stack.ui_url}/seller-orders/health", timeout=30)
    assert (health.status_code, health.json()["status"], health.json()["migrations"]) == (200, "ok", "current")


def _lines(stack: Stack, dag_id: str, task_id: str) -> list[dict[str, Any]]:
    """Every line of the domain in a task's log files, whichever its run and visit."""
    logs: Path = stack.settings.run_dir / "airflow" / "logs" / f"dag_id={dag_id}"
    files = sorted(logs.glob(f"run_id=*/task_id={task_id}/*.log"))
    assert files
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [line for line in lines if str(line.get("logger", "")).startswith("include.")]


def test_every_line_of_the_domain_in_the_task_logs_names_seller_and_window(stack: Stack, seller: Seller):
    lines = [line for task in ("extract_orders", "load_orders") for line in _lines(stack, seller.dag_id, task)]
    assert {line["seller_id"] for line in lines} == {"acme"}
    with connect(stack.loader_dsn) as warehouse:
        window = warehouse.execute(
            "SELECT window_start_utc, window_end_utc FROM ops.extraction_window ORDER BY window_id LIMIT 1"
        ).fetchone()
    of_windows = [line for line in lines if line["event"].startswith(("Window ", "Page ", "searchOrders: no call"))]
    assert {line["event"].split(" ")[0] for line in of_windows} == {"Window", "Page", "searchOrders:"}
    bounds = {(line["window_start_utc"], line["window_end_utc"]) for line in of_windows}
    assert tuple(bound.isoformat(timespec="seconds").replace("+00:00", "Z") for bound in window) in bounds
    assert not [line["event"] for line in lines if "seller_id" in line["event"]], "the text stays for people"


def test_the_watchs_lines_name_the_seller_they_are_about(stack: Stack):
    (sent,) = [line for line in _lines(stack, "authorization_watch", "send_owed") if line["event"].startswith("Sent:")]
    assert sent["seller_id"] == "acme"


def test_a_collector_that_is_away_fails_no_run_and_costs_seconds(
    stack: Stack, seller: Seller, listening: tuple[Collector, ExitStack], record_property: Callable[[str, object], None]
):
    before = stack.airflow.run(seller.dag_id, "watched")["duration"]
    listening[1].close()
    run = _run(stack, seller.dag_id, "nobody_listens")
    assert run["state"] == "success"
    record_property("seconds while it listens, a wait included", before)
    record_property("seconds while it is away", run["duration"])
    assert run["duration"] < 60
    assert _run(stack, "authorization_watch", "nobody_listens")["state"] == "success"


def test_a_backup_of_the_running_stack_brings_airflows_own_tables_back_too(stack: Stack, tmp_path: Path):
    back_up(stack.settings, tmp_path / "backup")
    there = on_free_ports(tmp_path / "there")
    claim(there.run_dir)
    shutil.copy(stack.settings.run_dir / "passwords.json", there.run_dir)
    restore(there, tmp_path / "backup")
    asked = (
        "SELECT conn_id, password FROM connection ORDER BY 1",
        "SELECT dag_id, run_id, state FROM dag_run ORDER BY 1, 2",
    )

    def answers(server: PostgresServer) -> list[Any]:
        with psycopg.connect(server.dsn("airflow", user="airflow", password=stack.passwords.airflow)) as metadata:
            return [metadata.execute(query).fetchall() for query in asked]

    with PostgresServer(
        there.run_dir / "postgres", find_binaries(), there.warehouse_port, stack.passwords.superuser
    ) as server:
        found = answers(server)
    assert len(found[0]) >= 3
    assert found == answers(stack.postgres)


def test_another_fernet_key_opens_our_connections_and_the_old_one_no_more(
    stack: Stack, seller: Seller, environments: list[dict[str, str]]
):
    old, new = stack.passwords.fernet_key, Fernet.generate_key().decode()

    def airflow(key: str, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {**environments[0], "AIRFLOW__CORE__FERNET_KEY": key, "AIRFLOW__METRICS__OTEL_ON": "False"}
        return subprocess.run([*AIRFLOW, *command], env=environment, capture_output=True, text=True, check=False)

    token = stack.amazon.authorize("acme").refresh_token
    stack.airflow.put_connection(seller.connection_id, {"conn_type": "amazon_sp_seller", "password": token})
    rotated = airflow(f"{new},{old}", "rotate-fernet-key")
    assert rotated.returncode == 0, rotated.stderr
    asked = ("connections", "get", seller.connection_id, "--output", "json")
    with_new, with_old = airflow(new, *asked), airflow(old, *asked)
    assert json.loads(with_new.stdout[with_new.stdout.index("[") :])[0]["password"] == token
    assert token not in with_old.stdout
