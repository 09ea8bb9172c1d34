"""The doctor's look at what sellers meet: the start page, the way back from Amazon, the mails."""

from __future__ import annotations

import json
import smtplib
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

import requests

from include.clock import format_utc, utc_now
from include.consent.means import Means
from include.operations.finding import Finding, look, ok, wrong
from include.warehouse.connection import connect, warehouse_errors

ANSWER_WITHIN_S = 10.0
CERTIFICATE_DAYS = 14
# What an account in the sandbox may send in a day.
SANDBOX_MAILS = 200

# What the start page's `/health` says that the checks of the warehouse say in full.
TROUBLES_TOLD = {"silent": "authorization_watch is silent", "migrations_missing": "migrations are missing"}


def start_page(means: Means) -> Iterator[Finding]:
    """Whether PUBLIC_BASE_URL leads to our page, by https, with a certificate that will last."""
    base_url = means.notifications.public_base_url
    parts = urlsplit(base_url)
    # The settings let nothing but https pass for other machines.
    if parts.scheme == "http":
        yield look(
            f"{base_url} is reached from this machine alone.", "For sellers, PUBLIC_BASE_URL is a name of yours."
        )
    elif (days := _certificate_days(parts.hostname or "", parts.port or 443)) < CERTIFICATE_DAYS:
        yield look(f"The certificate of {parts.hostname} ends in {days} days.", "Renew it.")
    yield _health(base_url)


def _health(base_url: str) -> Finding:
    remedy = "Start `python -m include.reconnect.consent_app`, and let the proxy lead there."
    try:
        answer = requests.get(f"{base_url}/health", timeout=ANSWER_WITHIN_S, allow_redirects=False)
        status = answer.json()["status"]
    except requests.exceptions.SSLError:
        return wrong(f"{base_url} shows a certificate that is not trusted here.", "Renew it, or its chain.")
    except requests.ConnectionError as lost:
        return wrong(f"{base_url} does not answer ({type(lost).__name__}).", remedy)
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return wrong(f"Something else than our start page answers on {base_url}.", remedy)
    if status == "ok":
        return ok(f"{base_url} answers")
    if told := TROUBLES_TOLD.get(status):
        return look(f"{base_url} answers, and says that {told}.", "See Warehouse above.")
    return wrong(f"{base_url} answers, but does not reach the warehouse.", "Give it the same WAREHOUSE_DSN.")


def _certificate_days(host: str, port: int) -> int:
    try:
        with (
            socket.create_connection((host, port), ANSWER_WITHIN_S) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secure,
        ):
            ends = ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"]))
    except (OSError, KeyError, ValueError):
        return CERTIFICATE_DAYS  # the next look names what is wrong with it
    return (datetime.fromtimestamp(ends, UTC) - utc_now()).days


def redirect_uri(means: Means) -> Iterator[Finding]:
    """Whether our callback answers. Only Amazon's consent page tells whether it is registered there."""
    base_url = means.notifications.public_base_url
    registered = f"Amazon must know {base_url}/callback as redirect URI and {base_url}/login as Login URI"
    try:
        answer = requests.get(means.redirect_uri, timeout=ANSWER_WITHIN_S, allow_redirects=False)
    except requests.RequestException as lost:
        yield wrong(f"{means.redirect_uri} does not answer ({type(lost).__name__}).", "See Start page above.")
        return
    if answer.status_code != 303:
        yield wrong(
            f"{means.redirect_uri} answers HTTP {answer.status_code}.", "Let the proxy pass the path on as it is."
        )
        return
    with connect(means.settings.warehouse_dsn) as connection, warehouse_errors():
        row = connection.execute("SELECT max(authorized_utc) FROM ops.consent").fetchone()
    if row and isinstance(row[0], datetime):
        yield ok(f"a seller came back through it on {format_utc(row[0])}")
    else:
        yield look(f"Nobody came back from Amazon yet. {registered}.", "Its page says MD5101 where they differ.")


def mail(means: Means) -> Iterator[Finding]:
    """Who writes, to whom among us, by which server, and what could not be sent."""
    ours = means.notifications
    if not ours.mail_from:
        yield wrong("MAIL_FROM is not set.", "Without a sender no mail leaves.")
    if not ours.operator_contacts:
        yield wrong("OPERATOR_CONTACTS is not set.", "Nobody of yours hears of what only you can mend.")
    found = means.airflow.connection(ours.mail_connection_id)
    if ours.mail_transport == "ses":
        yield from _ses(parseaddr(ours.mail_from)[1], ours.mail_connection_id if found else "")
    elif found is None:
        yield look(
            f"Airflow's own store has no Connection {ours.mail_connection_id}.",
            "Make it under Admin, Connections, unless a secrets backend holds it.",
        )
    else:
        yield _mail_server(found)
    yield from _unsent(means)


def _ses(sender: str, connection_id: str) -> Iterator[Finding]:
    """Ask Amazon SES what it would take from whom, as this machine's own role; a Connection's login nobody may read."""
    import boto3  # noqa: PLC0415 - only who uses it pays for it
    from botocore.config import Config  # noqa: PLC0415 - the same
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - the same

    if connection_id:
        yield ok(f"by Amazon SES with the Connection {connection_id}; its Test button tells more")
        return
    once = Config(connect_timeout=ANSWER_WITHIN_S, read_timeout=ANSWER_WITHIN_S, retries={"total_max_attempts": 1})
    domain = sender.rpartition("@")[2]
    try:
        client = boto3.client("ses", config=once)
        known = client.get_identity_verification_attributes(Identities=[sender, domain])["VerificationAttributes"]
        most = client.get_send_quota()["Max24HourSend"]
    except (ClientError, BotoCoreError) as refused:
        code = refused.response["Error"]["Code"] if isinstance(refused, ClientError) else type(refused).__name__
        yield wrong(f"Amazon SES does not answer us ({code}).", "Look at role, region and policy: docs/aws.md.")
        return
    if not any(facts.get("VerificationStatus") == "Success" for facts in known.values()):
        yield wrong(f"Amazon SES has verified neither {sender} nor {domain}.", "Verify one of them there.")
    elif most <= SANDBOX_MAILS:
        yield look("Amazon SES is in its sandbox: it writes to verified addresses alone.", "Ask AWS to end that.")
    else:
        yield ok(f"by Amazon SES, which has verified {sender} or its domain")


def _mail_server(found: dict[str, Any]) -> Finding:
    """Greet it as Airflow's hook would, without the login, whose password nobody may read."""
    try:
        extra = json.loads(found.get("extra") or "{}")
    except ValueError:
        extra = {}
    host, is_ssl = found.get("host") or "localhost", not extra.get("disable_ssl")
    address = f"{host}:{found.get('port') or (465 if is_ssl else 25)}"
    kind = smtplib.SMTP_SSL if is_ssl else smtplib.SMTP
    try:
        with kind(address, timeout=ANSWER_WITHIN_S) as server:
            server.ehlo()
            if not is_ssl and not extra.get("disable_tls"):
                server.starttls(context=ssl.create_default_context())
    except (OSError, smtplib.SMTPException) as lost:
        return wrong(f"The mail server {address} does not greet us ({type(lost).__name__}).", "Test its Connection.")
    return ok(f"the mail server {address} greets us")


def _unsent(means: Means) -> Iterator[Finding]:
    with connect(means.settings.warehouse_dsn) as connection, warehouse_errors():
        row = connection.execute(
            "SELECT count(*), max(last_trouble) FROM ops.outbox"
            " WHERE sent_utc IS NULL AND dropped_utc IS NULL AND tries > 0"
        ).fetchone()
    if row and row[0]:
        yield look(f"{row[0]} messages could not be sent yet: {row[1] or 'no reason noted'}.", "They are tried again.")
