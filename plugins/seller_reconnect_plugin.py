"""Registers the operators' page (navigation and a tab on each DAG) and, for laptops, the sellers' pages."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from include.reconnect.lazy_app import LazyApp

OPERATORS = LazyApp("include.reconnect.operators_app", "create_app")
# Answers where PUBLIC_BASE_URL leads here.
SELLERS = LazyApp("include.reconnect.mounted_app", "create_app")


class SellerReconnectPlugin(AirflowPlugin):
    """Small web applications, loaded on their first requests, and two views of the operators'."""

    name = "seller_orders_reconnect"
    fastapi_apps = [  # noqa: RUF012 - Airflow reads plain lists
        {"app": OPERATORS, "url_prefix": "/seller-orders", "name": "Amazon sellers"},
        {"app": SELLERS, "url_prefix": "/seller-consent", "name": "Amazon sellers' own pages"},
    ]
    external_views = [  # noqa: RUF012
        {
            "name": "Amazon sellers",
            "href": "/seller-orders/",
            "destination": "nav",
            "category": "browse",
            "url_route": "seller-orders",
        },
        {
            "name": "Amazon",
            "href": "/seller-orders/seller/{DAG_ID}",
            "destination": "dag",
            "url_route": "amazon-seller",
        },
    ]
