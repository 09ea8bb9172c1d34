"""Invented buyers: names, addresses and tax numbers by country, so that there is personal data to remove."""

from __future__ import annotations

from typing import NamedTuple

from include.fake_amazon.dice import Dice


class _Country(NamedTuple):
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    streets: tuple[str, ...]
    places: tuple[tuple[str, str, str], ...]
    phone: str
    company: str
    vat_prefix: str


_COUNTRIES: dict[str, _Country] = {
    "DE": _Country(
        ("Jürgen", "Änne", "Käthe", "Sören", "Lena", "Matthias"),
        ("Müller-Lüdenscheidt", "Großkopf", "Schäfer", "Öztürk", "Weiß", "Kühn"),
        ("Lindenstraße", "Am Mühlbach", "Königsallee", "Schloßplatz", "Gänsemarkt"),
        (("10115", "Berlin", ""), ("80331", "München", "Bayern"), ("50667", "Köln", ""), ("24103", "Kiel", "")),
        "+49 30 55501",
        "GmbH",
        "DE",
    ),
    "FR": _Country(
        ("Hélène", "François", "Zoé", "Jérôme"),
        ("Lefèvre", "Garçon", "Benoît", "Noël"),
        ("Rue de l'Église", "Avenue des Chênes", "Boulevard Voltaire"),
        (("75011", "Paris", ""), ("69003", "Lyon", ""), ("33000", "Bordeaux", "")),
        "+33 1 55 01",
        "SARL",
        "FR",
    ),
    "IT": _Country(
        ("Giulia", "Niccolò", "Chiara", "Matteo"),
        ("D'Angelo", "Ferri", "Però", "Russo"),
        ("Via Garibaldi", "Corso Italia", "Piazza della Libertà"),
        (("20121", "Milano", "MI"), ("00184", "Roma", "RM"), ("40121", "Bologna", "BO")),
        "+39 02 5550",
        "S.r.l.",
        "IT",
    ),
    "ES": _Country(
        ("Íñigo", "Lucía", "Begoña", "Andrés"),
        ("Muñoz", "García Pérez", "Peña", "Ibáñez"),
        ("Calle Mayor", "Avenida de la Constitución", "Plaza de España"),
        (("28013", "Madrid", "Madrid"), ("08002", "Barcelona", "Cataluña"), ("41001", "Sevilla", "Andalucía")),
        "+34 91 555 0",
        "S.L.",
        "ES",
    ),
    "GB": _Country(
        ("Oliver", "Siobhán", "Amelia", "Harry"),
        ("O'Connor", "Whitfield", "Pritchard-Jones", "Hughes"),
        ("Church Lane", "High Street", "Station Road", "The Mews"),
        (("BS1 4DJ", "Bristol", ""), ("EH1 1RE", "Edinburgh", "Midlothian"), ("M1 2AB", "Manchester", "")),
        "+44 117 496 0",
        "Ltd",
        "GB",
    ),
    "NL": _Country(
        ("Sjoerd", "Anouk", "Daniël", "Fleur"),
        ("van der Meer", "de Vries", "Jansen"),
        ("Keizersgracht", "Dorpsstraat", "Molenweg"),
        (("1015 CJ", "Amsterdam", "Noord-Holland"), ("3511 AB", "Utrecht", "Utrecht")),
        "+31 20 555 0",
        "B.V.",
        "NL",
    ),
    "PL": _Country(
        ("Łukasz", "Małgorzata", "Wojciech", "Zofia"),
        ("Wiśniewska", "Dąbrowski", "Żak"),
        ("ul. Długa", "ul. Kościuszki", "Plac Wolności"),
        (("00-238", "Warszawa", "mazowieckie"), ("50-101", "Wrocław", "dolnośląskie")),
        "+48 22 555 0",
        "Sp. z o.o.",
        "PL",
    ),
    "US": _Country(
        ("Emily", "José", "Tyler", "Aaliyah", "Grace"),
        ("Johnson", "Nguyen", "Ramirez", "O'Brien", "Smith"),
        ("Main St", "Oak Ave", "Elm St", "Lakeview Dr"),
        (
            ("98101", "Seattle", "WA"),
            ("78701", "Austin", "TX"),
            ("04101", "Portland", "ME"),
            ("10003", "New York", "NY"),
        ),
        "+1 206-555-0",
        "LLC",
        "US",
    ),
    "CA": _Country(
        ("Noah", "Chloé", "Liam", "Aurélie"),
        ("Tremblay", "MacDonald", "Singh", "Côté"),
        ("Maple Street", "Rue Saint-Paul", "King Street W"),
        (("M5V 2T6", "Toronto", "ON"), ("H2Y 1H1", "Montréal", "QC"), ("V6B 1A1", "Vancouver", "BC")),
        "+1 416-555-0",
        "Inc.",
        "CA",
    ),
    "JP": _Country(
        ("花子", "太郎", "結衣", "蓮", "さくら"),
        ("佐藤", "高橋", "渡辺", "小林"),
        ("青葉台一丁目", "桜町二丁目", "中央三丁目"),
        (
            ("150-0042", "渋谷区", "東京都"),
            ("530-0001", "大阪市北区", "大阪府"),
            ("600-8216", "京都市下京区", "京都府"),
        ),
        "+81 3-5550-",
        "株式会社",
        "T",
    ),
}
_COUNTRIES["IE"] = _COUNTRIES["GB"]._replace(
    places=(("D02 XY45", "Dublin 2", "Co. Dublin"), ("T12 W8NC", "Cork", "Co. Cork")),
    phone="+353 1 555 0",
    vat_prefix="IE",
)
_COUNTRIES["BE"] = _COUNTRIES["NL"]._replace(
    places=(("1000", "Brussel", ""), ("9000", "Gent", "Oost-Vlaanderen")), phone="+32 2 555 0", vat_prefix="BE"
)


class Buyer(NamedTuple):
    """One invented buyer; `company` and what follows it are empty for private people."""

    name: str
    email: str
    address: dict[str, str]
    company: str
    purchase_order_number: str
    vat_number: str


def draw_buyer(dice: Dice, country_code: str, domain: str, *, is_business: bool) -> Buyer:
    """Invent a buyer of this country; the address carries a delivery address's fields as Amazon names them."""
    country = _COUNTRIES.get(country_code, _COUNTRIES["US"])
    first, last = dice.pick(country.first_names), dice.pick(country.last_names)
    name = f"{last} {first}" if country_code == "JP" else f"{first} {last}"
    postal_code, city, state = dice.pick(country.places)
    house = dice.whole(1, 180)
    street = dice.pick(country.streets)
    company = f"{last} {country.company}" if is_business else ""
    address = {
        "name": name,
        "companyName": company,
        "addressLine1": f"{house} {street}" if country_code in ("GB", "US", "CA", "FR", "IE") else f"{street} {house}",
        "city": city,
        "stateOrRegion": state,
        "postalCode": postal_code,
        "countryCode": country_code,
        "phone": f"{country.phone}{dice.whole(100, 999)}",
        "addressType": "COMMERCIAL" if is_business else "RESIDENTIAL",
    }
    return Buyer(
        name=name,
        email=f"{dice.digits(12)}@marketplace.{domain}",
        address={key: value for key, value in address.items() if value},
        company=company,
        purchase_order_number=f"PO-{dice.digits(6)}" if is_business else "",
        vat_number=f"{country.vat_prefix}{dice.digits(9)}" if is_business else "",
    )
