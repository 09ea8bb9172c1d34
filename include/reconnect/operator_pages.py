"""The operators' page as HTML: overviews in, rows of words and small pictures out; no database, no Airflow."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.authorization.consent_state import Consent
from include.authorization.status import AUTHORIZATION_LIFE, Status
from include.reconnect.overview import DAYS, CatchingUp, Event, Overview
from include.reconnect.seller_list import ListPage

TEMPLATES: Final = Path(__file__).parent / "templates" / "operators"
ROOT: Final = "/seller-orders"
SHAPES: Final[Mapping[str, str]] = {
    Status.CONNECTED: "●",
    Status.EXPIRES_SOON: "◐",
    Status.VERIFYING: "◌",
    Status.REAUTHORIZATION_REQUIRED: "▲",
    Status.ACCESS_DENIED: "■",
    Status.APPLICATION_CREDENTIALS: "■",
    Status.NEVER_CONNECTED: "○",
}
WORDS: Final = {
    language: tomllib.loads((TEMPLATES / f"{language}.toml").read_text(encoding="utf-8")) for language in ("de", "en")
}
CHART_HEIGHT: Final = 24
_environment = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def overview_page(
    overviews: Sequence[Overview],
    language: str,
    *,
    now_utc: datetime,
    shown: ListPage,
    paused: frozenset[str] = frozenset(),
) -> str:
    """Write one page of the list of sellers."""
    rows = [_row(overview, language, now_utc, paused) for overview in overviews]
    return _render("overview.html", language, rows=rows, shown=shown)


def seller_page(
    overview: Overview | None,
    language: str,
    *,
    now_utc: datetime,
    paused: frozenset[str] = frozenset(),
    history: Sequence[Event] = (),
    waiting: Sequence[Consent] = (),
    may_act: bool = False,
    link: str = "",
) -> str:
    """Write one seller's page; `link` and the buttons are for those who may act."""
    row = _row(overview, language, now_utc, paused) if overview else None
    events = [
        {
            "what": event.what,
            "since": _instant(event.from_utc),
            "until": _instant(event.until_utc) if event.until_utc else "",
            "details": event.details,
        }
        for event in history
    ]
    return _render("seller.html", language, row=row, history=events, waiting=list(waiting), may_act=may_act, link=link)


def _render(template: str, language: str, **values: Any) -> str:
    return _environment.get_template(template).render(language=language, words=WORDS[language], root=ROOT, **values)


def _row(overview: Overview, language: str, now_utc: datetime, paused: frozenset[str]) -> dict[str, Any]:
    seller, standing, words = overview.seller, overview.standing, WORDS[language]
    state: str = standing.status if standing else Status.NEVER_CONNECTED
    left = standing.expires_utc - now_utc if standing and standing.expires_utc else timedelta()
    days_left = max(0, ceil(left / timedelta(days=1)))
    mail = overview.last_mail
    is_known = standing is not None and standing.status is not Status.NEVER_CONNECTED
    return {
        "seller_id": seller.seller_id,
        "name": seller.name,
        "dag_id": seller.dag_id,
        "connection_id": seller.connection_id,
        "region": seller.region,
        "marketplaces": ", ".join(marketplace.country_code for marketplace in seller.marketplaces),
        "is_private": seller.authorization == "private",
        "state": state,
        "shape": SHAPES[state],
        "is_paused": seller.dag_id in paused,
        "state_words": words["states"][state].format(days=days_left),
        "since": _instant(standing.since_utc) if standing and is_known and standing.since_utc else words["none"],
        "said": standing.amazon_said if standing else "",
        "authorized": _day(standing.authorized_utc) if standing else words["none"],
        "expires": _day(standing.expires_utc) if standing and standing.expires_utc else "",
        "days_left": days_left,
        "life_percent": round(100 * min(1.0, max(0.0, left / AUTHORIZATION_LIFE)), 1),
        "through": _instant(overview.complete_through_utc) if overview.complete_through_utc else words["none"],
        "catching_up": _catching_up(overview.catching_up, language),
        "mail": f"{_instant(mail.sent_utc)} {mail.kind}, {mail.recipient}" if mail else words["none"],
        "rejected": overview.rejected,
        "bars": (bars := _bars(overview, now_utc)),
        "counts": ", ".join(str(bar["count"]) for bar in bars),
        "days_with": _path(bars, is_gap=False),
        "days_without": _path(bars, is_gap=True),
    }


def _catching_up(gap: CatchingUp | None, language: str) -> str:
    """Say when a gap should be closed; nothing where none is open."""
    if gap is None:
        return ""
    count = f"{gap.expected_orders:,}".replace(",", "." if language == "de" else ",")
    words = WORDS[language]["catching_up_with_totals" if gap.totals_expected_utc else "catching_up"]
    return str(
        words.format(orders=count, totals=_instant(gap.totals_expected_utc), detail=_instant(gap.detail_expected_utc))
    )


@lru_cache(maxsize=1)
def _days(today: date) -> list[tuple[date, str]]:
    days = [today - timedelta(days=DAYS - 1 - number) for number in range(DAYS)]
    return [(day, day.isoformat()) for day in days]


def _bars(overview: Overview, now_utc: datetime) -> list[dict[str, Any]]:
    """One bar a day, a low one where there was no order, so that a gap is seen as a gap."""
    days = _days(now_utc.date())
    counts = [overview.orders_by_day.get(day, 0) for day, _ in days]
    most = max(counts, default=0) or 1
    return [
        {"day": name, "count": count, "height": max(1, round(CHART_HEIGHT * count / most))}
        for (_, name), count in zip(days, counts, strict=True)
    ]


def _path(bars: Sequence[Mapping[str, Any]], *, is_gap: bool) -> str:
    """The bars as one shape: a list of a hundred sellers would have three thousand else."""
    return "".join(
        f"M{4 * place} {CHART_HEIGHT}v-{bar['height']}h3v{bar['height']}z"
        for place, bar in enumerate(bars)
        if (bar["count"] == 0) is is_gap
    )


def _instant(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC" if instant else "–"


def _day(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d}" if instant else "–"
