"""Registers the operators' page: one entry in the navigation, one tab on each DAG; loaded on its first request."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from include.reconnect.lazy_app import LazyApp


class SellerReconnectPlugin(AirflowPlugin):
    """Two views of one small web application."""

    name = "seller_orders_reconnect"
    fastapi_apps = [  # noqa: RUF012 - Airflow reads plain lists
        {
            "app": LazyApp("include.reconnect.operators_app", "create_app"),
            "url_prefix": "/seller-orders",
            "name": "Amazon sellers",
        }
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
