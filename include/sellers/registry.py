"""The door of this room: the file of sellers in, usable and misconfigured sellers out.

One broken entry costs one seller; only a file that is none at all is an error. What is kept between two calls is the
meaning of one text, whole, so that an edit counts at once.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from include.errors import SettingsError
from include.sellers.document import RawEntry, read_entries, read_text, shown
from include.sellers.entry import read_entry, read_id
from include.sellers.seller import DAG_ID_PREFIX, MisconfiguredSeller, Problem, Seller, dag_suffix, nightly_time

__all__ = ["DAG_ID_PREFIX", "MisconfiguredSeller", "Problem", "Seller", "load_sellers", "require_seller"]


def load_sellers(path: Path, *, dag_id: str | None = None) -> list[Seller | MisconfiguredSeller]:
    """Read the sellers' file: every entry, or the one whose DAG has the id `dag_id`.

    For the one, no other entry is looked at beyond its id. The file is read to its end all the same: it is right or
    wrong as a whole, and an id belongs to the first entry that has it.

    Returns:
        One object an entry, in file order; at most one with `dag_id`. No two have the same `dag_id`: of two entries
        with one id the first keeps it, even if it is misconfigured, because its history in Airflow stands under this
        id.

    Raises:
        SettingsError: The file as a whole is not usable: unreadable, no YAML, or without the list `sellers`; with
            line and column where there is one. The operators must act.
    """
    entries = _by_dag_id(path, read_text(path))
    wanted = entries.values() if dag_id is None else [entries[dag_id]] if dag_id in entries else []
    return [_checked(raw, path, owner) for raw, owner in wanted]


# A task asks several times, and what the scheduler has read, the tasks it forks know: with a thousand sellers reading
# takes longer than all else in a task's start.
@lru_cache(maxsize=1)
def _by_dag_id(path: Path, text: str) -> dict[str, tuple[RawEntry, int]]:
    """Give each entry the id of its DAG, and the position of the entry that its own id belongs to."""
    owners: dict[str, int] = {}
    entries = {}
    for raw in read_entries(path, text):
        seller_id = read_id(raw)
        owner = raw.position if seller_id is None else owners.setdefault(seller_id, raw.position)
        suffix = dag_suffix(seller_id if owner == raw.position else None, raw.position)
        entries[DAG_ID_PREFIX + suffix] = (raw, owner)
    return entries


def require_seller(path: Path, seller_id: str) -> Seller:
    """Return one seller for a task that is about to work for it.

    Args:
        path: The sellers' file.
        seller_id: The id, or what stands for it in the DAG id of a misconfigured entry.

    Raises:
        SettingsError: The entry is misconfigured or not there, or the file is not usable. The operators must act.
    """
    for seller in load_sellers(path, dag_id=DAG_ID_PREFIX + seller_id):
        if isinstance(seller, MisconfiguredSeller):
            raise seller.to_error()
        return seller
    raise SettingsError(
        f"Seller {shown(seller_id)} has no entry in {path}.",
        remedy="Add the entry, or delete the seller's DAG in Airflow.",
    )


def _checked(raw: RawEntry, path: Path, owner: int) -> Seller | MisconfiguredSeller:
    """Read one entry; `owner` is the position of the entry that its id belongs to."""
    values, problems = read_entry(raw)
    seller_id: str | None = values.pop("id", None)
    if seller_id is not None and owner != raw.position:
        expected = f"an id of its own for entry {raw.position}, because entry {owner} has this one"
        problems.insert(0, Problem("id", shown(seller_id), expected))
        seller_id = None
    if seller_id is None or problems:
        return MisconfiguredSeller(
            position=raw.position, seller_id=seller_id, problems=tuple(problems), path=path, line=raw.line
        )
    return _seller(seller_id, values)


def _seller(seller_id: str, values: dict[str, Any]) -> Seller:
    run_at = values.pop("run_at") or nightly_time(seller_id)
    return Seller(seller_id=seller_id, run_at=run_at, **values)
