"""The words of our mails: facts in, subject and text and HTML out; no database, no network, no Airflow.

Every letter is one file in `templates`, `reconnect.de.txt` say, that holds plain words in blocks. It is rendered twice:
over `seller.txt` or `operators.txt` as text, over the file of the same name in `.html` as HTML with every fact escaped.
So both say the same. What all of a language's letters share is in `de.txt` and `en.txt`. Words are no markup: no angle
bracket and no ampersand stands in them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.notifications.words import day_in_words, moment_in_words, one_line
from include.sellers.seller import Language

LONGEST_SUBJECT: Final = 120


class SellerMail(StrEnum):
    """What a seller is written about."""

    RECONNECT = "reconnect"
    REMINDER = "reminder"
    EXPIRES = "expires"
    RECONNECTED = "reconnected"
    INVITATION = "invitation"


class OperatorMail(StrEnum):
    """What operators are written about."""

    ALERT = "alert"
    SECRET_EXPIRES = "secret_expires"  # noqa: S105  # the name of a mail
    LATE = "late"
    MASS_REFUSAL = "mass_refusal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail without its addresses.

    Attributes:
        subject: One line of at most `LONGEST_SUBJECT` characters.
        text: The plain text, a paragraph a line.
        html: The same as a page.
    """

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerFacts:
    """What a seller's mail may say; nothing in it is trusted.

    Attributes:
        shop_name: What people call the shop.
        link: The start page of this shop, the only link of the mail.
        link_days: INVITATION: for how many days the link is good.
        link_ends_utc: INVITATION: until when it is.
        apps_url: Seller Central's page of the seller's apps; only its host is named.
        app_name: Our application's name, as the seller reads it there.
        old_app_names: Names of older applications of ours that the seller may still see there.
        timezone: IANA zone of every instant shown.
        happened_utc: When Amazon refused.
        missing_since_utc: Up to here orders are complete, None where none were ever loaded.
        lapsed_days: REMINDER: so many days ago Amazon refused.
        expires_utc: EXPIRES, RECONNECTED: when the permission ends, None where that is unknown or never.
        days_left: EXPIRES: days until then.
        connected_utc: RECONNECTED: since when orders flow again.
        was_refused: RECONNECTED: whether Amazon had refused, so that orders are missing; else it was renewed in time.
        is_first: RECONNECTED: whether the shop had never been connected before.
        is_paused: RECONNECTED: whether our nightly run of this shop is switched off.
        is_denied: RECONNECTED: whether Amazon, for all the permission, does not hand the orders out.
        totals_by_utc: RECONNECTED: when the totals of all missed orders should be there, None where not before all is.
        detail_by_utc: RECONNECTED: when everything missed should be there, None where that takes no time.
    """

    shop_name: str
    link: str
    link_days: int = 14
    link_ends_utc: datetime | None = None
    apps_url: str
    app_name: str
    old_app_names: tuple[str, ...] = ()
    timezone: str
    happened_utc: datetime
    missing_since_utc: datetime | None
    lapsed_days: int = 0
    expires_utc: datetime | None = None
    days_left: int = 0
    connected_utc: datetime | None = None
    was_refused: bool = True
    is_first: bool = False
    is_paused: bool = False
    is_denied: bool = False
    totals_by_utc: datetime | None = None
    detail_by_utc: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorFacts:
    """What an operators' mail may say; nothing in it is trusted, and what is empty is left out.

    Attributes:
        subject_of: The shop's name and our id in words, or "all sellers".
        error_class: The error's class, "unknown" where there is none.
        meaning: One English sentence: what it means.
        remedy: What to do.
        code: Amazon's error code.
        amazon_said: Amazon's own words, quoted as they are.
        request_id: Amazon's id of the refused request.
        happened_utc: When it happened; LATE: the instant up to which orders are complete.
        task: The DAG and the task.
        log_url: The task's log.
        runbook_url: The runbook.
        details: Further labels and values.
    """

    subject_of: str
    error_class: str
    meaning: str
    remedy: str
    code: str = ""
    amazon_said: str = ""
    request_id: str = ""
    happened_utc: datetime
    task: str = ""
    log_url: str = ""
    runbook_url: str = ""
    details: tuple[tuple[str, str], ...] = ()


def seller_letter(mail: SellerMail, language: Language, facts: SellerFacts) -> Letter:
    """Write to a seller, in the seller's language and zone."""

    def moment(instant: datetime | None) -> str:
        return moment_in_words(instant, facts.timezone, language)

    return _letter(
        f"{mail}.{language}.txt",
        _one_lined(facts)
        | {
            "language": language,
            "apps_host": _host(facts.apps_url),
            "happened": moment(facts.happened_utc),
            "missing_since": moment(facts.missing_since_utc),
            "link_ends_on": day_in_words(facts.link_ends_utc, facts.timezone, language),
            "expires_on": day_in_words(facts.expires_utc, facts.timezone, language),
            "connected": moment(facts.connected_utc),
            "totals_by": moment(facts.totals_by_utc),
            "detail_by": moment(facts.detail_by_utc),
        },
    )


def operators_letter(mail: OperatorMail, facts: OperatorFacts) -> Letter:
    """Write to the operators, in English and UTC."""
    told = _one_lined(facts)
    happened = f"{facts.happened_utc.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    rows = [
        ("About", told["subject_of"]),
        ("Error", told["error_class"]),
        ("Amazon's code", told["code"]),
        ("Amazon said", told["amazon_said"] and f'"{told["amazon_said"]}"'),
        ("Amazon's request", told["request_id"]),
        ("Complete until" if mail == OperatorMail.LATE else "When", happened),
        ("Task", told["task"]),
        *told["details"],
    ]
    links = [("Log", told["log_url"]), ("Runbook", told["runbook_url"])]
    facts_told = {
        "language": "en",
        "happened": happened,
        "rows": [(label, value) for label, value in rows if value],
        "links": [(label, value) for label, value in links if value],
    }
    return _letter(f"{mail}.txt", told | facts_told)


def _letter(template: str, facts: Mapping[str, Any]) -> Letter:
    words = _TEXT.get_template(template)
    subject = one_line("".join(words.blocks["subject"](words.new_context(dict(facts)))))[:LONGEST_SUBJECT].rstrip()
    text, html = (
        re.sub(r"\n{3,}", "\n\n", environment.get_template(template).render(facts, subject=subject)).strip() + "\n"
        for environment in (_TEXT, _HTML)
    )
    return Letter(subject=subject, text=text, html=html)


def _one_lined(facts: SellerFacts | OperatorFacts) -> dict[str, Any]:
    def clean(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(clean, value))
        return one_line(value) if isinstance(value, str) else value

    return {field.name: clean(getattr(facts, field.name)) for field in fields(facts)}


def _host(url: str) -> str:
    try:
        return one_line(urlsplit(url).hostname or "")
    except ValueError:
        return ""


def _paragraphs(words: str) -> list[str]:
    # The separators are taken from the words, because what is escaped must stay marked as such. No fact holds a line
    # break, so none can begin a paragraph.
    space = type(words)(" ")
    return [space.join(part.split()) for part in words.split("\n\n") if part.strip()]


def _environment(form: Literal["txt", "html"]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=form == "html",  # noqa: S701  # plain text knows no escaping
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["form"] = form
    environment.filters["paragraphs"] = _paragraphs
    return environment


_TEXT: Final = _environment("txt")
_HTML: Final = _environment("html")
