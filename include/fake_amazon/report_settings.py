"""How reports come about; set by the control API."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class ReportSettings:
    """What `reports` goes by.

    Attributes:
        generation_s: Seconds until a report is done, divided by the rate scale.
        fatal_texts: The next reports fail, each with this document.
    """

    generation_s: float = 60.0
    fatal_texts: list[str] = field(default_factory=list)
