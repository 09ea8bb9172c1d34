"""What a seed left on the cluster: tables and windows judged as at the first depth, the whole run folder searched.

Sellers' mails are counted. Of incidents only that none says that a seller left who is here, and that all ended; whether
what operators were told of is what struck, the first depth alone judges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import psycopg

from include.notifications.meanings import LATE, REFUSED
from tests.chaos.judge import of_tables, of_windows
from tests.chaos.on_cluster import Night, OnCluster
from tests.payloads import search

# What keeps secrets by its office: keys and logins, the databases' own files (searched as tables), Amazon, the broker.
KEEPERS = ("secrets", ".env", "passwords.json", "postgres", "postgres_metadata", "fake_amazon", "redis")


def differences(play: OnCluster, nights: Sequence[Night]) -> list[str]:
    """Everything that is not as it should be, each in a line."""
    with play.connect() as connection:
        return [
            *_of_runs(play, nights),
            *of_tables(play, connection),
            *of_windows(play, connection),
            *_of_incidents(play, connection),
            *_of_mails(play),
            *_of_secrets(play, connection),
        ]


def _of_runs(play: OnCluster, nights: Sequence[Night]) -> Iterator[str]:
    for seller_id, state in nights[-1].states.items():
        wanted = "failed" if play.is_lapsed(seller_id) else "success"
        if state != wanted:
            yield f"{seller_id}: the quiet night ended with {state}"


def _of_incidents(play: OnCluster, connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[str]:
    rows = connection.execute("SELECT seller_id, error_class, closed_utc IS NULL FROM ops.incident").fetchall()
    for seller_id, error_class, is_open in rows:
        if error_class == REFUSED and not play.is_lapsed(str(seller_id)):
            yield f"{seller_id}: {error_class}, which nothing that happened asks for"
        elif is_open and error_class not in (REFUSED, LATE):
            yield f"{seller_id}: {error_class} has not ended"


def _of_mails(play: OnCluster) -> Iterator[str]:
    mails = Counter(to for mail in play.cluster.stack.mails.mails() for to in mail.to)
    for seller in play.sellers.values():
        owed = 1 if play.is_lapsed(seller.seller_id) else 0
        for contact in seller.contacts:
            if mails[contact] != owed:
                yield f"{contact} got {mails[contact]} mails, owed is {owed}"


def _of_secrets(play: OnCluster, connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[str]:
    passwords = asdict(play.cluster.stack.passwords).values()
    folder = play.cluster.places.folder
    texts = list(search.files(folder, keepers=KEEPERS))
    kinds = ("scheduler", "worker-1", "api-server", "extract_orders")
    yield from (f"no log of {kind}, which proves nothing" for kind in kinds if not any(kind in n for n, _ in texts))
    texts += search.rows_of(connection)
    with psycopg.connect(play.cluster.metadata_dsn) as metadata:
        texts += search.rows_of(metadata)
    yield from search.found(texts, {*search.TOKENS, *passwords})
