"""From a browser that came back from Amazon to an authorization that is stored, told of and used.

Knows no web page and no Airflow but its gateway.
"""
