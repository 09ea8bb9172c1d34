#!/bin/bash
# Runs once, when the database volume is empty: the roles and databases that `make run` makes on a laptop.
set -euo pipefail
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set=airflow="$AIRFLOW_DB_PASSWORD" --set=loader="$LOADER_PASSWORD" --set=analyst="$ANALYST_PASSWORD" <<'SQL'
CREATE ROLE airflow LOGIN PASSWORD :'airflow';
CREATE ROLE loader LOGIN PASSWORD :'loader';
CREATE ROLE analyst LOGIN PASSWORD :'analyst';
CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE warehouse OWNER loader;
SQL
