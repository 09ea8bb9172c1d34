"""Where domain words meet Airflow words: Connections become credentials, errors become retries, results become XComs.

The only room that imports both sides; it holds no SQL and no HTTP.
"""
