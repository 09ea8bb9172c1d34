"""What the scheduler and Celery's workers import for their tasks, and that no other process pays for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from include.local_stack.airflow_processes import write_local_settings
from include.local_stack.aws import SECRETS_BACKEND
from include.settings import PROJECT_ROOT

pytestmark = pytest.mark.airflow
PROBE = (
    "import sys; sys.argv = sys.argv[1:]; import include.orchestration.preload;"
    " print('include.orchestration.seller_tasks' in sys.modules)"
)


@pytest.mark.parametrize(
    ("command", "is_loaded"),
    [
        (["scheduler"], "True"),
        (["celery", "worker", "--skip-serve-logs"], "True"),
        (["celery", "stop"], "False"),
        (["api-server"], "False"),
    ],
    ids=str,
)
def test_only_those_who_fork_tasks_import_what_tasks_need(command: list[str], is_loaded: str):
    told = subprocess.run(
        [sys.executable, "-c", PROBE, "airflow", *command], capture_output=True, text=True, timeout=120, check=True
    )
    assert told.stdout.split()[-1] == is_loaded


DECODERS = """
import sys
sys.argv = ["airflow", "scheduler"]
import include.orchestration.preload
from airflow.sdk.execution_time.comms import CommsDecoder

first, second = CommsDecoder(socket=None), CommsDecoder(socket=None)
print(first.body_decoder is second.body_decoder is second.err_decoder)
print(type(first.body_decoder.validate_python({"type": "TICount", "count": 7})).__name__)
"""
FORK = """
import os, sys
sys.argv = ["airflow", "scheduler"]
import include.orchestration.preload
from include.sellers import registry
from include.settings import load_settings

def parsed(*_):
    raise AssertionError("read again")

registry.read_entries = parsed
file = load_settings().sellers_file
known = len(registry.load_sellers(file))
print(known, os.environ.get("_AIRFLOW_PARSING_CONTEXT_DAG_ID"))
file.write_text(file.read_text() + "# edited")
registry.load_sellers(file)
"""


def test_what_the_scheduler_forks_decodes_airflows_messages_without_making_the_decoder_anew():
    told = subprocess.run([sys.executable, "-c", DECODERS], capture_output=True, text=True, timeout=120, check=True)
    assert told.stdout.splitlines()[-2:] == ["True", "TICount"]


def test_what_the_scheduler_forks_knows_the_sellers_until_their_file_is_edited(tmp_path):
    file = tmp_path / "sellers.yaml"
    file.write_text((PROJECT_ROOT / "include" / "sellers.yaml").read_text())
    told = subprocess.run(
        [sys.executable, "-c", FORK],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "SELLERS_FILE": str(file)},
    )
    assert told.stdout.splitlines()[-1] == "6 None"
    assert "read again" in told.stderr


@pytest.mark.parametrize(
    ("set_so", "loaded"),
    [
        ({}, set()),
        ({"RAW_URL": "s3://bucket/raw"}, {"s3fs"}),
        (SECRETS_BACKEND, {"boto3"}),
    ],
    ids=["a disk and Airflow's store", "pages at AWS", "tokens at AWS"],
)
def test_the_scheduler_imports_of_aws_what_is_used_and_no_more(set_so: dict[str, str], loaded: set[str]):
    probe = PROBE.replace("'include.orchestration.seller_tasks' in", "{'boto3', 's3fs'} &")
    probe = probe.replace("sys.modules)", "sys.modules.keys())")
    kept = {name: value for name, value in os.environ.items() if name != "RAW_URL"}
    told = subprocess.run(
        [sys.executable, "-c", probe, "airflow", "scheduler"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env=kept | set_so,
    )
    assert eval(told.stdout.splitlines()[-1]) == loaded


def test_the_image_and_the_local_stack_load_the_same_preload(tmp_path):
    write_local_settings(tmp_path)
    (written,) = tmp_path.rglob("airflow_local_settings.py")
    assert f'"{written.read_text().strip()}"' in (PROJECT_ROOT / "Dockerfile").read_text()
