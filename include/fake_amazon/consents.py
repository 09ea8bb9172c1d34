"""What a confirmed consent hands out: codes, each good once and for five minutes, and the states of Seller Central."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

CODE_LIFE = timedelta(minutes=5)


@dataclass(slots=True)
class Consents:
    """Codes on their way to the application; they are not kept over a restart.

    Attributes:
        codes: By code, whose it is and until when it is good.
        amazon_states: By `amazon_state`, the shop whose owner came from Manage Your Apps.
    """

    codes: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    amazon_states: dict[str, str] = field(default_factory=dict)

    def issue(self, shop_id: str, now_utc: datetime) -> str:
        """Make a code of a shop's consent."""
        code = secrets.token_urlsafe(15)
        self.codes[code] = (shop_id, now_utc + CODE_LIFE)
        return code

    def shop_of(self, code: str) -> str:
        """Return whose code it is, "" for one that is unknown or used."""
        return self.codes[code][0] if code in self.codes else ""

    def redeem(self, code: str, now_utc: datetime) -> str:
        """Take a code; returns its shop, "" where it is unknown, used or too old."""
        shop_id, until_utc = self.codes.pop(code, ("", now_utc))
        return shop_id if now_utc < until_utc else ""

    def leave_for_login(self, shop_id: str) -> str:
        """Make the `amazon_state` of a seller who goes to the application's Login URI."""
        state = secrets.token_urlsafe(15)
        self.amazon_states[state] = shop_id
        return state
