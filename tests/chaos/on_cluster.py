"""The second depth: the same trouble on the whole cluster, with Airflow, Celery and Redis as they are.

A fault waits for its moment: Amazon holds back the seller's answer, or the seller's pages have landed and its load is
due. The seller's run begins when its fault's turn has come, the others' at once. Time is real here, so a seed takes
minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import psycopg

from include.errors import SellerOrdersError
from include.fake_amazon import literal
from include.fake_amazon.client import FakeAmazonClient
from include.local_stack.cluster import Cluster
from include.local_stack.connections import create_absent_connections, create_absent_mail_connection
from include.local_stack.runs import FINISHED, paused_sellers
from include.local_stack.waiting import wait_until
from include.sellers.registry import Seller
from include.warehouse.connection import Connection, connect
from tests.chaos.schedule import Fault
from tests.chaos.store import FileStore

NIGHTS = 2
# Of a run that begins while what an earlier fault has killed comes back.
MOMENT_S = 120.0
# Longer than it takes to see that the moment is there and to strike.
LATENCY_S = 8.0
NIGHT_S = 400.0
CHANGED = 12
OPERATION = {"validate_authorization": "getMarketplaceParticipations", "extract_orders": "searchOrders"}
Strike = Callable[["OnCluster", Fault], None]


@dataclass
class Night:
    """What a night came to: each seller's state of its run."""

    run_id: str
    states: dict[str, str] = field(default_factory=dict)


class OnCluster:
    """A schedule on a running cluster; to the judge it is a play like any other.

    Attributes:
        unreached: Faults whose moment never came.
        revoked: Sellers who took their authorization back for good.
    """

    def __init__(self, cluster: Cluster, sellers: Mapping[str, Seller], folder: Path) -> None:
        self.cluster = cluster
        self.sellers = sellers
        self.store = FileStore(folder / "raw")
        self.unreached: list[Fault] = []
        self.revoked: set[str] = set()

    @property
    def stage(self) -> OnCluster:
        """Where it plays."""
        return self

    @property
    def amazon(self) -> FakeAmazonClient:
        """Control of the fake Amazon."""
        assert self.cluster.stack.amazon
        return self.cluster.stack.amazon

    def clock(self) -> datetime:
        """The real time."""
        return datetime.now(UTC)

    def is_lapsed(self, seller_id: str) -> bool:
        """Whether a seller has taken its authorization back."""
        return seller_id in self.revoked

    def connect(self) -> Connection:
        """A connection to the warehouse, for looking."""
        return connect(self.cluster.stack.loader_dsn)

    def perform(self, faults: Sequence[Fault]) -> list[Night]:
        """Connect everybody, play the nights with their faults, and a quiet one."""
        stack, sellers = self.cluster.stack, list(self.sellers.values())
        create_absent_mail_connection(stack.airflow, stack.settings.smtp_port)
        create_absent_connections(stack.airflow, self.amazon, sellers)
        assert not paused_sellers(stack, sellers)
        nights = []
        for night in range(1, NIGHTS + 2):
            if night > NIGHTS:
                self.amazon.clear_faults()
            nights.append(self._night(night, [fault for fault in faults if fault.night == night]))
            self._change_orders()
        return nights

    def _night(self, number: int, faults: Sequence[Fault]) -> Night:
        night = Night(f"night_{number}__{time.time_ns()}")
        struck = {fault.seller for fault in faults}
        for seller_id in self.sellers:
            if seller_id not in struck:
                self._begin(seller_id, night)
        for fault in faults:
            if not self._moment_of(fault, night):
                self.unreached.append(fault)
            KINDS[fault.kind](self, fault)
        assert wait_until(lambda: self._has_ended(night), NIGHT_S, interval_s=1), f"a night without end: {night}"
        return night

    def _begin(self, seller_id: str, night: Night) -> None:
        """Start a seller's run, however long the api-server takes to be back."""

        def has_begun() -> bool:
            try:
                self.cluster.stack.airflow.start_run(self.sellers[seller_id].dag_id, night.run_id)
            except SellerOrdersError:
                return False
            return True

        assert wait_until(has_begun, MOMENT_S, interval_s=1), f"{seller_id} cannot be started"

    def _moment_of(self, fault: Fault, night: Night) -> bool:
        """Make the fault's moment last, begin its seller's run, and wait for the moment; whether it came.

        A run that was begun before would be past it while an earlier fault is waited for.
        """
        operation, shop_id = OPERATION.get(fault.task), fault.seller
        if operation:
            self.amazon.fail_next(operation, shop_id=shop_id, latency_s=LATENCY_S)
        self._begin(shop_id, night)
        if operation:
            return wait_until(lambda: (operation, shop_id) not in self.amazon.faults(), MOMENT_S)
        return wait_until(lambda: self._waits_for_load(shop_id), MOMENT_S)

    def _waits_for_load(self, seller_id: str) -> bool:
        query = "SELECT 1 FROM ops.extraction_window WHERE seller_id = %s AND state = 'extracted'"
        try:
            with self.connect() as connection:
                return connection.execute(query, (seller_id,)).fetchone() is not None
        except (SellerOrdersError, psycopg.Error):
            return False

    def _has_ended(self, night: Night) -> bool:
        for seller in self.sellers.values():
            if seller.seller_id not in night.states:
                try:
                    state = str(self.cluster.stack.airflow.run(seller.dag_id, night.run_id)["state"])
                except SellerOrdersError:
                    # The api-server, or its database, is one of those that are restarted.
                    return False
                if state in FINISHED:
                    night.states[seller.seller_id] = state
        return len(night.states) == len(self.sellers)

    def _change_orders(self) -> None:
        """Let some orders of everybody change, after all that was read and long enough ago to be told of."""
        with self.connect() as connection:
            marks = dict(connection.execute("SELECT seller_id, complete_through_utc FROM ops.watermark").fetchall())
        for seller_id, through_utc in marks.items():
            at_utc = through_utc + timedelta(seconds=5)  # type: ignore[operator]
            known = self.amazon.truth(seller_id, at_utc)["orders"]
            for order in known[:CHANGED]:
                self.amazon.update_order(seller_id, order["order_id"], {"programs": ["PRIME"]}, at_utc=at_utc)


def _restarted(*names: str, hard: bool = True) -> Strike:
    def strike(play: OnCluster, _: Fault) -> None:
        for name in names:
            (play.cluster.kill if hard else play.cluster.stop)(name)
        for name in names:
            play.cluster.start(name)

    return strike


def _worker_killed(play: OnCluster, fault: Fault) -> None:
    name = play.cluster.workers[int(fault.parameters["worker"]) % len(play.cluster.workers)]
    play.cluster.kill(name)
    play.cluster.start(name)


def _databases_restarted(play: OnCluster, fault: Fault) -> None:
    server = play.cluster.metadata if fault.parameters["metadata"] else play.cluster.warehouse
    server.stop()
    server.start()


def _answers(name: str, times: int) -> Strike:
    def strike(play: OnCluster, fault: Fault) -> None:
        answer = getattr(literal, name)._asdict()
        play.amazon.fail_next(OPERATION.get(fault.task, "searchOrders"), shop_id=fault.seller, times=times, **answer)

    return strike


def _revoked(play: OnCluster, fault: Fault) -> None:
    play.amazon.revoke(fault.seller)
    play.revoked.add(fault.seller)


KINDS: Mapping[str, Strike] = {
    "worker killed": _worker_killed,
    "scheduler restart": _restarted("scheduler"),
    "redis restart": _restarted("redis", hard=False),
    "redis killed": _restarted("redis"),
    "postgresql restart": _databases_restarted,
    "api-server restart": _restarted("api-server"),
    "dag-processor restart": _restarted("dag-processor"),
    "access token dies": lambda play, fault: play.amazon.expire_access_tokens(fault.seller),
    "429": _answers("QUOTA_EXCEEDED", 2),
    "5xx": _answers("INTERNAL_FAILURE", 3),
    "html": _answers("HTML_UNAVAILABLE", 2),
    "revoked": _revoked,
}
# What only a cluster has is what it is for; one of each seed is a worker that dies.
ALWAYS = ("worker killed", "redis restart", "scheduler restart")


def draw(seed: int, sellers: Sequence[str], *, faults: int = 6) -> list[Fault]:
    """The faults of a seed, the three that only a cluster shows among them; each at a seller of its own.

    So none takes another's moment away, as a seller would who has left before.
    """
    chance = Random(seed)
    others = [name for name in KINDS if name not in ALWAYS]
    names = [*ALWAYS, *chance.sample(others, faults - len(ALWAYS))]
    chance.shuffle(names)
    steps = ("validate_authorization", "extract_orders", "load_orders")
    return [
        Fault(
            name,
            chance.randint(1, NIGHTS),
            seller,
            chance.choice(steps),
            None,
            {"worker": chance.randint(0, 1), "metadata": chance.random() < 0.5},
        )
        for name, seller in zip(names, chance.sample(sellers, len(names)), strict=True)
    ]
