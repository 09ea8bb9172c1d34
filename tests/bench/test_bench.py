"""The bench's own arithmetic, its orders, and its eye for a wrong result; the measurements are not tested."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import psutil
import pytest

from bench import __main__ as command
from bench import load, peer_environments, programs, real_amazon, trouble
from bench.figures import Figure, shown, table
from bench.limits import LARGE, LARGE_SCALE, SMALL, cases, least_calls, optimum_s
from bench.loaded import (
    AMOUNT_PER_ITEM,
    CHARGES_PER_ITEM,
    CHARGES_PER_ORDER,
    WrongTablesError,
    items_of,
    require_all_loaded,
)
from bench.machine import peak_memory_mib, tree_cpu_s
from bench.peer_environments import PEERS
from bench.plot import Series, log_log
from bench.results import read_results
from bench.servers import running_servers
from bench.shop_orders import write_orders_file
from bench.stack import write_sellers
from bench.v0_amazon import serving_v0
from include.local_stack.progress import Progress
from include.local_stack.waiting import wait_until
from include.sellers.registry import Seller, load_sellers
from include.warehouse.connection import connect

CASES = cases(SMALL, LARGE, LARGE_SCALE)
BURN = "import time\nwhile time.process_time() < 0.4: pass"


def test_a_figure_is_its_median_with_least_and_most():
    document = Figure("load", "work", "s", [0.9, 0.5, 0.6]).document()
    assert (document["median"], document["least"], document["most"]) == (0.6, 0.5, 0.9)
    assert document["values"] == [0.9, 0.5, 0.6]


@pytest.mark.parametrize(
    ("values", "goal", "at_least", "met"),
    [
        ([0.9, 0.5, 0.6], 0.6, False, True),
        ([0.9, 0.5, 0.7], 0.6, False, False),
        ([9.0], None, False, None),
        ([90.0, 100.0, 110.0], 100.0, True, True),
        ([90.0, 99.0, 110.0], 100.0, True, False),
    ],
    ids=["median at the goal", "median above it", "no goal", "enough", "too little"],
)
def test_a_goal_is_met_by_the_median(values, goal, at_least, met):
    assert Figure("load", "work", "s", values, goal, at_least).met is met


def test_the_table_says_value_spread_goal_and_whether_it_is_met():
    lines = table([Figure("load", "work", "s", [0.9, 0.5, 0.7], 0.6), Figure("limits", "refused", "", [0])])
    assert [re.split("  +", line) for line in lines[1:]] == [
        ["load: work", "0.700 s", "0.500 to 0.900", "<= 0.600", "NO"],
        ["limits: refused", "0", "once"],
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "0.012"), (71.43, "71.4"), (12_345.6, "12,346"), (3, "3"), (1.05, "1.050"), (2.2114, "2.21")],
)
def test_a_number_is_shown_with_as_many_digits_as_help(value, text):
    assert shown(value) == text


def test_the_optimum_is_what_the_burst_leaves_at_the_documented_rate():
    assert least_calls(2_300) == 23
    assert least_calls(2_301) == 24
    assert optimum_s(2_300, 1.0) == pytest.approx(3 / 0.0056)
    assert optimum_s(10_000, 200.0) == pytest.approx(80 / 1.12)


def test_as_many_orders_are_written_as_said_with_what_is_expected_of_them(tmp_path):
    end_utc = datetime(2026, 11, 20, tzinfo=UTC)
    write_orders_file(tmp_path / "orders", 10, end_utc=end_utc)
    orders = [json.loads(line) for line in (tmp_path / "orders").read_text(encoding="utf-8").splitlines()]
    items = [item for order in orders for item in order["orderItems"]]
    assert len({order["orderId"] for order in orders}) == 10
    assert len({item["orderItemId"] for item in items}) == len(items) == items_of(10)
    for money in (
        [order["proceeds"]["grandTotal"] for order in orders],
        [item["proceeds"]["proceedsTotal"] for item in items],
    ):
        assert sum(Decimal(amount["amount"]) for amount in money) == AMOUNT_PER_ITEM * len(items)
    assert {len(order["proceeds"]["breakdowns"]) for order in orders} == {CHARGES_PER_ORDER}
    assert {_charges(item) for item in items} == {CHARGES_PER_ITEM}
    assert max(order["lastUpdatedTime"] for order in orders) < "2026-11-20T00:00:00.000Z"


def _charges(item):
    return sum(1 + len(charge.get("detailedBreakdowns", ())) for charge in item["proceeds"]["breakdowns"])


def test_clients_that_give_up_are_scaled_less_than_those_that_wait():
    found = {(case.orders, case.scale): [str(getattr(one, "name", one)) for one in case.clients] for case in CASES}
    assert found[10_000, 400.0] == ["this project", "amzn-selling-partner"]
    assert found[10_000, 20.0] == ["python-amazon-sp-api", "amzn-sp-api"]
    assert len(found[2_000, 20.0]) == len(found[30, 20.0]) == 4


def test_five_lines_belong_to_four_orders():
    assert items_of(10_000) == 12_500


def test_the_cpu_of_a_child_counts_while_it_runs_and_after_it_was_collected():
    us = psutil.Process().pid
    before_s = tree_cpu_s(us)
    code = f"{BURN}\nprint(flush=True)\ninput()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        child.stdout.readline()
        assert tree_cpu_s(us) - before_s >= 0.35
    finally:
        child.communicate(b"\n")
    assert tree_cpu_s(us) - before_s >= 0.35


def test_a_childs_peak_memory_is_its_own_and_not_its_parents():
    ours = bytearray(200 * 1024**2)
    code = "from bench.machine import peak_memory_mib; print(peak_memory_mib())"
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    assert peak_memory_mib() > len(ours) / 1024**2 > float(said.stdout)


def test_the_sellers_of_the_bench_are_good_ones(tmp_path):
    write_sellers(tmp_path / "sellers.yaml", ["one", "two"], start_date="2026-11-03")
    sellers = load_sellers(tmp_path / "sellers.yaml")
    assert [seller.seller_id for seller in sellers if isinstance(seller, Seller)] == ["one", "two"]


def test_the_command_prints_a_table_and_writes_every_figure(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "PARTS", {"load": lambda _: [Figure("load", "work", "s", [1.0, 3.0, 2.0], 2.5)]})
    assert command.main(["load", "--results", str(tmp_path / "results.json")]) == 0
    document = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["parts"]["load"]
    assert (document["figures"][0]["median"], document["figures"][0]["met"]) == (2.0, True)
    assert document["calibration_cpu_s"] > 0
    assert {"measured_utc", "cpus", "python"} <= set(document)
    assert "load: work" in capsys.readouterr().out


def test_a_part_nobody_knows_is_refused():
    with pytest.raises(SystemExit):
        command.main(["speed"])


@pytest.mark.slow
def test_orders_are_loaded_measured_and_found_wrong_when_a_row_is_missing(tmp_path):
    with running_servers(tmp_path, 300, load.RATE_SCALE) as servers:
        spent = load.load_once(servers, 300)
        assert 0 < spent["work_cpu_s"] < spent["process_cpu_s"]
        assert spent["postgres_cpu_s"] > 0
        assert 10 < spent["peak_mib"] < 500
        with connect(servers.access.warehouse_dsn) as connection:
            connection.execute("DELETE FROM amazon.order_items WHERE order_item_id = '00000000000700'")
            with pytest.raises(WrongTablesError, match="items: 374 instead of 375"):
                require_all_loaded(connection, 300)


def test_v0_tells_the_same_orders_page_by_page_and_refuses_as_amazon_does(tmp_path):
    write_orders_file(tmp_path / "orders", 250, end_utc=datetime(2026, 11, 20, tzinfo=UTC))
    with serving_v0(tmp_path / "orders") as amazon:
        token, orders = amazon_says(amazon, "POST", "/auth/o2/token")[1]["access_token"], []
        query = "LastUpdatedAfter=2026-10-01T00:00:00Z&MaxResultsPerPage=100"
        status, page = amazon_says(amazon, "GET", f"/orders/v0/orders?{query}", token)
        while orders.extend(page["payload"]["Orders"]) or "NextToken" in page["payload"]:
            more = f"/orders/v0/orders?{query}&NextToken={page['payload']['NextToken']}"
            status, page = amazon_says(amazon, "GET", more, token)
        _, items = amazon_says(amazon, "GET", f"/orders/v0/orders/{orders[0]['AmazonOrderId']}/orderItems", token)
        amazon.is_revoked, amazon.dies_after = True, 0
        refused = amazon_says(amazon, "GET", f"/orders/v0/orders?{query}", token)
        revoked = amazon_says(amazon, "POST", "/auth/o2/token")
    assert status == 200
    assert len({order["AmazonOrderId"] for order in orders}) == 250
    amounts = sum(Decimal(order["OrderTotal"]["Amount"]) for order in orders)
    assert amounts == AMOUNT_PER_ITEM * items_of(250)
    prices = sum(
        Decimal(item[name]["Amount"])
        for item in items["payload"]["OrderItems"]
        for name in ("ItemPrice", "ShippingPrice")
    )
    assert prices == Decimal(orders[0]["OrderTotal"]["Amount"])
    assert (refused[0], refused[1]["errors"][0]["details"]) == (403, "The access token you provided has expired.")
    assert (revoked[0], revoked[1]["error"]) == (400, "invalid_grant")


def amazon_says(amazon, method, path, token=""):
    request = urllib.request.Request(
        amazon.base_url + path,
        method=method,
        data=b"" if method == "POST" else None,
        headers={"x-amz-access-token": token},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_shortened_wait_is_counted_whole(tmp_path):
    code = "import waits, time; waits.shorten_waits(100); time.sleep(3); print(waits.asked_for_s())"
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, cwd=PEERS, timeout=2)
    assert float(said.stdout) == 3


def test_a_plot_shows_every_size_on_logarithmic_axes_and_the_line_of_the_work():
    series = [
        Series("CPU, s", [(100, 0.5), (1_000, 1.0), (10_000, 10.0)]),
        Series("MiB", [(100, 60.0), (10_000, 60.0)]),
    ]
    root = ET.fromstring(log_log("Loading", "orders", series))
    name = "{http://www.w3.org/2000/svg}"
    lines = [line.get("points").split() for line in root.iter(f"{name}polyline")]
    (first, middle, last), (_, flat) = [[tuple(map(float, p.split(","))) for p in line] for line in lines]
    assert middle[0] - first[0] == pytest.approx(last[0] - middle[0], abs=0.2)
    assert last[1] < middle[1] < first[1]
    assert flat[1] < last[1]
    (work,) = [line for line in root.iter(f"{name}line") if line.get("class") == "work"]
    assert (float(work.get("x2")), float(work.get("y2"))) == last
    assert "prefers-color-scheme:dark" in root.find(f"{name}style").text


def test_a_part_that_fails_leaves_its_last_figures_and_the_others_go_on(tmp_path, monkeypatch, capsys):
    path = tmp_path / "results.json"
    monkeypatch.setattr(command, "PARTS", {"load": lambda _: [Figure("load", "work", "s", [1.0])]})
    assert command.main(["load", "--results", str(path)]) == 0
    monkeypatch.setattr(
        command, "PARTS", {"load": lambda _: 1 / 0, "parse": lambda _: [Figure("parse", "one", "s", [2.0])]}
    )
    assert command.main(["load,parse", "--results", str(path)]) == 1
    assert {part: found["figures"][0]["median"] for part, found in read_results(path).items()} == {
        "load": 1,
        "parse": 2,
    }
    assert "make bench BENCH=load" in capsys.readouterr().err


@pytest.mark.slow
def test_a_revocation_costs_one_call_and_a_dead_token_two_more_than_the_orders(tmp_path):
    with (
        running_servers(tmp_path, 300, load.RATE_SCALE) as servers,
        connect(servers.access.warehouse_dsn) as connection,
    ):
        assert trouble.product_is_revoked(servers, connection).calls == 1
        # Refused, a new token, the orders.
        assert trouble.product_goes_on(servers, connection).calls == 3


@pytest.mark.slow
def test_another_address_is_read_with_credentials_from_the_environment(tmp_path, monkeypatch):
    with running_servers(tmp_path, 400, load.RATE_SCALE) as servers:
        access = servers.access
        monkeypatch.setattr(real_amazon, "DAYS", 30)
        monkeypatch.setattr(real_amazon, "CLIENTS", [])
        with pytest.raises(SystemExit, match="BENCH_REFRESH_TOKEN"):
            real_amazon.measure(Progress(), access.endpoint)
        for name in ("client_id", "client_secret", "refresh_token", "lwa_url"):
            monkeypatch.setenv(f"BENCH_{name.upper()}", getattr(access, name))
        figures = {figure.name: figure.median for figure in real_amazon.measure(Progress(), access.endpoint)}
    assert figures["this project, to the tables, orders"] == 400
    assert figures["this project, to the tables, whole process, CPU"] > 0


def test_a_peer_that_is_interrupted_leaves_nothing_running(tmp_path, monkeypatch):
    script = tmp_path / "peer.py"
    script.write_text(
        "import subprocess, pathlib\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\n"
        "child.wait()\n"
    )
    monkeypatch.setattr(peer_environments, "LONGEST_S", 2.0)
    with pytest.raises(subprocess.TimeoutExpired):
        peer_environments.said_by(Path(sys.executable), str(script), {})
    child = int((tmp_path / "pid").read_text())
    # It was killed, which takes the system a moment.
    assert wait_until(lambda: not psutil.pid_exists(child) or _is_dead(child), 10)


def test_a_program_is_gone_when_its_block_fails_and_when_it_says_nothing_for_too_long():
    mute = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(KeyError), programs.running(mute) as interrupted:
        raise KeyError
    assert interrupted.returncode == -signal.SIGKILL
    with programs.running(mute) as silent:
        assert programs.line_of(silent, 0.1) == ""
    assert silent.returncode == -signal.SIGKILL


def test_a_program_is_told_and_answers_line_by_line():
    echo = "import sys\nfor line in sys.stdin: print(line.strip() * 2, flush=True)"
    with programs.running([sys.executable, "-c", echo]) as program:
        programs.tell(program, "one")
        assert programs.line_of(program, 30) == "oneone\n"
        assert program.communicate("two\n", timeout=30)[0] == "twotwo\n"
    assert program.returncode == 0


def _is_dead(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
