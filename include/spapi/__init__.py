"""How to ask Amazon's Selling Partner API: operations, their limits, what an answer means, when to repeat.

Knows no orders table, no Airflow and no refresh token; the access token comes from whoever calls.
"""
