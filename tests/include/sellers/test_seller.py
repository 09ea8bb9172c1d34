"""What follows from a seller: ids that Airflow shows, its minute of the night, the words about a broken entry."""

from __future__ import annotations

from collections import Counter
from datetime import time
from pathlib import Path
from typing import Any

import pytest

from include.errors import OperatorActionError, SettingsError
from include.sellers.registry import MisconfiguredSeller, Problem, Seller
from include.sellers.seller import nightly_time


def _broken(*problems: Problem, seller_id: str | None = "acme") -> MisconfiguredSeller:
    return MisconfiguredSeller(
        position=3, seller_id=seller_id, problems=problems, path=Path("/etc/sellers.yaml"), line=17
    )


REGION = Problem("region", "'europe'", "one of eu, na, fe")


def test_the_nightly_minute_of_an_id_never_changes() -> None:
    assert [nightly_time(name) for name in ("harbour_goods", "sakura_kitchen", "first_steps")] == [
        time(4, 34),
        time(2, 18),
        time(3, 43),
    ]


def test_a_thousand_sellers_spread_over_three_hours_of_the_night() -> None:
    minutes = Counter(nightly_time(f"seller_{number}") for number in range(1000))
    assert {minute.hour for minute in minutes} == {2, 3, 4}
    assert len(minutes) > 160
    assert max(minutes.values()) <= 20


def test_a_seller_names_its_dag_its_connection_and_its_marketplaces(load: Any, complete: Any) -> None:
    (seller,) = load(complete(run_at="03:15"))
    assert isinstance(seller, Seller)
    assert seller.dag_id == "amazon_orders__acme"
    assert seller.connection_id == "amazon_seller_acme"
    assert seller.marketplace_ids == ("A1PA6795UKMFR9", "A13V1IB3VIYZZH")
    assert seller.cron == "15 3 * * *"


def test_a_seller_cannot_be_changed(load: Any, complete: Any) -> None:
    (seller,) = load(complete())
    with pytest.raises(AttributeError):
        seller.region = "na"


def test_the_message_of_a_broken_entry_names_seller_field_and_what_is_expected() -> None:
    assert _broken(REGION).message == "Seller acme: region is 'europe'; expected one of eu, na, fe."


def test_the_message_of_an_entry_without_usable_id_names_its_position() -> None:
    entry = _broken(REGION, seller_id=None)
    assert entry.message.startswith("Seller in entry 3: region is")
    assert entry.dag_id == "amazon_orders__entry_3"


def test_the_error_of_a_broken_entry_is_the_operators_and_names_file_and_line() -> None:
    error = _broken(REGION).to_error()
    assert isinstance(error, SettingsError)
    assert isinstance(error, OperatorActionError)
    assert "region is 'europe'" in str(error)
    assert error.remedy == "Correct the entry that starts on line 17 of /etc/sellers.yaml."


def test_a_message_about_many_problems_stays_short_and_says_how_many_there_are() -> None:
    entry = _broken(*(Problem(f"field_{number}", "missing", "it") for number in range(500)))
    assert len(entry.message) < 1000
    assert entry.message.endswith("490 more after these.")
