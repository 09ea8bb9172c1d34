"""The judge: what a schedule left must be what Amazon holds, what people were owed, and nothing secret anywhere.

It believes the fake Amazon and what the play saw from outside, never what the product says of itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Protocol

from include.fake_amazon.client import FakeAmazonClient
from include.notifications.meanings import LATE, MASS_REFUSAL, REFUSED, meaning_of
from include.warehouse.connection import Connection
from tests.chaos.kinds import KINDS
from tests.chaos.play import Lapse, Play
from tests.payloads import search
from tests.payloads.truth import Facts, tables_of, truth_of


class Judged(Protocol):
    """As much of a play as its tables are judged by, at either depth."""

    @property
    def stage(self) -> Any:
        """Sellers, and the store of raw pages."""

    @property
    def amazon(self) -> FakeAmazonClient:
        """What is true."""

    def clock(self) -> datetime:
        """The present."""

    def is_lapsed(self, seller_id: str) -> bool:
        """Whether a seller has taken its authorization back."""


TABLES = {"orders": "order_id", "order_items": "order_item_id"}
# A refusal is looked at twice, an hour apart, by a watch that comes every quarter of an hour.
SURE_AFTER = timedelta(hours=3)
REMINDED_AFTER = timedelta(days=3)
# The watch comes every six hours while nothing moves.
EITHER_WAY = timedelta(hours=7)
TWO_NIGHTS = timedelta(hours=25)
MAIL_TROUBLE = ("mail server away", "mail server ill", "mail answer lost")


def differences(play: Play, connection: Connection) -> list[str]:
    """Everything that is not as it should be, each in a line."""
    return [
        *play.scheduler.differences,
        *of_tables(play, connection),
        *of_windows(play, connection),
        *_of_incidents(play, connection),
        *_of_mails(play, connection),
        *_of_sellers_mails(play, connection),
        *_of_secrets(play, connection),
    ]


def of_tables(play: Judged, connection: Connection) -> Iterator[str]:
    """The tables equal what Amazon holds, for every seller, and those who are with us are up to date."""
    for seller_id in play.stage.sellers:
        row = connection.execute(
            "SELECT complete_from_utc, complete_through_utc, coalesce(totals_through_utc > complete_through_utc, false)"
            " FROM ops.watermark WHERE seller_id = %s",
            (seller_id,),
        ).fetchone()
        if row is None:
            # Who left before the first night has nothing here.
            if not play.is_lapsed(seller_id):
                yield f"{seller_id}: nothing was ever loaded"
            continue
        since_utc, through_utc, has_more = row
        if not play.is_lapsed(seller_id) and play.clock() - through_utc > TWO_NIGHTS:
            yield f"{seller_id}: complete only through {through_utc}"
        if not has_more:
            truth = truth_of(play.amazon, seller_id, through_utc, since_utc)  # type: ignore[arg-type]
            if not (truth.orders or play.is_lapsed(seller_id)):
                yield f"{seller_id}: Amazon has no orders, which proves nothing"
            yield from _compared(seller_id, tables_of(connection, seller_id), truth)
        rejected = _one(connection, "SELECT count(*) FROM ops.rejected_order WHERE seller_id = %s", seller_id)
        if rejected:
            yield f"{seller_id}: {rejected} orders were rejected"
        for table, key in TABLES.items():
            query = f"SELECT count(*) - count(DISTINCT {key}) FROM amazon.{table} WHERE seller_id = %s"
            if twice := _one(connection, query, seller_id):
                yield f"{seller_id}: {twice} rows twice in {table}"


def _compared(seller_id: str, tables: Facts, truth: Facts) -> Iterator[str]:
    for name, have, want in zip(Facts._fields, tables, truth, strict=True):
        if have != want:
            example = next(iter(have ^ want))
            yield f"{seller_id}: {name}: {len(want - have)} missing, {len(have - want)} too many, such as {example}"


def of_windows(play: Judged, connection: Connection) -> Iterator[str]:
    """Nights follow each other without a hole, up to the watermark; what landed can be read."""
    landed = {name for name, _ in play.stage.store.pages()}
    for (url,) in connection.execute("SELECT page_url FROM ops.landed_page"):
        if str(url).removeprefix("file://") not in landed:
            yield f"the landed page {url} is gone"
    for seller_id in play.stage.sellers:
        rows = connection.execute(
            "SELECT window_start_utc, complete_through_utc FROM ops.extraction_window"
            " WHERE seller_id = %s AND purpose = 'nightly' AND state = 'loaded' ORDER BY window_start_utc",
            (seller_id,),
        ).fetchall()
        reached: Any = rows[0][1] if rows else None
        for start_utc, through_utc in rows[1:]:
            if start_utc > reached:
                yield f"{seller_id}: nobody asked for {reached} to {start_utc}"
            reached = max(reached, through_utc)
        mark = _one(connection, "SELECT complete_through_utc FROM ops.watermark WHERE seller_id = %s", seller_id)
        if mark != reached:
            yield f"{seller_id}: the watermark says {mark}, its windows {reached}"
        left = "SELECT count(*) FROM ops.extraction_window WHERE seller_id = %s AND state <> 'loaded'"
        if not play.is_lapsed(seller_id) and (count := _one(connection, left, seller_id)):
            yield f"{seller_id}: {count} windows are not loaded"


def _of_incidents(play: Play, connection: Connection) -> Iterator[str]:
    allowed = {LATE}.union(*(KINDS[fault.kind].tells for fault in play.record.struck))
    if sum(bool(lapses) for lapses in play.record.lapses.values()) > 1:
        # Two at once look like Amazon's fault until each has been refused twice.
        allowed.add(MASS_REFUSAL)
    told = set()
    for seller_id, error_class, opened_utc, closed_utc in _incidents(connection):
        told.add((seller_id, error_class))
        if meaning_of(error_class).audience == "operators" and error_class not in allowed:
            yield f"{seller_id}: operators are told of {error_class}, which nothing that happened asks for"
        if closed_utc is None and not _stays_open(play, seller_id, error_class):
            yield f"{seller_id}: {error_class}, open since {opened_utc}, has not ended"
    late = Counter(seller_id for seller_id, error_class, _, _ in _incidents(connection) if error_class == LATE)
    if late != Counter({seller_id: count for seller_id, count in play.record.late.items() if count}):
        yield f"data were late by our clock {dict(play.record.late)}, operators were told {dict(late)}"
    for at_utc, seller_id, error_class in play.record.failures:
        is_theirs = meaning_of(error_class).audience == "operators"
        if (
            is_theirs
            and not told & {(seller_id, error_class), (None, error_class)}
            and not play.record.lapses[seller_id]
        ):
            yield f"{seller_id}: failed at {at_utc} with {error_class}, and no operator was told"
    for seller_id in play.stage.sellers:
        status = _one(connection, "SELECT status FROM ops.seller_authorization WHERE seller_id = %s", seller_id)
        expected = "reauthorization_required" if play.is_lapsed(seller_id) else "connected"
        if status != expected:
            yield f"{seller_id}: the status is {status}, not {expected}"


def _stays_open(play: Play, seller_id: str | None, error_class: str) -> bool:
    return bool(seller_id) and play.is_lapsed(seller_id or "") and error_class in (REFUSED, LATE)


def _of_mails(play: Play, connection: Connection) -> Iterator[str]:
    """What is owed is sent, once, to whom it is owed; what was dropped had become pointless."""
    may_double = any(KINDS[fault.kind].may_double_mails(fault) for fault in play.record.struck)
    taken = Counter(
        (mail.mail["Message-ID"].strip("<>").partition("@")[0], mail.recipients) for mail in play.stage.taken
    )
    known = set()
    for ref, recipient, kind, sent_utc, dropped_utc, created_utc, closed_utc in connection.execute(
        "SELECT message_ref::text, recipient, kind, sent_utc, dropped_utc, created_utc, closed_utc"
        " FROM ops.outbox JOIN ops.incident USING (incident_id)"
    ):
        known.add((ref, (recipient,)))
        count = taken[(str(ref), (str(recipient),))]
        if sent_utc is None and dropped_utc is None:
            yield f"{kind} to {recipient} of {created_utc} is still owed"
        if sent_utc and not count:
            yield f"{kind} to {recipient} is said to be sent, and never came"
        if count > 1 and not may_double:
            yield f"{kind} to {recipient} came {count} times"
        if dropped_utc and closed_utc != dropped_utc:
            yield f"{kind} to {recipient} was dropped while its incident was open"
    for ref, recipients in taken.keys() - known:
        yield f"a mail to {recipients} that nobody owed: {ref}"


def _of_sellers_mails(play: Play, connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT seller_id, regexp_replace(kind, '_.*', ''), recipient, count(*) FROM ops.outbox"
        " JOIN ops.incident USING (incident_id) WHERE audience = 'seller' AND sent_utc IS NOT NULL GROUP BY 1, 2, 3"
    ).fetchall()
    sent = {(str(s), str(kind), str(to)): int(count) for s, kind, to, count in rows}  # type: ignore[call-overload]
    was_mail_away = any(fault.kind in MAIL_TROUBLE for fault in play.record.struck)
    for seller in play.stage.sellers.values():
        lapses = play.record.lapses[seller.seller_id]
        for contact in seller.contacts:
            owed = _owed(lapses, play.clock(), was_mail_away)
            for kind, (least, most) in owed.items():
                count = sent.pop((seller.seller_id, kind, contact), 0)
                if not least <= count <= most:
                    yield f"{contact} got {count} mails {kind}, owed are {least} to {most}: {lapses}"
    for (_, kind, to), count in sent.items():
        yield f"{to} got {count} mails {kind}, owed is none"


def _owed(lapses: list[Lapse], end_utc: datetime, was_mail_away: bool) -> dict[str, tuple[int, int]]:
    """By kind, how many mails each contact is owed: at least and at most."""
    known = [lapse for lapse in lapses if lapse.refused_utc]
    least = most = reminded_least = reminded_most = 0
    for lapse in known:
        lasted = (lapse.back_utc or end_utc) - (lapse.refused_utc or end_utc)
        most += 1
        least += lasted > SURE_AFTER and (lapse.back_utc is None or not was_mail_away)
        reminded_most += lasted > REMINDED_AFTER - EITHER_WAY
        reminded_least += lasted > REMINDED_AFTER + EITHER_WAY
    came_back = sum(lapse.back_utc is not None for lapse in lapses)
    return {
        "reconnect": (least, most),
        "reminder": (reminded_least, reminded_most),
        "reconnected": (came_back, came_back),
    }


def _of_secrets(play: Play, connection: Connection) -> Iterator[str]:
    secrets = {*search.TOKENS, *play.stage.tokens}
    logs = [("a task's log", text) for text in play.scheduler.log]
    texts = [
        *logs,
        *play.stage.store.pages(),
        *search.rows_of(connection),
        *search.mails(play.stage.taken),
    ]
    if not logs:
        yield "no task wrote a log, which proves nothing"
    yield from search.found(texts, secrets)


def _incidents(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT seller_id, error_class, opened_utc, closed_utc FROM ops.incident ORDER BY incident_id"
    ).fetchall()


def _one(connection: Connection, query: str, *values: object) -> Any:
    row = connection.execute(query, values).fetchone()
    return row and row[0]
