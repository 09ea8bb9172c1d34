"""The parameters of a run that reads a past stretch again, cheap enough for a thousand DAGs.

Airflow copies a DAG's parameters deeply for every task several times and checks each against its JSON schema as often,
which cost more than all else in a DAG file of many sellers.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param as AirflowParam
from airflow.sdk.definitions._internal.types import NOTSET


class Param(AirflowParam):
    """A parameter whose copies are itself, and which is checked where it has a value."""

    # Airflow stores the schema of nothing that does not bear its own Param's name.
    __module__ = AirflowParam.__module__

    def __deepcopy__(self, _memo: dict[int, Any]) -> Param:
        """Share it: a value is set in the process of one task, where one is right for all."""
        return self

    def resolve(self, value: Any = NOTSET, suppress_exception: bool = False) -> Any:
        """Return the value; nothing is right without a check."""
        if value is None or (value is NOTSET and self.value is None):
            return None
        return super().resolve(value, suppress_exception)


def stretch_params() -> dict[str, Param]:
    """`from_utc` and `to_utc`; a nightly run has neither."""
    about = "Both empty: what is new. Else the stretch between them is read again; the watermark stays."
    return {
        "from_utc": _instant("Read again from (UTC)", about),
        "to_utc": _instant("Read again to (UTC)", "Empty: to two minutes ago."),
    }


def _instant(title: str, description: str) -> Param:
    return Param(None, description, title=title, type=["null", "string"], format="date-time")
