"""Where the tables live: the connection to PostgreSQL and the migrations that shape `amazon` and `ops`.

Knows what tables exist, not what fills them: no Amazon, no Airflow, no orders code.
"""
