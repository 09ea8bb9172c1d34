"""What the generated shops sell: invented products with titles in German, English and Japanese."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from include.fake_amazon.dice import Dice, digest_number

_ASIN_LETTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"

# Title, then the price in hundredths of a euro-like unit; {} takes the variant.
_PRODUCTS: dict[str, tuple[tuple[str, int], ...]] = {
    "de": (
        ("Duftkerze „Nordlicht“ aus Sojawachs, {}, 220 g", 1690),
        ("Teelichthalter aus Glas, 6er-Set, {}", 2149),
        ("Kerzenlöscher aus gebürstetem Edelstahl – {}", 1295),
        ("Stumpenkerzen, rußarm, 12 Stück, {}", 2390),
        ("Räucherstäbchen „Fränkischer Wald“ ({})", 799),
        ("Überwurfdecke aus Bio-Baumwolle, 150 × 200 cm, {}", 4995),
        ("USB-C-Netzteil 65 W für Geräte größerer Leistung, {}", 3499),
        ("Messschieber digital, 150 mm, Gehäuse {}", 2780),
        ("Akku-Schlagbohrschrauber „Größe L“, 18 V, {}", 12990),
        ("Mehrfachsteckdose mit Überspannungsschutz, 6-fach, {}", 1999),
        ("Thermobecher mit Schraubverschluss & Henkel, {}, 0,5 l", 1849),
        ("Schlüsselanhänger mit Wunschgravur, {}", 990),
    ),
    "en": (
        ("Harbour Rope Doormat, 45 x 75 cm, {}", 2450),
        ("Enamel Camping Mug – {}, 350 ml", 1299),
        ("Waxed Canvas Tote Bag with Leather Handles ({})", 5495),
        ("Merino Hiking Socks, 3 Pairs, {}", 2890),
        ("Maple Wood Serving Board, Engraved, {}", 3675),
        ("Stainless Steel Water Bottle 32 oz, {}", 2195),
        ("Ship's Bell Wall Clock, {}", 7950),
        ("Trail Mix Storage Jars, Set of 4, {}", 1849),
        ("Rechargeable Headlamp 400 Lumens – {}", 3299),
        ("Kids' Rain Boots “Puddle”, {}", 2599),
        ('Cast Iron Skillet 10" with {} Silicone Grip', 3450),
        ("Notebook, Dotted, 192 Pages, {}", 1150),
    ),
    "ja": (
        ("南部鉄器 急須 0.6L {}", 6980),
        ("有田焼 ごはん茶碗 2個セット {}", 3480),
        ("三徳包丁 165mm ステンレス {}", 8900),
        ("竹製まな板 Mサイズ（{}）", 2780),
        ("卵焼き器 IH対応 {}", 3280),
        ("曲げわっぱ弁当箱 一段 {}", 5980),
        ("箸置き 桜 5個組 {}", 1480),
        ("手ぬぐい 綿100% 「さくら」{}", 980),
        ("土鍋 8号 3〜4人用 {}", 4580),
        ("だし用保存容器 1.2L×2 {}", 1980),
        ("和菓子木型 {}", 2200),
        ("茶筒 200g用 {}", 1650),
    ),
}
_VARIANTS: dict[str, tuple[str, ...]] = {
    "de": ("schwarz", "weiß", "dunkelgrün", "rosé"),
    "en": ("Navy", "Natural", "Forest Green", "Charcoal"),
    "ja": ("黒", "白", "桜色", "藍色"),
}
# Rough factors from the euro-like unit, enough to look right; yen have no hundredths.
_PRICE_FACTORS = {"JPY": 1.0, "PLN": 4.3, "SEK": 11.0, "MXN": 19.0, "TRY": 35.0, "INR": 90.0, "ZAR": 19.0, "EGP": 50.0}

GIFT_MESSAGES: dict[str, tuple[str, ...]] = {
    "de": ("Alles Gute zum Geburtstag, liebe Änne!", "Frohe Weihnachten von uns allen 🎄", "Für dich – mit Grüßen"),
    "en": ("Happy birthday, Grandpa!", "With love from all of us ❤", "Thank you for everything"),
    "ja": ("お誕生日おめでとうございます🎂", "いつもありがとう", "ご結婚おめでとうございます"),
}
CANCEL_REASONS: dict[str, tuple[str, ...]] = {
    "de": ("Versehentlich bestellt", "Lieferung käme zu spät", "Günstiger gefunden"),
    "en": ("Order created by mistake", "Item would not arrive on time", "Found cheaper somewhere else"),
    "ja": ("間違えて注文した", "届くのが遅い", "ほかでもっと安く見つけた"),
}


class Product(NamedTuple):
    """One offer of a shop; `price` is in hundredths of a euro-like unit, see `price_in`."""

    asin: str
    sku: str
    title: str
    price: int


@lru_cache(maxsize=4096)
def products_of(shop_id: str, language: str) -> tuple[Product, ...]:
    """The offers of a shop: some products of its language, each in every variant; the same at all times."""
    dice = Dice("catalogue", shop_id)
    initials = "".join(word[0] for word in shop_id.upper().split("_") if word)
    offers = []
    for number, (title, price) in enumerate(_PRODUCTS[language]):
        shop_price = price + 10 * dice.whole(-20, 40)
        for place, variant in enumerate(_VARIANTS[language]):
            sku = f"{initials}-{number + 1:02d}-{place + 1}"
            offers.append(Product(_asin(shop_id, sku), sku, title.format(variant), shop_price))
    return tuple(offers)


def _asin(shop_id: str, sku: str) -> str:
    number = digest_number("asin", shop_id, sku)
    letters = [_ASIN_LETTERS[number // len(_ASIN_LETTERS) ** place % len(_ASIN_LETTERS)] for place in range(8)]
    return "B0" + "".join(letters)


def price_in(currency_code: str, price: int) -> int:
    """A product's price in the minor units of a marketplace's currency."""
    factor = _PRICE_FACTORS.get(currency_code, 1.0)
    if factor == 1.0:
        return price
    return int(price * factor) // 100 * 100 + 99
