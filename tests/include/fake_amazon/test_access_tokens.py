"""Who may call the Selling Partner API, and with what words the others are refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests

PARTICIPATIONS_PATH = "/sellers/v1/marketplaceParticipations"


def _assert_denied(response: requests.Response, details: str) -> None:
    message = "Access to requested resource is denied."
    assert response.status_code == 403
    assert response.json() == {"errors": [{"code": "Unauthorized", "message": message, "details": details}]}
    assert response.headers["x-amzn-errortype"] == "AccessDeniedException"
    assert response.headers["x-amzn-RequestId"]
    assert "x-amzn-RateLimit-Limit" not in response.headers


def test_a_fresh_token_is_let_in(seller):
    response = seller.get(PARTICIPATIONS_PATH)
    assert response.status_code == 200
    assert response.headers["x-amzn-RequestId"]
    assert response.headers["x-amzn-RateLimit-Limit"]


def test_a_token_lives_for_an_hour_of_the_fakes_clock(fake, seller):
    issued = fake.client.clock()
    token = seller.exchange().json()["access_token"]
    fake.client.set_clock(issued + timedelta(seconds=3599), frozen=True)
    assert seller.get(PARTICIPATIONS_PATH, token=token).status_code == 200
    fake.client.set_clock(issued + timedelta(seconds=3600), frozen=True)
    _assert_denied(seller.get(PARTICIPATIONS_PATH, token=token), "The access token you provided has expired.")


@pytest.mark.parametrize("token", ["Atza|garbage", "garbage", "Atza|AAAA.AAAA"])
def test_a_garbage_token_is_revoked_malformed_or_invalid(seller, token):
    response = seller.get(PARTICIPATIONS_PATH, token=token)
    _assert_denied(response, "The access token you provided is revoked, malformed or invalid.")


def test_an_altered_token_is_invalid(seller):
    token = seller.exchange().json()["access_token"]
    altered = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    response = seller.get(PARTICIPATIONS_PATH, token=altered)
    _assert_denied(response, "The access token you provided is revoked, malformed or invalid.")


def test_a_call_without_a_token_is_told_so(seller):
    response = seller.get(PARTICIPATIONS_PATH, token="")
    _assert_denied(response, "Access token is missing in the request header.")


def test_an_unknown_path_is_denied_without_details_instead_of_not_found(seller):
    _assert_denied(seller.get("/orders/v0/orders"), "")


def test_another_method_is_denied_without_details(fake, seller):
    headers = {"x-amz-access-token": seller.exchange().json()["access_token"]}
    _assert_denied(requests.post(fake.spapi_endpoint("eu") + PARTICIPATIONS_PATH, headers=headers, timeout=10), "")


def test_a_sellers_token_opens_no_other_region(seller):
    _assert_denied(seller.get(PARTICIPATIONS_PATH, region="na"), "")


def test_a_token_request_sent_to_this_host_is_told_apart(fake):
    response = requests.post(fake.spapi_endpoint("eu") + "/auth/o2/token", data={}, timeout=10)
    message = "Access to requested resource is denied."
    assert response.status_code == 403
    assert response.json() == {"errors": [{"code": "MissingAuthenticationToken", "message": message}]}


def test_forced_expiry_ends_every_token_issued_so_far_and_no_later_one(fake, new_seller):
    one, other = new_seller(), new_seller()
    assert one.get(PARTICIPATIONS_PATH).status_code == other.get(PARTICIPATIONS_PATH).status_code == 200
    fake.client.expire_access_tokens()
    for seller in (one, other):
        _assert_denied(seller.get(PARTICIPATIONS_PATH), "The access token you provided has expired.")
        seller.access_token = ""
        assert seller.get(PARTICIPATIONS_PATH).status_code == 200


def test_forced_expiry_of_one_shop_leaves_the_others_alone(fake, new_seller):
    one, other = new_seller(), new_seller()
    assert one.get(PARTICIPATIONS_PATH).status_code == other.get(PARTICIPATIONS_PATH).status_code == 200
    fake.client.expire_access_tokens(one.shop_id)
    assert one.get(PARTICIPATIONS_PATH).status_code == 403
    assert other.get(PARTICIPATIONS_PATH).status_code == 200


def test_an_issued_token_outlives_the_revocation_until_its_hour_ends(fake, seller):
    assert seller.get(PARTICIPATIONS_PATH).status_code == 200
    fake.client.revoke(seller.shop_id)
    assert seller.get(PARTICIPATIONS_PATH).status_code == 200
    fake.client.set_clock(fake.client.clock() + timedelta(hours=1), frozen=True)
    assert seller.get(PARTICIPATIONS_PATH).status_code == 403
