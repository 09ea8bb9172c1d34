"""The application's client secret past its 180 days: every seller is refused, and none of them can help it."""

from __future__ import annotations

import pytest

PARTICIPATIONS_PATH = "/sellers/v1/marketplaceParticipations"
CLIENT_CREDENTIALS = {"grant_type": "client_credentials", "scope": "sellingpartnerapi::notifications"}


@pytest.mark.parametrize("form", [{}, CLIENT_CREDENTIALS], ids=["a refresh token", "client credentials"])
def test_login_with_amazon_refuses_an_expired_secret_as_it_refuses_a_wrong_one(fake, seller, form):
    fake.client.expire_client_secret()
    response = seller.exchange(**form)
    assert response.status_code == 401
    assert response.json() == {"error_description": "Client authentication failed", "error": "invalid_client"}
    assert response.headers["x-amzn-errortype"] == "OA2InvalidClientException"


def test_every_call_is_refused_even_with_an_access_token_that_is_not_an_hour_old(fake, seller):
    assert seller.get(PARTICIPATIONS_PATH).status_code == 200
    fake.client.expire_client_secret()
    for response in (seller.get(PARTICIPATIONS_PATH), seller.search(lastUpdatedAfter="2026-10-01T00:00:00Z")):
        assert response.status_code == 403
        assert response.json() == {
            "errors": [
                {
                    "code": "Unauthorized",
                    "message": "Access to requested resource is denied.",
                    "details": "The LWA secret token you provided has expired.",
                }
            ]
        }
        assert response.headers["x-amzn-errortype"] == "AccessDeniedException"


def test_a_renewed_secret_opens_everything_again(fake, seller):
    assert seller.get(PARTICIPATIONS_PATH).status_code == 200
    for _ in range(2):
        fake.client.expire_client_secret()
    for _ in range(2):
        fake.client.renew_client_secret()
    assert seller.get(PARTICIPATIONS_PATH).status_code == seller.exchange().status_code == 200


def test_a_token_nobody_issued_stays_an_invalid_one(fake, seller):
    fake.client.expire_client_secret()
    (error,) = seller.get(PARTICIPATIONS_PATH, token="Atza|garbage").json()["errors"]
    assert error["details"] == "The access token you provided is revoked, malformed or invalid."
