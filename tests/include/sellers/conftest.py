"""What the tests of this room share: a complete entry, and files with entries in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.sellers.registry import MisconfiguredSeller, Seller, load_sellers

Load = Callable[..., list[Seller | MisconfiguredSeller]]

_COMPLETE: dict[str, Any] = {
    "id": "acme",
    "name": "Acme",
    "region": "eu",
    "marketplaces": ["DE", "FR"],
    "contacts": ["anna@acme.example"],
    "language": "en",
    "timezone": "Europe/Berlin",
}


@pytest.fixture(scope="session")
def complete() -> Callable[..., dict[str, Any]]:
    """Makes an entry with every required field; keywords change fields, None takes one out."""

    def make(**changes: Any) -> dict[str, Any]:
        return {name: value for name, value in {**_COMPLETE, **changes}.items() if value is not None}

    return make


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the sellers' file of this test is."""
    return tmp_path / "sellers.yaml"


@pytest.fixture
def load(file: Path) -> Load:
    """Loads entries: each a mapping, or lines of YAML as they would be typed under `sellers:`."""

    def load_entries(*entries: Any) -> list[Seller | MisconfiguredSeller]:
        typed = [entry if isinstance(entry, str) else yaml.safe_dump([entry], allow_unicode=True) for entry in entries]
        file.write_text("sellers:\n" + "".join(typed), encoding="utf-8")
        return load_sellers(file)

    return load_entries
