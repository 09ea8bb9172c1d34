"""A fingerprint tells two tokens apart, survives another key, and gives no token away."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.authorization.fingerprint import fingerprint, is_another_token
from include.errors import SettingsError

KEY = "any long random text"
TOKENS = st.text(min_size=1)


def test_a_fingerprint_is_the_keys_mark_and_a_hash() -> None:
    assert re.fullmatch(r"[0-9a-f]{8}:[0-9a-f]{32}", fingerprint("Atzr|A", KEY))


def test_without_a_key_there_is_none() -> None:
    with pytest.raises(SettingsError, match="SECRET_KEY") as refused:
        fingerprint("Atzr|s3cr3t", "")
    assert "s3cr3t" not in str(refused.value)


@given(token=TOKENS, other=TOKENS, key=st.text(min_size=1))
def test_under_one_key_two_fingerprints_differ_where_two_tokens_do(token: str, other: str, key: str) -> None:
    assert is_another_token(fingerprint(token, key), fingerprint(other, key)) is (token != other)


@given(token=TOKENS, other=TOKENS)
def test_under_another_key_no_token_is_called_another(token: str, other: str) -> None:
    assert not is_another_token(fingerprint(token, KEY), fingerprint(other, f"{KEY}!"))
    assert fingerprint(token, KEY) != fingerprint(token, f"{KEY}!")


def test_the_mark_of_a_key_is_the_hash_of_no_token() -> None:
    mark = fingerprint("Atzr|A", KEY).partition(":")[0]
    assert mark not in fingerprint("key", KEY).partition(":")[2]
