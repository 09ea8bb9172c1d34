#!/bin/bash
# Runs to its end before the other services start: both databases in their newest shape, the UI's login in place.
set -euo pipefail
airflow db migrate
python -m include.warehouse
umask 077
python -c 'import json, os; print(json.dumps({"admin": os.environ["UI_PASSWORD"]}))' \
    > "$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
