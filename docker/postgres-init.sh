#!/bin/bash
# Runs once, when the database volume is empty: the roles and databases that `make run` makes on a laptop.
set -euo pipefail
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv airflow AIRFLOW_DB_PASSWORD
\getenv loader LOADER_PASSWORD
\getenv analyst ANALYST_PASSWORD
SET log_min_error_statement = panic;
CREATE ROLE airflow LOGIN PASSWORD :'airflow';
CREATE ROLE loader LOGIN PASSWORD :'loader';
CREATE ROLE analyst LOGIN PASSWORD :'analyst';
CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE warehouse OWNER loader;
REVOKE ALL ON DATABASE airflow, warehouse FROM PUBLIC;
GRANT CONNECT ON DATABASE warehouse TO analyst;
SQL
