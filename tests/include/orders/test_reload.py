"""Landed pages loaded again without Amazon, and landed pages that have had their time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from upath import UPath

from include.errors import SettingsError, TransientError
from include.orders import windows
from include.orders.__main__ import main
from include.orders.load import load_orders
from include.orders.reload import reload_orders
from include.orders.retention import delete_old_pages
from include.settings import Settings
from include.warehouse.connection import Connection, connect, seller_lock
from tests.payloads.clocks import HandClock
from tests.payloads.orders import a_page, an_item, an_order

Land = Callable[..., windows.Window]
OLD = an_order(updated="2026-10-05T08:00:00Z", amount="1.00")
NEW = an_order(updated="2026-10-05T12:30:00Z", amount="2.00")


@pytest.fixture
def two_windows(land: Land, warehouse: Connection) -> list[windows.Window]:
    """An order in two states, loaded in two windows."""
    found = []
    for order in (OLD, NEW):
        found.append(land(a_page(order)))
        load_orders(warehouse, "acme")
    return found


def amounts(warehouse: Connection) -> list[str]:
    return [row[0] for row in warehouse.execute("SELECT grand_total_amount::text FROM amazon.orders").fetchall()]


def test_rows_that_somebody_changed_or_deleted_come_back_and_the_newest_state_wins(
    two_windows: list[windows.Window], warehouse: Connection
) -> None:
    before = windows.watermark(warehouse, "acme")
    warehouse.execute("DELETE FROM amazon.orders")
    warehouse.execute("DELETE FROM amazon.order_items")
    result = reload_orders(warehouse, "acme")
    assert amounts(warehouse) == ["2.00"]
    assert warehouse.execute("SELECT count(*) FROM amazon.order_items").fetchone() == (1,)
    assert result.orders == 2
    assert windows.watermark(warehouse, "acme") == before


def test_an_operators_delete_takes_what_belongs_to_the_orders_and_the_next_load_finds_its_way(
    two_windows: list[windows.Window], land: Land, warehouse: Connection
) -> None:
    warehouse.execute("DELETE FROM amazon.orders")
    for table in ("order_items", "order_charges", "order_packages", "order_promotions"):
        assert warehouse.execute(f"SELECT count(*) FROM amazon.{table}").fetchone() == (0,)
    land(a_page(an_order(updated="2026-10-05T13:00:00Z", amount="3.00")))
    load_orders(warehouse, "acme")
    assert amounts(warehouse) == ["3.00"]


def test_an_older_state_loaded_again_leaves_the_newer_one_alone(
    two_windows: list[windows.Window], warehouse: Connection
) -> None:
    reload_orders(warehouse, "acme")
    assert amounts(warehouse) == ["2.00"]


def test_a_reload_can_begin_at_an_instant(two_windows: list[windows.Window], warehouse: Connection) -> None:
    assert reload_orders(warehouse, "acme", two_windows[1].window_end_utc).orders == 1


def test_an_order_that_can_be_read_by_now_is_loaded_and_no_longer_counted_as_rejected(
    land: Land, warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(a_page(an_order(orderItems=[an_item(quantityOrdered="many")])))
    assert load_orders(warehouse, "acme").rejected == 1
    (page,) = [row[0] for row in warehouse.execute("SELECT page_url FROM ops.landed_page").fetchall()]
    from include.orders.landing import write_page

    write_page(str(page), a_page(an_order()))
    assert reload_orders(warehouse, "acme").orders == 1
    assert warehouse.execute("SELECT count(*) FROM ops.rejected_order").fetchone() == (0,)


def test_a_seller_with_nothing_landed_is_told_so(warehouse: Connection) -> None:
    with pytest.raises(SettingsError, match="Seller acme has no landed pages of that time"):
        reload_orders(warehouse, "acme")


def test_a_reload_waits_its_turn(two_windows: list[windows.Window], warehouse: Connection, warehouse_dsn: str) -> None:
    with connect(warehouse_dsn) as other, seller_lock(other, "acme"), pytest.raises(TransientError, match="acme"):
        reload_orders(warehouse, "acme")


def test_the_command_says_what_it_wrote_and_what_is_wrong(
    two_windows: list[windows.Window],
    warehouse_dsn: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WAREHOUSE_DSN", warehouse_dsn)
    assert main(["reload", "acme", "--from", "2026-10-05T00:00:00Z"]) == 0
    assert "acme: 1 orders, 1 items written; 0 rejected" in capsys.readouterr().out
    assert main(["reload", "acme", "--from", "tuesday"]) == 1
    assert "FROM is 'tuesday'; expected an instant" in capsys.readouterr().err
    assert main(["reload", "nobody"]) == 1
    assert "Seller nobody has no landed pages" in capsys.readouterr().err


def test_pages_go_when_their_time_is_over_and_their_orders_stay(
    two_windows: list[windows.Window], warehouse: Connection, settings: Settings, clock: HandClock
) -> None:
    warehouse.execute("UPDATE ops.extraction_window SET loaded_utc = %s", (datetime(2026, 10, 5, 13, tzinfo=UTC),))
    clock.instant = datetime(2026, 10, 5, 12, tzinfo=UTC) + timedelta(days=90)
    assert delete_old_pages(warehouse, "acme", days=90, now=clock) == 0
    clock.advance(hours=2)
    assert delete_old_pages(warehouse, "acme", days=90, now=clock) == 2
    assert not list(UPath(settings.raw_url).rglob("*.gz"))
    assert amounts(warehouse) == ["2.00"]
    assert delete_old_pages(warehouse, "acme", days=90, now=clock) == 0
    with pytest.raises(SettingsError, match="pages older than RAW_RETENTION_DAYS are deleted"):
        reload_orders(warehouse, "acme")


def test_pages_that_wait_for_their_load_stay_however_old(land: Land, warehouse: Connection, clock: HandClock) -> None:
    land(a_page(OLD))
    clock.advance(days=400)
    assert delete_old_pages(warehouse, "acme", days=1, now=clock) == 0
    assert load_orders(warehouse, "acme").orders == 1


def test_a_store_that_does_not_delete_is_a_warning_and_the_next_night_tries_again(
    two_windows: list[windows.Window],
    warehouse: Connection,
    clock: HandClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise TransientError("The pages could not be deleted: Permission denied.")

    clock.instant = datetime(2100, 1, 1, tzinfo=UTC)
    with monkeypatch.context() as broken:
        broken.setattr("fsspec.implementations.local.LocalFileSystem.rm", refuse)
        assert delete_old_pages(warehouse, "acme", days=90, now=clock) == 0
    assert "stay for another night: The pages could not be deleted: Permission denied" in caplog.text
    assert delete_old_pages(warehouse, "acme", days=90, now=clock) == 2
