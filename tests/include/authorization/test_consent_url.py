"""Where sellers are sent, and which addresses count as Amazon's."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.authorization.consent_url import amazon_origins, consent_url, is_amazon_callback, login_return_url

ORIGINS = amazon_origins()
GOOD = "https://amazon.com/apps/authorize/confirm/amzn1.sellerapps.app.2eca"


def test_the_consent_page_is_asked_with_application_state_and_our_callback():
    url = urlsplit(
        consent_url(
            "https://sellercentral-europe.amazon.com",
            application_id="amzn1.sp.solution.1",
            state="s&=",
            redirect_uri="https://orders.example/callback",
        )
    )
    assert (url.netloc, url.path) == ("sellercentral-europe.amazon.com", "/apps/authorize/consent")
    assert parse_qs(url.query) == {
        "application_id": ["amzn1.sp.solution.1"],
        "state": ["s&="],
        "redirect_uri": ["https://orders.example/callback"],
    }


def test_a_draft_says_so_and_a_registered_callback_need_not_be_named():
    url = consent_url("https://x", application_id="a", state="s", is_draft=True)
    assert parse_qs(urlsplit(url).query) == {"application_id": ["a"], "state": ["s"], "version": ["beta"]}


def test_from_seller_central_the_browser_goes_back_with_both_states():
    query = parse_qs(urlsplit(login_return_url(GOOD, amazon_state="theirs", state="ours")).query)
    assert query == {"amazon_state": ["theirs"], "state": ["ours"]}


@pytest.mark.parametrize(
    "uri", [GOOD, "https://sellercentral.amazon.de".replace(".de", ".nl") + "/apps/authorize/confirm/x"]
)
def test_amazons_own_places_are_amazons(uri):
    assert is_amazon_callback(uri, allowed_origins=ORIGINS)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "http://amazon.com/apps/authorize/confirm/x",
        "https://amazon.com.evil.example/apps/authorize/confirm/x",
        "https://evil.example/apps/authorize/confirm/x",
        "https://amazon.com@evil.example/apps/authorize/confirm/x",
        "https://user@amazon.com/apps/authorize/confirm/x",
        "https://amazon.com:8443/apps/authorize/confirm/x",
        "https://amazon.com:443/apps/authorize/confirm/x",
        "https://amazon.com\\@evil.example/apps/authorize/confirm/x",
        "https://amazon.com/redirect?to=//evil.example",
        "https://amazon.com/apps/authorize/confirm/x?redirect_uri=https://evil.example",
        "https://amazon.com/apps/authorize/confirm/x#@evil.example",
        "https://AMAZON.com/apps/authorize/confirm/x",
        "https://amazon.com//evil.example/apps/authorize/confirm/x",
        "https://amazon.com/apps/authorize/confirm/%0d%0aSet-Cookie:x",
        "//amazon.com/apps/authorize/confirm/x",
        "https:/amazon.com/apps/authorize/confirm/x",
        "https://[amazon.com/apps/authorize/confirm/x",
        "https://аmazon.com/apps/authorize/confirm/x",
        "javascript:alert(1)//https://amazon.com/apps/authorize/confirm/",
        "https://www.amazon.com/apps/authorize/confirm/x",
        "http://sellercentral.localhost:8091/apps/authorize/confirm/x",
    ],
)
def test_nothing_else_is(uri):
    assert not is_amazon_callback(uri, allowed_origins=ORIGINS)


@given(st.text(max_size=60), st.text(max_size=20))
def test_no_text_before_or_behind_the_origin_makes_another_host_amazons(middle, tail):
    uri = f"https://amazon.com{middle}evil.example{tail}/apps/authorize/confirm/x"
    assert not is_amazon_callback(uri, allowed_origins=ORIGINS) or urlsplit(uri).netloc == "amazon.com"


def test_the_seller_central_of_the_settings_counts_too():
    own = "http://sellercentral.localhost:8091"
    assert is_amazon_callback(f"{own}/apps/authorize/confirm/x", allowed_origins=amazon_origins(own))


@pytest.mark.parametrize("path", ["confirm/../../gp/redirect.html", "confirm/./x", "confirm//x", "confirm/x/"])
def test_a_way_out_that_winds_is_not_amazons(path):
    uri = f"https://amazon.com/apps/authorize/{path}"
    assert not is_amazon_callback(uri, allowed_origins=frozenset({"https://amazon.com"}))
