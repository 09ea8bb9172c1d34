"""A seed on the whole cluster: workers killed, Redis, the scheduler and the databases restarted, several sellers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.clock import utc_now
from include.local_stack.cluster import Cluster, running_cluster
from include.local_stack.ports import on_free_ports
from include.local_stack.progress import Progress
from include.sellers.registry import Seller, load_sellers
from tests.chaos.cluster_judge import differences
from tests.chaos.on_cluster import ALWAYS, KINDS, OnCluster, draw

pytestmark = [pytest.mark.airflow, pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(1500)]

FIRST, SEEDS = int(os.environ.get("CHAOS_CLUSTER_FROM", "1")), int(os.environ.get("CHAOS_CLUSTER_SEEDS", "1"))
SELLERS = ("eins", "two", "trois", "four", "cinq", "six")
ENTRY = """
  - id: {seller_id}
    name: {seller_id}
    region: eu
    marketplaces: [DE]
    contacts: [owner@{seller_id}.example]
    language: en
    timezone: UTC
    run_at: "{hour:02d}:30"
    start_date: {start}
"""


@pytest.fixture
def sellers_file(tmp_path: Path) -> Path:
    """Six sellers whose own night is half a day away."""
    file = tmp_path / "sellers.yaml"
    now_utc = utc_now()
    start = now_utc.date().replace(day=1)
    entries = [ENTRY.format(seller_id=name, hour=(now_utc.hour + 12) % 24, start=start) for name in SELLERS]
    file.write_text("sellers:" + "".join(entries))
    return file


@pytest.fixture
def cluster(sellers_file: Path) -> Iterator[Cluster]:
    settings = on_free_ports(sellers_file.parent / "run")
    with running_cluster(
        settings,
        sellers_file,
        Progress(),
        variables={"WORKERS": "2", "WORKER_CONCURRENCY": "4", "RETRY_DELAY_S": "5"},
        shortened={
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
            "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "30",
        },
    ) as cluster:
        yield cluster


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_a_seed_on_the_cluster_leaves_every_seller_as_at_amazon(
    cluster: Cluster, sellers_file: Path, seed: int
) -> None:
    sellers = {one.seller_id: one for one in load_sellers(sellers_file) if isinstance(one, Seller)}
    play = OnCluster(cluster, sellers, cluster.places.folder)
    faults = draw(seed, SELLERS)
    nights = play.perform(faults)
    # Others' moments may be over for good reason; without these the seed would prove nothing of a cluster.
    assert [fault for fault in play.unreached if fault.kind in ALWAYS] == []
    told = "\n".join(["what went wrong:", *map(str, faults), "not reached:", *map(str, play.unreached)])
    assert differences(play, nights) == [], f"{told}\nagain: make chaos CLUSTER=1 FROM={seed}"


def test_every_seed_kills_a_worker_and_restarts_redis_and_the_scheduler() -> None:
    for seed in range(1, 30):
        names = {fault.kind for fault in draw(seed, SELLERS)}
        assert set(ALWAYS) < names
    assert {fault.kind for seed in range(1, 30) for fault in draw(seed, SELLERS)} == set(KINDS)
