"""What the tests of chaos share: a PostgreSQL, a store and a fork server of their own, because they are restarted."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.chaos.stage import House, running_house

# Minutes a seed, on a whole cluster: played by name, `make chaos CLUSTER=1`.
collect_ignore = [] if "CHAOS_CLUSTER_SEEDS" in os.environ else ["test_cluster.py"]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Once a process: the fork server remembers the clock of the first."""
    with running_house(tmp_path_factory.mktemp("chaos")) as house:
        yield house
