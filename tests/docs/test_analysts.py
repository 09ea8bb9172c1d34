"""Every block of docs/analysts.md, run as an analyst on a week of orders; the important ones against the landed pages.

What a block should give is computed here from Amazon's own JSON, without the rows, the views or any SQL.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import psycopg
import pytest
from upath import UPath

from include.authorization.credentials import ApplicationCredentials, SellerCredentials
from include.authorization.seller_client import open_seller_client
from include.fake_amazon.clock import Clock
from include.fake_amazon.server import RunningFake, serve_in_thread
from include.fake_amazon.shops import make_shop
from include.local_stack.postgres import PostgresServer, ensure_database
from include.orders.extract import extract_orders
from include.orders.landing import read_page
from include.orders.load import load_orders
from include.sellers.registry import Seller, require_seller
from include.settings import Settings
from include.spapi.quota import UncountedQuota
from include.warehouse.connection import connect
from include.warehouse.migrate import migrate
from tests.payloads.clocks import HandClock
from tests.payloads.orders import an_item, an_order

DOCUMENT = Path(__file__).parents[2] / "docs" / "analysts.md"
BLOCK = re.compile(r"^```(sql|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A week in which Europe's clocks go back, of sellers with euros, two kinds of dollars, and yen without tax.
FIRST_DAY = date(2026, 10, 19)
LAST_RUN_UTC = datetime(2026, 10, 27, 12, 0, tzinfo=UTC)
SHOPS = {
    "nordlicht_kerzen": {"region": "eu", "marketplaces": ["DE", "FR", "IT", "ES"], "language": "de"},
    "maple_trail": {"region": "na", "marketplaces": ["US", "CA"]},
    "sakura_kitchen": {"region": "fe", "marketplaces": ["JP"], "language": "ja"},
}
ZONES = {
    "A1PA6795UKMFR9": ("DE", "Europe/Berlin"),
    "A13V1IB3VIYZZH": ("FR", "Europe/Paris"),
    "APJ6JRA9NG5V4": ("IT", "Europe/Rome"),
    "A1RKKUPIHCS9HS": ("ES", "Europe/Madrid"),
}
Order = dict[str, Any]
Rows = list[dict[str, Any]]


class Block(NamedTuple):
    """A fenced block of the document, with the heading above it."""

    heading: str
    language: str
    code: str


class Week(NamedTuple):
    """A filled warehouse.

    Attributes:
        dsn: Its address as an analyst.
        orders: Amazon's newest JSON of each order, by seller.
        complete_through_utc: Its watermark, every seller's.
    """

    dsn: str
    orders: dict[str, list[Order]]
    complete_through_utc: datetime


def blocks() -> list[Block]:
    text = DOCUMENT.read_text(encoding="utf-8")
    headings = [(m.start(), m[1]) for m in re.finditer(r"^#+ (.*)$", text, re.MULTILINE)]
    return [
        Block([title for place, title in headings if place < m.start()][-1], m[1], m[2]) for m in BLOCK.finditer(text)
    ]


BLOCKS = blocks()
SQL = [block for block in BLOCKS if block.language == "sql"]
PYTHON = [block for block in BLOCKS if block.language == "python"]


def name_of(block: Block) -> str:
    return f"{block.heading} {[b for b in BLOCKS if b.heading == block.heading].index(block) + 1}"


@pytest.fixture(scope="module")
def week(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory, project_root: Path) -> Iterator[Week]:
    """A week of three sellers' orders, extracted and loaded on two days as every night does it."""
    ensure_database(postgres, "analysts", "loader", "loader", readers=["analyst"])
    dsn = postgres.dsn("analysts", user="loader", password="loader")
    migrate(dsn)
    raw = tmp_path_factory.mktemp("raw")
    clock = HandClock(LAST_RUN_UTC - timedelta(days=1))
    sellers = [require_seller(project_root / "include" / "sellers.yaml", seller_id) for seller_id in SHOPS]
    with serve_in_thread(
        shops=[
            make_shop({"shop_id": name, "opened": FIRST_DAY, "orders_per_day": 25, **s}) for name, s in SHOPS.items()
        ],
        clock=Clock(clock),
        monotonic=lambda: clock().timestamp(),
    ) as amazon:
        amazon.client.add_orders("nordlicht_kerzen", given_orders())
        endpoints = {region: amazon.spapi_endpoint(region) for region in ("eu", "na", "fe")}
        settings = Settings(raw_url=f"file://{raw}", lwa_token_url=amazon.lwa_token_url, spapi_endpoints=endpoints)
        while clock() <= LAST_RUN_UTC:
            for seller in sellers:
                run(dataclasses.replace(seller, start_date=FIRST_DAY), dsn, amazon, settings, clock)
            clock.advance(days=1)
    yield Week(
        dsn.replace("loader:loader@", "analyst:analyst@"),
        {seller_id: landed_orders(raw, seller_id) for seller_id in SHOPS},
        LAST_RUN_UTC - timedelta(minutes=2),
    )
    with psycopg.connect(postgres.dsn(), autocommit=True) as administration:
        administration.execute("DROP DATABASE analysts WITH (FORCE)")


def run(seller: Seller, dsn: str, amazon: RunningFake, settings: Settings, clock: HandClock) -> None:
    application, consent = amazon.client.application(), amazon.client.authorize(seller.seller_id)
    client = open_seller_client(
        ApplicationCredentials(application.client_id, application.client_secret),
        SellerCredentials(consent.refresh_token, consent.selling_partner_id, seller.region),
        settings=settings,
        now=clock,
        quota=UncountedQuota(),
        sleep=clock.sleep,
        patience_s=1e6,
    )
    with connect(dsn) as connection:
        extract_orders(seller, client=client, connection=connection, settings=settings, now=clock)
        load_orders(connection, seller.seller_id)


def given_orders() -> list[Order]:
    """What the shops do not make by themselves: a tip, a cancelled line, two promotions on a line."""
    euros = {"currencyCode": "EUR"}
    proceeds = {
        "grandTotal": {"amount": "14.50", **euros},
        "breakdowns": [
            {"type": "ITEM", "subtotal": {"amount": "12.50", **euros}},
            {"type": "DELIVERY_TIP", "status": "FINALIZED", "subtotal": {"amount": "2.00", **euros}},
        ],
    }
    line = {"proceedsTotal": {"amount": "12.50", **euros}, "breakdowns": proceeds["breakdowns"][:1]}
    promotions = {"breakdowns": [{"promotionId": "ONE"}, {"promotionId": "TWO"}]}
    cancelled = {"cancellationExecution": {"cancelledBy": "BUYER", "cancelReason": "CHANGED_MIND"}}
    nothing = {"quantityFulfilled": 0, "quantityUnfulfilled": 0}
    items = [
        an_item("11111111111111", proceeds=line, promotion=promotions),
        an_item("22222222222222", amount=None, cancellation=cancelled, fulfillment=nothing),
    ]
    times = {"createdTime": "2026-10-24T22:30:00Z", "updated": "2026-10-26T20:00:00Z"}
    return [an_order("303-7777777-0000001", **times, proceeds=proceeds, orderItems=items)]


def landed_orders(raw: Path, seller_id: str) -> list[Order]:
    newest: dict[str, Order] = {}
    for page in UPath(f"file://{raw}/orders/{seller_id}").rglob("*.gz"):
        for order in json.loads(read_page(str(page)))["orders"]:
            known = newest.get(order["orderId"])
            if known is None or known["lastUpdatedTime"] <= order["lastUpdatedTime"]:
                newest[order["orderId"]] = order
    assert newest
    return list(newest.values())


def answer(week: Week, heading: str, number: int = 1) -> Rows:
    """What a SQL block of the document gives an analyst."""
    (block,) = [block for block in SQL if name_of(block) == f"{heading} {number}"]
    with psycopg.connect(week.dsn) as analyst:
        cursor = analyst.execute(block.code)  # type: ignore[arg-type]
        assert cursor.description
        return [dict(zip([c.name for c in cursor.description], row, strict=True)) for row in cursor.fetchall()]


def variables(week: Week, block: Block) -> dict[str, Any]:
    """What a Python block of the document leaves behind."""
    names: dict[str, Any] = {"dsn": week.dsn.replace("postgresql://", "postgresql+psycopg://")}
    exec(compile(block.code, name_of(block), "exec"), names)
    return names


def is_cancelled(order: Order) -> bool:
    return bool(order["fulfillment"]["fulfillmentStatus"] == "CANCELLED")


def total_of(order: Order) -> Decimal | None:
    proceeds = order.get("proceeds")
    return Decimal(proceeds["grandTotal"]["amount"]) if proceeds else None


def day_of(order: Order) -> tuple[str, date]:
    """The marketplace's country and its own day on which the order was placed."""
    country, zone = ZONES[order["salesChannel"]["marketplaceId"]]
    return country, datetime.fromisoformat(order["createdTime"]).astimezone(ZoneInfo(zone)).date()


def lines(week: Week) -> Iterator[tuple[str, Order, Order]]:
    """Every line with its seller and order."""
    for seller_id, orders in week.orders.items():
        for order in orders:
            yield from ((seller_id, order, item) for item in order["orderItems"])


def breakdowns(thing: Order) -> Rows:
    return list((thing.get("proceeds") or {}).get("breakdowns") or ())


def summed(pairs: Iterator[tuple[Any, Decimal]]) -> dict[Any, Decimal]:
    sums: dict[Any, Decimal] = defaultdict(Decimal)
    for key, amount in pairs:
        sums[key] += amount
    return dict(sums)


def money(amount: dict[str, str]) -> tuple[str, Decimal]:
    return amount["currencyCode"], Decimal(amount["amount"])


@pytest.fixture(scope="module")
def german_week(week: Week) -> dict[tuple[str, date], list[Order]]:
    """nordlicht_kerzen's orders of the documented days, by country and day."""
    days: dict[tuple[str, date], list[Order]] = defaultdict(list)
    for order in week.orders["nordlicht_kerzen"]:
        if date(2026, 10, 20) <= day_of(order)[1] <= date(2026, 10, 26):
            days[day_of(order)].append(order)
    return days


@pytest.mark.parametrize("block", SQL, ids=name_of)
def test_every_question_has_an_answer(week: Week, block: Block) -> None:
    with psycopg.connect(week.dsn) as analyst:
        assert analyst.execute(block.code).fetchall(), "It gives no row."  # type: ignore[arg-type]


@pytest.mark.parametrize("block", PYTHON, ids=name_of)
def test_every_python_block_runs(week: Week, block: Block) -> None:
    variables(week, block)


def test_the_document_has_blocks_of_both_languages() -> None:
    assert (len(SQL) > 10, len(PYTHON) > 1) == (True, True)


def test_the_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", DOCUMENT.read_text(encoding="utf-8"))
    assert targets
    assert [target for target in targets if not (DOCUMENT.parent / target).exists()] == []


def test_complete_are_the_three_sellers_through_the_last_run(week: Week) -> None:
    rows = answer(week, "Is the data complete?")
    assert {row["seller_id"]: row["complete_through_utc"] for row in rows} == dict.fromkeys(
        SHOPS, week.complete_through_utc
    )
    last_days = {row["country_code"]: row["last_whole_day"] for row in answer(week, "Is the data complete?", 2)}
    assert last_days["DE"] == last_days["US"] == last_days["JP"] == date(2026, 10, 26)


def test_sales_by_day_are_those_of_the_landed_pages(week: Week, german_week: dict[Any, list[Order]]) -> None:
    expected = {
        (country, day, "EUR"): (
            len(sold := [order for order in orders if not is_cancelled(order)]),
            sum(total_of(order) is None for order in sold),
            sum((total_of(order) or Decimal(0) for order in sold), Decimal(0)),
        )
        for (country, day), orders in german_week.items()
    }
    rows = answer(week, "Sales by day and marketplace")
    found = {
        (r["country_code"], r["day"], r["currency_code"]): (
            r["sold_orders"],
            r["orders_without_total"],
            r["grand_total_amount"],
        )
        for r in rows
    }
    assert found == expected
    assert {(country, day) for country, day, _ in found} >= {("DE", date(2026, 10, 25)), ("FR", date(2026, 10, 24))}


def test_monthly_averages_leave_out_orders_without_a_total(week: Week) -> None:
    row = next(row for row in answer(week, "Sales by day and marketplace", 2) if row["seller_id"] == "nordlicht_kerzen")
    totals = [total for o in week.orders["nordlicht_kerzen"] if not is_cancelled(o) and (total := total_of(o))]
    assert row["total_amount"] == sum(totals)
    assert row["average_amount"] == round(sum(totals) / len(totals), 2)


def test_pandas_gives_the_same_sales_as_exact_decimals(week: Week, german_week: dict[Any, list[Order]]) -> None:
    by_country = variables(week, PYTHON[0])["by_country"]
    expected = summed(
        ((country, "EUR"), total_of(order) or Decimal(0))
        for (country, _), orders in german_week.items()
        for order in orders
    )
    assert by_country.to_dict() == expected
    assert {type(amount) for amount in by_country} == {Decimal}


def test_pandas_averages_are_exact_decimals(week: Week) -> None:
    averages = variables(week, PYTHON[1])["average_amount"]
    totals = [total for order in week.orders["maple_trail"] if (total := total_of(order))]
    currencies = {o["proceeds"]["grandTotal"]["currencyCode"] for o in week.orders["maple_trail"] if total_of(o)}
    assert {key[1] for key in averages if key[0] == "maple_trail"} == currencies == {"USD", "CAD"}
    assert {type(amount) for amount in averages.values()} == {Decimal}
    assert min(totals) < averages["maple_trail", "USD"] < max(totals)


def test_cancelled_orders_are_counted_as_amazon_tells_them(week: Week) -> None:
    rows = answer(week, "What do cancellations cost?")
    for seller_id, orders in week.orders.items():
        mine = [row for row in rows if row["seller_id"] == seller_id]
        assert sum(row["cancelled_orders"] for row in mine) == sum(map(is_cancelled, orders)) > 0
        assert sum(row["orders"] for row in mine) == len(orders)


def test_cancelled_lines_are_worth_their_list_price(week: Week) -> None:
    expected = summed(
        ((seller_id, price[0], is_cancelled(order)), price[1] * item["quantityOrdered"])
        for seller_id, order, item in lines(week)
        if is_cancelled(order) or "cancelledBy" in (item.get("cancellation") or {}).get("cancellationExecution", {})
        for price in [money(item["product"]["price"]["unitPrice"])]
    )
    rows = answer(week, "What do cancellations cost?", 2)
    assert {(r["seller_id"], r["currency_code"], r["is_whole_order"]): r["list_price_amount"] for r in rows} == expected
    assert {whole for _, _, whole in expected} == {True, False}


def test_the_reasons_cover_every_cancelled_line(week: Week) -> None:
    executed = Counter(
        seller_id for seller_id, _, item in lines(week) if (item.get("cancellation") or {}).get("cancellationExecution")
    )
    found: Counter[str] = Counter()
    for row in answer(week, "What do cancellations cost?", 3):
        found[row["seller_id"]] += row["lines"]
    assert found == executed


def test_tax_is_summed_by_what_it_is_on(week: Week) -> None:
    expected = summed(
        ((seller_id, order["salesChannel"]["marketplaceName"], detail["subtype"], value[0]), value[1])
        for seller_id, order, item in lines(week)
        for whole in breakdowns(item)
        if whole["type"] == "TAX"
        for detail in whole["detailedBreakdowns"]
        for value in [money(detail["value"])]
    )
    rows = answer(week, "Tax, as Amazon tells it")
    keys = ("seller_id", "marketplace_name", "subtype", "currency_code")
    assert {tuple(row[key] for key in keys): row["tax_amount"] for row in rows} == expected


def test_the_share_without_tax_is_all_of_japan_and_little_of_germany(week: Week) -> None:
    rows = {row["marketplace_name"]: row for row in answer(week, "Tax, as Amazon tells it", 2)}
    japan = [order for order in week.orders["sakura_kitchen"] if total_of(order)]
    assert rows["Amazon.co.jp"]["tax_not_told"] == rows["Amazon.co.jp"]["orders"] == len(japan)
    assert rows["Amazon.co.jp"]["without_tax_percent"] == 100
    assert rows["Amazon.de"]["tax_not_told"] == 1


def test_changed_since_yesterday_is_what_amazon_updated_since(week: Week) -> None:
    since = week.complete_through_utc - timedelta(days=1)
    changed = [
        (order, datetime.fromisoformat(order["createdTime"]) > since)
        for orders in week.orders.values()
        for order in orders
        if datetime.fromisoformat(order["lastUpdatedTime"]) > since
    ]
    rows = answer(week, "What has changed since yesterday?")
    assert {(row["order_id"], row["is_new"]) for row in rows} == {(order["orderId"], new) for order, new in changed}
    assert {new for _, new in changed} == {True, False}
    earlier = answer(week, "What has changed since yesterday?", 2)
    assert sum(row["changed_orders"] for row in earlier) == sum(not new for _, new in changed)
    assert date(2026, 10, 25) in {row["day"] for row in earlier if row["country_code"] == "DE"}


def test_the_best_sellers_are_those_of_the_landed_pages(week: Week) -> None:
    units: Counter[tuple[str, str]] = Counter()
    for seller_id, order, item in lines(week):
        sold = not is_cancelled(order) and not (item.get("cancellation") or {}).get("cancellationExecution")
        if seller_id == "nordlicht_kerzen" and sold and "2026-10-20" <= order["createdTime"] < "2026-10-27":
            units[item["product"]["sellerSku"], order["salesChannel"]["marketplaceName"]] += item["quantityOrdered"]
    rows = answer(week, "Best selling SKUs")
    assert [row["units"] for row in rows] == sorted(units.values(), reverse=True)[:20]
    assert all(units[row["seller_sku"], row["marketplace_name"]] == row["units"] for row in rows)


def test_packages_hold_what_amazon_packed(week: Week) -> None:
    packed = Counter(
        (order["orderId"], number, content["quantity"])
        for order in week.orders["nordlicht_kerzen"]
        for number, package in enumerate(order.get("packages") or (), start=1)
        for content in package["packageItems"]
    )
    rows = answer(week, "From an order to its packages and promotions")
    assert Counter((row["order_id"], row["package_number"], row["quantity"]) for row in rows) == packed


def test_a_line_with_two_promotions_counts_its_discount_once(week: Week) -> None:
    promoted = [
        (seller_id, item) for seller_id, _, item in lines(week) if (item.get("promotion") or {}).get("breakdowns")
    ]
    assert any(len(item["promotion"]["breakdowns"]) > 1 for _, item in promoted)
    expected = summed(
        ((seller_id, value[0]), value[1])
        for seller_id, item in promoted
        for whole in breakdowns(item)
        if whole["type"] == "DISCOUNT"
        for value in [money(whole["subtotal"])]
    )
    rows = answer(week, "From an order to its packages and promotions", 3)
    found = {(row["seller_id"], row["currency_code"]): row["discount_amount"] for row in rows if row["discount_amount"]}
    assert found == expected
    assert sum(row["lines"] for row in rows) == len(promoted)


def test_the_levels_of_charges_tell_the_same_money_and_a_tip_stands_on_the_first_alone(week: Week) -> None:
    rows = answer(week, "Not counting money twice in `order_charges`")
    tips = [row for row in rows if row["type"] == "DELIVERY_TIP"]
    assert [(tip["whole_orders_amount"], tip["lines_amount"]) for tip in tips] == [(Decimal("2.00"), None)]
    others = [row for row in rows if row["type"] != "DELIVERY_TIP"]
    assert all(row["whole_orders_amount"] == row["lines_amount"] for row in others)
    detailed = [row for row in others if row["type"] in ("TAX", "DISCOUNT")]
    assert detailed
    assert all(row["details_amount"] == row["lines_amount"] for row in detailed)
