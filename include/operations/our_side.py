"""The doctor's look at what is ours: settings, sellers' file, warehouse, raw pages, Airflow and what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from include.authorization.status import GOOD, read_authorizations
from include.clock import format_utc
from include.consent.means import Means
from include.notifications.lookout import WATCH, silent_for
from include.operations.finding import Finding, look, ok, wrong
from include.orders import store
from include.orders.forgetting import PURGE
from include.orders.personal_files import personal_files
from include.sellers.registry import MisconfiguredSeller, load_sellers
from include.sellers.seller import CONNECTION_ID_PREFIX, DAG_TAG
from include.settings.product import MOST_PERSONAL_DATA_DAYS
from include.warehouse.connection import connect, warehouse_errors
from include.warehouse.migrate import is_newest

SHORTEST_KEY = 24
MOST_NAMED = 5


def settings(means: Means) -> Iterator[Finding]:
    """What nothing works without."""
    key = means.settings.secret_key
    if not key:
        yield wrong("SECRET_KEY is not set.", "Set it to a long random text, the same for Airflow and the start page.")
    elif len(key) < SHORTEST_KEY:
        yield look(f"SECRET_KEY has {len(key)} characters.", f"Take {SHORTEST_KEY} or more, at random.")
    if not means.consent.airflow_password:
        yield wrong("AIRFLOW_API_PASSWORD is not set.", "Set it to the password of AIRFLOW_API_USER.")
    if key and means.consent.airflow_password:
        yield ok("readable, and what nothing works without is there")


def sellers_file(means: Means) -> Iterator[Finding]:
    """Every entry of it."""
    entries = load_sellers(means.settings.sellers_file)
    for entry in entries:
        if isinstance(entry, MisconfiguredSeller):
            yield wrong(entry.message, f"Line {entry.line} of {entry.path}; `make lint` tells when it is right.")
    yield ok(f"{len(means.sellers())} of {len(entries)} entries of {means.settings.sellers_file.name} are usable")


def warehouse(means: Means) -> Iterator[Finding]:
    """The database, its shape, and when the watch was last there."""
    with connect(means.settings.warehouse_dsn) as connection, warehouse_errors():
        if not is_newest(connection):
            yield wrong("The tables are not of this version.", "Run `python -m include.warehouse migrate`.")
            return
        yield ok("answers, tables as this version wants them")
        silent = silent_for(connection, now_utc=means.now())
    if silent is None:
        yield look(
            "authorization_watch has never come to its end.",
            "It runs every 15 minutes, unless it is paused.",
        )
    elif silent > timedelta(minutes=means.notifications.silent_after_minutes):
        yield wrong(
            f"authorization_watch last came to its end on {format_utc(means.now() - silent)}.",
            "Look at its runs in Airflow: without it nobody is warned and no mail is tried again.",
        )


def raw_pages(means: Means) -> Iterator[Finding]:
    """Whether the store answers; whether it takes pages is seen by the first run, because nothing is written here."""
    address, is_bucket = store.shown(means.settings.raw_url), urlsplit(means.settings.raw_url).scheme in store.S3
    try:
        # An empty bucket has no folder in it, and that is fine.
        exists = store.exists(_bucket_of(means.settings.raw_url) if is_bucket else means.settings.raw_url)
    except (ValueError, ImportError) as unknown:
        said = f"RAW_URL {address} is no address of a store ({type(unknown).__name__})."
        yield wrong(said, "Check address and credentials.")
        return
    if is_bucket and not exists:
        yield wrong(f"There is no bucket {_bucket_of(address)}.", "Make it; nothing here does. docs/aws.md says how.")
        return
    yield ok(f"{address} {'answers' if exists else 'is made by the first run'}")


def _bucket_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def airflow(means: Means) -> Iterator[Finding]:
    """Its processes, our login, and files it could not read."""
    states = means.airflow.health()
    for part in ("metadatabase", "scheduler", "dag_processor"):
        if states.get(part) != "healthy":
            yield wrong(f"Airflow's {part} is {states.get(part) or 'not running'}.", "Start it, or read its log.")
    errors = means.airflow.import_errors()
    for text in errors:
        yield wrong(f"A DAG file cannot be read: {text.strip().splitlines()[-1][:200]}", "Airflow's UI shows it whole.")
    if not errors:
        yield ok(f"{means.consent.airflow_url} answers and lets {means.consent.airflow_user} in")


def dags(means: Means) -> Iterator[Finding]:
    """Every seller's DAG, the watch's, and which are paused."""
    known, paused = means.airflow.dag_ids(DAG_TAG), means.airflow.dag_ids(DAG_TAG, paused=True)
    wanted = {seller.dag_id for seller in means.sellers().values()}
    if missing := wanted - known:
        yield wrong(f"Airflow has no DAG {_named(missing)}.", "Give it half a minute; then look at its import errors.")
    if stopped := wanted & paused:
        yield look(f"Paused: {_named(stopped)}.", "No order is loaded until somebody unpauses them.")
    watch = means.airflow.is_paused(WATCH)
    if watch is not False:
        yield wrong(f"{WATCH} is {'paused' if watch else 'not there'}.", "Without it nobody is warned: unpause it.")
    if not missing and watch is False:
        yield ok(f"{len(wanted)} sellers' DAGs and {WATCH} are there")


def connections(means: Means) -> Iterator[Finding]:
    """Who is connected, as the last run found it; tokens themselves are asked by the runs, and by Test in Airflow."""
    with connect(means.settings.warehouse_dsn) as connection, warehouse_errors():
        standings = read_authorizations(connection)
    sellers = means.sellers()
    never = {name for name in sellers if name not in standings or not standings[name].generation}
    if means.consent.tokens_in == "airflow":
        stored = means.airflow.connection_ids(CONNECTION_ID_PREFIX)
        never |= {name for name, seller in sellers.items() if seller.connection_id not in stored}
    elif left := means.airflow.connection_ids("amazon_"):
        yield look(
            f"Airflow's own store still holds {_named(left)}.",
            "Nobody reads them any more: delete them there, for they hold secrets.",
        )
    good = [name for name in sellers if name not in never and standings[name].status in GOOD]
    if never:
        yield look(f"Not connected: {_named(never)}.", "Send the invitation: in Airflow, Browse, Amazon sellers.")
    for name in sorted(set(sellers) - set(good) - never):
        yield look(f"{name} is {standings[name].status} since {format_utc(standings[name].since_utc or means.now())}.")
    yield ok(f"{len(good)} of {len(sellers)} sellers are connected")


def personal_data(means: Means) -> Iterator[Finding]:
    """Who has buyers' names kept, whether there is a key for them, and whether anybody deletes them in time."""
    wanting = {name: seller for name, seller in means.sellers().items() if seller.personal_data}
    for seller in wanting.values():
        personal_files(seller, means.settings)
    if means.settings.personal_data_days > MOST_PERSONAL_DATA_DAYS:
        days, law = means.settings.personal_data_days, means.settings.personal_data_law
        yield look(f"Personal data are kept for {days} days, by {law}.", "Amazon's rule is 30 at most.")
    if wanting and means.airflow.is_paused(PURGE) is not False:
        yield wrong(f"{PURGE} is paused or not there.", "Unpause it: names and addresses must go after their 30 days.")
    yield ok(f"wanted of {_named(set(wanting))}, and there is a key" if wanting else "wanted of no seller")


def _named(names: set[str]) -> str:
    shown = ", ".join(sorted(names)[:MOST_NAMED])
    return f"{shown} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else shown
