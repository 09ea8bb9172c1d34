"""From credentials and settings to a seller's door at the Selling Partner API."""

from __future__ import annotations

import time

from include.authorization.credentials import ApplicationCredentials, SellerCredentials
from include.authorization.lwa import CachedAccessToken, exchange_refresh_token
from include.clock import Now
from include.settings import Settings
from include.spapi.client import SellingPartnerClient
from include.spapi.patience import LONGEST_PATIENCE_S, Sleep
from include.spapi.quota import Quota


def open_seller_client(
    application: ApplicationCredentials,
    seller: SellerCredentials,
    *,
    settings: Settings,
    now: Now,
    quota: Quota,
    sleep: Sleep = time.sleep,
    patience_s: float = LONGEST_PATIENCE_S,
) -> SellingPartnerClient:
    """Make the client of one seller; Amazon is asked for a token only when the first call needs it."""
    access_token = CachedAccessToken(
        lambda: exchange_refresh_token(
            seller.refresh_token,
            application,
            token_url=settings.lwa_token_url,
            now=now,
            timeout_s=settings.http_timeout_s,
        ),
        now,
    )
    return SellingPartnerClient(
        endpoint=settings.spapi_endpoints[seller.region],
        access_token=access_token,
        now=now,
        quota=quota,
        sleep=sleep,
        rate_scale=settings.rate_scale,
        timeout_s=settings.http_timeout_s,
        patience_s=patience_s,
    )
