"""Which shops sell on the fake Amazon: where, since when, how much, in which language; read from a TOML file."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec

from include.fake_amazon.dice import digest_number
from include.fake_amazon.marketplaces import BY_COUNTRY, REGIONS

DEMO_SHOPS_FILE = Path(__file__).with_name("demo_shops.toml")
LANGUAGES = ("de", "en", "ja")
DEFAULT_OPENED = date(2026, 10, 1)
_ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class ShopsError(ValueError):
    """A shop's description cannot be used; the message names the shop and the field."""


class Shop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One seller's shop on Amazon's side.

    Attributes:
        shop_id: The id, equal to the product's seller id.
        selling_partner_id: Amazon's id of the seller.
        marketplaces: Country codes; the seller participates in these.
        opened: The UTC day of the first possible order.
        orders_per_day: Orders on an ordinary day.
        launch_orders: Orders beyond these, spread over the first 30 days.
        language: Language of the catalogue: de, en or ja.
        b2b_share: Share of business orders, 0 to 1.
    """

    shop_id: str
    selling_partner_id: str
    store_name: str
    region: str
    marketplaces: tuple[str, ...]
    opened: date = DEFAULT_OPENED
    orders_per_day: Annotated[float, msgspec.Meta(ge=0)] = 5
    launch_orders: Annotated[int, msgspec.Meta(ge=0)] = 0
    language: str = "en"
    b2b_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1

    @property
    def opened_utc(self) -> datetime:
        """The instant from which orders can exist."""
        return datetime(self.opened.year, self.opened.month, self.opened.day, tzinfo=UTC)

    @property
    def marketplace_ids(self) -> tuple[str, ...]:
        """Amazon's ids of the shop's marketplaces, in the order of its list."""
        return tuple(BY_COUNTRY[country].marketplace_id for country in self.marketplaces)


def selling_partner_id_for(shop_id: str) -> str:
    """An id that looks like Amazon's (A and 13 letters or digits) and depends on the shop's id alone."""
    number = digest_number("selling partner", shop_id)
    letters = []
    for _ in range(13):
        number, place = divmod(number, len(_ID_LETTERS))
        letters.append(_ID_LETTERS[place])
    return "A" + "".join(letters)


def make_shop(fields: dict[str, Any]) -> Shop:
    """Build a shop from plain values, filling in what can be derived, and check it.

    Raises:
        ShopsError: A field is missing, unknown or not usable.
    """
    shop_id = fields.get("shop_id", "")
    known = {
        "selling_partner_id": selling_partner_id_for(str(shop_id)),
        "store_name": str(shop_id).replace("_", " ").title(),
    }
    try:
        shop = msgspec.convert({**known, **fields}, Shop)
    except msgspec.ValidationError as error:
        raise ShopsError(f"Shop {shop_id!r}: {error}.") from error
    if not shop_id:
        raise ShopsError("A shop has no shop_id.")
    if shop.region not in REGIONS:
        raise ShopsError(f"Shop {shop_id!r}: region is {shop.region!r}; expected one of {', '.join(REGIONS)}.")
    if shop.language not in LANGUAGES:
        raise ShopsError(f"Shop {shop_id!r}: language is {shop.language!r}; expected one of {', '.join(LANGUAGES)}.")
    for country in shop.marketplaces:
        if country not in BY_COUNTRY:
            raise ShopsError(f"Shop {shop_id!r}: Amazon has no marketplace {country!r}.")
    return shop


def load_shops(path: Path = DEMO_SHOPS_FILE) -> list[Shop]:
    """Read the shops of a TOML file: one table `[shops.<shop_id>]` each.

    Raises:
        ShopsError: The file is missing, no TOML, or one of its shops is not usable.
    """
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise ShopsError(f"The file of shops {path} cannot be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ShopsError(f"The file of shops {path} is no TOML: {error}.") from error
    return [make_shop({"shop_id": shop_id, **fields}) for shop_id, fields in document.get("shops", {}).items()]
