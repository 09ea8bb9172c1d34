"""What a local stack tells the product: nothing of a real installation's `.env` reaches the fake Amazon's."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.fake_amazon.server import RunningFake, serve_in_thread
from include.local_stack.passwords import load_or_make_passwords
from include.local_stack.product_environment import product_environment
from include.settings import Settings, StackSettings, load_consent_settings


@pytest.fixture
def amazon() -> Iterator[RunningFake]:
    with serve_in_thread() as fake:
        yield fake


def _variables_of(project_root: Path, part: str) -> set[str]:
    text = (project_root / "include" / "settings" / f"{part}.py").read_text()
    return set(re.findall(r'(?:text|yes_or_no|number)\((?:env, )?"([A-Z_]+)"', text))


def test_beside_the_fake_amazon_no_variable_of_the_consent_service_is_a_persons_own(
    amazon: RunningFake, project_root: Path, tmp_path: Path
):
    settings = dataclasses.replace(StackSettings(), run_dir=tmp_path)
    made = product_environment(settings, load_or_make_passwords(tmp_path), Settings(), amazon.client, "postgresql://x")
    wanted = _variables_of(project_root, "consent")
    assert len(wanted) > 10
    assert wanted - made.keys() == set()


def test_a_real_store_of_tokens_in_env_is_not_the_local_stacks(
    amazon: RunningFake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = dataclasses.replace(StackSettings(), run_dir=tmp_path)
    made = product_environment(settings, load_or_make_passwords(tmp_path), Settings(), amazon.client, "postgresql://x")
    real = {"TOKENS_IN": "secrets_manager", "SECRETS_PREFIX": "prod", "AMAZON_CLIENT_SECRET": "real"}
    loaded = load_consent_settings({**real, **made})
    assert (loaded.tokens_in, loaded.secrets_prefix) == ("airflow", "airflow/connections")
    assert loaded.client_secret == amazon.client.application().client_secret
