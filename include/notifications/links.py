"""The link of a shop's start page: it names the shop, cannot be guessed, and opens nothing but that page."""

from __future__ import annotations

from itsdangerous import BadData, URLSafeSerializer

from include.errors import SettingsError
from include.settings import NotificationSettings

PURPOSE = "start page"


def start_page_url(settings: NotificationSettings, seller_id: str) -> str:
    """Return the address that stays the same for as long as `SECRET_KEY` does.

    Raises:
        SettingsError: There is no key to sign with.
    """
    return f"{settings.public_base_url}/shop/{_serializer(settings).dumps(seller_id)}"


def seller_of_link(settings: NotificationSettings, signed: str) -> str | None:
    """Return the seller's id that a link's last part names, None where we did not sign it."""
    try:
        seller_id = _serializer(settings).loads(signed)
    except BadData:
        return None
    return seller_id if isinstance(seller_id, str) else None


def _serializer(settings: NotificationSettings) -> URLSafeSerializer:
    if not settings.secret_key:
        raise SettingsError("SECRET_KEY is not set.", remedy="Set it to any long random text, and keep it.")
    return URLSafeSerializer(settings.secret_key, salt=PURPOSE)
