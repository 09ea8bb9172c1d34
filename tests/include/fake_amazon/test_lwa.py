"""Login with Amazon's token endpoint, as clients meet it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests

REFUSED_REFRESH_TOKEN = (
    "The request has an invalid grant parameter : refresh_token. User may have revoked or didn't grant the permission."
)


def test_a_refresh_token_buys_an_access_token_for_an_hour(seller):
    response = seller.exchange()
    body = response.json()
    assert response.status_code == 200
    assert body["access_token"].startswith("Atza|")
    assert len(body["access_token"]) < 2048
    assert (body["token_type"], body["expires_in"]) == ("bearer", 3600)
    assert response.headers["x-amzn-RequestId"]


def test_the_refresh_token_comes_back_unchanged_and_works_again(seller):
    first, second = seller.exchange().json(), seller.exchange().json()
    assert first["refresh_token"] == second["refresh_token"] == seller.refresh_token
    assert seller.refresh_token.startswith("Atzr|")


def test_each_exchange_gives_another_access_token(seller):
    assert seller.exchange().json()["access_token"] != seller.exchange().json()["access_token"]


def _assert_refused_for_good(response: requests.Response) -> None:
    body = response.json()
    assert response.status_code == 400
    assert (body["error"], body["error_description"]) == ("invalid_grant", REFUSED_REFRESH_TOKEN)
    assert set(body) == {"error_index", "error_description", "error", "request_id"}
    assert response.headers["x-amzn-errortype"] == "OA2InvalidRequestException"


@pytest.mark.parametrize("token", ["Atzr|garbage", "garbage", "Atzr|", "Atzr|é.x", "Atzr|AAAA.AAAA"])
def test_a_refresh_token_nobody_issued_is_an_invalid_grant(seller, token):
    _assert_refused_for_good(seller.exchange(refresh_token=token))


def test_an_access_token_is_no_refresh_token(seller):
    token = seller.exchange().json()["access_token"].replace("Atza|", "Atzr|")
    _assert_refused_for_good(seller.exchange(refresh_token=token))


def test_a_revoked_sellers_refresh_token_is_an_invalid_grant(fake, seller):
    fake.client.revoke(seller.shop_id)
    _assert_refused_for_good(seller.exchange())


def test_consenting_again_after_a_revocation_gives_another_token_and_the_old_one_stays_dead(fake, seller):
    fake.client.revoke(seller.shop_id)
    renewed = fake.client.authorize(seller.shop_id).refresh_token
    assert renewed != seller.refresh_token
    assert seller.exchange(refresh_token=renewed).status_code == 200
    _assert_refused_for_good(seller.exchange())


def test_consenting_again_without_a_revocation_gives_the_same_token(fake, seller):
    assert fake.client.authorize(seller.shop_id).refresh_token == seller.refresh_token


def test_revoking_one_seller_leaves_the_others_alone(fake, new_seller):
    revoked, other = new_seller(), new_seller()
    fake.client.revoke(revoked.shop_id)
    assert other.exchange().status_code == 200


def test_an_authorization_ends_after_365_days(fake, seller):
    consented = fake.client.clock()
    fake.client.set_clock(consented + timedelta(days=365, seconds=-1), frozen=True)
    assert seller.exchange().status_code == 200
    fake.client.set_clock(consented + timedelta(days=365), frozen=True)
    _assert_refused_for_good(seller.exchange())
    assert fake.client.authorize(seller.shop_id).refresh_token != seller.refresh_token


@pytest.mark.parametrize("wrong", [{"client_secret": "wrong"}, {"client_id": "wrong"}, {"client_secret": "é"}])
def test_wrong_application_credentials_are_an_invalid_client(seller, wrong):
    response = seller.exchange(**wrong)
    assert response.status_code == 401
    assert response.json() == {"error_description": "Client authentication failed", "error": "invalid_client"}
    assert response.headers["x-amzn-errortype"] == "OA2InvalidClientException"


def test_a_token_given_to_another_application_is_an_unauthorized_client(fake, seller):
    response = seller.exchange(refresh_token=fake.client.foreign_refresh_token(seller.shop_id))
    assert response.status_code == 400
    assert response.json() == {
        "error": "unauthorized_client",
        "error_description": "Not authorized for requested operation",
    }


@pytest.mark.parametrize("name", ["grant_type", "refresh_token", "client_id", "client_secret"])
def test_a_missing_parameter_is_named(seller, name):
    response = seller.exchange(**{name: None})
    assert response.status_code == 400
    assert response.json() == {
        "error": "invalid_request",
        "error_description": f"The request is missing a required parameter : {name}",
    }


def test_an_unknown_grant_type_is_unsupported(seller):
    response = seller.exchange(grant_type="password")
    assert response.status_code == 400
    assert response.json() == {
        "error": "unsupported_grant_type",
        "error_description": "The authorization grant type is not supported by the authorization server",
    }


def test_an_unknown_authorization_code_is_an_invalid_grant_of_its_own_wording(seller):
    response = seller.exchange(grant_type="authorization_code", code="unknown", refresh_token=None)
    assert response.status_code == 400
    assert response.json() == {
        "error_description": "The request has an invalid grant parameter : code",
        "error": "invalid_grant",
    }


def test_client_credentials_give_a_token_without_a_refresh_token(seller):
    response = seller.exchange(
        grant_type="client_credentials", scope="sellingpartnerapi::notifications", refresh_token=None
    )
    assert response.status_code == 200
    assert set(response.json()) == {"access_token", "token_type", "expires_in"}


def test_client_credentials_of_an_unknown_scope_are_refused(seller):
    response = seller.exchange(grant_type="client_credentials", scope="everything")
    assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")


def test_client_credentials_open_no_sellers_data(seller):
    exchanged = seller.exchange(grant_type="client_credentials", scope="sellingpartnerapi::notifications").json()
    response = seller.get("/sellers/v1/marketplaceParticipations", token=exchanged["access_token"])
    assert (response.status_code, response.json()["errors"][0]["details"]) == (403, "")


def test_a_body_that_is_no_form_lacks_its_first_parameter(fake):
    response = requests.post(fake.lwa_token_url, data=b"\xff\xfe{}", timeout=10)
    assert response.json()["error_description"] == "The request is missing a required parameter : grant_type"
