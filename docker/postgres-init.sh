#!/bin/bash
# Runs once, when the database volume is empty: the roles and databases that `make run` makes on a laptop, both on one
# server, or the one that DATABASES names. Passwords come from the environment, or from /run/secrets where it is mounted.
set -euo pipefail
for name in AIRFLOW_DB_PASSWORD LOADER_PASSWORD ANALYST_PASSWORD; do
    file="/run/secrets/${name,,}"
    if [ -r "$file" ]; then export "$name=$(< "$file")"; fi
done
case "${DATABASES:-airflow warehouse}" in *airflow*)
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv airflow AIRFLOW_DB_PASSWORD
SET log_min_error_statement = panic;
CREATE ROLE airflow LOGIN PASSWORD :'airflow';
CREATE DATABASE airflow OWNER airflow;
REVOKE ALL ON DATABASE airflow FROM PUBLIC;
SQL
esac
case "${DATABASES:-airflow warehouse}" in *warehouse*)
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv loader LOADER_PASSWORD
\getenv analyst ANALYST_PASSWORD
SET log_min_error_statement = panic;
CREATE ROLE loader LOGIN PASSWORD :'loader';
CREATE ROLE analyst LOGIN PASSWORD :'analyst';
CREATE ROLE personal_data_reader NOLOGIN;
CREATE DATABASE warehouse OWNER loader;
REVOKE ALL ON DATABASE warehouse FROM PUBLIC;
GRANT CONNECT ON DATABASE warehouse TO analyst, personal_data_reader;
SQL
esac
