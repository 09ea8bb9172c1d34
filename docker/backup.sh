#!/bin/bash
# Both databases and the raw pages into a folder, and back: backup.sh backup|restore FOLDER [DATABASE…]
# libpq's own variables (PGHOST, PGPORT, PGUSER, PGPASSWORD) lead to the server, RAW_DIR to the pages where they are files.
# WITHOUT_PERSONAL_DATA=yes leaves out names and addresses, whose tables are then restored empty.
# Roles, passwords and keys are not in it: keep .env (or .run/passwords.json) elsewhere. docs/runbook.md, "Backup".
set -euo pipefail
umask 077
export PGUSER="${PGUSER:-postgres}"
if [[ -n "${PGPASSWORD_FILE:-}" ]]; then
    PGPASSWORD="$(cat "$PGPASSWORD_FILE")"
    export PGPASSWORD
fi
command="${1:-}" folder="${2:-}"
folder="${folder%/}"
if [[ ! "$command" =~ ^(backup|restore)$ || -z "$folder" ]]; then
    sed -n 2p "$0" >&2
    exit 2
fi
if [[ ! "${WITHOUT_PERSONAL_DATA:-no}" =~ ^(yes|no)$ ]]; then
    echo "WITHOUT_PERSONAL_DATA is neither yes nor no." >&2
    exit 2
fi
shift 2
databases=("$@")
[[ $# -gt 0 ]] || databases=(warehouse airflow)

ask() {
    psql --no-password --no-psqlrc --tuples-only --no-align --dbname="$1" --command="$2"
}

is_ours() {
    [[ "$(ask warehouse "SELECT to_regclass('ops.alembic_version')")" != "" ]]
}

back_up() {
    if [[ -e "$folder" ]]; then
        echo "$folder is there already." >&2
        exit 1
    fi
    # An empty database of that name on another server would make a backup of nothing.
    if [[ " ${databases[*]} " == *" warehouse "* ]] && ! is_ours; then
        echo "The database warehouse at ${PGHOST:-this machine} does not answer or holds no tables of ours: is it the right server?" >&2
        exit 1
    fi
    local half="$folder.half"
    rm -rf "$half"
    mkdir -p "$half"
    local no_rows=() no_files=() without=""
    if [[ "${WITHOUT_PERSONAL_DATA:-no}" == yes ]]; then
        # The tables themselves stay: without them no load would go on after a restore.
        no_rows=(--exclude-table-data='amazon_pii.*') no_files=(--anchored --exclude=./personal) without=", without personal data"
    fi
    for database in "${databases[@]}"; do
        pg_dump --no-password --format=custom "${no_rows[@]}" --file="$half/$database.dump" "$database"
    done
    # After the databases, so that every page that they know of is among these.
    if [[ -d "${RAW_DIR:-}" ]]; then
        # Pages come and go meanwhile, each whole; tar says so by a 1.
        tar --create --numeric-owner --exclude='.*.half' --warning=no-file-changed "${no_files[@]}" \
            --file="$half/raw.tar" --directory="$RAW_DIR" . || [[ $? -eq 1 ]]
    fi
    check "$half"
    mv "$half" "$folder"
    echo "Backed up to $folder: ${databases[*]}, $(pages) files of raw pages$without"
}

pages() {
    [[ -e "$folder/raw.tar" ]] || { echo no; return; }
    tar --list --file="$folder/raw.tar" | grep --count --invert-match '/$' || true
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
    if [[ -e "$folder/raw.tar" && -z "${RAW_DIR:-}" ]]; then
        echo "The backup holds raw pages: say by RAW_DIR where they belong." >&2
        exit 1
    fi
    local names busy
    names="$(IFS=,; echo "${databases[*]}")"
    busy="$(ask postgres "SELECT string_agg(DISTINCT datname || ' by ' || coalesce(nullif(application_name, ''), usename), ', ')
        FROM pg_stat_activity WHERE datname = ANY ('{$names}')")"
    if [[ -n "$busy" ]]; then
        echo "Still in use: $busy. Stop everything that is connected; nothing was replaced." >&2
        exit 1
    fi
    # A machine without a warehouse has no pages either; where there are some, it is another server's.
    if [[ -e "$folder/raw.tar" && -n "$(ls -A "$RAW_DIR" 2> /dev/null)" ]] && ! is_ours; then
        echo "RAW_DIR holds pages, but the server at ${PGHOST:-this machine} no warehouse of ours: is it the right one?" >&2
        echo "If it is, and its warehouse was lost, move what is in $RAW_DIR elsewhere and repeat." >&2
        exit 1
    fi
    for database in "${databases[@]}"; do
        pg_restore --no-password --clean --if-exists --create --exit-on-error --dbname=postgres "$folder/$database.dump"
    done
    if [[ -e "$folder/raw.tar" ]]; then
        mkdir -p "$RAW_DIR"
        find "$RAW_DIR" -mindepth 1 -delete
        tar --extract --numeric-owner --file="$folder/raw.tar" --directory="$RAW_DIR"
    fi
    echo "Restored from $folder: ${databases[*]}"
}

if [[ "$command" == backup ]]; then back_up; else restore; fi
