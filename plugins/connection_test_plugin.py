"""Registers what the Test button of our Connections needs in the api-server; see the class it names for why."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from include.orchestration.zero_port_filter import ZeroPortFilter


class ConnectionTestPlugin(AirflowPlugin):
    """One middleware, nothing else."""

    name = "seller_orders_connection_test"
    fastapi_root_middlewares = [  # noqa: RUF012 - Airflow reads a plain list
        {"name": "Test of Connections without a port", "middleware": ZeroPortFilter, "args": [], "kwargs": {}}
    ]
