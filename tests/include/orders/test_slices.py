"""Runs over large gaps, late orders, missing history and requested stretches: what is asked, what the tables show."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.errors import ContractError, NotYetError, SettingsError, ThrottledError
from include.orders.extract import ExtractResult, extract_orders
from include.orders.load import LoadResult, load_orders
from include.orders.progress import Request
from include.orders.requests import log_preview, read_request
from include.orders.windows import watermark
from include.sellers.marketplaces import by_country
from include.sellers.registry import Seller
from include.settings import Settings
from include.warehouse.connection import Connection
from tests.payloads.clocks import HandClock
from tests.payloads.shop import Shop

Run = Callable[..., tuple[ExtractResult, LoadResult]]


@pytest.fixture
def shop(clock: HandClock) -> Shop:
    return Shop(clock, page_size=100)


@pytest.fixture
def run(shop: Shop, seller: Seller, warehouse: Connection, settings: Settings, clock: HandClock) -> Run:
    """One run of the seller's DAG: extraction, then load."""

    def once(
        seller: Seller = seller, settings: Settings = settings, **options: Any
    ) -> tuple[ExtractResult, LoadResult]:
        extracted = extract_orders(
            seller,
            client=shop,  # type: ignore[arg-type]
            connection=warehouse,
            settings=settings,
            now=clock,
            **options,
        )
        return extracted, load_orders(warehouse, seller.seller_id)

    return once


def place(shop: Shop, orders: int, start: datetime, end: datetime) -> None:
    """Orders spread evenly between two instants, numbered on from those there are."""
    first = len(shop.updated)
    for number in range(orders):
        shop.change(first + number, at_utc=start + (end - start) * number / orders)


def slices(shop: Shop) -> list[tuple[str, str]]:
    """The bounds of every window asked for, in order."""
    asked = [(a["lastUpdatedAfter"], a["lastUpdatedBefore"]) for a in shop.asked]
    return list(dict.fromkeys(asked))


def pages_of(shop: Shop, bounds: tuple[str, str]) -> int:
    """How many pages of a window were asked for."""
    return sum((a["lastUpdatedAfter"], a["lastUpdatedBefore"]) == bounds for a in shop.asked)


def loaded(warehouse: Connection) -> int:
    return warehouse.execute("SELECT count(*) FROM amazon.orders").fetchone()[0]  # type: ignore[index,return-value]


def test_a_large_gap_is_read_in_slices_of_about_the_burst(
    run: Run, shop: Shop, clock: HandClock, seller: Seller, warehouse: Connection
) -> None:
    seller = dataclasses.replace(seller, start_date=date(2026, 8, 5))
    place(shop, 6000, datetime(2026, 8, 5, tzinfo=UTC), clock())
    run(seller)
    assert loaded(warehouse) == 6000
    pages = [
        sum((a["lastUpdatedAfter"], a["lastUpdatedBefore"]) == bounds for a in shop.asked) for bounds in slices(shop)
    ]
    assert max(pages) <= 20
    assert sum(pages) <= 60 + len(pages)


@pytest.mark.parametrize("orders", [30, 2000])
def test_what_the_burst_pays_for_is_read_with_full_pages_even_of_a_seller_of_whom_nothing_is_known(
    run: Run, shop: Shop, clock: HandClock, seller: Seller, orders: int
) -> None:
    seller = dataclasses.replace(seller, start_date=date(2026, 9, 15))
    place(shop, orders, datetime(2026, 9, 15, tzinfo=UTC), clock() - timedelta(minutes=3))
    assert run(seller)[1].orders == orders
    assert len(shop.asked) == -(-orders // 100)


def test_a_seller_of_whom_nothing_is_known_and_who_has_much_costs_one_call_more(
    run: Run, shop: Shop, clock: HandClock, seller: Seller, warehouse: Connection
) -> None:
    seller = dataclasses.replace(seller, start_date=date(2026, 9, 15))
    place(shop, 3400, datetime(2026, 9, 15, tzinfo=UTC), clock() - timedelta(minutes=3))
    run(seller)
    assert loaded(warehouse) == 3400
    assert pages_of(shop, slices(shop)[0]) == 1, "it was too much, and was asked for no further"
    assert len(slices(shop)) == 3
    assert len(shop.asked) <= 36
    states = warehouse.execute("SELECT count(*), bool_and(state = 'loaded') FROM ops.extraction_window").fetchone()
    assert states == (2, True)


def test_where_pages_tell_nothing_of_time_the_whole_stretch_is_read(
    run: Run, shop: Shop, clock: HandClock, seller: Seller
) -> None:
    seller = dataclasses.replace(seller, start_date=date(2026, 9, 15))
    place(shop, 3400, datetime(2026, 9, 15, tzinfo=UTC), clock() - timedelta(minutes=3))
    shop.is_mixed = True
    assert run(seller)[1].orders == 3400
    assert len(slices(shop)) == 1
    assert len(shop.asked) == 34


def test_no_slice_is_longer_than_thirty_days_however_few_orders_there_are(run: Run, shop: Shop, seller: Seller) -> None:
    run(dataclasses.replace(seller, start_date=date(2025, 10, 5)))
    lengths = [datetime.fromisoformat(end) - datetime.fromisoformat(start) for start, end in slices(shop)]
    assert max(lengths) == timedelta(days=30)
    assert [later[0] for later in slices(shop)[1:]] == [earlier[1] for earlier in slices(shop)[:-1]]


@pytest.mark.parametrize(("start_date", "days"), [(date(2026, 9, 15), 3), (date(2026, 8, 5), 20)])
def test_where_the_first_order_is_younger_than_the_tables_beginning_the_first_page_tells_all_the_same(
    run: Run, shop: Shop, clock: HandClock, seller: Seller, warehouse: Connection, start_date: date, days: int
) -> None:
    place(shop, 8000, clock() - timedelta(days=days), clock() - timedelta(minutes=3))
    run(dataclasses.replace(seller, start_date=start_date))
    assert loaded(warehouse) == 8000
    assert max(pages_of(shop, bounds) for bounds in slices(shop)) <= 20


def test_a_first_page_that_tells_of_an_impossible_time_narrows_nothing(run: Run, shop: Shop, clock: HandClock) -> None:
    place(shop, 150, datetime(2026, 10, 5, tzinfo=UTC), clock() - timedelta(minutes=3))
    shop.page_size = 2
    shop.last_updated = "9999-12-31T00:00:00Z"
    _, result = run()
    assert (result.orders, result.rejected) == (0, 150)


def test_a_window_that_is_begun_again_and_narrowed_then_leaves_no_page_behind(
    run: Run, shop: Shop, clock: HandClock, seller: Seller, settings: Settings, warehouse: Connection, tmp_path: Path
) -> None:
    seller = dataclasses.replace(seller, start_date=date(2026, 9, 15))
    place(shop, 2150, datetime(2026, 9, 15, tzinfo=UTC), clock() - timedelta(minutes=3))
    run(seller, dataclasses.replace(settings, most_pages_per_run=5))
    clock.advance(hours=25)
    shop.calls_left = 3.0
    run(seller)
    assert loaded(warehouse) == 2150
    known = {url for (url,) in warehouse.execute("SELECT page_url FROM ops.landed_page").fetchall()}
    assert {f"file://{page}" for page in (tmp_path / "raw" / "orders").rglob("page-*.gz")} == known


def test_a_run_ends_after_its_pages_and_the_next_one_goes_on_with_the_next_page(
    run: Run, shop: Shop, clock: HandClock, settings: Settings, warehouse: Connection
) -> None:
    place(shop, 950, datetime(2026, 10, 5, tzinfo=UTC), clock() - timedelta(minutes=3))
    settings = dataclasses.replace(settings, most_pages_per_run=4)
    first, _ = run(settings=settings)
    assert (first.pages, first.more, loaded(warehouse)) == (4, True, 0)
    clock.advance(minutes=1)
    second, _ = run(settings=settings)
    assert (second.pages, second.more) == (4, True)
    clock.advance(minutes=1)
    third, result = run(settings=settings)
    assert not third.more
    assert result.orders == loaded(warehouse) == 950
    assert len(slices(shop)) == 1


def test_a_run_ends_after_its_hours(run: Run, shop: Shop, clock: HandClock, warehouse: Connection) -> None:
    place(shop, 500, datetime(2026, 10, 5, tzinfo=UTC), clock() - timedelta(minutes=3))
    shop.before_answer = lambda: clock.advance(hours=1.5)
    first, _ = run()
    assert (first.pages, first.more) == (3, True)
    shop.before_answer = lambda: None
    run()
    assert loaded(warehouse) == 500


def test_hours_and_pages_of_a_run_count_its_earlier_visits_too(
    run: Run, shop: Shop, clock: HandClock, settings: Settings
) -> None:
    place(shop, 500, datetime(2026, 10, 5, tzinfo=UTC), clock() - timedelta(minutes=3))
    begun_utc = clock()
    shop.before_answer = _wait_at(shop, 3, clock)
    with pytest.raises(NotYetError):
        run(begun_utc=begun_utc)
    clock.advance(minutes=3)
    shop.before_answer = lambda: None
    result, _ = run(begun_utc=begun_utc, settings=dataclasses.replace(settings, most_pages_per_run=3))
    assert (result.pages, result.more) == (3, True)


def _wait_at(shop: Shop, call: int, clock: HandClock) -> Callable[[], None]:
    def wait() -> None:
        if len(shop.asked) == call:
            raise NotYetError("No call left.", until_utc=clock() + timedelta(minutes=3))

    return wait


def test_before_a_long_wait_what_is_complete_goes_to_the_tables(
    run: Run, shop: Shop, clock: HandClock, seller: Seller, warehouse: Connection
) -> None:
    seller = dataclasses.replace(seller, start_date=date(2026, 10, 1))
    place(shop, 4000, datetime(2026, 10, 1, tzinfo=UTC), clock() - timedelta(minutes=3))
    shop.before_answer = _wait_at(shop, 20, clock)
    result, _ = run(seller)
    assert result.more
    through = watermark(warehouse, "acme")
    assert through
    assert datetime(2026, 10, 2, tzinfo=UTC) < through.complete_through_utc < datetime(2026, 10, 3, tzinfo=UTC)
    assert 0 < loaded(warehouse) < 2000
    shop.before_answer = lambda: None
    run(seller)
    assert loaded(warehouse) == 4000


def test_an_order_that_comes_late_to_amazons_index_is_found_the_night_after_and_counted(
    run: Run, shop: Shop, clock: HandClock, warehouse: Connection
) -> None:
    shop.change(1, at_utc=clock() - timedelta(hours=1), late=timedelta(hours=5))
    assert run()[1].orders == 0
    clock.advance(hours=24)
    result = run()[1]
    assert (result.orders, result.late_finds) == (1, 1)
    assert warehouse.execute("SELECT late_finds FROM amazon.seller_freshness").fetchone() == (1,)


def test_once_a_week_the_last_days_are_read_again_and_what_was_later_still_is_counted(
    run: Run, shop: Shop, clock: HandClock
) -> None:
    run()
    clock.advance(days=3)
    shop.change(1, at_utc=clock() - timedelta(hours=1), late=timedelta(hours=40))
    for _ in range(3):
        assert run()[1].orders == 0
        clock.advance(days=1)
    clock.advance(days=1)
    result = run()[1]
    assert (result.orders, result.late_finds) == (1, 1)
    assert len(shop.asked) == 6
    clock.advance(days=1)
    run()
    assert len(shop.asked) == 7, "not again before a week is over"


def test_the_weekly_look_reaches_only_as_far_back_as_the_bucket_pays_for(
    run: Run, shop: Shop, clock: HandClock, seller: Seller
) -> None:
    run()
    place(shop, 3500, clock(), clock() + timedelta(days=7))
    clock.advance(days=7, minutes=5)
    run()
    shop.calls_left = 11.0
    clock.advance(days=1)
    shop.asked.clear()
    clock.advance(days=6)
    run()
    reread = slices(shop)[-1]
    assert 1 <= pages_of(shop, reread) <= 10


def test_an_earlier_start_date_brings_its_history_newest_first_before_anything_else(
    run: Run, shop: Shop, clock: HandClock, seller: Seller, warehouse: Connection
) -> None:
    place(shop, 300, datetime(2026, 8, 10, tzinfo=UTC), clock())
    run()
    before = watermark(warehouse, "acme")
    assert before
    assert loaded(warehouse) < 50
    clock.advance(minutes=10)
    seller = dataclasses.replace(seller, start_date=date(2026, 8, 1))
    shop.asked.clear()
    result = run(seller)[1]
    after = watermark(warehouse, "acme")
    assert after
    assert after.complete_through_utc == before.complete_through_utc
    assert after.complete_from_utc == datetime(2026, 8, 1, tzinfo=UTC)
    assert loaded(warehouse) == 300
    assert result.late_finds == 0
    assert slices(shop)[0][1] == "2026-10-05T00:00:00Z"
    shop.asked.clear()
    clock.advance(hours=2)
    run(seller)
    assert len(shop.asked) == 1, "history is asked for once"


def test_a_requested_stretch_is_read_again_and_the_watermark_stays(
    run: Run, shop: Shop, clock: HandClock, warehouse: Connection
) -> None:
    place(shop, 250, datetime(2026, 10, 5, tzinfo=UTC), clock() - timedelta(minutes=3))
    run()
    before = watermark(warehouse, "acme")
    warehouse.execute("DELETE FROM amazon.orders")
    warehouse.execute("DELETE FROM amazon.order_items")
    clock.advance(days=2)
    shop.asked.clear()
    request = Request("manual__1", datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 5, 6, tzinfo=UTC))
    extracted, result = run(request=request)
    assert slices(shop) == [("2026-10-05T00:00:00Z", "2026-10-05T06:00:00Z")]
    assert (result.orders, extracted.more, extracted.requested_through_utc) == (
        loaded(warehouse),
        False,
        request.to_utc,
    )
    assert result.orders > 100
    assert watermark(warehouse, "acme") == before
    shop.asked.clear()
    run(request=request)
    assert shop.asked == [], "a retry of the same run asks nothing twice"


def test_a_long_requested_stretch_goes_on_in_the_next_run_where_this_one_ended(
    run: Run, shop: Shop, clock: HandClock, settings: Settings
) -> None:
    start, end = datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 10, 5, tzinfo=UTC)
    settings = dataclasses.replace(settings, most_pages_per_run=1)
    extracted, _ = run(settings=settings, request=Request("first", start, end))
    assert extracted.more
    assert extracted.requested_through_utc
    clock.advance(minutes=1)
    run(request=Request("second", extracted.requested_through_utc, end))
    assert [bounds[0] for bounds in slices(shop)[1:]] == [bounds[1] for bounds in slices(shop)[:-1]]
    assert slices(shop)[-1][1] == "2026-10-05T00:00:00Z"


def test_a_request_that_stops_in_its_last_slice_is_read_to_its_end_by_the_next_run(
    run: Run, shop: Shop, clock: HandClock, settings: Settings, warehouse: Connection
) -> None:
    place(shop, 900, datetime(2026, 10, 4, tzinfo=UTC), datetime(2026, 10, 5, tzinfo=UTC))
    request = Request("first", datetime(2026, 10, 4, tzinfo=UTC), datetime(2026, 10, 5, tzinfo=UTC))
    extracted, _ = run(settings=dataclasses.replace(settings, most_pages_per_run=3), request=request)
    assert (extracted.more, extracted.requested_through_utc) == (True, request.from_utc)
    clock.advance(minutes=1)
    params = {"from_utc": "2026-10-04T00:00:00Z", "to_utc": "2026-10-05T00:00:00Z", "request_id": "first"}
    extracted, _ = run(request=read_request("second", params, now_utc=clock()))
    assert (extracted.pages, extracted.more, loaded(warehouse)) == (6, False, 900)


def test_what_somebody_requested_is_no_late_find(run: Run, shop: Shop, clock: HandClock) -> None:
    run()
    place(shop, 10, datetime(2026, 10, 5, 6, tzinfo=UTC), datetime(2026, 10, 5, 7, tzinfo=UTC))
    request = Request("run", datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 5, 11, tzinfo=UTC))
    result = run(request=request)[1]
    assert (result.orders, result.late_finds) == (10, 0)


def test_a_requested_window_that_amazon_does_not_take_stands_in_no_nights_way(
    run: Run, shop: Shop, clock: HandClock, warehouse: Connection
) -> None:
    run()
    clock.advance(hours=3)

    def refuse() -> None:
        raise ContractError("Amazon answered HTTP 400 (sp-api): InvalidInput.", code="InvalidInput")

    shop.before_answer = refuse
    request = Request("run", datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 5, 6, tzinfo=UTC))
    with pytest.raises(ContractError, match=r"window \d+ \(requested\); it is dropped"):
        run(request=request)
    shop.before_answer = lambda: None
    run()
    through = watermark(warehouse, "acme")
    assert through
    assert through.complete_through_utc == clock() - timedelta(minutes=2)


def test_a_run_that_only_waited_for_amazon_fails_instead_of_starting_another(
    run: Run, shop: Shop, clock: HandClock
) -> None:
    def wait() -> None:
        raise NotYetError("No call left.", until_utc=clock() + timedelta(minutes=3))

    begun_utc = clock()
    shop.before_answer = wait
    with pytest.raises(NotYetError):
        run(begun_utc=begun_utc)
    clock.advance(hours=4)
    with pytest.raises(ThrottledError, match=r"no page in the 4\.0 hours"):
        run(begun_utc=begun_utc)


def test_a_run_that_airflow_brings_late_to_its_extraction_asks_all_the_same(
    run: Run, shop: Shop, clock: HandClock
) -> None:
    place(shop, 10, datetime(2026, 10, 5, tzinfo=UTC), clock() - timedelta(minutes=3))
    assert run(begun_utc=clock() - timedelta(hours=9))[1].orders == 10


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"from_utc": "yesterday"}, "from_utc is 'yesterday'; expected an instant with its offset"),
        ({"from_utc": "2026-10-01T00:00:00"}, "from_utc is '2026-10-01T00:00:00'; expected an instant with its offset"),
        ({"to_utc": "2026-10-01T00:00:00Z"}, "from_utc is ''; expected an instant"),
        ({"from_utc": "2026-10-02T00:00:00Z", "to_utc": "2026-10-01T00:00:00Z"}, "no stretch of the past"),
        ({"from_utc": "2026-10-02T00:00:00Z", "to_utc": "2026-10-05T11:59:00Z"}, "no stretch of the past"),
        ({"from_utc": "0001-01-01T00:00:00+14:00"}, "from_utc is '0001-01-01T00:00:00+14:00'"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_by_name(clock: HandClock, params: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_request("run", params, now_utc=clock())
    assert said in str(refused.value)


def test_a_run_without_parameters_requests_nothing_and_one_without_an_end_reads_to_now(clock: HandClock) -> None:
    assert read_request("run", {"from_utc": None, "to_utc": None}, now_utc=clock()) is None
    request = read_request("run", {"from_utc": "2026-10-01T02:00:00+02:00"}, now_utc=clock())
    assert request == Request("run", datetime(2026, 10, 1, tzinfo=UTC), clock() - timedelta(minutes=2))


def test_a_request_begins_with_a_preview_of_calls_and_quota(
    run: Run, shop: Shop, clock: HandClock, seller: Seller, warehouse: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    place(shop, 2600, datetime(2026, 10, 5, tzinfo=UTC), clock() - timedelta(minutes=3))
    run()
    caplog.set_level("INFO")
    request = Request("run", datetime(2026, 10, 5, tzinfo=UTC), clock() - timedelta(minutes=2))
    log_preview(warehouse, seller, shop, request)  # type: ignore[arg-type]
    assert "about 2600 orders, 26 calls; 20 calls are left, so about 0:17:51 of waiting" in caplog.text


def test_an_added_marketplace_and_wider_data_say_which_call_reads_the_past(
    run: Run, clock: HandClock, seller: Seller, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    run()
    clock.advance(days=1)
    france = by_country("FR")
    assert france
    seller = dataclasses.replace(seller, marketplaces=(*seller.marketplaces, france))
    settings = dataclasses.replace(settings, included_data=(*settings.included_data, "TAX"))
    run(seller, settings)
    assert "New from this run on: marketplace FR." in caplog.text
    assert "New from this run on: data TAX." in caplog.text
    assert (
        'airflow dags trigger amazon_orders__acme --conf \'{"from_utc": "2026-10-05T00:00:00Z", "to_utc": '
        '"2026-10-05T11:58:00Z"}\''
    ) in caplog.text
    caplog.clear()
    clock.advance(days=1)
    run(seller, settings)
    assert "New from this run on" not in caplog.text
