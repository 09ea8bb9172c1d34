"""From Amazon into the landing, page by page: what is asked, what a failure leaves, how the next call goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from upath import UPath

from include.clock import format_utc
from include.errors import ContractError, SellerOrdersError, TransientError
from include.orders.extract import ExtractResult, extract_orders
from include.orders.landing import read_page
from include.orders.reading import read_orders
from include.orders.windows import windows_to_load
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.client import Reply
from include.warehouse.connection import Connection, connect, seller_lock
from tests.payloads.clocks import HandClock
from tests.payloads.orders import a_page, an_order
from tests.payloads.shop import Shop

Extract = Callable[[], ExtractResult]


@pytest.fixture
def shop(clock: HandClock) -> Shop:
    """A shop with five orders on pages of two."""
    shop = Shop(clock)
    for number in range(5):
        shop.change(number)
    clock.advance(minutes=10)
    return shop


@pytest.fixture
def extract(shop: Shop, seller: Seller, warehouse: Connection, settings: Settings, clock: HandClock) -> Extract:
    """One extraction of the shop."""
    return lambda: extract_orders(seller, client=shop, connection=warehouse, settings=settings, now=clock)  # type: ignore[arg-type]


def landed(settings: Settings) -> list[UPath]:
    return sorted(UPath(settings.raw_url).rglob("*.gz"), key=str)


def test_every_page_lands_and_the_result_counts_them(extract: Extract, settings: Settings) -> None:
    assert extract() == ExtractResult(pages=3, orders=5)
    assert [len(read_orders(read_page(str(page)))[0]) for page in landed(settings)] == [2, 2, 1]


def test_every_page_is_asked_for_with_the_same_two_bounds(extract: Extract, shop: Shop, clock: HandClock) -> None:
    shop.before_answer = lambda: clock.advance(minutes=20)
    extract()
    tokens = [asked.pop("paginationToken", None) for asked in shop.asked]
    assert [token is None for token in tokens] == [True, False, False]
    assert shop.asked == [shop.asked[0]] * 3
    assert shop.asked[0] == {
        "lastUpdatedAfter": "2026-10-05T00:00:00Z",
        "lastUpdatedBefore": "2026-10-05T12:08:00Z",
        "marketplaceIds": "A1PA6795UKMFR9",
        "includedData": "PROCEEDS,FULFILLMENT,PROMOTION,EXPENSE,CANCELLATION,PACKAGES",
        "maxResultsPerPage": "100",
    }


def test_a_seller_who_is_up_to_date_costs_no_call(extract: Extract, shop: Shop, clock: HandClock) -> None:
    extract()
    shop.asked.clear()
    clock.advance(milliseconds=1)
    assert extract() == ExtractResult(0, 0)
    assert shop.asked == []


@pytest.mark.parametrize("dies_at", [1, 2, 3])
def test_after_a_failure_the_next_call_goes_on_with_the_page_that_failed(
    extract: Extract, shop: Shop, settings: Settings, clock: HandClock, dies_at: int
) -> None:
    def refuse() -> None:
        if len(shop.asked) == dies_at:
            raise SellerOrdersError("Amazon refuses.")

    shop.before_answer = refuse
    with pytest.raises(SellerOrdersError, match="Amazon refuses"):
        extract()
    assert len(landed(settings)) == dies_at - 1
    clock.advance(hours=5)
    shop.before_answer = lambda: None
    # The rest of that window, and a window of its own for the five hours since.
    assert extract().pages == 4 - dies_at + 1
    assert shop.asked[dies_at - 1] == shop.asked[dies_at]
    assert len(landed(settings)) == 4
    assert shop.asked[-1]["lastUpdatedBefore"] == format_utc(clock() - timedelta(minutes=2))


def test_a_window_whose_token_is_too_old_is_asked_for_again_from_its_first_page(
    extract: Extract, shop: Shop, settings: Settings, clock: HandClock
) -> None:
    def die_at_the_third_page() -> None:
        if len(shop.asked) == 3:
            raise SellerOrdersError("Amazon refuses.")

    shop.before_answer = die_at_the_third_page
    with pytest.raises(SellerOrdersError):
        extract()
    clock.advance(hours=24)
    # Its three pages, and again three for the hours that were not settled then.
    assert extract() == ExtractResult(pages=6, orders=10)
    assert shop.asked[3] == shop.asked[0]
    assert shop.asked[6]["lastUpdatedAfter"] < shop.asked[0]["lastUpdatedBefore"]
    assert len(landed(settings)) == 6


def test_pages_that_cannot_be_written_leave_the_cursor_where_it_was(
    extract: Extract, shop: Shop, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "raw").write_text("a file where the landing should be a folder")
    with pytest.raises(TransientError, match=r"raw.* could not be written"):
        extract()
    (tmp_path / "raw").unlink()
    assert extract() == ExtractResult(pages=3, orders=5)
    assert shop.asked[0] == shop.asked[1]


def test_a_page_that_nobody_can_read_is_refused_with_its_request_id_before_it_lands(
    seller: Seller, warehouse: Connection, settings: Settings, clock: HandClock
) -> None:
    class Garbled:
        calls_left = 20.0
        quota_left = Shop.quota_left

        def get(self, *_: object, **__: object) -> Reply:
            return Reply(b'{"orders":[{"buyer":"\xff"}]}', "request-7")

    with pytest.raises(ContractError, match="request-7"):
        extract_orders(seller, client=Garbled(), connection=warehouse, settings=settings, now=clock)  # type: ignore[arg-type]
    assert landed(settings) == []


def test_what_lands_is_without_personal_data(
    seller: Seller, warehouse: Connection, settings: Settings, clock: HandClock
) -> None:
    class Talkative:
        calls_left = 20.0
        quota_left = Shop.quota_left

        def get(self, *_: object, **__: object) -> Reply:
            return Reply(a_page(an_order(buyer={"buyerName": "Käthe Kühn"})), "")

    extract_orders(seller, client=Talkative(), connection=warehouse, settings=settings, now=clock)  # type: ignore[arg-type]
    (page,) = landed(settings)
    assert read_page(str(page)) == a_page(an_order())


def test_an_extracted_window_waits_for_its_load_up_to_the_bound_that_amazon_names(
    extract: Extract, shop: Shop, warehouse: Connection
) -> None:
    shop.bound_lag = timedelta(minutes=1)
    extract()
    (window,) = windows_to_load(warehouse, "acme")
    assert window.complete_through_utc == window.window_end_utc - timedelta(minutes=1)


def test_two_extractions_of_one_seller_do_not_mix(extract: Extract, shop: Shop, warehouse_dsn: str) -> None:
    with connect(warehouse_dsn) as other, seller_lock(other, "acme"), pytest.raises(TransientError, match="acme"):
        extract()
    assert shop.asked == []


def test_the_log_tells_the_window_and_each_page(extract: Extract, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    extract()
    told = [record.getMessage() for record in caplog.records]
    assert "2026-10-05T00:00:00Z to 2026-10-05T12:08:00Z" in told[0]
    assert told[1:] == [
        "Page 1: 2 orders, 2 in this run; 0 calls left",
        "Page 2: 2 orders, 4 in this run; 0 calls left",
        "Page 3: 1 orders, 5 in this run; 0 calls left",
    ]


def test_a_token_that_amazon_takes_no_more_starts_the_window_again_at_once(
    extract: Extract, shop: Shop, settings: Settings, clock: HandClock
) -> None:
    def die_at_the_second_page() -> None:
        if len(shop.asked) == 2:
            raise SellerOrdersError("Amazon refuses.")

    def refuse_the_old_token() -> None:
        if len(shop.asked) == 3:
            raise ContractError("The paginationToken you have submitted is not valid.", code="InvalidInput")

    shop.before_answer = die_at_the_second_page
    with pytest.raises(SellerOrdersError):
        extract()
    clock.advance(milliseconds=1)
    shop.before_answer = refuse_the_old_token
    assert extract() == ExtractResult(pages=3, orders=5)
    assert shop.asked[3] == shop.asked[0]
    assert len(landed(settings)) == 3


def test_a_corrected_setting_counts_for_a_window_that_has_no_page_yet(
    extract: Extract, shop: Shop, warehouse: Connection
) -> None:
    def refuse() -> None:
        if len(shop.asked) == 1:
            raise ContractError("Invalid input.", code="InvalidInput")

    shop.before_answer = refuse
    with pytest.raises(ContractError):
        extract()
    warehouse.execute("UPDATE ops.extraction_window SET included_data = '{WRONG}', marketplace_ids = '{WRONG}'")
    extract()
    assert shop.asked[1] == shop.asked[0]
