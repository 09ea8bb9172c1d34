"""The words of the sellers' pages: a shop and how it stands in, HTML out; no database, no network, no routes.

`shop.html` is the page's shape, `shop.de.html` and `shop.en.html` are its words. Names of shops are not trusted.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.authorization.status import Authorization, Status
from include.notifications.words import day_in_words, one_line
from include.sellers.seller import Language, Seller
from include.settings import NotificationSettings

Notice = Literal["nothing_here", "trouble"]
# What only we can mend, and what a seller reads is the same for each: we are at it.
_IN_HAND: Final = "in_hand"
_SELLER_SEES: Final[Mapping[Status, str]] = {
    Status.CONNECTED: Status.CONNECTED,
    Status.EXPIRES_SOON: Status.EXPIRES_SOON,
    Status.VERIFYING: Status.VERIFYING,
    Status.REAUTHORIZATION_REQUIRED: Status.REAUTHORIZATION_REQUIRED,
    Status.NEVER_CONNECTED: _IN_HAND,
    Status.ACCESS_DENIED: _IN_HAND,
    Status.APPLICATION_CREDENTIALS: _IN_HAND,
}
_TEMPLATES: Final = Path(__file__).parent / "templates"
_STYLE: Final = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action "
)
NO_FORMS: Final = f"{CONTENT_SECURITY_POLICY}'none'"
OWN_FORMS: Final = f"{CONTENT_SECURITY_POLICY}'self'"
environment = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.globals["style"] = _STYLE


def start_page(
    seller: Seller,
    standing: Authorization | None,
    settings: NotificationSettings,
    language: Language,
    *,
    start_url: str = "",
    is_first: bool = False,
) -> str:
    """Write a shop's start page.

    Args:
        seller: The shop.
        standing: How its authorization stands, None where nobody can tell just now; the page is silent on it then.
        settings: Our name, our address, and who answers questions.
        language: The page's.
        start_url: Where the button posts to, "" for no button.
        is_first: Whether the shop is to be connected for the first time.
    """
    address = parseaddr(settings.reply_to)[1]
    return environment.get_template(f"shop.{language}.html").render(
        language=language,
        shop_name=one_line(seller.name),
        app_name=one_line(settings.app_name),
        old_app_names=[one_line(name) for name in settings.old_app_names],
        start_url=start_url,
        is_first=is_first,
        is_private=seller.authorization == "private",
        # Whoever connects for the first time has nothing that could stand well or badly yet.
        standing="" if is_first else _seller_sees(seller, standing),
        since=day_in_words(standing.since_utc if standing else None, seller.timezone, language),
        expires_on=day_in_words(standing.expires_utc if standing else None, seller.timezone, language),
        seller_central=urlsplit(seller.marketplaces[0].seller_central_url).hostname,
        address=address,
        mailto=f"mailto:{quote(address, safe='@')}",
        our_address=f"{settings.public_base_url}/",
    )


def notice_page(notice: Notice) -> str:
    """Write a page in both languages that says of no shop that it exists."""
    return environment.get_template(f"{notice}.html").render(language="de")


def _seller_sees(seller: Seller, standing: Authorization | None) -> str:
    if standing is None:
        return ""
    sees = _SELLER_SEES[standing.status]
    # Of a private application we hold the token; its seller has nothing to renew here.
    needs_seller = sees in (Status.EXPIRES_SOON, Status.REAUTHORIZATION_REQUIRED)
    return _IN_HAND if needs_seller and seller.authorization == "private" else sees
