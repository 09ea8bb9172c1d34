"""Is a token, a secret, a password or a code anywhere it should not be? Logs, pages, tables, mails."""

from __future__ import annotations

import gzip
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from psycopg import sql

from include.warehouse.connection import Connection
from tests.payloads.mail_server import Taken

# An access token, a refresh token, a client secret: how each begins, whichever it is.
TOKENS = ("Atza|", "Atzr|", "amzn1.oa2-cs.")


def found(texts: Iterable[tuple[str, str]], secrets: Iterable[str]) -> list[str]:
    """Where any of them stands: the text's name with what was found, cut."""
    wanted = tuple(secrets)
    return [f"{name}: {secret[:6]}…" for name, text in texts for secret in wanted if secret in text]


def files(folder: Path, keepers: Collection[str]) -> Iterator[tuple[str, str]]:
    """Every file below a folder, unpacked, but for those that keep secrets by their office."""
    for path in folder.rglob("*"):
        if path.is_file() and not set(path.relative_to(folder).parts) & set(keepers):
            content = path.read_bytes()
            yield str(path), (gzip.decompress(content) if path.suffix == ".gz" else content).decode(errors="replace")


def rows(connection: Connection) -> Iterator[tuple[str, str]]:
    """Every row of every table, by the table's name."""
    tables = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()
    for schema, table in tables:
        query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(str(schema), str(table)))
        for (row,) in connection.execute(query):
            yield f"{schema}.{table}", str(row)


def mails(taken: Iterable[Taken]) -> Iterator[tuple[str, str]]:
    """Every mail, raw and as its reader sees it."""
    for mail in taken:
        yield "a mail", mail.content.decode(errors="replace")
        for part in mail.mail.walk():
            if part.get_content_maintype() == "text":
                yield "a mail", str(part.get_content())
