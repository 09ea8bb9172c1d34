"""Web pages for people: the sellers' start page, without a login.

Knows no orders and no tokens; Airflow only through its gateway.
"""
