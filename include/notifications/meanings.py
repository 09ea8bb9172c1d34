"""What each class of failure means for people: who is told, what the status becomes, and what ends it. One table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from include.authorization.status import Status
from include.notifications.outbox import Audience

REFUSED = "ReauthorizationRequiredError"
APPLICATION = "ApplicationCredentialsError"
DENIED = "AccessDeniedError"
UNKNOWN = "unknown"
# What the watch looks for has classes of its own.
EXPIRES = "AuthorizationExpires"
SECRET_EXPIRES = "ClientSecretExpires"  # noqa: S105 - a class of incident
LATE = "DataLate"
MASS_REFUSAL = "MassRefusal"
MAIL_REFUSED = "MailRefused"
SELLERS_FILE = "SellersFileBroken"
PERSONAL_DATA = "PersonalDataOverdue"
NOT_DELETED = "PersonalDataNotDeleted"
# What the way to an authorization and back is told of has classes too.
INVITATION = "Invitation"
RENEWED = "AuthorizationRenewed"
CONSENT_TO_CONFIRM = "ConsentToConfirm"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a class of failure means.

    Attributes:
        text: One sentence for operators.
        audience: Who can act and is told; None for nobody, because it passes by itself.
        status: What the seller's status becomes, None where it stays.
        about_all: Whether it is one incident of all sellers.
        ends_when: What ends it: Amazon accepts the authorization, a run loads, or whoever opened it sees it over.
    """

    text: str
    audience: Audience | None = "operators"
    status: Status | None = None
    about_all: bool = False
    ends_when: Literal["accepted", "loaded", "watched"] = "loaded"


PASSES = Meaning("Amazon or the network failed for longer than a task waits; the next run goes on.", audience=None)
MEANINGS = {
    REFUSED: Meaning(
        "Login with Amazon refuses the seller's refresh token: 365 days are over, or the seller ended it.",
        audience="seller",
        status=Status.REAUTHORIZATION_REQUIRED,
        ends_when="accepted",
    ),
    APPLICATION: Meaning(
        "Amazon refuses our application itself; every seller fails, and none can help.",
        status=Status.APPLICATION_CREDENTIALS,
        about_all=True,
        ends_when="accepted",
    ),
    DENIED: Meaning(
        "Amazon answers 403 although the token is fresh: roles, marketplace, the seller's account, or Amazon's fault.",
        status=Status.ACCESS_DENIED,
    ),
    "SettingsError": Meaning("A setting, the seller's entry or its Connection is missing or wrong."),
    "ContractError": Meaning("An answer came that Amazon does not document."),
    "LoadError": Meaning("The warehouse refused what was extracted; the landed pages stay."),
    "ThrottledError": PASSES,
    "ServiceUnavailableError": PASSES,
    "TransportError": PASSES,
    "TransientError": PASSES,
    UNKNOWN: Meaning("The task ended without saying why: its process was killed, or lost its machine."),
    EXPIRES: Meaning(
        "The authorization ends soon.", audience="seller", status=Status.EXPIRES_SOON, ends_when="watched"
    ),
    SECRET_EXPIRES: Meaning("The application's client secret ends soon.", about_all=True, ends_when="watched"),
    LATE: Meaning("The seller's tables are older than they should be.", ends_when="watched"),
    MASS_REFUSAL: Meaning(
        "Amazon refuses several sellers at once. No seller is told; each is asked again after an hour.",
        about_all=True,
        ends_when="watched",
    ),
    SELLERS_FILE: Meaning(
        "sellers.yaml cannot be read: every DAG is away until it is mended.", about_all=True, ends_when="watched"
    ),
    PERSONAL_DATA: Meaning(
        "Buyers' or recipients' data are still here after their 30 days: personal_data_purge does not do its work.",
        about_all=True,
        ends_when="watched",
    ),
    NOT_DELETED: Meaning(
        "personal_data_purge could not delete all that it should; what the store refuses stays there.",
        about_all=True,
        ends_when="watched",
    ),
    MAIL_REFUSED: Meaning("A mail server refuses an address; somebody has not been told.", ends_when="watched"),
    INVITATION: Meaning(
        "The seller is invited to connect for the first time.", audience="seller", ends_when="accepted"
    ),
    RENEWED: Meaning("The seller has renewed the authorization.", audience="seller", ends_when="watched"),
    CONSENT_TO_CONFIRM: Meaning(
        "A consent came from an Amazon account that may be another one. Nothing is loaded with it before somebody has"
        " looked: the operators' page shows the consent, to confirm or to discard.",
        ends_when="watched",
    ),
}
DEFECT = Meaning("A defect of this program; the task's log has the trace.")


def class_of(error: BaseException | None) -> str:
    """Return the class by which an error stands in the table; a defect's own name, "unknown" without an error."""
    if error is None:
        return UNKNOWN
    return next((kind.__name__ for kind in type(error).__mro__ if kind.__name__ in MEANINGS), type(error).__name__)


def meaning_of(error_class: str) -> Meaning:
    """Return what a class means; one that the table does not know is a defect."""
    return MEANINGS.get(error_class, DEFECT)
