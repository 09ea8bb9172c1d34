"""What the scheduler imports for its tasks, and that no other process pays for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.airflow
PROBE = (
    "import sys; sys.argv = sys.argv[1:]; import include.orchestration.preload;"
    " print('include.orchestration.seller_tasks' in sys.modules)"
)


@pytest.mark.parametrize(("command", "is_loaded"), [("scheduler", "True"), ("api-server", "False")])
def test_only_the_scheduler_imports_what_its_tasks_need(command: str, is_loaded: str):
    told = subprocess.run(
        [sys.executable, "-c", PROBE, "airflow", command], capture_output=True, text=True, timeout=120, check=True
    )
    assert told.stdout.split()[-1] == is_loaded
