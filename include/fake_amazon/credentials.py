"""The application's credentials and its tokens, all derived from the seed, so that a restart knows them again.

Access tokens carry their own claims and a signature: nothing has to be stored for them to work, expire or be refused.
They are no secrets worth keeping; the worlds they open are invented.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

ACCESS_TOKEN_LIFE = timedelta(seconds=3600)
# The generation of refresh tokens that sellers gave to another application.
FOREIGN = -1
_ACCESS, _REFRESH = "Atza|", "Atzr|"


class Application(msgspec.Struct, frozen=True):
    """The one application of this fake Amazon."""

    client_id: str
    client_secret: str
    application_id: str


class RefreshClaims(msgspec.Struct, frozen=True, tag="refresh"):
    """What a refresh token says.

    Attributes:
        generation: Counts the seller's authorizations from 1; see `FOREIGN`.
    """

    shop_id: str
    generation: int


class AccessClaims(msgspec.Struct, frozen=True, tag="access"):
    """What an access token says.

    Attributes:
        shop_id: The seller, "" for a token of the application itself (client_credentials).
        generation: Count of the seller's forced expiries when it was issued.
        nonce: Makes each token another one.
    """

    shop_id: str
    generation: int
    issued_utc: datetime
    nonce: str

    def is_expired(self, now_utc: datetime, generation: int) -> bool:
        """Whether its hour is over, or all tokens of its generation were expired by force."""
        return self.generation != generation or now_utc >= self.issued_utc + ACCESS_TOKEN_LIFE


Claims = TypeVar("Claims", RefreshClaims, AccessClaims)


class Mint:
    """Issues and reads the tokens of one world."""

    def __init__(self, seed: int) -> None:
        self._key = hashlib.sha256(f"fake amazon {seed}".encode()).digest()
        identity = self._derive("application")
        self.application = Application(
            client_id=f"amzn1.application-oa2-client.{identity.hex()[:32]}",
            client_secret=f"amzn1.oa2-cs.v1.{self._derive('client secret').hex()}",
            application_id=f"amzn1.sp.solution.{uuid.UUID(bytes=identity[:16], version=4)}",
        )

    def _derive(self, *parts: object) -> bytes:
        return hmac.digest(self._key, "\x1f".join(map(str, parts)).encode(), "sha256")

    def refresh_token(self, shop_id: str, generation: int) -> str:
        """The refresh token of a seller's authorization, the same at each call."""
        return _REFRESH + self.signed(msgspec.json.encode(RefreshClaims(shop_id, generation)))

    def read_refresh_token(self, token: str) -> RefreshClaims | None:
        """Whose token this is, None for anything that this world has not issued."""
        return self._read(token, _REFRESH, RefreshClaims)

    def access_token(self, shop_id: str, generation: int, now_utc: datetime) -> str:
        """A new access token, another one at each call."""
        claims = AccessClaims(shop_id, generation, now_utc.astimezone(UTC), secrets.token_urlsafe(120))
        return _ACCESS + self.signed(msgspec.json.encode(claims))

    def read_access_token(self, token: str) -> AccessClaims | None:
        """The claims of a token of this world, None for anything else."""
        return self._read(token, _ACCESS, AccessClaims)

    def _read(self, token: str, prefix: str, claims: type[Claims]) -> Claims | None:
        payload = self.opened(token.removeprefix(prefix)) if token.startswith(prefix) else None
        if payload is None:
            return None
        try:
            return msgspec.json.decode(payload, type=claims)
        except msgspec.DecodeError:
            return None

    def signed(self, payload: bytes) -> str:
        """An opaque text that carries this payload and can be opened by this world only."""
        return f"{_text(payload)}.{_text(self._derive('signature', payload.hex())[:18])}"

    def opened(self, text: str) -> bytes | None:
        """The payload of a signed text, None when it was not made or was altered."""
        payload, _, signature = text.partition(".")
        try:
            content = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        except ValueError:
            return None
        return content if hmac.compare_digest(self.signed(content).encode(), text.encode()) and signature else None


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
