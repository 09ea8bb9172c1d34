"""Which refresh token is this: a keyed hash that tells two tokens apart and gives neither away."""

from __future__ import annotations

import hashlib
import hmac

from include.errors import SettingsError

LENGTH = 32


def fingerprint(refresh_token: str, secret_key: str) -> str:
    """Return the key's own mark, a colon, and the token's hash under the key.

    Raises:
        SettingsError: There is no key.
    """
    if not secret_key:
        raise SettingsError("SECRET_KEY is not set.", remedy="Set it to any long random text, and keep it.")
    return f"{_hash(secret_key, 'key')[:8]}:{_hash(secret_key, f'token {refresh_token}')}"


def is_another_token(recorded: str, seen: str) -> bool:
    """Tell whether two fingerprints are of two tokens; under another key nobody can tell, so they are not."""
    return recorded != seen and recorded.partition(":")[0] == seen.partition(":")[0]


def _hash(secret_key: str, text: str) -> str:
    return hmac.digest(secret_key.encode(), text.encode(), hashlib.sha256).hex()[:LENGTH]
