"""Windows and watermarks: where the next one starts, how an unfinished one goes on, and that none leaves a gap."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, event, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from include.errors import SellerOrdersError
from include.orders.extract import extract_orders
from include.orders.load import load_orders
from include.orders.windows import (
    TOKEN_LIFE,
    Window,
    complete_through_utc,
    landed_pages,
    mark_loaded,
    record_page,
    windows_to_load,
)
from include.sellers.registry import Seller
from include.settings import Settings
from include.warehouse.connection import Connection
from tests.payloads.clocks import HandClock
from tests.payloads.shop import Shop

NextWindow = Callable[..., Window | None]
Open = Callable[[], Window]
Finish = Callable[..., Window]


@pytest.fixture
def open_window(next_window: NextWindow) -> Open:
    """Asks for the window to work on, which must be there."""

    def resume_or_open_one() -> Window:
        window = next_window()
        assert window
        return window

    return resume_or_open_one


@pytest.fixture
def finish_page(warehouse: Connection, clock: HandClock) -> Finish:
    """Records a page of a window; without a token it is the last."""

    def record(window: Window, next_token: str | None = None, replied_bound_utc: datetime | None = None) -> Window:
        return record_page(
            warehouse,
            window,
            page_url=f"memory://page-{window.pages + 1}",
            orders=1,
            next_token=next_token,
            replied_bound_utc=replied_bound_utc,
            extracted_utc=clock(),
        )

    return record


def load(warehouse: Connection, window: Window) -> None:
    with warehouse.transaction():
        mark_loaded(warehouse, window, 0)


def test_the_first_window_starts_with_the_sellers_start_date_and_ends_two_minutes_ago(open_window: Open) -> None:
    window = open_window()
    assert window.window_start_utc == datetime(2026, 10, 5, tzinfo=UTC)
    assert window.window_end_utc == datetime(2026, 10, 5, 11, 58, tzinfo=UTC)


def test_without_a_start_date_the_first_window_reaches_back_as_the_setting_says(
    next_window: NextWindow, seller: Seller, settings: Settings
) -> None:
    window = next_window(
        dataclasses.replace(seller, start_date=None), dataclasses.replace(settings, first_window_days=7)
    )
    assert window
    assert window.window_start_utc == datetime(2026, 9, 28, 12, 0, tzinfo=UTC)


def test_a_start_date_that_has_not_come_leaves_nothing_to_do(next_window: NextWindow, seller: Seller) -> None:
    assert next_window(dataclasses.replace(seller, start_date=date(2026, 10, 6))) is None


def test_a_window_asks_for_the_sellers_marketplaces_and_the_settings_data(
    open_window: Open, settings: Settings
) -> None:
    query = open_window().query
    assert query.marketplace_ids == ("A1PA6795UKMFR9",)
    assert query.included_data == settings.included_data


def test_a_window_keeps_what_it_asks_for_while_clock_seller_and_settings_change(
    next_window: NextWindow,
    seller: Seller,
    settings: Settings,
    clock: HandClock,
    open_window: Open,
    finish_page: Finish,
) -> None:
    asked = finish_page(open_window(), "token").query
    clock.advance(hours=5)
    seller = dataclasses.replace(seller, start_date=date(2026, 9, 1), marketplaces=())
    settings = dataclasses.replace(settings, included_data=("PROCEEDS",))
    resumed = next_window(seller, settings)
    assert resumed
    assert resumed.query == asked


def test_an_unfinished_window_goes_on_after_its_last_page(open_window: Open, finish_page: Finish) -> None:
    finish_page(finish_page(open_window(), "second"), "third")
    resumed = open_window()
    assert (resumed.pages, resumed.next_token) == (2, "third")


def test_a_window_that_died_before_its_first_page_is_taken_up_again(open_window: Open, clock: HandClock) -> None:
    window = open_window()
    clock.advance(days=3)
    assert open_window() == window


@pytest.mark.parametrize(
    ("age", "pages"),
    [
        pytest.param(TOKEN_LIFE - timedelta(seconds=1), 1, id="a token with ten minutes left is still used"),
        pytest.param(TOKEN_LIFE, 0, id="a token with less is not, and the window starts again"),
    ],
)
def test_a_token_is_used_while_it_is_young(
    warehouse: Connection, open_window: Open, finish_page: Finish, clock: HandClock, age: timedelta, pages: int
) -> None:
    window = finish_page(open_window(), "token", clock() - timedelta(minutes=30))
    clock.instant += age
    resumed = open_window()
    assert (resumed.window_id, resumed.pages, resumed.query) == (window.window_id, pages, window.query)
    assert len(landed_pages(warehouse, resumed)) == pages


def test_a_window_that_starts_again_forgets_the_bounds_of_its_old_pages(
    open_window: Open, finish_page: Finish, clock: HandClock
) -> None:
    finish_page(open_window(), "token", clock() - timedelta(hours=9))
    clock.advance(days=1)
    again = open_window()
    assert again.complete_through_utc == again.window_end_utc


def test_a_run_shortly_after_another_starts_where_that_one_ended(
    warehouse: Connection, open_window: Open, finish_page: Finish, clock: HandClock
) -> None:
    first = finish_page(open_window())
    load(warehouse, first)
    clock.advance(hours=5)
    assert open_window().window_start_utc == first.window_end_utc


@pytest.mark.parametrize("loaded", [True, False])
def test_the_next_night_looks_again_at_what_was_younger_than_the_overlap(
    warehouse: Connection, open_window: Open, finish_page: Finish, clock: HandClock, loaded: bool
) -> None:
    window = finish_page(open_window())
    asked_utc = clock()
    if loaded:
        load(warehouse, window)
    clock.advance(days=1)
    assert open_window().window_start_utc == asked_utc - timedelta(hours=6)


def test_what_is_looked_at_again_goes_back_to_the_first_of_several_runs_in_a_row(
    warehouse: Connection, open_window: Open, finish_page: Finish, clock: HandClock
) -> None:
    first_asked_utc = clock()
    for _ in range(3):
        load(warehouse, finish_page(open_window()))
        clock.advance(minutes=30)
    clock.advance(days=1)
    assert open_window().window_start_utc == first_asked_utc - timedelta(hours=6)


def test_a_bound_that_amazon_names_is_where_the_next_window_starts(
    open_window: Open, finish_page: Finish, clock: HandClock
) -> None:
    finish_page(open_window())
    clock.advance(hours=2)
    second = finish_page(open_window(), None, clock() - timedelta(hours=1))
    clock.advance(hours=2)
    assert open_window().window_start_utc == second.complete_through_utc


def test_a_seller_who_is_up_to_date_has_no_window(
    warehouse: Connection, next_window: NextWindow, open_window: Open, finish_page: Finish, clock: HandClock
) -> None:
    load(warehouse, finish_page(open_window()))
    assert next_window() is None
    clock.advance(seconds=1)
    assert next_window() is not None


def test_no_window_loads_before_an_older_one_that_is_read_again(
    warehouse: Connection, open_window: Open, finish_page: Finish, clock: HandClock
) -> None:
    older = finish_page(open_window())
    clock.advance(hours=1)
    younger = finish_page(open_window())
    warehouse.execute("DELETE FROM ops.landed_page WHERE window_id = %s", (older.window_id,))
    warehouse.execute("UPDATE ops.extraction_window SET state = 'extracting' WHERE window_id = %s", (older.window_id,))
    assert windows_to_load(warehouse, "acme") == []
    older = finish_page(open_window())
    assert [window.window_id for window in windows_to_load(warehouse, "acme")] == [older.window_id, younger.window_id]


def test_a_window_opened_by_a_clock_that_was_ahead_is_forgotten_when_the_clock_is_right(
    next_window: NextWindow, open_window: Open, finish_page: Finish, clock: HandClock
) -> None:
    clock.advance(days=1)
    open_window()
    clock.advance(days=-1)
    assert open_window().window_end_utc == clock() - timedelta(minutes=2)
    clock.advance(days=20)
    finish_page(finish_page(open_window(), "more"))
    clock.advance(days=-19)
    assert open_window().window_end_utc == clock() - timedelta(minutes=2)


def test_a_finished_window_waits_for_its_load(warehouse: Connection, open_window: Open, finish_page: Finish) -> None:
    window = finish_page(open_window(), "more")
    assert windows_to_load(warehouse, "acme") == []
    window = finish_page(window)
    assert windows_to_load(warehouse, "acme") == [window]
    load(warehouse, window)
    assert windows_to_load(warehouse, "acme") == []


def test_pages_come_back_in_amazons_order_with_their_times(
    warehouse: Connection, open_window: Open, finish_page: Finish, clock: HandClock
) -> None:
    window = finish_page(open_window(), "more")
    clock.advance(minutes=3)
    window = finish_page(window)
    noon = datetime(2026, 10, 5, 12, 0, tzinfo=UTC)
    assert landed_pages(warehouse, window) == [
        (1, "memory://page-1", noon),
        (2, "memory://page-2", noon + timedelta(minutes=3)),
    ]


def test_one_seller_cannot_have_two_open_windows(warehouse: Connection, open_window: Open) -> None:
    open_window()
    with pytest.raises(psycopg.errors.UniqueViolation):
        warehouse.execute(
            "INSERT INTO ops.extraction_window (seller_id, window_start_utc, window_end_utc, marketplace_ids,"
            " included_data, complete_through_utc, opened_utc, settled_before_utc)"
            " SELECT seller_id, window_start_utc, window_end_utc, marketplace_ids, included_data,"
            " complete_through_utc, opened_utc, settled_before_utc FROM ops.extraction_window"
        )


def test_two_sellers_have_a_window_each(next_window: NextWindow, seller: Seller, open_window: Open) -> None:
    other = next_window(dataclasses.replace(seller, seller_id="other"))
    assert other
    assert open_window().window_id != other.window_id


def test_a_page_cannot_be_recorded_twice(warehouse: Connection, open_window: Open, finish_page: Finish) -> None:
    window = open_window()
    finish_page(window, "token")
    with pytest.raises(psycopg.errors.UniqueViolation):
        finish_page(window, "another token")
    assert open_window().next_token == "token"
    assert len(landed_pages(warehouse, window)) == 1


@pytest.mark.parametrize(
    ("replied_minutes_ago", "complete_minutes_ago"),
    [
        pytest.param((None,), 2, id="without a replied bound, the bound sent"),
        pytest.param((30,), 30, id="an earlier replied bound"),
        pytest.param((0,), 2, id="a later replied bound counts no further than the bound sent"),
        pytest.param((10, 45, 20), 45, id="the earliest of several pages"),
        pytest.param((None, 20, None), 20, id="the only one of several pages"),
    ],
)
def test_a_window_is_complete_through_the_smallest_bound(
    open_window: Open,
    finish_page: Finish,
    clock: HandClock,
    replied_minutes_ago: tuple[int | None, ...],
    complete_minutes_ago: int,
) -> None:
    window = open_window()
    for place, minutes in enumerate(replied_minutes_ago):
        token = None if place == len(replied_minutes_ago) - 1 else "more"
        window = finish_page(window, token, None if minutes is None else clock() - timedelta(minutes=minutes))
    assert window.complete_through_utc == clock() - timedelta(minutes=complete_minutes_ago)


def test_the_watermark_never_moves_back(
    warehouse: Connection, open_window: Open, finish_page: Finish, clock: HandClock
) -> None:
    first = finish_page(open_window())
    load(warehouse, first)
    clock.advance(days=1)
    load(warehouse, finish_page(open_window(), None, clock() - timedelta(days=3)))
    assert complete_through_utc(warehouse, "acme") == first.complete_through_utc


class CrashError(BaseException):
    """The process dies here."""


class DyingConnection:
    """A connection whose process dies at a statement, before it reaches the server."""

    def __init__(self, connection: Connection, statements: int) -> None:
        self._connection = connection
        self._left = statements

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise CrashError

    def execute(self, *arguments: Any) -> Any:
        if "pg_advisory_unlock" not in str(arguments[0]):
            self._count()
        return self._connection.execute(*arguments)

    def cursor(self) -> Any:
        self._count()
        return self._connection.cursor()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


_sellers = itertools.count(1)
MINUTES = st.integers(0, 300)
LATE = st.sampled_from([0, 0, 30, 359])
CHANGES = st.lists(st.tuples(st.integers(1, 6), LATE), min_size=1, max_size=4)
CHANGE = st.tuples(st.just("change"), MINUTES, CHANGES)
RUN = st.tuples(st.just("run"), st.one_of(MINUTES, st.just(25 * 60)), st.integers(0, 40))
REFUSAL = st.tuples(st.just("refusal"), MINUTES, st.integers(0, 3))
STEPS = st.lists(st.one_of(CHANGE, RUN, REFUSAL), min_size=1, max_size=10)


# Nights enough for a weekly second look among them.
@example(steps=[("run", 1500, 40)] * 10, bound_lag_minutes=0, rewrite_minutes=0)
@given(steps=STEPS, bound_lag_minutes=st.sampled_from([0, 0, 7]), rewrite_minutes=st.integers(0, 1))
@hypothesis_settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_whatever_dies_when_every_order_arrives_once_and_no_instant_is_left_out(
    warehouse: Connection,
    seller: Seller,
    settings: Settings,
    steps: list[tuple[str, int, Any]],
    bound_lag_minutes: int,
    rewrite_minutes: int,
) -> None:
    seller = dataclasses.replace(seller, seller_id=f"seller_{next(_sellers)}")
    clock = HandClock()
    shop = Shop(clock, bound_lag=timedelta(minutes=bound_lag_minutes))
    watermarks = [datetime.min.replace(tzinfo=UTC)]

    def run(connection: Any) -> None:
        extract_orders(seller, client=shop, connection=connection, settings=settings, now=clock)  # type: ignore[arg-type]
        load_orders(connection, seller.seller_id)

    def answer(changing: int | None = None, refusing_after: int | None = None) -> Callable[[], None]:
        asked = len(shop.asked)

        def before_answer() -> None:
            # A page takes its time, and orders change while the window is being read.
            clock.advance(minutes=rewrite_minutes)
            if changing:
                shop.change(changing)
            if refusing_after is not None and len(shop.asked) - asked > refusing_after:
                raise SellerOrdersError("Amazon refuses.")

        return before_answer

    for what, minutes, detail in steps:
        clock.advance(minutes=minutes, milliseconds=137)
        if what == "change":
            for number, late in detail:
                shop.change(number, late=timedelta(minutes=late))
                clock.advance(milliseconds=1)
            continue
        try:
            if what == "run":
                shop.before_answer = answer(changing=detail % 7)
                run(DyingConnection(warehouse, detail))
            else:
                shop.before_answer = answer(refusing_after=detail)
                run(warehouse)
            event("a run went through")
        except CrashError:
            event("a run died")
        except SellerOrdersError:
            event("a run was refused")
        watermark = complete_through_utc(warehouse, seller.seller_id)
        watermarks.append(watermark or watermarks[-1])

    # The night after: whatever was late in Amazon's index has come.
    clock.advance(hours=24)
    shop.before_answer = lambda: None
    run(warehouse)
    # What this run left because it had read something, the next one reads.
    clock.advance(seconds=1)
    run(warehouse)
    watermark = complete_through_utc(warehouse, seller.seller_id)
    assert watermark
    assert [*watermarks, watermark] == sorted([*watermarks, watermark])
    loaded = warehouse.execute(
        "SELECT order_id, last_updated_utc, grand_total_amount::text, (SELECT count(*) FROM amazon.order_items i"
        " WHERE (i.seller_id, i.order_id) = (o.seller_id, o.order_id)) FROM amazon.orders o WHERE seller_id = %s",
        (seller.seller_id,),
    ).fetchall()
    assert {row[0]: row[1:] for row in loaded} == {name: (*state, 1) for name, state in shop.truth(watermark).items()}
    bounds = warehouse.execute(
        "SELECT window_start_utc, complete_through_utc, state, purpose FROM ops.extraction_window WHERE seller_id = %s"
        " ORDER BY window_id",
        (seller.seller_id,),
    ).fetchall()
    assert {state for _, _, state, _ in bounds} == {"loaded"}
    # The weekly second look stands beside the chain of nights.
    nights = [(start, end) for start, end, _, purpose in bounds if purpose == "nightly"]
    assert nights[0][0] == datetime(2026, 10, 5, tzinfo=UTC)
    assert all(later[0] <= earlier[1] for earlier, later in itertools.pairwise(nights))
