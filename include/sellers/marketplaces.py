"""Amazon's marketplaces with what differs between them: id, region, currency, time zone, Seller Central address.

The table is written down because no operation of the Selling Partner API lists it; a marketplace that opens is one
more line here. Ids and addresses: Amazon's marketplace-ids page, as read in November 2026.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from include.sellers.regions import Region

_EUROPE: Final = "https://sellercentral-europe.amazon.com"
_OWN: Final = "https://sellercentral."  # followed by the shop's domain


@dataclass(frozen=True, slots=True)
class Marketplace:
    """One Amazon shop.

    Attributes:
        country_code: Two letters; the United Kingdom is "UK", as Amazon's own pages say it.
        marketplace_id: Amazon's id, the one that requests and orders carry.
        region: The region whose endpoint serves this shop.
        currency_code: ISO 4217, the currency of its prices.
        zone: IANA time zone of the shop's business day. North America has one for all but Brazil, Los Angeles.
        name: What shoppers call it, like "Amazon.de".
        seller_central_url: Where its sellers sign in; without a slash at the end.
    """

    country_code: str
    marketplace_id: str
    region: Region
    currency_code: str
    zone: str
    name: str
    seller_central_url: str


MARKETPLACES: Final[tuple[Marketplace, ...]] = (
    Marketplace("CA", "A2EUQ1WTGCTBG2", "na", "CAD", "America/Los_Angeles", "Amazon.ca", _OWN + "amazon.ca"),
    Marketplace("US", "ATVPDKIKX0DER", "na", "USD", "America/Los_Angeles", "Amazon.com", _OWN + "amazon.com"),
    Marketplace("MX", "A1AM78C64UM0Y8", "na", "MXN", "America/Los_Angeles", "Amazon.com.mx", _OWN + "amazon.com.mx"),
    Marketplace("BR", "A2Q3Y263D00KWC", "na", "BRL", "America/Sao_Paulo", "Amazon.com.br", _OWN + "amazon.com.br"),
    # The Seller Central addresses of Ireland and South Africa are not on a page of Amazon's; others report them.
    Marketplace("IE", "A28R8C7NBKEWEA", "eu", "EUR", "Europe/Dublin", "Amazon.ie", _OWN + "amazon.ie"),
    Marketplace("ES", "A1RKKUPIHCS9HS", "eu", "EUR", "Europe/Madrid", "Amazon.es", _EUROPE),
    Marketplace("UK", "A1F83G8C2ARO7P", "eu", "GBP", "Europe/London", "Amazon.co.uk", _EUROPE),
    Marketplace("FR", "A13V1IB3VIYZZH", "eu", "EUR", "Europe/Paris", "Amazon.fr", _EUROPE),
    Marketplace("BE", "AMEN7PMS3EDWL", "eu", "EUR", "Europe/Brussels", "Amazon.com.be", _OWN + "amazon.com.be"),
    Marketplace("NL", "A1805IZSGTT6HS", "eu", "EUR", "Europe/Amsterdam", "Amazon.nl", _OWN + "amazon.nl"),
    Marketplace("DE", "A1PA6795UKMFR9", "eu", "EUR", "Europe/Berlin", "Amazon.de", _EUROPE),
    Marketplace("IT", "APJ6JRA9NG5V4", "eu", "EUR", "Europe/Rome", "Amazon.it", _EUROPE),
    Marketplace("SE", "A2NODRKZP88ZB9", "eu", "SEK", "Europe/Stockholm", "Amazon.se", _OWN + "amazon.se"),
    Marketplace("ZA", "AE08WJ6YKNBMC", "eu", "ZAR", "Africa/Johannesburg", "Amazon.co.za", _OWN + "amazon.co.za"),
    Marketplace("PL", "A1C3SOZRARQ6R3", "eu", "PLN", "Europe/Warsaw", "Amazon.pl", _OWN + "amazon.pl"),
    Marketplace("EG", "ARBP9OOSHTCHU", "eu", "EGP", "Africa/Cairo", "Amazon.eg", _OWN + "amazon.eg"),
    Marketplace("TR", "A33AVAJ2PDY3EV", "eu", "TRY", "Europe/Istanbul", "Amazon.com.tr", _OWN + "amazon.com.tr"),
    Marketplace("SA", "A17E79C6D8DWNP", "eu", "SAR", "Asia/Riyadh", "Amazon.sa", _OWN + "amazon.sa"),
    Marketplace("AE", "A2VIGQ35RCS4UG", "eu", "AED", "Asia/Dubai", "Amazon.ae", _OWN + "amazon.ae"),
    Marketplace("IN", "A21TJRUUN4KGV", "eu", "INR", "Asia/Kolkata", "Amazon.in", _OWN + "amazon.in"),
    Marketplace("SG", "A19VAU5U5O7RUS", "fe", "SGD", "Asia/Singapore", "Amazon.sg", _OWN + "amazon.sg"),
    Marketplace("AU", "A39IBJ37TRP1C6", "fe", "AUD", "Australia/Sydney", "Amazon.com.au", _OWN + "amazon.com.au"),
    Marketplace("JP", "A1VC38T7YXB528", "fe", "JPY", "Asia/Tokyo", "Amazon.co.jp", _OWN + "amazon.co.jp"),
)

_BY_ID: Final = MappingProxyType({m.marketplace_id: m for m in MARKETPLACES})
_BY_COUNTRY: Final = MappingProxyType({m.country_code: m for m in MARKETPLACES})


def by_country(code: str) -> Marketplace | None:
    """Find a marketplace by its country code in capitals.

    "UK" and "GB" are the same shop: Amazon writes the first, ISO 3166 the second.

    Returns:
        The marketplace, None for a code without one.
    """
    return _BY_COUNTRY.get("UK" if code == "GB" else code)


def by_id(marketplace_id: str) -> Marketplace | None:
    """Find a marketplace by Amazon's id; None for one that this table does not know."""
    return _BY_ID.get(marketplace_id)


def country_codes(region: Region | None = None) -> tuple[str, ...]:
    """List the country codes of a region, or of all three, in alphabetical order."""
    return tuple(sorted(m.country_code for m in MARKETPLACES if region in (None, m.region)))
