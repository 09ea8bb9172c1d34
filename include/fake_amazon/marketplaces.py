"""Amazon's marketplaces: ids, regions, currencies, languages and the tax the generator charges there."""

from __future__ import annotations

from typing import NamedTuple

REGIONS = ("eu", "na", "fe")


class Marketplace(NamedTuple):
    """One marketplace as `getMarketplaceParticipations` describes it, with what the generator needs besides.

    Attributes:
        tax_bps: Tax on top of the listed price, in hundredths of a percent; 0 where prices are sent with tax inside.
        years_visible: How far back Amazon shows orders; None means since 2016.
    """

    country_code: str
    marketplace_id: str
    region: str
    name: str
    currency_code: str
    language_code: str
    domain_name: str
    tax_bps: int
    years_visible: int | None = 2


def _row(row: str) -> Marketplace:
    country, marketplace_id, region, name, currency, language, tax = row.split()
    years = None if country in ("JP", "AU", "SG") else 2
    return Marketplace(
        country, marketplace_id, region, name, currency, language, f"www.{name.lower()}", int(tax), years
    )


_ROWS = """
CA A2EUQ1WTGCTBG2 na Amazon.ca     CAD en_CA 1300
US ATVPDKIKX0DER  na Amazon.com    USD en_US 825
MX A1AM78C64UM0Y8 na Amazon.com.mx MXN es_MX 1600
BR A2Q3Y263D00KWC na Amazon.com.br BRL pt_BR 0
IE A28R8C7NBKEWEA eu Amazon.ie     EUR en_IE 2300
ES A1RKKUPIHCS9HS eu Amazon.es     EUR es_ES 2100
GB A1F83G8C2ARO7P eu Amazon.co.uk  GBP en_GB 2000
FR A13V1IB3VIYZZH eu Amazon.fr     EUR fr_FR 2000
BE AMEN7PMS3EDWL  eu Amazon.com.be EUR fr_BE 2100
NL A1805IZSGTT6HS eu Amazon.nl     EUR nl_NL 2100
DE A1PA6795UKMFR9 eu Amazon.de     EUR de_DE 1900
IT APJ6JRA9NG5V4  eu Amazon.it     EUR it_IT 2200
SE A2NODRKZP88ZB9 eu Amazon.se     SEK sv_SE 2500
ZA AE08WJ6YKNBMC  eu Amazon.co.za  ZAR en_ZA 1500
PL A1C3SOZRARQ6R3 eu Amazon.pl     PLN pl_PL 2300
EG ARBP9OOSHTCHU  eu Amazon.eg     EGP ar_AE 1400
TR A33AVAJ2PDY3EV eu Amazon.com.tr TRY tr_TR 2000
SA A17E79C6D8DWNP eu Amazon.sa     SAR ar_AE 1500
AE A2VIGQ35RCS4UG eu Amazon.ae     AED en_AE 500
IN A21TJRUUN4KGV  eu Amazon.in     INR en_IN 1800
SG A19VAU5U5O7RUS fe Amazon.sg     SGD en_SG 900
AU A39IBJ37TRP1C6 fe Amazon.com.au AUD en_AU 1000
JP A1VC38T7YXB528 fe Amazon.co.jp  JPY ja_JP 0
"""

ALL = tuple(_row(line) for line in _ROWS.strip().splitlines())
BY_COUNTRY = {marketplace.country_code: marketplace for marketplace in ALL} | {
    # Amazon's own pages write both; its Sellers API answers GB.
    "UK": next(marketplace for marketplace in ALL if marketplace.country_code == "GB")
}
BY_ID = {marketplace.marketplace_id: marketplace for marketplace in ALL}
