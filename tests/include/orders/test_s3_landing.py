"""Nights whose landing is a bucket: what a refusal ends them with, and that the nights after bring everything."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from include.errors import SellerOrdersError, SettingsError, TransientError
from include.fake_amazon.server import RunningFake
from include.orders.extract import extract_orders
from include.orders.load import load_orders
from include.orders.retention import delete_old_pages
from include.orders.windows import complete_through_utc
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.client import SellingPartnerClient
from include.warehouse.connection import Connection
from tests.include.orders.test_store import BUCKET, impatient, s3
from tests.payloads.aws import Aws
from tests.payloads.clocks import HandClock
from tests.payloads.quota import HandQuota
from tests.payloads.truth import tables_of, truth_of

pytestmark = pytest.mark.slow
__all__ = ["impatient", "s3"]
SINCE = datetime(2026, 10, 5, tzinfo=UTC)
OpenClient = Callable[..., SellingPartnerClient]


@pytest.fixture
def settings() -> Settings:
    """Settings whose landing is the bucket."""
    return Settings(raw_url=f"s3://{BUCKET}/raw")


@dataclasses.dataclass
class Nights:
    """A seller with three pages of orders, whose pages land in a bucket."""

    seller: Seller
    warehouse: Connection
    settings: Settings
    client: SellingPartnerClient
    clock: HandClock
    amazon: RunningFake

    def extract(self) -> None:
        """One try of the extraction."""
        extract_orders(
            self.seller, client=self.client, connection=self.warehouse, settings=self.settings, now=self.clock
        )

    def load(self) -> None:
        """One try of the load."""
        load_orders(self.warehouse, self.seller.seller_id)

    def asked(self) -> int:
        """Pages that Amazon gave."""
        calls = self.amazon.client.calls().items()
        return sum(count for (operation, _, status), count in calls if operation == "searchOrders" and status == 200)

    def recorded(self) -> int:
        """Pages on record."""
        row = self.warehouse.execute("SELECT count(*) FROM ops.landed_page").fetchone()
        return int(row[0])  # type: ignore[index,call-overload]

    def assert_equal(self) -> None:
        """The tables are as at Amazon."""
        through = complete_through_utc(self.warehouse, "acme")
        assert through
        truth = truth_of(self.amazon.client, "acme", through, SINCE)
        assert len(truth.orders) > 200
        assert tables_of(self.warehouse, "acme") == truth


@pytest.fixture
def nights(
    s3: Aws,
    impatient: None,
    warehouse: Connection,
    amazon: RunningFake,
    amazon_settings: Settings,
    open_shop: Callable[..., None],
    open_client: OpenClient,
    seller: Seller,
    clock: HandClock,
) -> Nights:
    open_shop(orders_per_day=220)
    return Nights(seller, warehouse, amazon_settings, open_client(quota=HandQuota(clock)), clock, amazon)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"code": "AccessDenied", "status": 403}, SettingsError),
        ({"code": "NoSuchBucket", "status": 404}, SettingsError),
        ({"code": "InternalError", "status": 500}, TransientError),
        ({"silent": True}, TransientError),
    ],
    ids=["closes", "goes", "breaks", "falls silent"],
)
def test_when_the_bucket_fails_between_two_pages_no_page_is_lost_and_the_next_night_asks_for_one_again(
    nights: Nights, s3: Aws, how: dict[str, Any], error: type[SellerOrdersError]
):
    s3.fail_after(1, "S3 PUT", **how)
    with pytest.raises(error):
        nights.extract()
    assert (nights.recorded(), nights.asked(), len(s3.objects(BUCKET))) == (1, 2, 1)
    s3.mend()
    nights.extract()
    # The page whose landing failed was asked for twice, no other.
    assert nights.asked() == nights.recorded() + 1
    assert len(s3.objects(BUCKET)) == nights.recorded() >= 3
    nights.load()
    nights.assert_equal()


def test_when_the_bucket_fails_while_loading_nothing_is_half_loaded_and_amazon_is_not_asked_again(
    nights: Nights, s3: Aws
):
    nights.extract()
    asked = nights.asked()
    s3.fail_after(1, "S3 GET", "SlowDown", status=503, message="Please reduce your request rate")
    with pytest.raises(TransientError):
        nights.load()
    assert nights.warehouse.execute("SELECT count(*) FROM amazon.orders").fetchone() == (0,)
    s3.mend()
    nights.load()
    nights.assert_equal()
    assert nights.asked() == asked


def test_pages_past_their_time_that_the_bucket_keeps_are_a_warning_and_go_the_night_after(
    nights: Nights, s3: Aws, caplog: pytest.LogCaptureFixture
):
    nights.extract()
    nights.load()
    nights.clock.advance(days=400)
    s3.fail("S3 DELETE", "AccessDenied", status=403)
    with caplog.at_level(logging.WARNING):
        assert delete_old_pages(nights.warehouse, "acme", days=90, now=nights.clock) == 0
    assert "stay for another night" in caplog.text
    s3.mend()
    assert delete_old_pages(nights.warehouse, "acme", days=90, now=nights.clock) > 0
    assert s3.objects(BUCKET) == []
