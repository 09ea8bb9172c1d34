"""A refresh token on its way to the Connection rests encrypted under SECRET_KEY; nobody reads it without that."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from include.errors import SettingsError, TokenUnreadableError


def seal(refresh_token: str, secret_key: str) -> str:
    """Encrypt a token.

    Raises:
        SettingsError: There is no key.
    """
    return _fernet(secret_key).encrypt(refresh_token.encode()).decode()


def unseal(sealed: str, secret_key: str, old_secret_keys: Sequence[str] = ()) -> str:
    """Decrypt what `seal` made, under the present key or an earlier one.

    Raises:
        SettingsError: There is no key.
        TokenUnreadableError: It is another than the token was sealed with.
    """
    try:
        keys = [_fernet(key) for key in (secret_key, *old_secret_keys)]
        return MultiFernet(keys).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise TokenUnreadableError(
            "SECRET_KEY is not the one that a waiting refresh token was sealed with; the seller starts again."
        ) from None


def _fernet(secret_key: str) -> Fernet:
    if not secret_key:
        raise SettingsError("SECRET_KEY is not set.", remedy="Set it to any long random text, and keep it.")
    key = hmac.digest(secret_key.encode(), b"refresh tokens on their way", hashlib.sha256)
    return Fernet(base64.urlsafe_b64encode(key))
