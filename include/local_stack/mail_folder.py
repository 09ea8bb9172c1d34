"""The mails that the sink took: one file each, read back as a person would see them, a broken one as it is."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from include.clock import utc_now

ENVELOPE_TO = "X-Envelope-To"
SHOWN_HEADERS = ("From", "To", "Reply-To", "Subject", "Message-ID")
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_NAME = re.compile(r"([0-9]{8}T[0-9]{6}\.[0-9]{6}Z)-([0-9]{1,9})\.eml")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
# A comma inside quotes belongs to the address.
_RECIPIENT = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^,])+')


@dataclass(frozen=True, slots=True)
class StoredMail:
    """A mail as it came.

    Attributes:
        name: Of its file.
        received_utc: When it came.
        recipients: The envelope's, not the header's.
        headers: Every one of `SHOWN_HEADERS`, "" where it is absent.
        text: The text part with line feeds, "" where there is none; of a broken mail all of it.
        html: The HTML part, "" where there is none.
        broken: Whether it could not be read as a mail.
    """

    name: str
    received_utc: datetime
    recipients: tuple[str, ...]
    headers: Mapping[str, str]
    text: str
    html: str
    broken: bool

    @property
    def received_text(self) -> str:
        """The moment it came, for people, to the second."""
        return f"{self.received_utc:%Y-%m-%d %H:%M:%S} UTC"

    def as_json(self) -> dict[str, Any]:
        """What `GET /api/mails` tells of it; the moment in ISO 8601 with Z."""
        return {
            "name": self.name,
            "received_utc": f"{self.received_utc:%Y-%m-%dT%H:%M:%S.%fZ}",
            "to": list(self.recipients),
            "from": self.headers["From"],
            "reply_to": self.headers["Reply-To"],
            "subject": self.headers["Subject"],
            "message_id": self.headers["Message-ID"],
            "text": self.text,
            "html": self.html,
        }


class MailFolder:
    """Mails as files `<moment>-<n>.eml`, which their owner alone may read.

    Args:
        folder: Made where it is absent, and closed to everybody else.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._folder = folder
        self._numbers = itertools.count(1)

    def keep(self, recipients: Iterable[str], content: bytes) -> str:
        """Write a mail, all of it or nothing.

        Args:
            recipients: The envelope's; they become the file's first line.
            content: The mail as it was sent, with CRLF.

        Returns:
            The file's name.

        Raises:
            OSError: The disk refuses it.
        """
        name = f"{utc_now():{_STAMP}}-{next(self._numbers)}.eml"
        # A bare carriage return may stand in an SMTP command; in a header it could pass for the line's end.
        envelope = ", ".join(_CONTROL_CHARACTER.sub("?", recipient) for recipient in recipients)
        part = self._folder / f".{name}.part"
        try:
            with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(f"{ENVELOPE_TO}: {envelope}\r\n".encode(errors="surrogateescape"))
                file.write(content)
            part.replace(self._folder / name)
        finally:
            part.unlink(missing_ok=True)
        return name

    def mails(self) -> list[StoredMail]:
        """Return every mail, the oldest first."""
        found = (self.mail(path.name) for path in self._folder.iterdir())
        return sorted((mail for mail in found if mail), key=lambda mail: (mail.received_utc, _number(mail.name)))

    def mail(self, name: str) -> StoredMail | None:
        """Return one mail, None where no mail is called so."""
        received_utc = _received_utc(name)
        if received_utc is None:
            return None
        try:
            return _read(name, received_utc, (self._folder / name).read_bytes())
        except FileNotFoundError:
            return None

    def empty(self) -> None:
        """Delete every mail; other files stay."""
        for path in self._folder.iterdir():
            if _received_utc(path.name):
                path.unlink(missing_ok=True)


def _received_utc(name: str) -> datetime | None:
    # The name comes from an address anybody can type: what passes here holds no slash and no dot but these two.
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _number(name: str) -> int:
    return int(name.removesuffix(".eml").rpartition("-")[2])


def _read(name: str, received_utc: datetime, content: bytes) -> StoredMail:
    first, _, sent = content.partition(b"\r\n")
    header, _, envelope = first.decode(errors="replace").partition(": ")
    if header != ENVELOPE_TO:
        envelope, sent = "", content
    recipients = tuple(recipient.strip() for recipient in _RECIPIENT.findall(envelope))
    try:
        headers, text, html = _understood(sent)
    except Exception:  # noqa: BLE001 - the standard library's parser has no one error for what it cannot read
        nothing = dict.fromkeys(SHOWN_HEADERS, "")
        return StoredMail(name, received_utc, recipients, nothing, sent.decode(errors="replace"), "", broken=True)
    return StoredMail(name, received_utc, recipients, headers, text, html, broken=False)


def _understood(sent: bytes) -> tuple[dict[str, str], str, str]:
    message = BytesParser(policy=policy.default).parsebytes(sent)
    headers = {header: _clean(str(message[header] or "")) for header in SHOWN_HEADERS}
    if not any(headers.values()):
        raise ValueError("Nothing in it looks like a mail's header.")
    return headers, _body(message, "plain"), _body(message, "html")


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return "" if part is None else _clean(str(part.get_content())).replace("\r\n", "\n")


def _clean(text: str) -> str:
    # What the mail declared wrongly arrives as half characters, which no answer can carry.
    return text.encode(errors="replace").decode()
