"""The bench's own arithmetic, its orders, and its eye for a wrong result; the measurements are not tested."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import psutil
import pytest

from bench import __main__ as command
from bench import load, trouble
from bench.figures import Figure, shown, table
from bench.limits import least_calls, optimum_s
from bench.loaded import (
    AMOUNT_PER_ITEM,
    CHARGES_PER_ITEM,
    CHARGES_PER_ORDER,
    WrongTablesError,
    items_of,
    require_all_loaded,
)
from bench.machine import peak_memory_mib, tree_cpu_s
from bench.servers import running_servers
from bench.shop_orders import write_orders_file
from bench.stack import write_sellers
from include.local_stack.progress import Progress
from include.sellers.registry import Seller, load_sellers
from include.warehouse.connection import connect

BURN = "import time\nwhile time.process_time() < 0.4: pass"


def test_a_figure_is_its_median_with_least_and_most():
    document = Figure("load", "work", "s", [0.9, 0.5, 0.6]).document()
    assert (document["median"], document["least"], document["most"]) == (0.6, 0.5, 0.9)
    assert document["values"] == [0.9, 0.5, 0.6]


@pytest.mark.parametrize(
    ("values", "goal", "met"),
    [([0.9, 0.5, 0.6], 0.6, True), ([0.9, 0.5, 0.7], 0.6, False), ([9.0], None, None)],
    ids=["median at the goal", "median above it", "no goal"],
)
def test_a_goal_is_met_by_the_median(values, goal, met):
    assert Figure("load", "work", "s", values, goal).met is met


def test_the_table_says_value_spread_goal_and_whether_it_is_met():
    lines = table([Figure("load", "work", "s", [0.9, 0.5, 0.7], 0.6), Figure("limits", "refused", "", [0])])
    assert [re.split("  +", line) for line in lines[1:]] == [
        ["load: work", "0.700 s", "0.500 to 0.900", "<= 0.600", "NO"],
        ["limits: refused", "0", "once"],
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(0.0123, "0.012"), (71.43, "71.4"), (12_345.6, "12,346"), (3, "3"), (1.05, "1.050")]
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
    document = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
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


@pytest.mark.slow
def test_a_revocation_costs_one_call_and_a_dead_token_two_more_than_the_orders():
    figures = {figure.name: figure.median for figure in trouble.measure(Progress(), 1)}
    assert figures["revoked authorization, this project, calls until then"] == 1
    # Refused, a new token, the orders.
    assert figures["dying hourly token, this project, calls until then"] == 3
