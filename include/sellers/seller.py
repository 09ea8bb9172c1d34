"""A seller as the rest of the project sees it: a usable one, or an entry that says what is wrong with it.

The names that Airflow shows (DAG ids, Connection ids, the nightly minute) are made here and nowhere else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Final, Literal

from include.errors import SettingsError
from include.sellers.marketplaces import Marketplace
from include.sellers.regions import Region

DAG_ID_PREFIX: Final = "amazon_orders__"
CONNECTION_ID_PREFIX: Final = "amazon_seller_"
DAG_TAG: Final = "amazon-orders"
_MOST_PROBLEMS_TOLD: Final = 10
_NIGHT_START_MINUTE: Final = 2 * 60
_NIGHT_MINUTES: Final = 3 * 60

Language = Literal["de", "en"]
Authorization = Literal["public", "private"]


def dag_suffix(seller_id: str | None, position: int) -> str:
    """Choose what an entry's DAG is called after the prefix: the id, or `entry_<position>` where there is none.

    No seller may call itself that.
    """
    return seller_id or f"entry_{position}"


def nightly_time(seller_id: str) -> time:
    """Choose the minute between 02:00 and 04:59 at which a seller without `run_at` starts.

    It depends on the id alone, so that it stays through restarts and edits of the file, and so that a thousand sellers
    of one zone do not start at once.
    """
    digest = int.from_bytes(hashlib.sha256(seller_id.encode()).digest()[:8], "big")
    hour, minute = divmod(_NIGHT_START_MINUTE + digest % _NIGHT_MINUTES, 60)
    return time(hour, minute)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """One merchant whose orders are kept, as checked from the file.

    Attributes:
        seller_id: Our name of it, `[a-z0-9_]{1,40}`, never reused for another merchant.
        name: What people call it, in mails and on pages.
        region: The region of its authorization; every marketplace is in it.
        marketplaces: At least one, in the file's order, none twice.
        contacts: Mail addresses that are told when the authorization needs renewing; at least one.
        language: The language of those mails.
        timezone: IANA zone in which `run_at` is meant.
        run_at: Wall-clock time of the nightly run, whole minutes.
        start_date: First day whose orders are wanted; None leaves it to the setting `first_window_days`.
        authorization: "private" for an application of the seller's own, renewed in Seller Central instead of by link.
        personal_data: Whether buyers' names and addresses are asked for and kept in `amazon_pii`, while Amazon allows.
    """

    seller_id: str
    name: str
    region: Region
    marketplaces: tuple[Marketplace, ...]
    contacts: tuple[str, ...]
    language: Language
    timezone: str
    run_at: time
    start_date: date | None
    authorization: Authorization
    personal_data: bool

    @property
    def dag_id(self) -> str:
        """The id of its DAG."""
        return DAG_ID_PREFIX + self.seller_id

    @property
    def connection_id(self) -> str:
        """The id of the Airflow Connection that holds its refresh token."""
        return CONNECTION_ID_PREFIX + self.seller_id

    @property
    def marketplace_ids(self) -> tuple[str, ...]:
        """Amazon's ids of its marketplaces, in the file's order."""
        return tuple(marketplace.marketplace_id for marketplace in self.marketplaces)

    @property
    def cron(self) -> str:
        """The nightly run as a cron expression, to be read in `timezone`."""
        return f"{self.run_at.minute} {self.run_at.hour} * * *"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in an entry.

    Attributes:
        field: The field's name as in the file, "entry" where the entry as a whole is meant.
        found: What stands there, quoted and cut, or a word like "missing".
        expected: What would be right.
        item: Which item of a list, from 1; None where the field itself is meant.
    """

    field: str
    found: str
    expected: str
    item: int | None = None

    def __str__(self) -> str:
        """The problem as a sentence without its full stop."""
        item = f", item {self.item}," if self.item else ""
        return f"{self.field}{item} is {self.found}; expected {self.expected}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MisconfiguredSeller:
    """An entry that cannot be used, kept so that it can show itself and leave the others alone.

    Attributes:
        position: 1 for the first entry of the file.
        seller_id: Its id, None if that is unusable or another entry's.
        problems: What is wrong, at least one, in the order of the fields.
        path: The file.
        line: Where the entry starts in the file, from 1.
    """

    position: int
    seller_id: str | None
    problems: tuple[Problem, ...]
    path: Path
    line: int

    @property
    def dag_suffix(self) -> str:
        """What stands for the id."""
        return dag_suffix(self.seller_id, self.position)

    @property
    def dag_id(self) -> str:
        """The id of the DAG that shows the problems."""
        return DAG_ID_PREFIX + self.dag_suffix

    @property
    def who(self) -> str:
        """The subject of every message about this entry."""
        return f"Seller {self.seller_id}" if self.seller_id else f"Seller in entry {self.position}"

    @property
    def message(self) -> str:
        """Who, each field, and what is expected there, on one line and of bounded length."""
        told = [str(problem) for problem in self.problems[:_MOST_PROBLEMS_TOLD]]
        if untold := len(self.problems) - len(told):
            told.append(f"{untold} more after these")
        return f"{self.who}: {'. '.join(told)}."

    def to_error(self) -> SettingsError:
        """Turn the entry into the error that its first task raises; the remedy names file and line."""
        return SettingsError(self.message, remedy=f"Correct the entry that starts on line {self.line} of {self.path}.")
