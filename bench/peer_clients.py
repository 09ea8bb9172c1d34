"""The clients that only read, as `peers/peer.py` runs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Peer:
    """A client in an environment of its own.

    Attributes:
        name: As its package is called.
        way: "" as shipped, else what was done to it.
        asked: What that is, for its module.
    """

    name: str
    way: str = ""
    asked: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name and way."""
        return f"{self.name} {self.way}".strip()

    @property
    def module(self) -> str:
        """Its module among the peers."""
        return f"client_{self.name.replace('-', '_')}"


PYTHON_AMAZON_SP_API = Peer("python-amazon-sp-api")
AMZN_SELLING_PARTNER = Peer("amzn-selling-partner")
AMZN_SP_API_MENDED = Peer("amzn-sp-api", "mended", {"mended": True})
AMZN_SP_API_AS_SHIPPED = Peer("amzn-sp-api", "as shipped")
CLIENTS = (PYTHON_AMAZON_SP_API, AMZN_SELLING_PARTNER, AMZN_SP_API_MENDED)
