"""The link of a shop's start page: it names the shop and what for, cannot be guessed, and ends.

Whether a newer authorization has ended it earlier is seen from its generation, by whoever opens the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import Final, Literal

from itsdangerous import BadData, URLSafeSerializer

from include.authorization.status import Authorization, Status
from include.errors import SettingsError
from include.settings import NotificationSettings

SALT: Final = "start page"
LINK_LIFE: Final = timedelta(days=14)

LinkPurpose = Literal["reconnect", "renew", "connect"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartLink:
    """What a link is bound to.

    Attributes:
        seller_id: The seller, and no other.
        purpose: Connect for the first time, renew before the end, or reconnect after it.
        generation: The authorization to be followed by the next; 0 where there is none yet.
        ends_utc: When the link ends, in whole seconds.
    """

    seller_id: str
    purpose: LinkPurpose
    generation: int
    ends_utc: datetime


def link_for(standing: Authorization, *, now_utc: datetime) -> StartLink:
    """Return the link that an authorization needs now; it lasts `LINK_LIFE`, or as long as the authorization."""
    ends_utc = max(now_utc + LINK_LIFE, standing.expires_utc or now_utc).astimezone(UTC)
    return StartLink(
        seller_id=standing.seller_id,
        purpose=_purpose(standing),
        generation=standing.generation,
        ends_utc=ends_utc.replace(microsecond=0),
    )


def start_page_url(settings: NotificationSettings, link: StartLink) -> str:
    """Return the address of the start page; the same link has the same one for as long as `SECRET_KEY` stays.

    Raises:
        SettingsError: There is no key to sign with.
    """
    payload = [link.seller_id, link.purpose, link.generation, int(link.ends_utc.timestamp())]
    return f"{settings.public_base_url}/shop/{URLSafeSerializer(_required_key(settings), salt=SALT).dumps(payload)}"


def read_link(settings: NotificationSettings, signed: str) -> StartLink | None:
    """Return what a link's last part is bound to, None where we did not sign it; whether it has ended is not asked.

    Raises:
        SettingsError: There is no key to have signed with.
    """
    keys = _required_key(settings), *settings.old_secret_keys
    return next(filter(None, (_read(URLSafeSerializer(key, salt=SALT), signed) for key in keys)), None)


def _read(serializer: URLSafeSerializer, signed: str) -> StartLink | None:
    try:
        payload = serializer.loads(signed)
        # Several spellings of a signature decode to the same bytes; ours is the only one that counts.
        if not compare_digest(serializer.dumps(payload), signed):
            return None
        match payload:
            case [str(seller_id), "reconnect" | "renew" | "connect" as purpose, int(generation), int(ends)]:
                ends_utc = datetime.fromtimestamp(ends, UTC)
                return StartLink(seller_id=seller_id, purpose=purpose, generation=generation, ends_utc=ends_utc)
    except (BadData, ValueError, TypeError, OverflowError, OSError):
        # Not signed by us, no text that could be, or no instant.
        return None
    return None


def _purpose(standing: Authorization) -> LinkPurpose:
    if not standing.generation:
        return "connect"
    return "reconnect" if standing.status is Status.REAUTHORIZATION_REQUIRED else "renew"


def _required_key(settings: NotificationSettings) -> str:
    if not settings.secret_key:
        raise SettingsError("SECRET_KEY is not set.", remedy="Set it to any long random text, and keep it.")
    return settings.secret_key
