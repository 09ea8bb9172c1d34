"""A search for words in all that a run leaves behind: files, unpacked and decoded, and every row of every table."""

from __future__ import annotations

import email
import email.policy
import gzip
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from tests.payloads.mail_server import Taken

# An access token, a refresh token, a client secret: how each begins, whichever it is.
TOKENS = ("Atza|", "Atzr|", "amzn1.oa2-cs.")
# What keeps secrets by its office: keys and logins, the database's own files (searched as tables), Amazon itself.
KEEPERS = ("passwords.json", "simple_auth_passwords.json", "postgres", "fake_amazon")


def found(texts: Iterable[tuple[str, str]], words: Iterable[str]) -> list[str]:
    """Where any of the words stands: the names of those texts, each with what was found, cut."""
    wanted = tuple(words)
    return [f"{name}: {word[:6]}" for name, text in texts for word in wanted if word in text]


def files(folder: Path, *, keepers: Collection[str] = KEEPERS) -> Iterator[tuple[str, str]]:
    """Every file below a folder, but for keepers, as a reader would see it."""
    for path in folder.rglob("*"):
        if path.is_file() and not set(path.relative_to(folder).parts) & set(keepers):
            yield str(path), _readable(path)


def rows(dsn: str) -> Iterator[tuple[str, str]]:
    """Every row of every table of a database."""
    with psycopg.connect(dsn) as connection:
        yield from rows_of(connection)


def rows_of(connection: psycopg.Connection) -> Iterator[tuple[str, str]]:
    """Every row of every table of the database that is connected to."""
    tables = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()
    for schema, table in tables:
        query = sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, table))
        for (row,) in connection.execute(query):
            yield f"{schema}.{table}", str(row)


def mails(taken: Iterable[Taken]) -> Iterator[tuple[str, str]]:
    """Every mail that a server took, raw and as its reader sees it."""
    for mail in taken:
        yield "a mail", mail.content.decode(errors="replace")
        for part in mail.mail.walk():
            if part.get_content_maintype() == "text":
                yield "a mail", str(part.get_content())


def _readable(path: Path) -> str:
    """A file's text: unpacked, and of a mail what its reader sees, because its lines are wrapped and encoded."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(content).decode(errors="replace")
    text = content.decode(errors="replace")
    if path.suffix == ".eml":
        parts = email.message_from_bytes(content, policy=email.policy.default).walk()
        text += "".join(part.get_content() for part in parts if part.get_content_maintype() == "text")
    return text
