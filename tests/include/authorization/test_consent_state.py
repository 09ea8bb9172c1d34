"""A one-time value is good once, for ten minutes, in its own browser; nobody can read it out of the database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from include.authorization import consent_state
from include.authorization.consent_state import Issued, Purpose
from include.errors import ConsentError, OtherBrowserError, StateExpiredError, StateUnknownError
from include.warehouse.connection import connect

ACCOUNT = "A2EXAMPLE1SELLER"


@pytest.fixture
def issued(warehouse, clock) -> Issued:
    return consent_state.issue(
        warehouse, seller_id="acme", purpose=Purpose.RECONNECT, generation=3, language="de", now_utc=clock()
    )


def _consume(connection, issued, clock, *, state=None, browser=None):
    return consent_state.consume(
        connection,
        issued.state if state is None else state,
        issued.browser if browser is None else browser,
        selling_partner_id=ACCOUNT,
        now_utc=clock(),
    )


def test_it_comes_back_as_what_it_was_issued_for(warehouse, issued, clock):
    clock.advance(minutes=9, seconds=59)
    consent = _consume(warehouse, issued, clock)
    assert (consent.seller_id, consent.purpose, consent.generation) == ("acme", Purpose.RECONNECT, 3)
    assert (consent.step, consent.selling_partner_id, consent.language) == ("returned", ACCOUNT, "de")


def test_it_is_good_once(warehouse, issued, clock):
    _consume(warehouse, issued, clock)
    with pytest.raises(StateUnknownError):
        _consume(warehouse, issued, clock)


def test_after_ten_minutes_it_is_good_no_more(warehouse, issued, clock):
    clock.advance(minutes=10)
    with pytest.raises(StateExpiredError):
        _consume(warehouse, issued, clock)


def test_in_another_browser_it_is_refused_and_stays_good_in_its_own(warehouse, issued, clock):
    for browser in ("", "x", issued.state):
        with pytest.raises(OtherBrowserError) as refused:
            _consume(warehouse, issued, clock, browser=browser)
        assert refused.value.seller_id == "acme"
    assert _consume(warehouse, issued, clock).consent_id == issued.consent_id


def test_the_cookie_of_one_does_not_open_another(warehouse, issued, clock):
    other = consent_state.issue(
        warehouse, seller_id="other", purpose=Purpose.CONNECT, generation=0, language="en", now_utc=clock()
    )
    with pytest.raises(OtherBrowserError):
        _consume(warehouse, issued, clock, browser=other.browser)


@pytest.mark.parametrize("forged", ["", "x" * 43, "' OR 1=1 --", "\ud800"])
def test_a_forged_one_is_unknown(warehouse, issued, clock, forged):
    with pytest.raises(StateUnknownError):
        _consume(warehouse, issued, clock, state=forged)
    assert consent_state.language_of(warehouse, forged) == ("", "")


def test_of_two_that_bring_it_at_once_exactly_one_gets_it(warehouse_dsn, issued, clock):
    def bring(_: int) -> bool:
        with connect(warehouse_dsn) as own:
            try:
                _consume(own, issued, clock)
            except ConsentError:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(bring, range(8))) == [False] * 7 + [True]


def test_the_database_holds_neither_of_the_two_values(warehouse, issued):
    row = str(warehouse.execute("SELECT * FROM ops.consent").fetchone())
    assert issued.state not in row
    assert issued.browser not in row
    assert issued.state not in repr(issued)


def test_an_account_from_the_address_is_kept_short_and_plain(warehouse, issued, clock):
    consent = consent_state.consume(
        warehouse, issued.state, issued.browser, selling_partner_id="A1<b>\n" + "9" * 99, now_utc=clock()
    )
    assert consent.selling_partner_id == "A1b" + "9" * 37


def test_what_nobody_came_back_with_is_forgotten_after_a_day_and_the_rest_is_kept(warehouse, issued, clock):
    consent_state.begin_kept(
        warehouse, seller_id="acme", sealed_token="…", generation=3, started_by="op", now_utc=clock()
    )
    consent_state.forget_unfinished(warehouse, now_utc=clock() + timedelta(hours=23))
    assert len(consent_state.read_consents(warehouse, "acme")) == 2
    consent_state.forget_unfinished(warehouse, now_utc=clock() + timedelta(hours=25))
    assert [known.step for known in consent_state.read_consents(warehouse, "acme")] == ["kept"]
