"""What the scheduler imports for its tasks, and that no other process pays for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from include.local_stack.airflow_processes import write_local_settings
from include.settings import PROJECT_ROOT

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


def test_the_image_and_the_local_stack_load_the_same_preload(tmp_path):
    write_local_settings(tmp_path)
    (written,) = tmp_path.rglob("airflow_local_settings.py")
    assert f'"{written.read_text().strip()}"' in (PROJECT_ROOT / "Dockerfile").read_text()
