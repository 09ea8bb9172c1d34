"""The mail sink's Python client, for tests and for whoever wants to see what would have been sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from include.errors import ContractError, TransportError

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class SunkMail:
    """A mail that was taken and not sent.

    Attributes:
        name: Of its file in the sink's folder.
        received_utc: When the sink took it.
        to: The envelope's recipients, whatever the header To says.
        sender: The header From, with its name.
        reply_to: The header Reply-To, "" where there is none.
        subject: Decoded, "" where there is none.
        message_id: With its angle brackets, "" where there is none.
        text: The text part, "" where there is none; of a broken mail all of it.
        html: The HTML part, "" where there is none.
    """

    name: str
    received_utc: datetime
    to: tuple[str, ...]
    sender: str
    reply_to: str
    subject: str
    message_id: str
    text: str
    html: str


class MailSinkClient:
    """Asks a running mail sink.

    Args:
        base_url: Address of its page, without a slash at its end.
    """

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._session = requests.Session()
        # It is on this machine, where no proxy of the person's leads.
        self._session.trust_env = False

    def health(self) -> bool:
        """Tell whether a mail sink answers; nobody and a stranger both do not."""
        try:
            return bool(_document(self._call("GET", "/health"), "GET /health") == {"status": "ok"})
        except (TransportError, ContractError):
            return False

    def mails(self) -> list[SunkMail]:
        """Return every mail, the oldest first.

        Raises:
            TransportError: No answer came, or HTTP 5xx.
            ContractError: What answered is no mail sink.
        """
        call = "GET /api/mails"
        try:
            return [_mail(fields) for fields in _document(self._call("GET", "/api/mails"), call)]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ContractError(f"The mail sink's answer to {call} is no list of mails.") from None

    def empty(self) -> None:
        """Delete every mail.

        Raises:
            TransportError: No answer came, or HTTP 5xx.
            ContractError: What answered is no mail sink.
        """
        self._call("DELETE", "/api/mails")

    def _call(self, method: str, path: str) -> requests.Response:
        try:
            answer = self._session.request(method, self._base_url + path, timeout=TIMEOUT_S)
        except requests.RequestException as lost:
            raise TransportError(f"The mail sink does not answer ({type(lost).__name__}).") from None
        if answer.status_code >= 500:
            raise TransportError(f"The mail sink answered HTTP {answer.status_code} to {method} {path}.")
        if not answer.ok:
            raise ContractError(f"The mail sink answered HTTP {answer.status_code} to {method} {path}.")
        return answer


def _document(answer: requests.Response, call: str) -> Any:
    try:
        return answer.json()
    except requests.JSONDecodeError:
        raise ContractError(f"The mail sink's answer to {call} is no JSON; does something else listen there?") from None


def _mail(fields: dict[str, Any]) -> SunkMail:
    return SunkMail(
        name=fields["name"],
        received_utc=datetime.fromisoformat(fields["received_utc"]),
        to=tuple(fields["to"]),
        sender=fields["from"],
        reply_to=fields["reply_to"],
        subject=fields["subject"],
        message_id=fields["message_id"],
        text=fields["text"],
        html=fields["html"],
    )
