"""The generator: the same orders everywhere and always, amounts that add up, shops that look like shops."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.fake_amazon.generator import OrderGenerator
from include.fake_amazon.lifecycle import LONGEST_LIFE
from include.fake_amazon.marketplaces import BY_COUNTRY
from include.fake_amazon.order_body import write_order
from include.fake_amazon.shops import load_shops, make_shop

pytestmark = pytest.mark.slow

SHOPS = {shop.shop_id: shop for shop in load_shops()}
OPENED = date(2026, 10, 1)
DIGEST_PROGRAM = """
import hashlib, msgspec
from datetime import date
from include.fake_amazon.generator import OrderGenerator
from include.fake_amazon.order_body import write_order
from include.fake_amazon.shops import load_shops

digest = hashlib.sha256()
for shop in load_shops():
    for order in OrderGenerator(7, shop).orders_between(date(2026, 10, 3), date(2026, 10, 4)):
        digest.update(msgspec.json.encode(write_order(7, shop, order, len(order.steps) - 1)))
print(digest.hexdigest())
"""
seeds = st.integers(min_value=0, max_value=10**9)
shops = st.sampled_from(sorted(SHOPS))


def _orders(seed, shop_id, days=60):
    return OrderGenerator(seed, SHOPS[shop_id]).orders_between(OPENED, OPENED + timedelta(days=days - 1))


def _bodies(seed, shop_id, days=60):
    orders = _orders(seed, shop_id, days)
    return [write_order(seed, SHOPS[shop_id], order, step) for order in orders for step in range(len(order.steps))]


def test_every_process_generates_the_same_orders_whatever_its_hash_seed():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", DIGEST_PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hash_seed in ("0", "4711")
    }
    digest = hashlib.sha256()
    for shop in load_shops():
        for order in OrderGenerator(7, shop).orders_between(date(2026, 10, 3), date(2026, 10, 4)):
            digest.update(msgspec.json.encode(write_order(7, shop, order, len(order.steps) - 1)))
    assert outputs == {digest.hexdigest() + "\n"}


@settings(max_examples=15, deadline=None)
@given(seed=seeds, shop_id=st.sampled_from(["nordlicht_kerzen", "sakura_kitchen"]), days=st.permutations(range(8)))
def test_days_come_out_the_same_in_whatever_order_they_are_asked_for(seed, shop_id, days):
    generator = OrderGenerator(seed, SHOPS[shop_id])
    for day in days:
        generator.orders_on(OPENED + timedelta(days=day))
    assert generator.orders_between(OPENED, OPENED + timedelta(days=7)) == _orders(seed, shop_id, 8)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, shop_id=shops)
def test_an_order_lives_forward_in_time_within_its_longest_life(seed, shop_id):
    for order in _orders(seed, shop_id, 4):
        instants = [step.at_utc for step in order.steps]
        assert instants == sorted(set(instants))
        assert instants[-1] - instants[0] < LONGEST_LIFE
        assert all(instant.microsecond % 1000 == 0 for instant in instants)
        assert order.steps[0].status == "PENDING"


def _amount(money):
    return Decimal(money["amount"])


def _check_amounts(body):
    total = sum((_amount(item["proceeds"]["proceedsTotal"]) for item in body["orderItems"]), Decimal(0))
    assert _amount(body["proceeds"]["grandTotal"]) == total
    assert sum((_amount(b["subtotal"]) for b in body["proceeds"]["breakdowns"]), Decimal(0)) == total
    for item in body["orderItems"]:
        proceeds = item["proceeds"]
        lines = proceeds["breakdowns"]
        assert sum((_amount(line["subtotal"]) for line in lines), Decimal(0)) == _amount(proceeds["proceedsTotal"])
        assert _amount(proceeds["proceedsTotal"]) >= 0
        for line in lines:
            if "detailedBreakdowns" in line:
                assert line["type"] in ("TAX", "DISCOUNT")
                assert sum(_amount(part["value"]) for part in line["detailedBreakdowns"]) == _amount(line["subtotal"])


@settings(max_examples=10, deadline=None)
@given(seed=seeds, shop_id=shops)
def test_amounts_add_up_from_the_finest_breakdown_to_the_grand_total(seed, shop_id):
    for body in _bodies(seed, shop_id, 2):
        if "proceeds" in body:
            _check_amounts(body)
        else:
            assert body["fulfillment"]["fulfillmentStatus"] in ("PENDING", "CANCELLED")


def test_german_vat_is_nineteen_percent_of_what_is_left_after_discounts():
    for body in _bodies(1, "nordlicht_kerzen", 5):
        lines = {line["type"]: _amount(line["subtotal"]) for line in body.get("proceeds", {}).get("breakdowns", [])}
        if lines and body["salesChannel"]["marketplaceName"] == "Amazon.de":
            tax = lines.pop("TAX")
            # Each item rounds up to four parts of its own.
            assert abs(tax - sum(lines.values()) * 19 / 100) <= Decimal("0.02") * len(body["orderItems"])


@pytest.mark.parametrize(("shop_id", "pattern"), [("sakura_kitchen", r"-?\d+"), ("maple_trail", r"-?\d+\.\d\d")])
def test_amounts_have_as_many_decimals_as_their_currency(shop_id, pattern):
    text = msgspec.json.encode(_bodies(1, shop_id, 5)).decode()
    amounts = re.findall(r'"amount":"([^"]*)"', text)
    assert len(amounts) > 100
    assert not [amount for amount in amounts if not re.fullmatch(pattern, amount)]


def test_the_large_shop_launches_with_exactly_five_thousand_orders_beyond_its_ordinary_ones():
    shop = make_shop(msgspec.to_builtins(SHOPS["grossmarkt_technik"]) | {"orders_per_day": 0})
    orders = OrderGenerator(1, shop).orders_between(date(2026, 1, 1), date(2027, 1, 1))
    assert len(orders) == 5000
    assert max(order.created_utc for order in orders) < datetime(2026, 10, 31, tzinfo=UTC)


def test_a_shop_without_orders_has_none_and_none_has_any_before_it_opened():
    assert _orders(1, "first_steps") == []
    assert OrderGenerator(1, SHOPS["maple_trail"]).orders_between(date(2026, 1, 1), date(2026, 9, 30)) == []


def test_orders_per_day_are_kept_on_average():
    assert len(_orders(1, "nordlicht_kerzen", 100)) == pytest.approx(1200, rel=0.1)


def test_order_ids_look_like_amazons_are_unique_across_shops_and_lead_back_to_their_order():
    ids = set()
    for shop in SHOPS.values():
        generator = OrderGenerator(1, shop)
        orders = generator.orders_between(OPENED, OPENED + timedelta(days=20))
        assert all(generator.find(order.order_id) is order for order in orders)
        assert not ids & {order.order_id for order in orders}
        ids |= {order.order_id for order in orders}
    assert len(ids) > 4000
    assert all(re.fullmatch(r"\d{3}-\d{7}-\d{7}", order_id) for order_id in ids)


def test_no_order_is_found_by_a_foreign_or_impossible_id():
    generator = OrderGenerator(1, SHOPS["maple_trail"])
    foreign = OrderGenerator(2, SHOPS["maple_trail"]).orders_on(OPENED)[0].order_id
    for order_id in (foreign, "123-4567890-1234567", "x", "", "١٢٣-4567890-1234567"):
        assert generator.find(order_id) is None


def test_item_ids_are_unique_within_a_shop():
    bodies = [write_order(1, SHOPS["nordlicht_kerzen"], order, 0) for order in _orders(1, "nordlicht_kerzen")]
    ids = [item["orderItemId"] for body in bodies for item in body["orderItems"]]
    assert len(ids) == len(set(ids)) > 1000
    assert {len(item_id) for item_id in ids} == {14}


def test_versions_of_an_order_differ_only_in_what_has_happened_to_it():
    for order in _orders(1, "harbour_goods", 10):
        bodies = [write_order(1, SHOPS["harbour_goods"], order, step) for step in range(len(order.steps))]
        for field in ("orderId", "createdTime", "buyer", "recipient", "tax", "salesChannel", "programs"):
            assert len({msgspec.json.encode(body[field]) for body in bodies}) == 1
        assert len({body["lastUpdatedTime"] for body in bodies}) == len(bodies)


@pytest.fixture(scope="module")
def everything():
    """All versions of thirty days of two shops and ten of a third."""
    return _bodies(1, "nordlicht_kerzen", 30) + _bodies(1, "sakura_kitchen", 30) + _bodies(1, "maple_trail", 10)


@pytest.mark.parametrize(
    ("what", "present"),
    [
        ("umlauts in titles", lambda b: any("ü" in i["product"]["title"] for i in b["orderItems"])),
        ("Japanese titles", lambda b: any("茶" in i["product"]["title"] for i in b["orderItems"])),
        ("several items", lambda b: len(b["orderItems"]) == 5),
        ("several of one item", lambda b: any(i["quantityOrdered"] > 1 for i in b["orderItems"])),
        ("business orders", lambda b: "AMAZON_BUSINESS" in b["programs"] and b["buyer"].get("buyerCompanyName")),
        ("prime orders", lambda b: "PRIME" in b["programs"]),
        ("tax registrations of buyers", lambda b: len(b["tax"]["taxRegistrations"]) == 2),
        ("payments", lambda b: b.get("payment", {}).get("paymentExecutions")),
        ("gift messages", lambda b: "giftMessage" in str(b["orderItems"])),
        ("customized items", lambda b: "customizedUrl" in str(b["orderItems"])),
        ("promotions", lambda b: any("promotion" in i for i in b["orderItems"])),
        ("discounts", lambda b: "DISCOUNT" in str(b.get("proceeds"))),
        ("points", lambda b: any("expense" in i for i in b["orderItems"])),
        ("facilitated sales tax", lambda b: "MARKETPLACE_FACILITATOR" in str(b["orderItems"])),
        ("partial shipments", lambda b: b["fulfillment"]["fulfillmentStatus"] == "PARTIALLY_SHIPPED"),
        ("two parcels", lambda b: len(b.get("packages", [])) == 2),
        ("cancelled orders", lambda b: b["fulfillment"]["fulfillmentStatus"] == "CANCELLED"),
        (
            "single cancelled items",
            lambda b: 0 < sum("cancellation" in i for i in b["orderItems"]) < len(b["orderItems"]),
        ),
        ("emoji", lambda b: "🎄" in str(b["orderItems"]) or "🎂" in str(b["orderItems"])),
    ],
)
def test_the_shops_show(everything, what, present):
    assert any(present(body) for body in everything), what


def test_some_orders_change_weeks_later_and_bring_less():
    corrected = [order for order in _orders(1, "nordlicht_kerzen") if order.steps[-1].kind == "corrected"]
    assert corrected
    for order in corrected:
        shop, last = SHOPS["nordlicht_kerzen"], len(order.steps) - 1
        before, after = (write_order(1, shop, order, step)["proceeds"]["grandTotal"] for step in (last - 1, last))
        assert _amount(after) < _amount(before)
        assert order.steps[-1].at_utc - order.steps[-2].at_utc >= timedelta(days=3)


def test_parcels_hold_exactly_what_was_shipped(everything):
    for body in everything:
        shipped = {i["orderItemId"]: i["fulfillment"]["quantityFulfilled"] for i in body["orderItems"]}
        packed = {i["orderItemId"]: i["quantity"] for p in body.get("packages", []) for i in p["packageItems"]}
        if body["fulfillment"]["fulfilledBy"] == "MERCHANT":
            assert packed == {item: quantity for item, quantity in shipped.items() if quantity}
        else:
            assert packed == {}


def test_currencies_are_those_of_the_marketplaces(everything):
    currencies = {marketplace.marketplace_id: marketplace.currency_code for marketplace in BY_COUNTRY.values()}
    for body in everything:
        expected = currencies[body["salesChannel"]["marketplaceId"]]
        assert set(re.findall(r"'currencyCode': '(\w+)'", str(body))) == {expected}


def test_a_thousand_orders_are_planned_and_written_within_a_second():
    started = time.process_time()
    shop = SHOPS["grossmarkt_technik"]
    orders = _orders(3, "grossmarkt_technik", 6)
    for order in orders:
        write_order(3, shop, order, len(order.steps) - 1)
    assert len(orders) > 1000
    assert time.process_time() - started < 1
