"""A small, honest stand-in of Airflow's scheduler: nights, runs, tries, reschedules, retries, and the watch.

It does with the product's tasks what dags/ say: one run a seller at a time, four more tries after 1, 2, 4, 8 minutes
unless the error says otherwise, a wait gives the worker back, a failure is followed by `notify_reconnect`, what is left
to ask for by a next run. Time goes from event to event.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from tests.chaos.clock import FileClock
from tests.chaos.points import Point
from tests.chaos.tries import PATIENCE_S, Ended, Job, Try

STEPS = ("validate_authorization", "extract_orders", "load_orders")
NOTIFY = "notify_reconnect"
WATCH = ("look_out", "ask_again", "finish_consents", "send_owed")
RETRIES = 4
# notify_reconnect waits longer for whom it tells through.
NOTIFY_RETRIES = 7
NOTIFY_LONGEST_S = 900.0
# From a task's being due to its first line, and from a worker's death to the scheduler's notice of it.
OVERHEAD = timedelta(seconds=3)
HEARTBEAT = timedelta(minutes=5)
SHORTEST_RESCHEDULE = timedelta(seconds=9)
WATCH_EVERY = timedelta(minutes=15)
# Ninety-six watches a night would take all the time there is: while nothing moves, one in six hours is enough.
CALM = 24
LONGEST_RUN = timedelta(days=1)
# Of real time: so long a task may be kept by a lock before whoever stands there goes on.
WAITS_FOR_ANOTHER_S = 8.0


@dataclass
class Run:
    """One run of a seller's DAG."""

    seller_id: str
    run_id: str
    night: int
    conf: dict[str, Any]
    begun_utc: datetime | None = None
    xcoms: dict[str, Any] = field(default_factory=dict)
    failed: str = ""


@dataclass(frozen=True)
class Begun:
    """A try that is about to begin: what a fault may be waiting for."""

    task: str
    seller_id: str
    night: int
    try_number: int


@dataclass(frozen=True)
class Orphaned:
    """The scheduler takes the try for lost; its process goes on all the same, after a while."""

    goes_on_after: timedelta


@dataclass(frozen=True)
class Limited:
    """From now on the process finds room for so many bytes a file."""

    limit_bytes: int


Outcome = Ended | Orphaned | Limited | timedelta | None


class Troublemaker(Protocol):
    """Who strikes."""

    def waits_for(self, begun: Begun) -> bool:
        """Whether anything is to strike this try."""

    def points(self, begun: Begun) -> list[Point]:
        """Where this try is to be held; what strikes before it begins has struck."""

    def strike(self, begun: Begun, point: Point, task: Try) -> Outcome:
        """Do what is due at a point; returns how the try ended, how long it stands still, or None to go on."""

    def job(self, task: str, facts: dict[str, Any]) -> Job:
        """What a process needs to know."""


class Scheduler:
    """Runs events in the order of their time; whoever needs a later moment asks for it with `at`.

    Attributes:
        clock: Moved from event to event.
        ended: What hears of every try that ended: what began, the run (None for others), how it ended.
        log: Every try's output.
        differences: What no scheduler should have to see.
        tries: How many processes were started.
        is_busy: Whether the watch should run every quarter of an hour.
    """

    def __init__(self, clock: FileClock, troublemaker: Troublemaker) -> None:
        self.clock = clock
        self.troublemaker = troublemaker
        self.ended: Callable[[Begun, Run | None, Ended], None] = lambda *_: None
        self.log: list[str] = []
        self.differences: list[str] = []
        self.is_busy: Callable[[], bool] = lambda: True
        self.night = 0
        self.tries = 0
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._active: dict[str, Run] = {}
        self._queued: defaultdict[str, deque[Run]] = defaultdict(deque)
        self._known: set[tuple[str, str]] = set()
        self._watching = False
        self._turn = 0
        self._standing: dict[Try, tuple[Callable[[Ended], None], Callable[[], None]]] = {}
        self._orphans: dict[Try, Callable[[], None]] = {}

    def at(self, due_utc: datetime, event: Callable[[], None]) -> None:
        """Let something happen at a time, at once where that is past."""
        heapq.heappush(self._events, (due_utc, next(self._numbers), event))

    def after(self, event: Callable[[], None], **duration: float) -> None:
        """Let something happen after a `timedelta` spelled in keywords."""
        self.at(self.clock() + timedelta(**duration), event)

    def run_until(self, end_utc: datetime) -> None:
        """Let everything happen that is due until then; runs under way come to their end."""
        while self._events and (self._events[0][0] <= end_utc or self._active):
            due_utc, _, event = heapq.heappop(self._events)
            if due_utc > end_utc + LONGEST_RUN:
                raise AssertionError(f"A run has not ended in {LONGEST_RUN}: {list(self._active.values())}")
            self.clock.move_to(due_utc)
            event()
        self.clock.move_to(end_utc)

    def start_run(self, seller_id: str, run_id: str, conf: dict[str, Any] | None = None) -> bool:
        """Queue a run; false where it exists."""
        if (seller_id, run_id) in self._known:
            return False
        self._known.add((seller_id, run_id))
        self._queued[seller_id].append(Run(seller_id, run_id, self.night, conf or {}))
        self._begin_next(seller_id)
        return True

    def watch(self) -> None:
        """Run the watch once, unless it runs: in one process, or in four where one of them is to be struck."""
        if self._watching:
            return
        self._watching = True
        is_struck = any(self.troublemaker.waits_for(Begun(task, "", self.night, 1)) for task in WATCH)
        tasks = deque(WATCH if is_struck else ("watch",))

        def step(ended: Ended | None = None, begun: Begun | None = None) -> None:
            if ended and begun and ended.how == "done":
                asked = ended.value if begun.task == "ask_again" else _of_watch(ended, "ask_again")
                for dag_id in asked or []:
                    self.start_run(dag_id.removeprefix("amazon_orders__"), f"again__{self.clock().isoformat()}")
            if tasks:
                self.attempt(Begun(tasks.popleft(), "", self.night, 1), {}, step)
            else:
                self._watching = False

        step()

    def watch_for_ever(self) -> None:
        """Run the watch every quarter of an hour, less often while nothing moves; begun again, it begins anew."""
        self._turn += 1
        turn = self._turn
        self.watch()
        moves = self.is_busy() or bool(self._active)
        self.after(
            lambda: self.watch_for_ever() if turn == self._turn else None,
            seconds=WATCH_EVERY.total_seconds() * (1 if moves else CALM),
        )

    def wake_the_watch(self) -> None:
        """Something moves: the watch runs in a quarter of an hour, however calm it was."""
        self.after(self.watch_for_ever, seconds=WATCH_EVERY.total_seconds())

    def attempt(
        self, begun: Begun, facts: dict[str, Any], then: Callable[[Ended, Begun], None], run: Run | None = None
    ) -> None:
        """Start one try; `then` hears how it ended, at once or later."""
        self.clock.sleep(OVERHEAD.total_seconds())
        self.tries += 1
        points = self.troublemaker.points(begun)
        job = self.troublemaker.job(begun.task, facts)
        job.points, job.is_last_try = points, begun.try_number > _retries(begun.task)
        task = Try(job)

        def go_on() -> None:
            self._standing.pop(task, None)
            while isinstance(came := self._until_held(task), Point):
                outcome = self.troublemaker.strike(begun, came, task)
                if isinstance(outcome, timedelta):
                    self._standing[task] = end, resume
                    self.at(self.clock() + outcome, resume)
                    return
                if isinstance(outcome, Orphaned):
                    self._orphans[task] = lambda: self._end_orphan(begun, task)
                    self.at(self.clock() + outcome.goes_on_after, self._orphans[task])
                    end(Ended("killed"))
                    return
                if isinstance(outcome, Ended):
                    came = outcome
                    break
                if isinstance(outcome, Limited):
                    task.go_on("limit", outcome.limit_bytes)
                else:
                    task.go_on()
            self.log.append(f"--- {self.clock()} {begun} ended {came.how} {came.error_class}\n{task.text()}")
            end(came)

        def end(came: Ended) -> None:
            self.ended(begun, run, came)
            then(came, begun)

        def resume() -> None:
            if task in self._standing:
                task.go_on()
                go_on()

        go_on()

    def restart(self) -> None:
        """Take every process that stands somewhere along, as an executor that works on its machine does."""
        standing, self._standing = self._standing, {}
        for task, (end, _) in standing.items():
            end(task.kill())

    def _until_held(self, task: Try) -> Point | Ended:
        """As the task's own; where it waits for what a standing one holds, that one goes on before its time."""
        while True:
            standing = [*self._orphans.values(), *(resume for _, resume in self._standing.values())]
            came = task.until_held(WAITS_FOR_ANOTHER_S if standing else PATIENCE_S)
            if came is not None:
                return came
            if not standing:
                task.kill()
                raise AssertionError(f"{task.task} stands still: {task.text()[-3000:]}")
            standing[0]()

    def _end_orphan(self, begun: Begun, task: Try) -> None:
        if self._orphans.pop(task, None) is None:
            return
        task.go_on()
        while isinstance(came := self._until_held(task), Point):
            task.go_on()
        self.log.append(
            f"--- {self.clock()} {begun} went on as an orphan and ended {came.how} {came.error_class}\n{task.text()}"
        )

    def _begin_next(self, seller_id: str) -> None:
        if seller_id in self._active or not self._queued[seller_id]:
            return
        run = self._active[seller_id] = self._queued[seller_id].popleft()
        self.after(lambda: self._step(run, STEPS[0]), seconds=1)

    def _step(self, run: Run, task: str, try_number: int = 1) -> None:
        run.begun_utc = run.begun_utc or self.clock()
        facts = {
            "seller_id": run.seller_id,
            "run_id": run.run_id,
            "begun_utc": run.begun_utc.isoformat(),
            "conf": run.conf,
            "xcoms": run.xcoms,
        }
        begun = Begun(task, run.seller_id, run.night, try_number)
        self.attempt(begun, facts, lambda ended, begun: self._task_ended(run, begun, ended), run)

    def _task_ended(self, run: Run, begun: Begun, ended: Ended) -> None:
        if ended.how == "done":
            self._succeeded(run, begun.task, ended)
        elif ended.how == "wait":
            if ended.until_utc - self.clock() < SHORTEST_RESCHEDULE:
                self.differences.append(f"{begun} is rescheduled for less than ten seconds, which Airflow loses")
            self.at(ended.until_utc, lambda: self._step(run, begun.task, begun.try_number))
        elif begun.try_number > _retries(begun.task) or ended.delay_s is None:
            self._failed(run, begun.task, ended)
        else:
            own = 60.0 * 2 ** (begun.try_number - 1)
            own = min(own, NOTIFY_LONGEST_S) if begun.task == NOTIFY else own
            delay_s = own if ended.delay_s < 0 else ended.delay_s
            if ended.how == "killed":
                delay_s += HEARTBEAT.total_seconds()
            self.after(lambda: self._step(run, begun.task, begun.try_number + 1), seconds=delay_s)

    def _succeeded(self, run: Run, task: str, ended: Ended) -> None:
        if task == NOTIFY:
            self._over(run)
            return
        run.xcoms[f"{task} result"] = ended.value
        if task != STEPS[-1]:
            following = STEPS[STEPS.index(task) + 1]
            self.after(lambda: self._step(run, following), seconds=1)
            return
        extracted = run.xcoms["extract_orders result"]
        if extracted["more"]:
            self.start_run(run.seller_id, f"next__{self.clock().isoformat()}", extracted["conf"])
        self._over(run)

    def _failed(self, run: Run, task: str, ended: Ended) -> None:
        if task == NOTIFY:
            self._over(run)
            return
        run.failed = ended.error_class or "unknown"
        run.xcoms[task] = ended.pushed.get("failure")
        self.after(lambda: self._step(run, NOTIFY), seconds=1)

    def _over(self, run: Run) -> None:
        del self._active[run.seller_id]
        if run.failed:
            self.wake_the_watch()
        self._begin_next(run.seller_id)


def _of_watch(ended: Ended, task: str) -> Any:
    return ended.value.get(task) if isinstance(ended.value, dict) else None


def _retries(task: str) -> int:
    return NOTIFY_RETRIES if task == NOTIFY else RETRIES
