"""A sealed token says nothing, and opens with its own key alone."""

from __future__ import annotations

import pytest

from include.authorization.token_seal import seal, unseal
from include.errors import SettingsError, TokenUnreadableError


def test_a_sealed_token_opens_with_its_key_and_shows_nothing_of_itself():
    sealed = seal("Atzr|planted", "key")
    assert unseal(sealed, "key") == "Atzr|planted"
    assert "Atzr" not in sealed
    assert seal("Atzr|planted", "key") != sealed


def test_another_key_or_another_text_opens_nothing_and_lets_the_seller_start_again():
    sealed = seal("Atzr|planted", "key")
    for wrong, key in ((sealed, "another"), (sealed[:-4] + "AAA=", "key"), ("", "key")):
        with pytest.raises(TokenUnreadableError, match="SECRET_KEY"):
            unseal(wrong, key)


def test_after_a_change_of_the_key_the_old_one_still_opens_what_it_sealed():
    sealed = seal("Atzr|planted", "old")
    assert unseal(sealed, "new", ("older", "old")) == "Atzr|planted"
    with pytest.raises(TokenUnreadableError):
        unseal(sealed, "new", ("older",))


def test_without_a_key_nothing_is_kept():
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        seal("Atzr|planted", "")
