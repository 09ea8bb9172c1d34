"""What the Test button of our two Connection types does: it really asks Amazon, and says in one sentence what came."""

from __future__ import annotations

from airflow.sdk import BaseHook

from include.authorization.lwa import probe_application
from include.authorization.seller_client import open_seller_client
from include.clock import utc_now
from include.errors import SellerOrdersError
from include.orchestration.connections import application_credentials, client_secret_made_on, seller_credentials
from include.orchestration.provider_info import (
    APPLICATION_CONNECTION_ID,
    APPLICATION_CONNECTION_TYPE,
    SELLER_CONNECTION_TYPE,
)
from include.settings import load_settings
from include.spapi.quota import UncountedQuota
from include.spapi.sellers import get_marketplace_participations

# Somebody waits in front of the button, so a throttled or failing Amazon is reported instead of waited for.
ANSWER_WITHIN_S = 10.0


class AmazonApplicationHook(BaseHook):
    """The application registered at Amazon: client id and secret."""

    conn_name_attr = "amazon_application_conn_id"
    default_conn_name = APPLICATION_CONNECTION_ID
    conn_type = APPLICATION_CONNECTION_TYPE
    hook_name = "Amazon SP-API application"

    def __init__(self, amazon_application_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.connection_id = amazon_application_conn_id

    def test_connection(self) -> tuple[bool, str]:
        """Ask Login with Amazon for a token of the application itself."""
        settings = load_settings()
        try:
            probe_application(
                application_credentials(self.connection_id),
                token_url=settings.lwa_token_url,
                now=utc_now,
                timeout_s=ANSWER_WITHIN_S,
            )
            # Tell of a mistyped day too: without it nobody is warned of the secret's end.
            client_secret_made_on(self.connection_id)
        except SellerOrdersError as problem:
            return False, str(problem)
        return True, "Amazon accepts the application's client id and secret."


class AmazonSellerHook(BaseHook):
    """One seller's authorization: the refresh token."""

    conn_name_attr = "amazon_seller_conn_id"
    default_conn_name = "amazon_seller_default"
    conn_type = SELLER_CONNECTION_TYPE
    hook_name = "Amazon SP-API seller"

    def __init__(self, amazon_seller_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.connection_id = amazon_seller_conn_id

    def test_connection(self) -> tuple[bool, str]:
        """Exchange the refresh token and ask where the seller trades, with the application's stored Connection."""
        try:
            client = open_seller_client(
                application_credentials(),
                seller_credentials(self.connection_id),
                settings=load_settings(),
                now=utc_now,
                quota=UncountedQuota(),
                patience_s=0,
            )
            answers = get_marketplace_participations(client)
        except SellerOrdersError as problem:
            return False, str(problem)
        trading = [answer.marketplace.country_code for answer in answers if answer.participation.is_participating]
        stores = ", ".join(dict.fromkeys(answer.store_name for answer in answers if answer.store_name))
        return True, f"Amazon lets us read {stores or 'this seller'} in {', '.join(trading) or 'no marketplace'}."
