"""Plays a schedule: nights of every seller with its faults, then quiet nights; keeps what the judge must know."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from include.errors import SellerOrdersError
from include.warehouse.connection import Connection
from tests.chaos.clock import FileClock
from tests.chaos.kinds import KINDS
from tests.chaos.points import Point
from tests.chaos.schedule import NIGHTS, Fault, Schedule
from tests.chaos.scheduler import Begun, Outcome, Run, Scheduler
from tests.chaos.stage import Stage
from tests.chaos.tries import Ended, Job, Try
from tests.payloads.consents import give_consent

# A quiet night and the hours after it: enough for the longest pause of a mail, and for the second look at a refusal.
QUIET = timedelta(hours=14)
LATE_AFTER = timedelta(hours=26)
AGAIN_AFTER_MINUTES = 10
LOOK_AGAIN_AFTER_MINUTES = 60


@dataclass
class Lapse:
    """A seller's authorization that ended.

    Attributes:
        since_utc: When.
        refused_utc: When a run first failed because of it and its notice had its turn: from then on people are owed.
        back_utc: When the seller's new one was safe with us.
    """

    since_utc: datetime
    refused_utc: datetime | None = None
    back_utc: datetime | None = None


@dataclass
class Record:
    """What happened, for the judge.

    Attributes:
        lapses: By seller, in order.
        failures: When a failed run was told of, its seller and the class of its error.
        late: By seller, how often the watch saw its data become too old.
        struck: Faults that struck.
    """

    lapses: defaultdict[str, list[Lapse]] = field(default_factory=lambda: defaultdict(list))
    failures: list[tuple[datetime, str, str]] = field(default_factory=list)
    late: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    struck: list[Fault] = field(default_factory=list)


class Play:
    """One schedule on its stage.

    Attributes:
        amazon: Control of the fake Amazon.
        shuffled: Sellers whose pages are in no order now.
        late: Sellers whose data were too old when the watch last looked.
    """

    def __init__(self, schedule: Schedule, stage: Stage) -> None:
        self.schedule = schedule
        self.stage = stage
        self.amazon = stage.amazon.client
        self.record = Record()
        self.scheduler = Scheduler(stage.clock, self)
        self.scheduler.ended = self._ended
        self.scheduler.is_busy = self._is_busy
        self.shuffled: dict[str, bool] = {}
        self._armed = list(schedule.faults)
        self._environment = stage.environment()
        self.late: set[str] = set()
        self._asked: set[tuple[str, str]] = set()
        stage.airflow.start_run = self._asked_for

    @property
    def clock(self) -> FileClock:
        """The one time."""
        return self.stage.clock

    def perform(self) -> None:
        """Play it to its end."""
        first = self.clock()
        self.scheduler.after(self.scheduler.watch_for_ever, minutes=15)
        for night in range(1, NIGHTS + 2):
            midnight = first.replace(hour=0) + timedelta(days=night)
            self.scheduler.at(midnight, lambda night=night: self._night(night))  # type: ignore[misc]
            for seller in self.stage.sellers.values():
                due = midnight + timedelta(hours=seller.run_at.hour)
                run_id = f"scheduled__{due.isoformat()}"
                self.scheduler.at(due, lambda s=seller.seller_id, r=run_id: self.scheduler.start_run(s, r))  # type: ignore[misc]
        self.scheduler.run_until(first.replace(hour=0) + timedelta(days=NIGHTS + 1))
        # However late it is by now: a machine may have been away for longer than a night.
        self.scheduler.run_until(self.clock() + QUIET)
        self.scheduler.is_busy = lambda: False

    def waits_for(self, begun: Begun) -> bool:
        """Whether anything is to strike this try."""
        return any(self._is_for(fault, begun) for fault in self._armed)

    def points(self, begun: Begun) -> list[Point]:
        """Strike what strikes before this try begins; return where it is to be held."""
        due = [fault for fault in self._armed if self._is_for(fault, begun)]
        for fault in [fault for fault in due if fault.point is None]:
            self._strike(fault, begun, None)
        return [fault.point for fault in due if fault.point]

    def strike(self, begun: Begun, point: Point, task: Try) -> Outcome:
        """Let everything strike that was waiting for this point."""
        outcome: Outcome = None
        for fault in [fault for fault in self._armed if self._is_for(fault, begun) and fault.point == point]:
            outcome = self._strike(fault, begun, task) or outcome
            if isinstance(outcome, Ended):
                break
        return outcome

    def job(self, task: str, facts: dict[str, Any]) -> Job:
        """What a process needs to know."""
        return Job(task, self._environment, [], self.stage.store.raw_root, facts)

    def revoke(self, seller_id: str) -> bool:
        """Let a seller take its authorization back; false where it has already."""
        if self.is_lapsed(seller_id):
            return False
        self.amazon.revoke(seller_id)
        self.record.lapses[seller_id].append(Lapse(self.clock()))
        return True

    def is_lapsed(self, seller_id: str) -> bool:
        """Whether a seller has taken its authorization back and not come again."""
        lapses = self.record.lapses[seller_id]
        return bool(lapses) and lapses[-1].back_utc is None

    def come_back(self, seller_id: str) -> None:
        """Let a seller open its link, sign in, tick and confirm; again later where that came to nothing."""
        if not self.is_lapsed(seller_id):
            return
        self.scheduler.attempt(
            Begun("begin_consent", seller_id, self.scheduler.night, 1),
            {"seller_id": seller_id},
            lambda ended, _: self._at_amazon(seller_id, ended),
        )

    def change_orders(self, seller_id: str, orders: int) -> None:
        """Change and cancel some of a seller's orders now, by our clock: what has been read stays as it was."""
        now_utc = self.clock()
        if self.amazon.clock() < now_utc:
            # By its clock it would happen in what has been read already.
            return
        known = self.amazon.truth(seller_id, now_utc)["orders"]
        chosen = sorted(known, key=lambda order: crc32(order["order_id"].encode()))[:orders]
        for number, order in enumerate(chosen):
            if number % 3:
                self.amazon.update_order(seller_id, order["order_id"], {"programs": ["PRIME"]}, at_utc=now_utc)
            else:
                self.amazon.cancel_order(seller_id, order["order_id"], at_utc=now_utc)

    def _night(self, night: int) -> None:
        self.scheduler.night = night
        if night > NIGHTS:
            # Nothing new goes wrong from here on, and what was asked of Amazon and of the store is over.
            self._armed.clear()
            self.amazon.clear_faults()
            self.stage.store.calm()
            self.amazon.set_clock(None)
            self.stage.house.postgres.start()
            self.stage.stop_mail_server()
            self.stage.start_mail_server()

    def _is_for(self, fault: Fault, begun: Begun) -> bool:
        return fault.task == begun.task and fault.night <= begun.night and fault.seller in ("", begun.seller_id)

    def _strike(self, fault: Fault, begun: Begun, task: Try | None) -> Outcome:
        self._armed.remove(fault)
        self.record.struck.append(fault)
        self.scheduler.log.append(f"=== {self.clock()} {begun}: {fault}")
        return KINDS[fault.kind].strike(self, fault, task)

    def _asked_for(self, dag_id: str, run_id: str) -> bool:
        # Called while the task that asks for it waits for the answer, so it only notes it.
        if dag_id == "authorization_watch":
            self.scheduler.after(self.scheduler.watch, seconds=1)
            return True
        if (dag_id, run_id) in self._asked:
            return False
        self._asked.add((dag_id, run_id))
        seller_id = dag_id.removeprefix("amazon_orders__")
        self.scheduler.after(lambda: self.scheduler.start_run(seller_id, run_id), seconds=1)
        return True

    def _at_amazon(self, seller_id: str, begun: Ended) -> None:
        if begun.how != "done":
            self._later(seller_id)
            return
        state, browser = begun.value
        account, code = give_consent(
            self.stage.amazon, seller_id, redirect_uri="http://127.0.0.1:8092/callback", state=state
        )
        self.stage.tokens |= {self.amazon.authorize(seller_id).refresh_token, code, state}
        facts = {
            "seller_id": seller_id,
            "state": state,
            "browser": browser,
            "selling_partner_id": account,
            "code": code,
        }
        self.scheduler.attempt(
            Begun("come_back", seller_id, self.scheduler.night, 1), facts, lambda ended, _: self._back(seller_id, ended)
        )

    def _back(self, seller_id: str, ended: Ended) -> None:
        step = self._step_of_last_consent(seller_id)
        if step in ("kept", "stored", "confirming"):
            # On its way, whatever the page said; a person looks again later.
            if step == "confirming":
                self._confirm(seller_id)
            self.scheduler.wake_the_watch()
            self.scheduler.after(lambda: self._back(seller_id, ended), minutes=LOOK_AGAIN_AFTER_MINUTES)
        elif step == "done":
            self.record.lapses[seller_id][-1].back_utc = self.clock()
        else:
            self._later(seller_id)

    def _step_of_last_consent(self, seller_id: str) -> str:
        try:
            with self.stage.connect() as connection:
                row = connection.execute(
                    "SELECT step FROM ops.consent WHERE seller_id = %s ORDER BY consent_id DESC LIMIT 1", (seller_id,)
                ).fetchone()
        except SellerOrdersError:
            return "stored"
        return str(row[0]) if row else ""

    def _confirm(self, seller_id: str) -> None:
        self.scheduler.attempt(Begun("confirm", seller_id, self.scheduler.night, 1), {}, lambda *_: None)

    def _later(self, seller_id: str) -> None:
        self.scheduler.after(lambda: self.come_back(seller_id), minutes=AGAIN_AFTER_MINUTES)

    def _ended(self, begun: Begun, run: Run | None, ended: Ended) -> None:
        if begun.task == "notify_reconnect" and run:
            # Owed where the seller has left, whatever the product says of it; of one who is back, where it says so.
            # Without a mail server the task fails, and the watch sends what it owed.
            is_owed = ended.how != "done" or ended.value["incident"] or self.is_lapsed(run.seller_id)
            if run.failed == "ReauthorizationRequiredError" and is_owed:
                self._note_refused(run.seller_id)
            if ended.how == "done":
                self.record.failures.append((self.clock(), run.seller_id, run.failed))
        elif ended.how == "done" and (
            begun.task == "look_out" or (begun.task == "watch" and "look_out" in ended.value)
        ):
            self._look_at_ages()

    def _note_refused(self, seller_id: str) -> None:
        # Of the one that is over too: who was slow to tell may have told all the same.
        for lapse in self.record.lapses[seller_id][-1:]:
            lapse.refused_utc = lapse.refused_utc or self.clock()

    def _look_at_ages(self) -> None:
        """What the watch must have seen a moment ago, seen with our own eyes."""
        try:
            with self.stage.connect() as connection:
                late = {str(row[0]) for row in _late_sellers(connection)}
        except SellerOrdersError:
            return
        for seller_id in late - self.late:
            self.record.late[seller_id] += 1
        self.late = late

    def _is_busy(self) -> bool:
        try:
            with self.stage.connect() as connection:
                row = connection.execute(
                    "SELECT EXISTS (SELECT FROM ops.outbox WHERE sent_utc IS NULL AND dropped_utc IS NULL)"
                    " OR EXISTS (SELECT FROM ops.consent WHERE step IN ('kept', 'stored'))"
                    " OR EXISTS (SELECT FROM ops.incident WHERE closed_utc IS NULL AND verified_utc IS NULL)"
                ).fetchone()
        except SellerOrdersError:
            return True
        return bool(row and row[0])


def _late_sellers(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT seller_id FROM ops.seller_authorization LEFT JOIN ops.watermark USING (seller_id)"
        " WHERE coalesce(complete_through_utc, first_seen_utc) < chaos.now() - %s",
        (LATE_AFTER,),
    ).fetchall()
