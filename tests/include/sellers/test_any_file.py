"""Properties that hold for whatever somebody types, and how long a thousand sellers take."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.errors import SettingsError
from include.sellers import document
from include.sellers.fields import FIELDS
from include.sellers.registry import MisconfiguredSeller, Seller, load_sellers

pytestmark = pytest.mark.slow

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
COMPLETE = {
    "id": "acme",
    "name": "Acme",
    "region": "na",
    "marketplaces": ["US", "CA"],
    "contacts": ["anna@acme.example"],
    "language": "en",
    "timezone": "America/Toronto",
    "run_at": "03:15",
    "start_date": "2026-09-01",
    "authorization": "public",
    "personal_data": "no",
}
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=12)
THINGS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
IDS = st.sampled_from(["acme", "acme", "entry_1", "entry_2", "entry_03", "Acme", "a", "", "a b", None])
NEARLY_RIGHT = st.builds(
    lambda seller_id, changes: {**COMPLETE, "id": seller_id, **changes},
    IDS,
    st.dictionaries(st.sampled_from([field.name for field in FIELDS]) | st.text(max_size=8), THINGS, max_size=2),
)
ENTRIES = st.lists(NEARLY_RIGHT | THINGS, max_size=5)
DAG_ID = re.compile(r"amazon_orders__[a-z0-9_]{1,40}")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file, written anew by every example."""
    return tmp_path_factory.mktemp("sellers") / "sellers.yaml"


def _refusal(path: Path) -> SettingsError | None:
    """The one error that a file may end in; any other escapes and fails the test."""
    try:
        load_sellers(path)
    except SettingsError as error:
        return error
    return None


@FEW
@given(entries=ENTRIES)
def test_whatever_the_entries_are_each_becomes_one_dag_with_an_id_of_its_own(scratch: Path, entries: Any) -> None:
    scratch.write_text(yaml.safe_dump({"sellers": entries}, allow_unicode=True), encoding="utf-8")
    sellers = load_sellers(scratch)
    assert len(sellers) == len(entries)
    dag_ids = [seller.dag_id for seller in sellers]
    assert len(set(dag_ids)) == len(dag_ids)
    assert all(DAG_ID.fullmatch(dag_id) for dag_id in dag_ids)


@FEW
@given(entries=ENTRIES)
def test_a_broken_entry_always_tells_what_is_wrong_on_one_line(scratch: Path, entries: Any) -> None:
    scratch.write_text(yaml.safe_dump({"sellers": entries}, allow_unicode=True), encoding="utf-8")
    for entry in load_sellers(scratch):
        if isinstance(entry, MisconfiguredSeller):
            assert entry.problems
            assert entry.message.isprintable()
            assert str(entry.to_error()).startswith(entry.message)


@FEW
@given(entries=ENTRIES)
def test_each_entry_alone_is_what_it_is_among_all(scratch: Path, entries: Any) -> None:
    scratch.write_text(yaml.safe_dump({"sellers": entries}, allow_unicode=True), encoding="utf-8")
    for entry in load_sellers(scratch):
        assert load_sellers(scratch, dag_id=entry.dag_id) == [entry]


@FEW
@given(entries=ENTRIES)
def test_both_parsers_read_the_same(scratch: Path, entries: Any) -> None:
    scratch.write_text(yaml.safe_dump({"sellers": entries}), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        read = []
        for loader in (yaml.CBaseLoader, yaml.BaseLoader):
            patch.setattr(document, "_LOADER", loader)
            read.append(load_sellers(scratch))
    assert read[0] == read[1]


@pytest.mark.parametrize("loader", [yaml.CBaseLoader, yaml.BaseLoader])
@FEW
@given(text=st.text(alphabet="sellers: \n-[]{}&*a!?|>'\"#%~\\U\x00\x85\ufeff", max_size=60), prefix=st.booleans())
def test_any_text_is_either_a_list_of_entries_or_one_error_with_a_remedy(
    scratch: Path, loader: Any, text: str, prefix: bool
) -> None:
    scratch.write_text(("sellers:\n- " if prefix else "") + text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "_LOADER", loader)
        refusal = _refusal(scratch)
    assert refusal is None or refusal.remedy


@FEW
@given(data=st.binary(max_size=40))
def test_any_bytes_are_either_a_list_of_entries_or_one_error(scratch: Path, data: bytes) -> None:
    scratch.write_bytes(b"sellers:\n- " + data)
    refusal = _refusal(scratch)
    assert refusal is None or str(scratch) in str(refusal)


def _best_s(action: Callable[[], Any]) -> float:
    durations = []
    for _ in range(3):
        start = time.perf_counter()
        action()
        durations.append(time.perf_counter() - start)
    return min(durations)


def test_a_thousand_sellers_take_little_more_than_parsing_their_text(scratch: Path) -> None:
    text = yaml.dump({"sellers": [{**COMPLETE, "id": f"seller_{n}"} for n in range(1000)]}, Dumper=yaml.CSafeDumper)
    scratch.write_text(text)
    sellers = load_sellers(scratch)
    assert sum(isinstance(seller, Seller) for seller in sellers) == 1000
    parsing_s = _best_s(lambda: list(yaml.parse(text, Loader=yaml.CBaseLoader)))
    loading_s = _best_s(lambda: load_sellers(scratch))
    assert loading_s < 5 * parsing_s + 0.05, f"{loading_s:.3f} s, parsing alone {parsing_s:.3f} s"


def test_importing_the_door_reads_no_settings_and_nothing_heavy() -> None:
    heavy = "{'airflow', 'requests', 'sqlalchemy', 'fastapi', 'pydantic', 'include.settings'}"
    code = f"import sys, include.sellers.registry; sys.exit(str(sorted({heavy} & set(sys.modules)) or ''))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() in ("", "[]")
