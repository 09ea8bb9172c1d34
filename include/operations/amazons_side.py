"""The doctor's look at Amazon: our application, the endpoints, and whether everybody's clock agrees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import cast

import requests

from include.authorization.lwa import probe_application
from include.consent.means import Means
from include.errors import ContractError, TransportError
from include.notifications.lookout import SECRET_LIFE
from include.operations.finding import Finding, look, ok, wrong
from include.warehouse.connection import connect, warehouse_errors

APPLICATION_CONNECTION_ID = "amazon_application"
ANSWER_WITHIN_S = 10.0
# A one-time value lives ten minutes, and a window ends two minutes before now.
CLOCK_TOLERANCE = timedelta(seconds=60)


def application(means: Means) -> Iterator[Finding]:
    """Id and secret, here and in Airflow's Connection, as Amazon sees them, and how long the secret lives."""
    ours = means.consent
    values = (ours.application_id, ours.client_id, ours.client_secret)
    names = ("AMAZON_APPLICATION_ID", "AMAZON_CLIENT_ID", "AMAZON_CLIENT_SECRET")
    unset = [name for name, value in zip(names, values, strict=True) if not value]
    if unset:
        yield look(f"{', '.join(unset)}: not set, so pages have no button.", "docs/first_real_seller.md, step 2.")
    else:
        probe_application(
            means.application, token_url=means.settings.lwa_token_url, now=means.now, timeout_s=ANSWER_WITHIN_S
        )
        yield ok("Amazon accepts client id and secret")
    yield from _connection(means)


def _connection(means: Means) -> Iterator[Finding]:
    found = means.tokens.connection(APPLICATION_CONNECTION_ID)
    if found is None:
        yield wrong(
            f"There is no Connection {APPLICATION_CONNECTION_ID} in {means.tokens.place}.",
            "Make it there: in Airflow its Test button asks Amazon, for Secrets Manager see docs/aws.md.",
        )
        return
    if means.consent.client_id and found.get("login") != means.consent.client_id:
        yield wrong(
            f"Connection {APPLICATION_CONNECTION_ID} has another client id than AMAZON_CLIENT_ID.",
            "Both must be the same application: what one authorizes the other cannot use.",
        )
    try:
        extra = found.get("extra") or "{}"
        made_on = date.fromisoformat(str((json.loads(extra) if isinstance(extra, str) else extra).get("made_on") or ""))
    except (ValueError, AttributeError):
        yield look(
            f"Connection {APPLICATION_CONNECTION_ID} does not say when the client secret was made.",
            "Fill it in: nobody is warned of its end otherwise.",
        )
        return
    left = (datetime.combine(made_on, datetime.min.time(), UTC) + SECRET_LIFE - means.now()).days
    if left <= max(means.notifications.secret_warning_days):
        yield look(f"The client secret ends in {left} days.", "docs/runbook.md says how to rotate it.")
    else:
        yield ok(f"the client secret is good for {left} days")


def endpoints(means: Means) -> Iterator[Finding]:
    """Amazon's addresses; any answer is one, because nothing is asked with a seller's token."""
    regions = sorted({seller.region for seller in means.sellers().values()})
    for address in (means.settings.lwa_token_url, *(means.settings.spapi_endpoints[region] for region in regions)):
        _date_of(address)
        yield ok(f"{address} answers")


def clocks(means: Means) -> Iterator[Finding]:
    """Ours beside those of the warehouse, Airflow and Amazon."""
    with connect(means.settings.warehouse_dsn) as connection, warehouse_errors():
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        there = [("the warehouse", cast("datetime", row[0]) if row else None, means.now())]
    for name, address in (("Airflow", means.consent.airflow_url), ("Amazon", means.settings.lwa_token_url)):
        there.append((name, _date_of(address), means.now()))
    for name, said, here in there:
        if said is None:
            yield look(f"{name} does not tell the time.")
        elif abs(said - here) > CLOCK_TOLERANCE:
            yield wrong(
                f"The clock of {name} and ours are {abs(said - here).total_seconds():.0f} s apart.",
                "Set this machine's clock by NTP, and that one's if it is yours.",
            )
    if not any(said and abs(said - here) > CLOCK_TOLERANCE for _, said, here in there):
        yield ok(f"agree within {CLOCK_TOLERANCE.total_seconds():.0f} s")


def _date_of(address: str) -> datetime | None:
    try:
        answer = requests.get(address, timeout=ANSWER_WITHIN_S, allow_redirects=False)
    except requests.exceptions.SSLError:
        raise ContractError(f"{address} shows a certificate that is not trusted here.") from None
    except requests.RequestException as lost:
        raise TransportError(f"{address} does not answer ({type(lost).__name__}).") from None
    try:
        return parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError):
        return None
