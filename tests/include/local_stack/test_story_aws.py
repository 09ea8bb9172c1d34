"""`make story AWS=1`: the same story with pages on S3, mails by SES and tokens in Secrets Manager, which moto plays."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from include.local_stack.passwords import load_or_make_passwords
from include.local_stack.ports import free_port
from include.local_stack.postgres import PostgresServer, find_binaries
from tests.payloads.search import TOKENS, files, found, rows
from tests.payloads.told_story import Told, tell

pytestmark = [pytest.mark.airflow, pytest.mark.stack, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def told(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    return tell(project_root, tmp_path_factory.mktemp("story"), "--aws")


def test_the_story_ends_well_with_everything_at_aws(told: Told):
    assert told.exit_code == 0, told.output
    steps = re.findall(r"^  (.+?) +\d+\.\d s$", told.output, re.MULTILINE)
    assert steps[-2:] == ["Every page is one object of the bucket alone", "The tokens are secrets at AWS alone"]
    assert told.figures["gap_equal"] is True
    assert (told.figures["mails_to_seller"], told.figures["other_sellers_ok"]) == (2, True)


def test_every_page_went_to_the_bucket_by_one_call_and_no_other_bucket_was_made(told: Told):
    log = (told.folder / "story" / "logs" / "aws.log").read_text()
    calls = re.findall(r'"(GET|HEAD|PUT|POST|DELETE) (/\S*) HTTP/1.1" (\d+)', log)
    written = [path for method, path, _ in calls if method == "PUT" and "page-" in path]
    assert len(written) > 20
    assert len(written) == len(set(written))
    # The bucket itself is made once, by whoever prepares it.
    assert [path for method, path, _ in calls if method == "PUT" and "/raw/orders/" not in path] == [
        "/seller-orders-raw"
    ]
    assert {method for method, _, _ in calls} <= {"GET", "HEAD", "PUT", "POST"}


def test_no_token_or_secret_is_in_any_table_log_or_file_and_no_connection_is_in_airflow(told: Told):
    run_dir = told.folder / "story"
    passwords = load_or_make_passwords(run_dir)
    secrets = (*TOKENS, *asdict(passwords).values())
    assert found(files(told.folder), secrets) == []
    assert not [path for path in (run_dir / "raw").rglob("*") if path.is_file()]
    assert json.loads((told.folder / "story.json").read_text())
    with PostgresServer(run_dir / "postgres", find_binaries(), free_port(), passwords.superuser) as server:
        for database, user, password in (
            ("warehouse", "loader", passwords.loader),
            ("airflow", "airflow", passwords.airflow),
        ):
            kept = list(rows(server.dsn(database, user=user, password=password)))
            assert found(kept, secrets) == []
            assert "public.connection" not in {name for name, _ in kept}
