"""The link of a start page: what it carries comes back, and nothing else opens anything."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from include.authorization.status import Authorization, Status
from include.errors import SettingsError
from include.notifications.links import SALT, LinkPurpose, StartLink, link_for, read_link, start_page_url
from include.settings import NotificationSettings
from tests.payloads.clocks import HandClock

SETTINGS = NotificationSettings(secret_key="any long random text", public_base_url="https://orders.example.com")
NOW = HandClock()()
LINK = StartLink(seller_id="acme", purpose="renew", generation=2, ends_utc=NOW + timedelta(days=14))
STANDING = Authorization(
    seller_id="acme",
    status=Status.CONNECTED,
    since_utc=NOW,
    amazon_said="",
    last_good_utc=NOW,
    authorized_utc=None,
    expires_utc=None,
    generation=1,
    token_fingerprint="",
)
URL_CHARACTERS = string.ascii_letters + string.digits + "-_.~!*"

links = st.builds(
    StartLink,
    seller_id=st.text(),
    purpose=st.sampled_from(get_args(LinkPurpose)),
    generation=st.integers(0),
    ends_utc=st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
        lambda ends: ends.replace(microsecond=0)
    ),
)


def signed(link: StartLink = LINK, settings: NotificationSettings = SETTINGS) -> str:
    """The last part of a link's address."""
    return start_page_url(settings, link).rpartition("/")[2]


def signed_payload(payload: object, *, salt: str = SALT) -> str:
    """What our key makes of any payload."""
    return URLSafeSerializer(SETTINGS.secret_key, salt=salt).dumps(payload)  # type: ignore[return-value]


@given(links)
def test_whatever_a_link_is_bound_to_comes_back(link: StartLink):
    assert read_link(SETTINGS, signed(link)) == link


@given(links)
def test_an_address_is_one_part_below_shop_that_no_browser_must_escape(link: StartLink):
    address = start_page_url(SETTINGS, link)
    assert address.startswith("https://orders.example.com/shop/")
    assert set(address.removeprefix("https://orders.example.com/shop/")) <= set(URL_CHARACTERS)


@given(links, st.data())
def test_any_changed_character_is_refused(link: StartLink, data: st.DataObject):
    given_out = signed(link)
    place = data.draw(st.integers(0, len(given_out) - 1))
    other = data.draw(st.sampled_from(URL_CHARACTERS).filter(lambda character: character != given_out[place]))
    assert read_link(SETTINGS, given_out[:place] + other + given_out[place + 1 :]) is None


def test_every_other_last_character_is_refused_though_it_may_decode_to_the_same_signature():
    given_out = signed()
    others = [given_out[:-1] + other for other in URL_CHARACTERS if other != given_out[-1]]
    assert [read_link(SETTINGS, other) for other in others] == [None] * len(others)


@given(links, st.data())
def test_any_character_too_many_or_too_few_is_refused(link: StartLink, data: st.DataObject):
    given_out = signed(link)
    place = data.draw(st.integers(0, len(given_out) - 1))
    character = data.draw(st.sampled_from(URL_CHARACTERS + "=+/% \n"))
    assert read_link(SETTINGS, given_out[:place] + character + given_out[place:]) is None
    assert read_link(SETTINGS, given_out[:place] + given_out[place + 1 :]) is None
    assert read_link(SETTINGS, given_out + character) is None


@given(st.text(st.characters()) | st.text(URL_CHARACTERS))
def test_what_we_did_not_sign_is_no_link(text: str):
    assert read_link(SETTINGS, text) is None


def test_a_link_by_another_key_or_for_another_use_is_refused():
    assert read_link(SETTINGS, signed(settings=replace(SETTINGS, secret_key="another text"))) is None
    payload = ["acme", "renew", 2, int(NOW.timestamp())]
    assert read_link(SETTINGS, signed_payload(payload)) is not None
    assert read_link(SETTINGS, signed_payload(payload, salt="another use")) is None


@pytest.mark.parametrize(
    "payload",
    [
        "acme",
        None,
        {},
        [],
        ["acme"],
        ["acme", "renew", 2],
        ["acme", "renew", 2, 1_800_000_000, ""],
        ["acme", "login", 2, 1_800_000_000],
        [7, "renew", 2, 1_800_000_000],
        ["acme", "renew", "2", 1_800_000_000],
        ["acme", "renew", 2, 1.5],
        ["acme", "renew", 2, None],
        ["acme", "renew", 2, 10**30],
        ["acme", "renew", 2, 10**13],
    ],
)
def test_what_we_signed_of_another_shape_is_no_link(payload: object):
    assert read_link(SETTINGS, signed_payload(payload)) is None


def test_the_same_link_has_the_same_address():
    assert start_page_url(SETTINGS, LINK) == start_page_url(SETTINGS, replace(LINK))


def test_an_address_shows_no_shop_to_whoever_only_glances_at_it_and_stays_short():
    address = start_page_url(SETTINGS, LINK)
    assert "acme" not in address
    assert len(address) < 128


def test_a_link_that_has_ended_is_still_read_so_that_its_page_can_say_so():
    ended = replace(LINK, ends_utc=NOW - timedelta(days=400))
    assert read_link(SETTINGS, signed(ended)) == ended


def test_without_a_key_nothing_is_signed_or_read():
    keyless = replace(SETTINGS, secret_key="")
    with pytest.raises(SettingsError, match="SECRET_KEY is not set"):
        start_page_url(keyless, LINK)
    with pytest.raises(SettingsError, match="SECRET_KEY is not set"):
        read_link(keyless, "anything")


@pytest.mark.parametrize("status", Status)
def test_a_link_says_what_it_is_for(status: Status):
    expected = "reconnect" if status is Status.REAUTHORIZATION_REQUIRED else "renew"
    link = link_for(replace(STANDING, status=status, generation=3), now_utc=NOW)
    assert (link.seller_id, link.purpose, link.generation) == ("acme", expected, 3)
    assert link_for(replace(STANDING, status=status, generation=0), now_utc=NOW).purpose == "connect"


@pytest.mark.parametrize(
    ("expires_in", "lasts"),
    [(None, 14), (-3, 14), (0, 14), (13, 14), (14, 14), (15, 15), (365, 365)],
)
def test_a_link_lasts_two_weeks_or_as_long_as_the_authorization(expires_in: int | None, lasts: int):
    expires_utc = None if expires_in is None else NOW + timedelta(days=expires_in)
    assert link_for(replace(STANDING, expires_utc=expires_utc), now_utc=NOW).ends_utc == NOW + timedelta(days=lasts)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_what_a_link_is_made_of_comes_back_whatever_the_instant(now: datetime):
    link = link_for(STANDING, now_utc=now)
    assert read_link(SETTINGS, signed(link)) == link


def test_after_a_change_of_the_key_links_of_the_old_one_open_until_it_is_forgotten():
    given_out = signed()
    changed = replace(SETTINGS, secret_key="another long random text", old_secret_keys=(SETTINGS.secret_key,))
    assert read_link(changed, given_out) == LINK
    assert read_link(changed, signed(settings=changed)) == LINK
    assert signed(settings=changed) != given_out
    assert read_link(replace(changed, old_secret_keys=()), given_out) is None
