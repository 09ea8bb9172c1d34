"""Connections for the local stack: the application and each seller, as the fake Amazon knows them.

Only what is absent is made; what a person changed in Airflow stays.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from include.airflow_gateway.gateway import AirflowGateway
from include.fake_amazon.client import FakeAmazonClient
from include.sellers.registry import Seller
from include.sellers.seller import CONNECTION_ID_PREFIX

APPLICATION_CONNECTION_ID = "amazon_application"
MAIL_CONNECTION_ID = "smtp_default"


class ConnectionStore(Protocol):
    """Where Connections are kept: Airflow's own store, or another that its secrets backend reads."""

    def has_connection(self, connection_id: str) -> bool:
        """Tell whether it is there."""

    def create_connection(self, connection: dict[str, Any]) -> None:
        """Make it: `connection_id`, `conn_type` and the fields of Airflow's API, `extra` as JSON text."""

    def connection_ids(self, beginning: str) -> set[str]:
        """Return the ids of those that begin like this."""

    def create_connections(self, connections: Sequence[dict[str, Any]]) -> None:
        """Make many, none of which is there."""


def connected(airflow: AirflowGateway, sellers: Sequence[Seller]) -> list[Seller]:
    """Return the sellers whose Connection is there, none where the application's is not."""
    if not airflow.has_connection(APPLICATION_CONNECTION_ID):
        return []
    there = airflow.connection_ids(CONNECTION_ID_PREFIX)
    return [seller for seller in sellers if seller.connection_id in there]


def create_absent_connections(store: ConnectionStore, amazon: FakeAmazonClient, sellers: Sequence[Seller]) -> None:
    """Make the Connections that are not there yet; a seller Amazon does not know opens a shop there first."""
    if not store.has_connection(APPLICATION_CONNECTION_ID):
        store.create_connection(_application(amazon))
    there = store.connection_ids(CONNECTION_ID_PREFIX)
    for seller in sellers:
        countries = [marketplace.country_code for marketplace in seller.marketplaces]
        amazon.ensure_shop(seller.seller_id, region=seller.region, marketplaces=countries)
    absent = [seller for seller in sellers if seller.connection_id not in there]
    store.create_connections([_seller(amazon, seller) for seller in absent])


def create_absent_mail_connection(airflow: AirflowGateway, smtp_port: int) -> None:
    """Make Airflow's mail server the sink of this machine, where no other is set."""
    if not airflow.has_connection(MAIL_CONNECTION_ID):
        airflow.create_connection(
            {
                "connection_id": MAIL_CONNECTION_ID,
                "conn_type": "smtp",
                "description": "The mail sink of this machine, which sends nothing",
                "host": "127.0.0.1",
                "port": smtp_port,
                "extra": json.dumps({"disable_ssl": True, "disable_tls": True, "timeout": 10}),
            }
        )


def _application(amazon: FakeAmazonClient) -> dict[str, Any]:
    application = amazon.application()
    made_on = datetime.now(UTC).date().isoformat()
    return {
        "connection_id": APPLICATION_CONNECTION_ID,
        "conn_type": "amazon_sp_application",
        "description": "The application at the fake Amazon of this machine",
        "login": application.client_id,
        "password": application.client_secret,
        "extra": json.dumps({"made_on": made_on}),
    }


def _seller(amazon: FakeAmazonClient, seller: Seller) -> dict[str, Any]:
    authorization = amazon.authorize(seller.seller_id)
    return {
        "connection_id": seller.connection_id,
        "conn_type": "amazon_sp_seller",
        "description": f"{seller.name} at the fake Amazon of this machine",
        "login": authorization.selling_partner_id,
        "password": authorization.refresh_token,
        "extra": json.dumps({"region": seller.region}),
    }
