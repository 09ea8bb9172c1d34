"""A seller who wants personal data, an Amazon that answers with given pages, and all that a night leaves behind."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from include.orders.extract import extract_orders
from include.orders.forgetting import purge_due
from include.orders.load import load_orders
from include.sellers.registry import Seller
from include.settings import Settings
from include.spapi.client import Reply
from include.spapi.operations import GET_ORDER
from include.warehouse.connection import Connection
from tests.payloads.clocks import HandClock
from tests.payloads.orders import a_page
from tests.payloads.people import WORDS, an_order_of_a_person
from tests.payloads.search import files, found, rows
from tests.payloads.shop import Shop

KEY = Fernet.generate_key().decode()
# DELIVER_BY of the planted order, see `an_order`.
DUE = datetime(2026, 11, 8, 21, 59, 59, tzinfo=UTC)
A, B = "303-0000001-0000001", "303-0000002-0000002"


class Amazon:
    """Answers with the pages it is given, whatever it is asked, and remembers that."""

    calls_left = 20.0
    quota_left = Shop.quota_left
    seconds_per_call = Shop.seconds_per_call
    post = Shop.post

    def __init__(self) -> None:
        self.pages: list[bytes] = []
        self.asked: list[dict[str, str]] = []
        self.before_answer: Callable[[], None] = lambda: None

    def get(self, operation: object, query: dict[str, str], **__: object) -> Reply:
        self.asked.append(dict(query))
        self.before_answer()
        if operation is GET_ORDER:
            return Reply(json.dumps({"order": an_order_of_a_person(A)}).encode(), "request-1")
        return Reply(self.pages.pop(0) if self.pages else a_page(), "request-1")


@dataclass
class House:
    """A seller's night and all that it leaves behind."""

    warehouse: Connection
    seller: Seller
    settings: Settings
    clock: HandClock
    amazon: Amazon
    dsn: str
    folder: Path

    def extract(self, *pages: bytes) -> None:
        self.clock.advance(hours=1)
        self.amazon.pages += pages
        extract_orders(
            self.seller,
            client=self.amazon,  # type: ignore[arg-type]
            connection=self.warehouse,
            settings=self.settings,
            now=self.clock,
        )

    def load(self) -> None:
        load_orders(self.warehouse, "acme", seller=self.seller, settings=self.settings, now=self.clock)

    def night(self, *orders: dict[str, Any]) -> None:
        self.extract(a_page(*orders))
        self.load()

    def purge(self) -> dict[str, int]:
        wanted = {"acme"} if self.seller.personal_data else set()
        done = purge_due(self.warehouse, self.settings, wanted, now=self.clock)
        return {name: sum(getattr(one, name) for one in done) for name in ("buyers", "recipients", "files")}

    def personal_files(self) -> list[Path]:
        return [path for path in (self.folder / "raw" / "personal").rglob("*") if path.is_file()]

    def places(self) -> set[str]:
        """Every table and file in which anything planted can be read."""
        everything = [*rows(self.dsn), *files(self.folder)]
        return {place.rpartition(": ")[0] for place in found(everything, WORDS)}

    def table(self, name: str, columns: str = "*") -> list[tuple[Any, ...]]:
        return self.warehouse.execute(f"SELECT {columns} FROM amazon_pii.{name} ORDER BY order_id").fetchall()


def a_corrected_order(order_id: str = A, **changes: Any) -> dict[str, Any]:
    return an_order_of_a_person(order_id, **{"updated": "2026-10-20T08:00:00Z", **changes})


def until(day: str) -> dict[str, str]:
    return {"latestDateTime": f"{day}T00:00:00Z"}


def opened(file: Path) -> str:
    return gzip.decompress(Fernet(KEY).decrypt(file.read_bytes())).decode()
