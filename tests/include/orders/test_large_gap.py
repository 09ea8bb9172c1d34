"""A large gap, caught up against the fake Amazon at its documented rates; its clock is moved by hand."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Collection, Mapping
from datetime import date, timedelta
from typing import Any

import pytest

from include.errors import AccessDeniedError, ContractError, SellerOrdersError
from include.fake_amazon import literal
from include.fake_amazon.server import RunningFake
from include.orders.catch_up import CatchUp, forecast
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.client import Reply, SellingPartnerClient
from include.spapi.operations import Operation
from include.warehouse.connection import Connection
from tests.payloads.clocks import HandClock
from tests.payloads.gaps import Gap, optimum
from tests.payloads.quota import HandQuota

pytestmark = pytest.mark.slow

# Ten thousand take minutes; `make bench BENCH=gaps` measures them.
ORDERS = int(os.environ.get("LARGE_GAP", "3600"))
GENERATION_S = 600
# Where searchOrders has no calls left, so few are worth a report.
DRAINED_ORDERS = 1200


@pytest.fixture
def gap(
    amazon: RunningFake,
    seller: Seller,
    open_client: Callable[..., SellingPartnerClient],
    open_shop: Callable[..., None],
    warehouse: Connection,
    amazon_settings: Settings,
    clock: HandClock,
) -> Callable[..., Gap]:
    """Loads a first day, then lets so many days pass with so many orders in all."""

    def make(*, orders: int, days: int) -> Gap:
        open_shop(orders_per_day=0)
        quota = HandQuota(clock)
        made = Gap(seller, open_client(quota=quota), warehouse, amazon_settings, clock, quota, amazon.client)
        made.lapse(orders=orders, days=days)
        return made

    return make


def test_totals_come_within_minutes_and_all_detail_as_fast_as_both_limits_let_it(
    gap: Callable[..., Gap], amazon: RunningFake, clock: HandClock
) -> None:
    amazon.client.set_reports(generation_s=GENERATION_S)
    lapsed = gap(orders=ORDERS, days=20)
    amazon.client.reset_calls()
    begun_utc = clock()
    lapsed.run()
    calls = amazon.client.calls()
    took, totals = ((at_utc or clock()) - begun_utc for at_utc in (lapsed.detail_utc, lapsed.totals_utc))
    # The last page of either, and the runs between, are what a smaller gap feels most.
    assert took < 1.05 * optimum(ORDERS, GENERATION_S) + timedelta(minutes=3)
    assert totals < timedelta(minutes=20)
    assert lapsed.is_closed()
    assert lapsed.equals_truth()
    assert lapsed.one("SELECT count(*) FROM amazon.orders WHERE detail = 'report'") == 0
    assert lapsed.one("SELECT orders_without_detail FROM amazon.seller_freshness") == 0
    assert not [key for key in calls if key[2] == 429]
    row = lapsed.warehouse.execute(
        "SELECT way, expected_orders, totals_expected_utc, totals_utc, detail_expected_utc, detail_utc"
        " FROM ops.catch_up ORDER BY catch_up_no DESC LIMIT 1"
    ).fetchone()
    assert row is not None
    way, expected, totals_expected, totals_there, detail_expected, detail_there = row
    assert way == "report"
    assert abs(expected - ORDERS) < 0.1 * ORDERS
    assert abs(totals_there - totals_expected) < timedelta(minutes=5)
    assert abs(detail_there - detail_expected) < 0.1 * took + timedelta(minutes=5)


def test_what_a_letter_promises_is_what_the_run_then_plans(gap: Callable[..., Gap], amazon: RunningFake) -> None:
    lapsed = gap(orders=5000, days=20)
    promised = forecast(lapsed.warehouse, lapsed.seller, 1.0, lapsed.clock())
    catch_up = CatchUp(lapsed.seller, lapsed.client, lapsed.warehouse, lapsed.settings, lapsed.clock)
    planned = catch_up.begin()
    assert promised is not None
    assert planned is not None
    assert (promised.way, promised.expected_orders) == (planned.way, planned.expected_orders)
    assert abs(promised.detail_in - planned.detail_in) < timedelta(minutes=5)


@pytest.mark.parametrize("trouble", ["FATAL", "over the range", "refused", "no role", "out of order"])
def test_a_report_that_amazon_does_not_make_costs_nothing(
    gap: Callable[..., Gap], amazon: RunningFake, trouble: str
) -> None:
    amazon.client.set_reports(generation_s=60)
    lapsed = gap(orders=DRAINED_ORDERS, days=20)
    if trouble in ("FATAL", "over the range"):
        text = "Report could not be generated" if trouble == "FATAL" else "Date range exceeded. Report can be"
        amazon.client.set_reports(fatal_text=text)
    elif trouble in ("refused", "no role"):
        answer = literal.INVALID_INPUT if trouble == "refused" else literal.ACCESS_DENIED
        amazon.client.fail_next("createReport", **answer._asdict(), times=1)
    else:
        amazon.client.fail_next("getReport", **literal.INTERNAL_FAILURE._asdict(), times=3)
    # An empty bucket makes a report worth it.
    lapsed.drain()
    lapsed.run()
    assert lapsed.is_closed()
    assert lapsed.equals_truth()
    state = lapsed.one("SELECT state FROM ops.report ORDER BY report_no LIMIT 1")
    assert state == ("loaded" if trouble == "out of order" else "failed")
    assert lapsed.one("SELECT count(*) FROM amazon.orders WHERE detail = 'report'") == 0


def test_where_get_order_is_done_first_no_run_follows_a_run_until_the_window_is_read(
    gap: Callable[..., Gap], amazon: RunningFake
) -> None:
    amazon.client.set_reports(generation_s=60)
    lapsed = gap(orders=2600, days=20)
    # Pages that bring twenty-five orders each: a window that was opened before takes longer than all of getOrder's.
    amazon.client.set_page_order(lapsed.seller.seller_id, repeat=75, shuffled=False)
    runs = lapsed.run()
    assert lapsed.is_closed()
    assert lapsed.equals_truth()
    assert lapsed.one("SELECT orders_without_detail FROM amazon.seller_freshness") == 0
    assert len(runs) < 60, len(runs)


def test_a_report_whose_document_never_comes_is_given_up_after_half_a_day(
    gap: Callable[..., Gap], amazon: RunningFake, open_client: Callable[..., SellingPartnerClient]
) -> None:
    amazon.client.set_reports(generation_s=60)
    lapsed = gap(orders=DRAINED_ORDERS, days=20)
    lapsed.drain()
    client = open_client(patience_s=0.0, quota=lapsed.quota)
    catch_up = CatchUp(lapsed.seller, client, lapsed.warehouse, lapsed.settings, lapsed.clock)
    catch_up.begin()
    states = []
    for hours in (1, 12):
        lapsed.clock.advance(hours=hours)
        amazon.client.fail_next("getReportDocument", **literal.INTERNAL_FAILURE._asdict(), times=10)
        catch_up.go_on()
        states.append(lapsed.one("SELECT state FROM ops.report"))
    assert states == ["requested", "failed"]


@pytest.mark.parametrize(
    ("answer", "times"),
    [(literal.INVALID_INPUT, 1), (literal.ACCESS_DENIED, 1), (literal.RESOURCE_NOT_FOUND, 20)],
    ids=["an id not taken", "one denied", "the newest not known yet"],
)
def test_orders_that_get_order_refuses_for_a_while_are_asked_for_again_when_all_others_are_here(
    gap: Callable[..., Gap], amazon: RunningFake, answer: literal.LiteralAnswer, times: int
) -> None:
    amazon.client.set_reports(generation_s=60)
    lapsed = gap(orders=DRAINED_ORDERS, days=20)
    lapsed.drain()
    amazon.client.fail_next("getOrder", **answer._asdict(), times=times)
    lapsed.run()
    assert lapsed.is_closed()
    assert lapsed.equals_truth()
    assert lapsed.one("SELECT count(*) FROM amazon.orders WHERE detail = 'report'") == 0
    assert lapsed.one("SELECT state FROM ops.report ORDER BY report_no DESC LIMIT 1") == "loaded"


class Choosy:
    """A seller's client that never gets some orders, whoever else is asked for."""

    def __init__(self, client: SellingPartnerClient, order_ids: Collection[str], refusal: SellerOrdersError) -> None:
        self._client = client
        self._order_ids = order_ids
        self._refusal = refusal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get(self, operation: Operation, query: Mapping[str, str], *, id_: str = "", come_back_for: int = 1) -> Reply:
        if id_ in self._order_ids:
            raise self._refusal
        return self._client.get(operation, query, id_=id_, come_back_for=come_back_for)


@pytest.mark.parametrize(
    "refusal",
    [
        ContractError("no such id", code="InvalidInput"),
        ContractError("not found", code="ResourceNotFound"),
        AccessDeniedError("not this one"),
    ],
    ids=["not taken", "not known", "denied"],
)
def test_a_few_orders_that_get_order_never_shows_stay_as_the_report_told_them(
    gap: Callable[..., Gap], amazon: RunningFake, refusal: SellerOrdersError
) -> None:
    amazon.client.set_reports(generation_s=60)
    lapsed = gap(orders=DRAINED_ORDERS, days=20)
    lapsed.drain()
    never = [f"303-{number:07d}-0000001" for number in (1199, 1100, 1000)]
    lapsed.client = Choosy(lapsed.client, never, refusal)  # type: ignore[assignment]
    lapsed.run()
    assert lapsed.is_closed()
    told = lapsed.warehouse.execute("SELECT order_id FROM amazon.orders WHERE detail = 'report' ORDER BY 1 DESC")
    assert [order_id for (order_id,) in told.fetchall()] == never
    assert lapsed.one("SELECT count(*) FROM amazon.orders") == DRAINED_ORDERS + 30
    assert lapsed.one("SELECT orders_without_detail FROM amazon.seller_freshness") == 0
    assert lapsed.one("SELECT state FROM ops.report ORDER BY report_no DESC LIMIT 1") == "loaded"


def test_where_get_order_shows_only_some_search_orders_reads_the_others(
    gap: Callable[..., Gap], amazon: RunningFake
) -> None:
    amazon.client.set_reports(generation_s=60)
    lapsed = gap(orders=DRAINED_ORDERS, days=20)
    lapsed.drain()
    never = {f"303-{number:07d}-0000001" for number in range(0, DRAINED_ORDERS, 10)}
    lapsed.client = Choosy(lapsed.client, never, ContractError("x", code="ResourceNotFound"))  # type: ignore[assignment]
    lapsed.run()
    assert lapsed.is_closed()
    assert lapsed.equals_truth()
    assert lapsed.one("SELECT count(*) FROM amazon.orders WHERE detail = 'report'") == 0


@pytest.mark.parametrize(
    "answer",
    [literal.INVALID_INPUT, literal.ACCESS_DENIED, literal.RESOURCE_NOT_FOUND],
    ids=["not taken", "no role", "not known"],
)
def test_where_get_order_serves_nothing_search_orders_reads_the_whole_gap(
    gap: Callable[..., Gap], amazon: RunningFake, answer: literal.LiteralAnswer
) -> None:
    amazon.client.set_reports(generation_s=60)
    lapsed = gap(orders=DRAINED_ORDERS, days=20)
    lapsed.drain()
    amazon.client.fail_next("getOrder", **answer._asdict(), times=10_000)
    lapsed.run()
    assert lapsed.is_closed()
    assert lapsed.equals_truth()
    assert lapsed.one("SELECT count(*) FROM amazon.orders WHERE detail = 'report'") == 0
    assert lapsed.one("SELECT trouble FROM ops.report ORDER BY report_no DESC LIMIT 1").startswith("getOrder")
    assert [key for key in amazon.client.calls() if key[0] == "getOrder"]


def test_a_few_listed_orders_whose_ids_get_order_takes_none_of_are_read_by_search_orders(
    gap: Callable[..., Gap], amazon: RunningFake
) -> None:
    amazon.client.set_reports(generation_s=60)
    lapsed = gap(orders=DRAINED_ORDERS, days=20)
    lapsed.run()
    # The nights were dense, what follows is not: a report tells of fifteen.
    lapsed.lapse_further(orders=15, days=20)
    lapsed.drain()
    amazon.client.fail_next("getOrder", **literal.INVALID_INPUT._asdict(), times=10_000)
    lapsed.run()
    assert [key for key in amazon.client.calls() if key[0] == "getOrder" and key[2] == 400]
    assert lapsed.is_closed()
    assert lapsed.equals_truth()
    assert lapsed.one("SELECT count(*) FROM amazon.orders WHERE detail = 'report'") == 0


@pytest.mark.parametrize("orders", [2600, 15, 0])
def test_nights_after_a_gap_go_on_as_before_and_the_weekly_look_too(
    gap: Callable[..., Gap], amazon: RunningFake, orders: int
) -> None:
    amazon.client.set_reports(generation_s=60)
    lapsed = gap(orders=DRAINED_ORDERS, days=20)
    if orders < DRAINED_ORDERS:
        # The nights were dense, what follows is not.
        lapsed.run()
        lapsed.lapse_further(orders=orders, days=20)
    lapsed.drain()
    lapsed.run()
    assert lapsed.one("SELECT state FROM ops.report ORDER BY report_no DESC LIMIT 1") == "loaded"
    for night in range(9):
        lapsed.lapse_further(orders=20, days=1, prefix=f"31{night}")
        assert len(lapsed.run()) <= 3
        assert lapsed.is_closed()
        assert lapsed.equals_truth()
    assert lapsed.one("SELECT count(*) FROM ops.extraction_window WHERE purpose = 'reread'") >= 1


def test_a_seller_whose_every_night_is_a_large_gap_is_read_every_night(
    gap: Callable[..., Gap], amazon: RunningFake
) -> None:
    amazon.client.set_reports(generation_s=GENERATION_S)
    lapsed = gap(orders=3200, days=1)
    lapsed.run()
    for night in range(2):
        lapsed.lapse_further(orders=3200, days=1, prefix=f"31{night}")
        begun_utc = lapsed.clock()
        lapsed.run()
        assert lapsed.is_closed()
        assert lapsed.equals_truth()
        assert lapsed.clock() - begun_utc < timedelta(hours=1)
    assert lapsed.one("SELECT count(*) FROM ops.report WHERE state = 'loaded'") == 3


def test_a_gap_is_closed_before_history_is_read(gap: Callable[..., Gap], amazon: RunningFake) -> None:
    amazon.client.set_reports(generation_s=60)
    lapsed = gap(orders=DRAINED_ORDERS, days=20)
    lapsed.drain()
    lapsed.seller = dataclasses.replace(lapsed.seller, start_date=date(2025, 1, 1))
    lapsed.run()
    assert lapsed.is_closed()
    closed, first_history = (
        lapsed.one(f"SELECT min(opened_utc) FROM ops.extraction_window WHERE {which}")
        for which in ("purpose = 'nightly' AND pages_deleted_utc IS NOT NULL", "purpose = 'history'")
    )
    assert closed <= first_history


def test_a_gap_without_a_change_is_told_so_and_closed(gap: Callable[..., Gap], amazon: RunningFake) -> None:
    lapsed = gap(orders=DRAINED_ORDERS, days=20)
    lapsed.run()
    lapsed.clock.advance(days=20)
    lapsed.drain()
    lapsed.run()
    assert lapsed.is_closed()
    assert lapsed.equals_truth()
    through = lapsed.one("SELECT complete_through_utc FROM ops.watermark")
    assert lapsed.clock() - through < timedelta(minutes=30)
    last_report = "SELECT ROW(state, document_url) FROM ops.report ORDER BY report_no DESC LIMIT 1"
    assert lapsed.one(last_report) == ("loaded", None)
