"""The two Connection types of this project, as Airflow's provider mechanism wants them declared; imports nothing."""

from __future__ import annotations

from typing import Any

APPLICATION_CONNECTION_ID = "amazon_application"
APPLICATION_CONNECTION_TYPE = "amazon_sp_application"
SELLER_CONNECTION_TYPE = "amazon_sp_seller"
HOOKS = "include.orchestration.connection_hooks"


def get_provider_info() -> dict[str, Any]:
    """Return the declaration that the entry point `apache_airflow_provider` promises."""
    return {
        "package-name": "seller-orders",
        "name": "Seller Orders",
        "description": "Amazon sellers' orders in tables, by the Selling Partner API.",
        "connection-types": [_application_type(), _seller_type()],
    }


def _application_type() -> dict[str, Any]:
    return {
        "connection-type": APPLICATION_CONNECTION_TYPE,
        "hook-name": "Amazon SP-API application",
        "hook-class-name": f"{HOOKS}.AmazonApplicationHook",
        "ui-field-behaviour": {
            "hidden-fields": ["host", "port", "schema", "extra"],
            "relabeling": {"login": "Client ID", "password": "Client secret"},
            "placeholders": {"login": "amzn1.application-oa2-client.…", "password": "amzn1.oa2-cs.v1.…"},
        },
        "conn-fields": {
            "made_on": {
                "label": "Day the client secret was made",
                "schema": {"type": ["string", "null"], "format": "date"},
                "description": "It ends 180 days later.",
            },
        },
    }


def _seller_type() -> dict[str, Any]:
    return {
        "connection-type": SELLER_CONNECTION_TYPE,
        "hook-name": "Amazon SP-API seller",
        "hook-class-name": f"{HOOKS}.AmazonSellerHook",
        "ui-field-behaviour": {
            "hidden-fields": ["host", "port", "schema", "extra"],
            "relabeling": {"login": "Selling partner ID", "password": "Refresh token"},
            "placeholders": {"login": "A2EXAMPLE1SELLER", "password": "Atzr|…"},
        },
        "conn-fields": {
            "region": {
                "label": "Region",
                "schema": {"type": "string", "enum": ["eu", "na", "fe"], "default": "eu"},
                "description": "eu: Europe, Middle East, India; na: Americas; fe: Japan, Australia, Singapore.",
            },
        },
    }
