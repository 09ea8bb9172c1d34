"""The few calls to Airflow's public REST API that this project makes: Connections, DAGs, runs.

Knows Airflow only from outside, so that it works from any process that can reach the API.
"""
