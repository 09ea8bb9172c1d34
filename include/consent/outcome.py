"""What becomes of a consent, in the words of the page that tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from include.authorization import consent_state
from include.authorization.consent_state import Consent
from include.consent.means import Means
from include.warehouse.connection import Connection


class Outcome(StrEnum):
    """The pages' names of it."""

    DONE = "done"
    VERIFYING = "verifying"
    CONFIRMING = "confirming"
    WRONG_ACCOUNT = "wrong_account"
    CODE_EXPIRED = "code_expired"
    AMAZON_AWAY = "amazon_away"
    UNKNOWN_ACCOUNT = "unknown_account"
    NOT_POSSIBLE = "not_possible"


@dataclass(frozen=True, slots=True)
class Result:
    """An outcome and what belongs to it.

    Attributes:
        outcome: What became of it.
        consent_id: Of what.
        seller_ids: Every entry that was renewed by it.
        paused: The DAGs among theirs that are paused.
    """

    outcome: Outcome
    consent_id: int
    seller_ids: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()


def refuse(connection: Connection, consent: Consent, outcome: Outcome, means: Means, *, why: str = "") -> Result:
    """End a consent that goes no further; its token is forgotten."""
    consent_state.end(connection, consent.consent_id, "refused", now_utc=means.now(), why=why or outcome.value)
    return Result(outcome, consent.consent_id)
