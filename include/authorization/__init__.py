"""May we ask Amazon for this seller: credentials, the exchange at Login with Amazon, the check of an authorization.

Knows no Airflow and no orders; tokens and secrets never appear in a repr, a log or an error.
"""
