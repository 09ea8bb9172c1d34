"""The cluster of docker-compose.yaml, as processes: it loses nothing when parts of it die; who may do what in it.

One cluster for all, with Celery's two workers, FAB's users and the environment that Compose gives its containers.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from bench.stack import write_sellers
from include.airflow_gateway.gateway import AirflowGateway
from include.clock import utc_now
from include.errors import SettingsError
from include.local_stack.cluster import Cluster, running_cluster
from include.local_stack.connections import create_absent_connections, create_absent_mail_connection
from include.local_stack.ports import on_free_ports
from include.local_stack.progress import Progress
from include.local_stack.runs import paused_sellers
from include.local_stack.story_way import SellersWay
from include.local_stack.truth import compare_with_truth
from include.local_stack.waiting import wait_until
from include.sellers.registry import Seller, load_sellers
from include.warehouse.connection import connect

pytestmark = [pytest.mark.airflow, pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(600)]

SELLERS = 30
SLOTS = 4
PATIENCE_S = 240.0
# As long as it takes a slow machine to fill every slot with a task that waits for Amazon.
LATENCY_S = 20.0
RUN_ID = "night"
# Settings of production that are other here, so that nobody waits five minutes; by name, everything else is Compose's.
VARIABLES = {"WORKER_CONCURRENCY": f"{SLOTS}", "PARALLELISM": f"{2 * SLOTS}", "RETRY_DELAY_S": "5"}
SHORTENED = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "30",
}
WORKING = "SELECT count(*) FROM task_instance WHERE task_id = %s AND state = 'running'"
STATES = "SELECT state, count(*) FROM dag_run WHERE run_id = %s GROUP BY state"
LOST = "SELECT DISTINCT task_id FROM task_instance WHERE run_id = %s AND try_number > 1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty sellers whose night is half a day away."""
    folder = tmp_path_factory.mktemp("cluster")
    start_date = (utc_now() - timedelta(days=9)).date().isoformat()
    write_sellers(folder / "sellers.yaml", [f"seller_{number}" for number in range(SELLERS)], start_date=start_date)
    return folder


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[Cluster]:
    settings = on_free_ports(folder / "run")
    with running_cluster(
        settings, folder / "sellers.yaml", Progress(), variables=VARIABLES, shortened=SHORTENED
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def sellers(cluster: Cluster, folder: Path) -> list[Seller]:
    """All of them, connected."""
    sellers = [entry for entry in load_sellers(folder / "sellers.yaml") if isinstance(entry, Seller)]
    create_absent_mail_connection(cluster.stack.airflow, cluster.stack.settings.smtp_port)
    create_absent_connections(cluster.stack.airflow, cluster.stack.amazon, sellers)
    assert not paused_sellers(cluster.stack, sellers)
    return sellers


def _asked(cluster: Cluster, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(cluster.metadata_dsn) as connection:
        return connection.execute(query, values).fetchall()


def _until_every_slot_works_on(cluster: Cluster, task_id: str) -> None:
    """Then whichever worker is killed, it was at this."""

    def full() -> bool:
        cluster.stack.supervisor.check()
        return _asked(cluster, WORKING, task_id) == [(2 * SLOTS,)]

    assert wait_until(full, PATIENCE_S, interval_s=0.2), _asked(cluster, STATES, RUN_ID)


def _all_ended(cluster: Cluster) -> bool:
    cluster.stack.supervisor.check()
    return {state for state, _ in _asked(cluster, STATES, RUN_ID)} <= {"success", "failed"}


def test_thirty_sellers_lose_nothing_when_workers_are_killed_and_the_scheduler_starts_anew(
    cluster: Cluster, sellers: list[Seller]
):
    first, second = cluster.workers
    cluster.stack.amazon.fail_next("searchOrders", times=2 * SLOTS, latency_s=LATENCY_S)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda seller: cluster.stack.airflow.trigger_run(seller.dag_id, RUN_ID), sellers))

    _until_every_slot_works_on(cluster, "extract_orders")
    cluster.kill(first)
    with connect(cluster.stack.loader_dsn) as in_the_way, in_the_way.transaction():
        in_the_way.execute("LOCK TABLE amazon.orders IN EXCLUSIVE MODE")
        cluster.start(first)
        cluster.stop("scheduler")
        cluster.start("scheduler")
        _until_every_slot_works_on(cluster, "load_orders")
        cluster.kill(second)
    cluster.start(second)
    assert wait_until(lambda: _all_ended(cluster), PATIENCE_S, interval_s=0.5), _asked(cluster, STATES, RUN_ID)

    assert _asked(cluster, STATES, RUN_ID) == [("success", SELLERS)]
    assert {task_id for (task_id,) in _asked(cluster, LOST, RUN_ID)} >= {"extract_orders", "load_orders"}
    with connect(cluster.stack.loader_dsn) as connection:
        found = {s.seller_id: compare_with_truth(connection, cluster.stack.amazon, s.seller_id) for s in sellers}
        incidents = {name for (name,) in connection.execute("SELECT error_class FROM ops.incident")}
    assert {seller_id: one for seller_id, one in found.items() if not one.equal or one.rejected} == {}
    assert sum(one.orders for one in found.values()) > 20 * SELLERS
    # The watch may look in the middle of a first load and tells operators that data are late, which they are.
    assert incidents <= {"DataLate"}
    assert {mail.to for mail in cluster.stack.mails.mails()} <= {("operators@seller-orders.example",)}


def test_every_service_is_well_by_the_health_check_that_compose_has_for_it(cluster: Cluster, sellers: list[Seller]):
    names = [name for name in cluster.processes if name not in cluster.workers[1:]]
    with ThreadPoolExecutor(2) as pool:
        looks = dict(zip(names, pool.map(cluster.health, names), strict=True))
    assert {name: look.stdout + look.stderr for name, look in looks.items() if look.returncode} == {}


def test_no_password_and_no_key_is_in_any_log(cluster: Cluster, sellers: list[Seller]):
    # There is no old key yet, so one file is empty.
    secrets = {path.read_text().rpartition(" ")[2] for path in cluster.places.secrets.iterdir()} - {""}
    logs = [path for path in cluster.places.folder.rglob("*.log*") if path.is_file()]
    assert (len(secrets), len(logs) > SELLERS) == (14, True)
    assert {
        (path.name, number)
        for path in logs
        for number, secret in enumerate(secrets)
        if secret in path.read_text(errors="replace")
    } == set()


# The roles of FAB, and ours, the least first; nobody is signed in as the first.
ROLES = ("anonymous", "Viewer", "Seller support", "Op", "Admin")
OWN, FOREIGN = "own", "https://evil.example"
SELLER, CONNECTION = "amazon_orders__seller_0", "amazon_seller_seller_0"
# What is asked for, as a page of which origin, and what each role is answered.
ANSWERS = [
    ("GET", "/seller-orders/", None, (303, 200, 200, 200, 200)),
    ("GET", f"/seller-orders/seller/{SELLER}", None, (303, 200, 200, 200, 200)),
    ("GET", f"/seller-orders/go/{CONNECTION}", None, (303, 403, 403, 303, 303)),
    ("POST", f"/seller-orders/discard/{CONNECTION}/1", OWN, (401, 403, 403, 404, 404)),
    ("POST", f"/seller-orders/discard/{CONNECTION}/1", FOREIGN, (403, 403, 403, 403, 403)),
    # Whoever may not read these sees neither entry in the menu nor tab on a DAG.
    ("GET", "/api/v2/plugins", None, (401, 403, 200, 200, 200)),
    ("GET", f"/api/v2/connections/{CONNECTION}", None, (401, 403, 200, 200, 200)),
    ("DELETE", "/api/v2/connections/none", None, (401, 403, 403, 404, 404)),
    ("GET", f"/api/v2/dags/{SELLER}", None, (401, 200, 200, 200, 200)),
    ("DELETE", f"/api/v2/dags/{SELLER}/dagRuns/none", None, (401, 403, 403, 404, 404)),
    ("GET", "/auth/fab/v1/users", None, (401, 403, 403, 403, 200)),
]


def _ask(
    cluster: Cluster, path: str, method: str = "GET", *, origin: str | None = None, **how: Any
) -> requests.Response:
    url = cluster.stack.ui_url
    headers = {"Origin": url if origin == OWN else origin} if origin else {}
    headers |= how.pop("headers", {})
    return requests.request(method, url + path, headers=headers, allow_redirects=False, timeout=30, **how)


def _token(cluster: Cluster, name: str, password: str) -> dict[str, str]:
    answer = _ask(cluster, "/auth/token", "POST", json={"username": name, "password": password})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture(scope="module")
def signed_in(cluster: Cluster, sellers: list[Seller]) -> dict[str, dict[str, str]]:
    """The headers of somebody of each role; the password of each is its role."""
    headers = {"anonymous": {}, "Admin": _token(cluster, "admin", cluster.stack.passwords.ui)}
    for role in ROLES[1:-1]:
        user = {"username": role, "password": role, "email": f"{role}@x.example", "first_name": "A", "last_name": "B"}
        user["roles"] = [{"name": role}]
        answer = _ask(cluster, "/auth/fab/v1/users", "POST", headers=headers["Admin"], json=user)
        assert answer.status_code == 200, answer.text
        headers[role] = _token(cluster, role, role)
    return headers


def test_every_role_is_answered_as_the_table_says(cluster: Cluster, signed_in: dict[str, dict[str, str]]):
    found = [
        (
            method,
            path,
            origin,
            tuple(_ask(cluster, path, method, origin=origin, headers=signed_in[r]).status_code for r in ROLES),
        )
        for method, path, origin, _ in ANSWERS
    ]
    assert found == ANSWERS


def test_seller_support_sees_the_page_without_the_button_and_an_op_with_it(
    cluster: Cluster, signed_in: dict[str, dict[str, str]]
):
    pages = {
        role: _ask(cluster, f"/seller-orders/seller/{SELLER}?lang=de", headers=signed_in[role]).text
        for role in ROLES[1:]
    }
    assert all("seller_0" in page for page in pages.values())
    assert [role for role, page in pages.items() if "Bei Amazon EU anmelden" in page] == ["Op", "Admin"]


def test_the_page_leads_to_the_login_and_back_and_the_cookie_is_no_pass_for_another_site(
    cluster: Cluster, signed_in: dict[str, dict[str, str]]
):
    page = f"/seller-orders/seller/{SELLER}?lang=de"
    login = _ask(cluster, page).headers["location"]
    with requests.Session() as browser:
        form = browser.get(cluster.stack.ui_url + login, timeout=30)
        (csrf,) = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', form.text)
        filled = {"username": "Op", "password": "Op", "csrf_token": csrf}
        sent = browser.post(form.url, data=filled, allow_redirects=False, timeout=30)
        assert (sent.status_code, sent.headers["location"].removeprefix(cluster.stack.ui_url)) == (302, page)
        assert "Bei Amazon EU anmelden" in browser.get(cluster.stack.ui_url + page, timeout=30).text
        for origin, status in ((cluster.stack.ui_url, 404), (FOREIGN, 403)):
            target = f"{cluster.stack.ui_url}/seller-orders/discard/{CONNECTION}/1"
            assert browser.post(target, headers={"Origin": origin}, timeout=30).status_code == status


def test_the_products_own_user_may_do_what_the_product_does_and_manages_no_users(
    cluster: Cluster, sellers: list[Seller]
):
    password = (cluster.places.secrets / "airflow_api_password").read_text()
    airflow = AirflowGateway(cluster.stack.ui_url, "seller-orders", password)
    for description in ("made", "changed"):
        airflow.put_connection("amazon_seller_of_this_test", {"conn_type": "http", "description": description})
    assert airflow.connection("amazon_seller_of_this_test")["description"] == "changed"
    airflow.delete_connection("amazon_seller_of_this_test")
    assert "amazon_seller_of_this_test" not in airflow.connection_ids("amazon_seller_")
    airflow.pause("authorization_watch")
    assert airflow.is_paused("authorization_watch")
    assert airflow.start_run("authorization_watch", "by_the_product")
    assert airflow.active_runs("authorization_watch")
    airflow.end_run("authorization_watch", "by_the_product")
    assert airflow.run("authorization_watch", "by_the_product")["state"] == "failed"
    assert airflow.task_states(SELLER, RUN_ID)["load_orders"] == "success"
    assert airflow.import_errors() == []
    itself = _token(cluster, "seller-orders", password)
    assert _ask(cluster, "/auth/fab/v1/users", headers=itself).status_code == 403
    # A Connection turned to another host and tested there would tell its token.
    turned = {"connection_id": CONNECTION, "conn_type": "http", "host": "127.0.0.1", "port": 9}
    assert _ask(cluster, "/api/v2/connections/test", "POST", headers=itself, json=turned).status_code == 403
    with pytest.raises(SettingsError):
        AirflowGateway(cluster.stack.ui_url, "seller-orders", "wrong").dag_ids("x")
    requests.patch(
        f"{cluster.stack.ui_url}/api/v2/dags/authorization_watch",
        json={"is_paused": False},
        headers=_token(cluster, "seller-orders", password),
        timeout=30,
    ).raise_for_status()


def test_a_seller_renews_its_authorization_on_the_clusters_pages(
    cluster: Cluster, sellers: list[Seller], signed_in: dict[str, dict[str, str]]
):
    cluster.stack.amazon.revoke(sellers[0].seller_id)
    link = _ask(cluster, f"/seller-orders/go/{CONNECTION}", headers=signed_in["Op"]).headers["location"]
    way = SellersWay(cluster.stack, sellers[0], link)
    way.go(sellers[0], "is connected to Amazon. The orders")
    assert way.wait_for_run().startswith("reconnected__")


def test_the_doctor_finds_everything_well(cluster: Cluster, sellers: list[Seller]):
    command = [sys.executable, "-m", "include.operations", "doctor"]
    told = subprocess.run(
        command, env=cluster.environment("consent"), capture_output=True, text=True, timeout=120, check=False
    )
    assert (told.returncode, told.stdout.count("WRONG")) == (0, 0), told.stdout + told.stderr
    assert "lets seller-orders in" in told.stdout


def test_init_once_more_makes_nobody_twice_and_sets_the_passwords_that_the_secrets_say(
    cluster: Cluster, signed_in: dict[str, dict[str, str]]
):
    def users() -> int:
        return _ask(cluster, "/auth/fab/v1/users", headers=signed_in["Admin"]).json()["total_entries"]

    before = users()
    environment = {**cluster.environment("init"), "AIRFLOW_API_PASSWORD": "another"}
    subprocess.run([sys.executable, "-m", "include.orchestration.users"], env=environment, timeout=120, check=True)
    assert users() == before
    assert _token(cluster, "seller-orders", "another")
    login = {"username": "seller-orders", "password": (cluster.places.secrets / "airflow_api_password").read_text()}
    assert _ask(cluster, "/auth/token", "POST", json=login).status_code == 401
