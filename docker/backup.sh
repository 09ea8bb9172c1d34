#!/bin/bash
# Both databases and the raw pages into a folder, and back: backup.sh backup|restore FOLDER [DATABASE…]
# libpq's own variables (PGHOST, PGPORT, PGUSER, PGPASSWORD) lead to the server, RAW_DIR to the pages where they are files.
# Roles, passwords and keys are not in it: keep .env (or .run/passwords.json) elsewhere. docs/runbook.md, "Backup".
set -euo pipefail
umask 077
export PGUSER="${PGUSER:-postgres}"
command="${1:-}" folder="${2:-}"
if [[ ! "$command" =~ ^(backup|restore)$ || -z "$folder" ]]; then
    sed -n 2p "$0" >&2
    exit 2
fi
shift 2
databases=("$@")
[[ $# -gt 0 ]] || databases=(warehouse airflow)

back_up() {
    if [[ -e "$folder" ]]; then
        echo "$folder is there already." >&2
        exit 1
    fi
    local half="$folder.half"
    rm -rf "$half"
    mkdir -p "$half"
    for database in "${databases[@]}"; do
        pg_dump --no-password --format=custom --file="$half/$database.dump" "$database"
    done
    # After the databases, so that every page that they know of is among these.
    if [[ -d "${RAW_DIR:-}" ]]; then
        tar --create --numeric-owner --file="$half/raw.tar" --directory="$RAW_DIR" .
    fi
    check "$half"
    mv "$half" "$folder"
    echo "Backed up to $folder: ${databases[*]}$([[ ! -e "$folder/raw.tar" ]] || echo ", raw pages")"
}

check() {
    for database in "${databases[@]}"; do
        pg_restore --file=/dev/null "$1/$database.dump"
    done
    [[ ! -e "$1/raw.tar" ]] || tar --list --file="$1/raw.tar" > /dev/null
}

restore() {
    # All of it can be read before anything is replaced.
    check "$folder"
    for database in "${databases[@]}"; do
        # Drops the database first, which PostgreSQL refuses while anybody is connected to it.
        pg_restore --no-password --clean --if-exists --create --exit-on-error --dbname=postgres "$folder/$database.dump"
    done
    if [[ -e "$folder/raw.tar" && -d "${RAW_DIR:-}" ]]; then
        find "$RAW_DIR" -mindepth 1 -delete
        tar --extract --numeric-owner --file="$folder/raw.tar" --directory="$RAW_DIR"
    fi
    echo "Restored from $folder: ${databases[*]}"
}

if [[ "$command" == backup ]]; then back_up; else restore; fi
