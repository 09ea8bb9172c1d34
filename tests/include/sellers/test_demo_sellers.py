"""The file that comes with the project: six sellers that differ, and a true reference of the format."""

from __future__ import annotations

from datetime import date

import pytest

from include.sellers.fields import FIELDS
from include.sellers.marketplaces import country_codes
from include.sellers.regions import REGIONS
from include.sellers.registry import Seller, load_sellers
from include.settings import Settings

FILE = Settings().sellers_file
TEXT = FILE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def demo() -> dict[str, Seller]:
    """The demo sellers by id; a misconfigured one fails here with its own words."""
    sellers = load_sellers(FILE)
    usable = {seller.seller_id: seller for seller in sellers if isinstance(seller, Seller)}
    assert len(usable) == len(sellers), [str(seller) for seller in sellers if not isinstance(seller, Seller)]
    return usable


def test_the_six_demo_sellers_trade_where_the_rest_of_the_project_expects_them(demo: dict[str, Seller]) -> None:
    trade = {name: (s.region, " ".join(m.country_code for m in s.marketplaces)) for name, s in demo.items()}
    assert trade == {
        "nordlicht_kerzen": ("eu", "DE FR IT ES"),
        "harbour_goods": ("eu", "UK IE"),
        "maple_trail": ("na", "US CA"),
        "sakura_kitchen": ("fe", "JP"),
        "grossmarkt_technik": ("eu", "DE NL BE PL"),
        "first_steps": ("na", "US"),
    }


def test_the_demo_sellers_differ_in_language_zone_authorization_and_time(demo: dict[str, Seller]) -> None:
    assert {seller.language for seller in demo.values()} == {"de", "en"}
    assert len({seller.timezone for seller in demo.values()}) == 5
    assert {name for name, seller in demo.items() if seller.authorization == "private"} == {"first_steps"}
    assert 0 < TEXT.count("\n    run_at:") < len(demo)


def test_no_demo_seller_keeps_personal_data_and_all_start_with_the_year(demo: dict[str, Seller]) -> None:
    assert not any(seller.personal_data for seller in demo.values())
    assert {seller.start_date for seller in demo.values()} == {date(2026, 1, 1)}


def test_mail_to_a_demo_seller_can_reach_nobody(demo: dict[str, Seller]) -> None:
    assert all(contact.endswith(".example") for seller in demo.values() for contact in seller.contacts)


@pytest.mark.parametrize("name", [field.name for field in FIELDS])
def test_the_first_demo_seller_shows_every_field(name: str) -> None:
    first = TEXT.split("  - id: ")[1]
    assert name == "id" or f"\n    {name}:" in first


@pytest.mark.parametrize("region", REGIONS)
def test_the_comment_lists_the_marketplaces_of_each_region(region: str) -> None:
    (line,) = (line for line in TEXT.splitlines() if line.lstrip(" #").startswith(f"{region}  "))
    listed = line.lstrip(" #").replace("(or GB) ", "").split()
    assert listed == [region, *country_codes(region)]  # type: ignore[arg-type]
