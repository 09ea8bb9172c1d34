"""One table of faults, each row a sentence; after every row the tables equal the truth and nothing secret is told.

A row spoils a night. What the night ends with is part of the row; then the fault is gone, and the nights after bring
everything.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from include.errors import ContractError, NotYetError, OperatorActionError, SellerActionError, TransientError
from include.fake_amazon import literal
from include.fake_amazon.literal import LiteralAnswer
from include.fake_amazon.server import RunningFake
from include.local_stack.ports import free_port
from include.local_stack.postgres import PostgresServer, ensure_database, ensure_role, find_binaries
from include.local_stack.waiting import wait_until
from include.orders.extract import extract_orders
from include.orders.landing import read_page
from include.orders.load import load_orders
from include.orders.windows import complete_through_utc
from include.sellers.registry import require_seller
from include.settings import Settings
from include.spapi.client import SellingPartnerClient
from include.warehouse.connection import Connection, connect
from include.warehouse.migrate import migrate
from tests.payloads.clocks import HandClock
from tests.payloads.orders import an_item, an_order
from tests.payloads.quota import HandQuota
from tests.payloads.truth import tables_of, truth_of

SINCE = datetime(2026, 10, 5, tzinfo=UTC)
ENTRY = """
sellers:
  - {id: acme, name: Acme, region: eu, marketplaces: [DE], contacts: [a@acme.example], language: en,
     timezone: Europe/Berlin, start_date: 2026-10-05}
  - {id: other, name: Other, region: na, marketplaces: [US], contacts: [o@other.example], language: en,
     timezone: America/New_York}
"""
TRIES = 5


class Stage:
    """A seller with three pages of orders at the fake Amazon, and the nights of its DAG."""

    def __init__(
        self, amazon: RunningFake, dsn: str, settings: Settings, clock: HandClock, client: SellingPartnerClient
    ) -> None:
        self.amazon = amazon.client
        self.dsn = dsn
        self.settings = settings
        self.clock = clock
        self.client = client
        self.client_secret = amazon.client.application().client_secret
        self.rejected = 0
        self.said: list[str] = []
        self.begun_utc = clock()

    def night(self) -> str:
        """Run the DAG as Airflow does, retries and all; returns the class of the error it ended with, "" for none."""
        self.begun_utc = self.clock()
        for task in (self.extract, self.load):
            try:
                self._with_retries(task)
            except (SellerActionError, OperatorActionError, ContractError, TransientError) as error:
                self.said.append(str(error))
                return type(error).__name__
        return ""

    def extract(self) -> None:
        """One try of the extraction."""
        seller = require_seller(self.settings.sellers_file, "acme")
        with connect(self.dsn) as connection:
            extract_orders(
                seller,
                client=self.client,
                connection=connection,
                settings=self.settings,
                now=self.clock,
                begun_utc=self.begun_utc,
            )

    def load(self) -> None:
        """One try of the load."""
        with connect(self.dsn) as connection:
            self.rejected += load_orders(connection, "acme").rejected

    def _with_retries(self, task: Callable[[], object]) -> None:
        tries = 0
        while True:
            try:
                task()
                return
            except NotYetError as wait:
                self.clock.instant = wait.until_utc
            except TransientError as error:
                tries += 1
                if tries == TRIES:
                    raise
                self.clock.advance(seconds=error.retry_after_s or 60)

    def say(self, answer: LiteralAnswer, operation: str = "searchOrders", **options: Any) -> None:
        """Let the next answers be this one."""
        self.amazon.fail_next(operation, **{**answer._asdict(), **options})

    def facts(self) -> str:
        """What a worker process of its own needs to know."""
        consent = self.amazon.authorize("acme")
        return json.dumps(
            {
                "warehouse_dsn": self.dsn,
                "raw_url": self.settings.raw_url,
                "lwa_token_url": self.settings.lwa_token_url,
                "spapi_endpoints": dict(self.settings.spapi_endpoints),
                "start_date": "2026-10-05",
                "now_utc": self.clock().isoformat(),
                "client_id": self.amazon.application().client_id,
                "client_secret": self.client_secret,
                "refresh_token": consent.refresh_token,
            }
        )

    @contextmanager
    def worker(self, task: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process that does one task, killed with -9 when the block ends."""
        command = [sys.executable, "-m", "tests.payloads.worker", task, self.facts()]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            try:
                yield process
            finally:
                os.kill(process.pid, signal.SIGKILL)

    def landed(self) -> int:
        """Pages landed so far."""
        with connect(self.dsn) as connection:
            return connection.execute("SELECT count(*) FROM ops.landed_page").fetchone()[0]  # type: ignore[index,return-value]


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        sentence: What happens.
        spoil: Makes it happen, before the night.
        ends: The class of the error that the spoilt night ends with; "" where the night heals by itself.
        rejected: How many orders stay unreadable.
    """

    sentence: str
    spoil: Callable[[Stage], object]
    ends: str = ""
    rejected: int = 0


def lwa(answer: LiteralAnswer, times: int = 1) -> Callable[[Stage], object]:
    """Login with Amazon answers like this."""
    return lambda stage: stage.say(answer, "lwa.refresh_token", times=times)


def api(answer: LiteralAnswer, times: int = 1) -> Callable[[Stage], object]:
    """The Selling Partner API answers like this, at its second call and after."""

    def spoil(stage: Stage) -> None:
        stage.amazon.fail_next("searchOrders", latency_s=0.001)
        stage.say(answer, times=times)

    return spoil


def answer(status: int, body: bytes, content_type: str = "application/json") -> LiteralAnswer:
    return LiteralAnswer(status, body, content_type)


def broken(document: object) -> Callable[[Stage], object]:
    """An order like this stands among the others."""
    return lambda stage: stage.amazon.add_broken_order("acme", document, at_utc=SINCE + timedelta(hours=3))


def given(*orders: dict[str, Any]) -> Callable[[Stage], object]:
    return lambda stage: stage.amazon.add_orders("acme", list(orders))


def sellers_file(text: str) -> Callable[[Stage], object]:
    return lambda stage: stage.settings.sellers_file.write_text(text)


def entry_with(right: str, wrong: str) -> Callable[[Stage], object]:
    return sellers_file(ENTRY.replace(right, wrong, 1))


def disk_is_full(stage: Stage) -> None:
    """The second page meets a device without space."""
    stage.settings = dataclasses.replace(stage.settings, most_pages_per_run=1)
    stage.night()
    stage.settings = dataclasses.replace(stage.settings, most_pages_per_run=200)
    (first,) = UPath(stage.settings.raw_url).rglob("page-0001.json.gz")
    (Path(first.path).parent / ".page-0002.json.gz.half").symlink_to("/dev/full")


def extraction_is_killed(stage: Stage) -> None:
    stage.amazon.fail_next("searchOrders", latency_s=0.001)
    stage.amazon.fail_next("searchOrders", latency_s=60)
    with stage.worker("extract"):
        assert wait_until(lambda: stage.landed() == 1, 60)
    stage.amazon.clear_faults()


def load_is_killed(stage: Stage) -> None:
    stage.extract()
    with connect(stage.dsn) as connection:
        with connection.transaction():
            # It comes as far as the lines of the orders, in the middle of its transaction.
            connection.execute("LOCK TABLE amazon.order_items IN ACCESS EXCLUSIVE MODE")
            with stage.worker("load"):
                assert wait_until(lambda: waits_for_a_lock(stage.dsn), 60)
        assert connection.execute("SELECT count(*) FROM amazon.orders").fetchone() == (0,)


def waits_for_a_lock(dsn: str) -> bool:
    with connect(dsn) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%order_items%'"
        return connection.execute(query).fetchone() != (0,)


def two_runs_at_once(stage: Stage) -> None:
    stage.amazon.fail_next("searchOrders", latency_s=0.001)
    stage.amazon.fail_next("searchOrders", latency_s=60)
    with stage.worker("extract"):
        assert wait_until(lambda: stage.landed() == 1, 60)
        for task in (stage.extract, stage.load):
            with pytest.raises(TransientError, match="Another run is still working on seller acme"):
                task()
    stage.amazon.clear_faults()


def an_order_loses_an_item(stage: Stage) -> None:
    two = an_order(orderItems=[an_item("1"), an_item("2")], packages=[{"packageReferenceId": "1"}])
    given(two)(stage)
    stage.night()
    stage.clock.advance(hours=2)
    one = an_order(orderItems=[an_item("2")], updated="2026-10-05T12:30:00Z")
    stage.amazon.update_order("acme", one["orderId"], order=one, at_utc=stage.clock() - timedelta(hours=1))


def an_older_state_lands_after_a_newer_one(stage: Stage) -> None:
    given(an_order(updated="2026-10-05T08:00:00Z", amount="1.00"))(stage)
    stage.night()
    stage.clock.advance(hours=2)
    stage.amazon.update_order(
        "acme",
        an_order()["orderId"],
        {"proceeds": {"grandTotal": {"amount": "2.00"}}},
        at_utc=stage.clock() - timedelta(hours=1),
    )
    stage.night()
    with connect(stage.dsn) as connection:
        # The first state's window waits for its load once more, as after a restore of its row.
        connection.execute(
            "UPDATE ops.extraction_window SET state = 'extracted' WHERE window_id ="
            " (SELECT min(window_id) FROM ops.extraction_window)"
        )


# The errors that end a night.
SELLER_ACTS = "ReauthorizationRequiredError"
APPLICATION = "ApplicationCredentialsError"
DENIED = "AccessDeniedError"
CONTRACT = "ContractError"
UNAVAILABLE = "ServiceUnavailableError"
THROTTLED = "OnlyWaitedError"
SETTINGS = "SettingsError"
OK_HTML = answer(200, b"<html>all is well</html>", "text/html")
CASES = [
    # Login with Amazon
    Case("LWA says the refresh token is revoked", lwa(literal.LWA_REFRESH_TOKEN_INVALID), SELLER_ACTS),
    Case("LWA says the client id or secret is wrong", lwa(literal.LWA_CLIENT_INVALID), APPLICATION),
    Case("LWA says the token is another app's", lwa(literal.LWA_CLIENT_UNAUTHORIZED), APPLICATION),
    Case("LWA misses a parameter", lwa(literal.LWA_PARAMETER_MISSING), CONTRACT),
    Case("LWA answers 403 with HTML", lwa(answer(403, b"<html></html>", "text/html"))),
    Case("LWA answers 404 with nothing", lwa(answer(404, b"")), CONTRACT),
    Case("LWA throttles", lwa(answer(429, b"{}"))),
    Case("LWA answers 500", lwa(literal.LWA_SERVER_ERROR)),
    Case("LWA answers 503 with HTML", lwa(literal.HTML_UNAVAILABLE, times=3)),
    Case("LWA answers 200 with HTML", lwa(OK_HTML), CONTRACT),
    Case("LWA answers 200 with nothing", lwa(answer(200, b"")), CONTRACT),
    Case("LWA drops the connection", lambda s: s.amazon.fail_next("lwa.refresh_token", drop=True, times=2)),
    Case("LWA's answer is cut off", lambda s: s.amazon.fail_next("lwa.refresh_token", cut_off=True)),
    # The Selling Partner API
    Case("the API answers 400 with JSON", api(literal.INVALID_INPUT), CONTRACT),
    Case("the API answers 400 with HTML", api(literal.HTML_REJECTED)),
    Case("our clock is some seconds ahead of Amazon's", api(literal.BEFORE_TOO_RECENT, times=3)),
    Case("the hourly token is expired", api(literal.ACCESS_TOKEN_EXPIRED)),
    Case("the hourly token is called malformed", api(literal.ACCESS_TOKEN_INVALID)),
    Case("every token is expired, fresh ones too", api(literal.ACCESS_TOKEN_EXPIRED, times=2), DENIED),
    Case("all access tokens end in the middle", lambda s: s.amazon.expire_access_tokens()),
    Case("the API answers 403 without details", api(literal.ACCESS_DENIED), DENIED),
    Case("the marketplace is not in the region", api(literal.MARKETPLACE_NOT_IN_REGION), DENIED),
    Case("the API says the client secret is expired", api(literal.CLIENT_SECRET_EXPIRED), APPLICATION),
    Case("the client secret is expired everywhere", lambda s: s.amazon.expire_client_secret(), APPLICATION),
    Case("Amazon's own security token is expired", api(literal.SECURITY_TOKEN_EXPIRED, times=3)),
    Case("the API answers 404", api(literal.RESOURCE_NOT_FOUND), CONTRACT),
    Case("the API throttles", api(literal.QUOTA_EXCEEDED, times=3)),
    Case("the API throttles for hours", lambda s: s.say(literal.QUOTA_EXCEEDED, times=900), THROTTLED),
    Case("the API throttles with nothing", api(answer(429, b""))),
    Case("the API answers 500", api(literal.INTERNAL_FAILURE, times=5)),
    Case("the API answers 500 without details", api(literal.INTERNAL_FAILURE_WITHOUT_DETAILS)),
    Case("the API answers 503 with HTML", api(literal.HTML_UNAVAILABLE, times=5)),
    Case("the API answers 503 for hours", api(literal.HTML_UNAVAILABLE, times=400), UNAVAILABLE),
    Case("the API answers 200 with HTML", api(OK_HTML), CONTRACT),
    Case("the API answers 200 with nothing", api(answer(200, b"")), CONTRACT),
    Case("the API answers 200 with half a document", api(answer(200, b'{"orders":[{"orderId"')), CONTRACT),
    Case("the API answers 200 without orders", api(answer(200, b'{"payload":{}}')), CONTRACT),
    Case("the API's answer is cut off", lambda s: s.amazon.fail_next("searchOrders", cut_off=True, times=2)),
    Case("the API drops the connection", lambda s: s.amazon.fail_next("searchOrders", drop=True, times=3)),
    Case("the API does not answer in time", lambda s: s.amazon.fail_next("searchOrders", latency_s=1.5)),
    Case("the pagination token is refused", api(literal.PAGINATION_TOKEN_INVALID), CONTRACT),
    # Orders
    Case("an order has no id", broken(an_order(orderId=None)), rejected=1),
    Case("an order's amount is no number", broken(an_order(amount="twelve")), rejected=1),
    Case("an order's amount is without end", broken(an_order(amount="1E+999999")), rejected=1),
    Case("an order's lines are a text", broken(an_order(orderItems="two")), rejected=1),
    Case("an order is a list", broken([1, 2]), rejected=1),
    Case("an order is null", broken(None), rejected=1),
    Case("an order has one line twice", broken(an_order(orderItems=[an_item("1"), an_item("1")])), rejected=1),
    Case("a quantity has thirty digits", broken(an_order(orderItems=[an_item(quantityOrdered=10**30)])), rejected=1),
    Case("an id has ten thousand characters", broken(an_order("9" * 10_000)), rejected=1),
    Case("an order has 500 lines", given(an_order(orderItems=[an_item(str(n)) for n in range(500)]))),
    Case(
        "texts hold emoji, tabs, backslashes, quotes and control characters",
        given(an_order(orderItems=[an_item(product={"title": '🫖\t\\N\\.\n"{}",\r\x07\u2028', "sellerSku": "\\N"})])),
    ),
    Case("Amazon sends unknown fields and words", given(an_order(novelty={"a": [1]}, programs=["NEXT_YEARS_PROGRAM"]))),
    Case("an order loses a line and its package", an_order_loses_an_item),
    # Pages
    Case("pages repeat orders of the page before", lambda s: s.amazon.set_page_order("acme", repeat=30)),
    Case("pages come in no order of time", lambda s: s.amazon.set_page_order("acme", shuffled=True)),
    Case("both", lambda s: s.amazon.set_page_order("acme", repeat=50, shuffled=True)),
    Case("an older state is loaded after a newer one", an_older_state_lands_after_a_newer_one),
    # Processes, disks
    Case("extraction is killed with -9 between two pages", extraction_is_killed),
    Case("loading is killed with -9 inside its transaction", load_is_killed),
    Case("two runs work at once", two_runs_at_once),
    Case("the disk is full when a page lands", disk_is_full),
    # sellers.yaml
    Case("sellers.yaml: no YAML", sellers_file("sellers:\n\t- id: acme"), SETTINGS),
    Case("sellers.yaml: empty", sellers_file(""), SETTINGS),
    Case("sellers.yaml: the seller is gone", entry_with("id: acme", "id: acme2"), SETTINGS),
    Case("sellers.yaml: a region that is none", entry_with("region: eu", "region: de"), SETTINGS),
    Case("sellers.yaml: a foreign marketplace", entry_with("[DE]", "[US]"), SETTINGS),
    Case("sellers.yaml: no contacts", entry_with("[a@acme.example]", "[]"), SETTINGS),
    Case("sellers.yaml: a zone that is none", entry_with("Europe/Berlin", "Berlin"), SETTINGS),
    Case("sellers.yaml: another entry is broken", entry_with("America/New_York", "Mars")),
    Case("sellers.yaml: an unknown field", entry_with("language: en,", "language: en, color: red,"), SETTINGS),
]


@pytest.fixture
def stage(
    amazon: RunningFake,
    amazon_settings: Settings,
    open_shop: Callable[..., None],
    open_client: Callable[..., SellingPartnerClient],
    warehouse_dsn: str,
    clock: HandClock,
    tmp_path: Path,
) -> Stage:
    open_shop(orders_per_day=220)
    file = tmp_path / "sellers.yaml"
    file.write_text(ENTRY)
    settings = dataclasses.replace(amazon_settings, sellers_file=file, http_timeout_s=1.0)
    client = open_client(patience_s=30 * 60, quota=HandQuota(clock))
    client._timeout_s = 1.0
    return Stage(amazon, warehouse_dsn, settings, clock, client)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_after_every_fault_the_tables_equal_the_truth(
    stage: Stage, case: Case, warehouse: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="include")
    case.spoil(stage)
    assert stage.night() == case.ends
    recover(stage)
    through = complete_through_utc(warehouse, "acme")
    assert through
    assert through >= stage.clock() - timedelta(minutes=3)
    truth = truth_of(stage.amazon, "acme", through, SINCE)
    assert len(truth.orders) > 200
    assert tables_of(warehouse, "acme") == truth
    assert warehouse.execute("SELECT rejected_orders FROM amazon.seller_freshness").fetchone() == (case.rejected,)
    assert bool(stage.rejected) == bool(case.rejected)
    assert_nothing_secret_is_told(stage, caplog.text)


@pytest.mark.slow
def test_postgresql_stopped_between_two_pages_and_started_again_costs_a_night_and_nothing_else(
    stage: Stage, tmp_path: Path
) -> None:
    settings = {"fsync": "off"}
    with PostgresServer(tmp_path / "data", find_binaries(), free_port(), "superuser", settings=settings) as server:
        ensure_role(server, "analyst", "analyst")
        ensure_database(server, "warehouse", "loader", "loader", readers=["analyst"])
        stage.dsn = server.dsn("warehouse", user="loader", password="loader")
        migrate(stage.dsn)
        client = stage.client
        stage.client = StopsServerAfter(2, server, client)  # type: ignore[assignment]
        assert stage.night() == "TransportError"
        assert stage.said == ["The warehouse does not answer."]
        server.start()
        stage.client = client
        recover(stage)
        with connect(stage.dsn) as warehouse:
            through = complete_through_utc(warehouse, "acme")
            assert through
            assert tables_of(warehouse, "acme") == truth_of(stage.amazon, "acme", through, SINCE)


class StopsServerAfter:
    """A client in front of a real one, which stops a server with one of its answers."""

    def __init__(self, calls: int, server: PostgresServer, client: SellingPartnerClient) -> None:
        self._left = calls
        self._server = server
        self._client = client
        self.quota_left = client.quota_left

    def get(self, *arguments: Any, **options: Any) -> Any:
        reply = self._client.get(*arguments, **options)
        self._left -= 1
        if self._left == 0:
            self._server.stop()
        return reply


def recover(stage: Stage) -> None:
    """The cause is gone, and the nights go on."""
    stage.amazon.clear_faults()
    stage.amazon.renew_client_secret()
    stage.amazon.authorize("acme")
    stage.settings.sellers_file.write_text(ENTRY)
    for pause in (timedelta(hours=1), timedelta(hours=24), timedelta(minutes=5)):
        stage.clock.advance(seconds=pause.total_seconds())
        assert stage.night() == ""


def assert_nothing_secret_is_told(stage: Stage, log: str) -> None:
    texts = [log, *(read_page(str(page)).decode() for page in UPath(stage.settings.raw_url).rglob("*.gz"))]
    for text in texts:
        for secret in (stage.client_secret, "Atza|", "Atzr|", "buyerEmail", "deliveryAddress", "giftMessage"):
            assert secret not in text
