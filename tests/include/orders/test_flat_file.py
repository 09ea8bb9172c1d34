"""Reports as text: columns by name, totals to the cent, equal lines stay two, nothing of a buyer's place."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import ContractError
from include.orders import flat_file
from include.orders.flat_file import read_flat_file, without_personal_columns

GIVEN = {
    "amazon-order-id": "303-1",
    "purchase-date": "2026-10-05T08:00:00+00:00",
    "last-updated-date": "2026-10-06T08:00:00.125Z",
    "order-status": "Shipped",
    "sales-channel": "Amazon.de",
    "sku": "TEA-1",
    "asin": "B0TEST0001",
    "product-name": 'Tea "Assam"',
    "quantity": "2",
    "currency": "EUR",
    "item-price": "23.80",
    "item-tax": "3.80",
    "shipping-price": "4.95",
    "shipping-tax": "0.79",
    "item-promotion-discount": "2.00",
}


def a_file(*rows: dict[str, str]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return "\n".join(["\t".join(columns), *("\t".join(row.get(name, "") for name in columns) for row in rows)]) + "\n"


def orders(text: str, region: str = "eu"):
    return [order for some in read_flat_file(io.BytesIO(text.encode()), region) for order in some]


def test_a_line_is_read_by_its_columns_names_and_taxes_stand_beside_net_amounts():
    (order,) = orders(a_file({"something-new": "x", **GIVEN}))
    (line,) = order.lines
    assert (order.order_id, order.status, order.marketplace_name) == ("303-1", "SHIPPED", "Amazon.de")
    assert order.last_updated_utc.isoformat() == "2026-10-06T08:00:00.125000+00:00"
    assert (line.asin, line.seller_sku, line.title, line.quantity) == ("B0TEST0001", "TEA-1", 'Tea "Assam"', 2)
    assert line.amounts == tuple(
        None if text is None else Decimal(text) for text in ("20.00", "3.80", "4.16", "0.79", None, None, "-2.00")
    )
    assert (order.total_amount, order.currency_code) == (Decimal("26.75"), "EUR")


def test_a_carriage_return_in_a_cell_ends_no_line():
    (order,) = orders(a_file({**GIVEN, "product-name": "Mug\rblue"}))
    assert [line.title for line in order.lines] == ["Mug\rblue"]


def test_in_north_america_tax_stands_beside_the_price_already():
    (order,) = orders(a_file(GIVEN), "na")
    assert order.lines[0].amounts[0] == Decimal("23.80")
    assert order.total_amount == Decimal("31.34")


def test_two_equal_lines_of_one_order_stay_two_wherever_they_stand():
    found = orders(a_file(GIVEN, {**GIVEN, "amazon-order-id": "303-2"}, GIVEN))
    assert sorted((o.order_id, len(o.lines), o.total_amount) for o in found) == [
        ("303-1", 2, Decimal("53.50")),
        ("303-2", 1, Decimal("26.75")),
    ]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(1, 7))
def test_orders_are_whole_in_whatever_sequence_their_lines_stand_and_however_the_file_is_cut(ids, rows_at_once):
    rows = [{**GIVEN, "amazon-order-id": f"303-{id_}", "sku": str(place)} for place, id_ in enumerate(ids)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flat_file, "ROWS_AT_ONCE", rows_at_once)
        read = orders(a_file(*rows))
    assert {order.order_id: [line.seller_sku for line in order.lines] for order in read} == {
        f"303-{id_}": [str(place) for place, other in enumerate(ids) if other == id_] for id_ in ids
    }
    assert len(read) == len(set(ids))


def test_a_file_ten_times_as_long_takes_hardly_more_memory():
    def peak_bytes(orders: int) -> int:
        rows = (f"303-{number}\t2026-10-05T08:00:00Z\t2026-10-05T08:00:00Z\t{number}.5" for number in range(orders))
        header = "amazon-order-id\tpurchase-date\tlast-updated-date\titem-price"
        packed = gzip.compress("\n".join([header, *rows]).encode(), 1)
        tracemalloc.start()
        with gzip.open(io.BytesIO(packed)) as file:
            read = sum(map(len, read_flat_file(file, "eu")))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert read == orders
        return peak

    peak_bytes(10)
    # Without an end they would be ten to one; the orders' numbers alone are held, to see which stand twice.
    assert peak_bytes(50_000) < 2.5 * peak_bytes(5_000)


def test_a_pending_order_has_no_price_and_an_unknown_status_stands_as_it_is():
    bare = {name: GIVEN[name] for name in ("amazon-order-id", "purchase-date", "last-updated-date")}
    (order,) = orders(a_file({**bare, "order-status": "Waiting"}))
    assert (order.status, order.total_amount, order.currency_code) == ("Waiting", None, None)
    assert order.lines[0].total_amount is None


@pytest.mark.parametrize(
    ("column", "text", "words"),
    [
        ("item-price", "a lot", "item-price of 303-1 is no number"),
        ("quantity", "NaN", "quantity of 303-1 is no number"),
        ("quantity", "1e30", "quantity of 303-1 is no number"),
        ("last-updated-date", "yesterday", "last-updated-date of 303-1 is no instant"),
        ("last-updated-date", "9999-12-31T23:59:59-12:00", "last-updated-date of 303-1 is no instant"),
        ("purchase-date", "2026-10-05T08:00:00", "purchase-date of 303-1 is no instant"),
    ],
)
def test_a_cell_that_is_not_what_its_column_promises_is_named(column, text, words):
    with pytest.raises(ContractError, match=words):
        orders(a_file({**GIVEN, column: text}))


def test_where_a_buyer_lives_leaves_the_file_and_the_rest_stays():
    personal = {"ship-city": "Kiel", "ship-postal-code": "24103", "buyer-name": "Anna", "purchase-order-number": "P1"}
    file = "\ufeff" + a_file({**GIVEN, **personal}).replace("\n", "\r\n")
    text = "".join(without_personal_columns(file.splitlines(keepends=True)))
    for word in ("Kiel", "24103", "Anna", "P1", "ship-city", "\r"):
        assert word not in text
    assert orders(text) == orders(a_file(GIVEN))


@pytest.mark.parametrize("text", ["", "Date range exceeded.", "a\tb\n1\t2\n", "<html>"])
def test_what_is_no_report_of_orders_is_refused(text):
    with pytest.raises(ContractError, match="instead of its columns"):
        list(without_personal_columns(text.splitlines(keepends=True)))
