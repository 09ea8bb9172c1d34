#!/bin/bash
# Runs to its end before the other services start: both databases in their newest shape, the UI's logins in place.
set -euo pipefail
python -m include.warehouse &
warehouse=$!
airflow db migrate
wait "$warehouse"
if [ "${AIRFLOW__CORE__EXECUTOR}" = CeleryExecutor ]; then
    python -m include.orchestration.users
else
    umask 077
    python -c 'import json, os; print(json.dumps({"admin": os.environ["UI_PASSWORD"]}))' \
        > "$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
fi
