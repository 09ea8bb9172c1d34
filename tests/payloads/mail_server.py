"""Mail servers on loopback for letters that must arrive, or must not: one that does as told, one mute, one absent."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from include.local_stack.ports import HOST, free_port


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail as the server got it.

    Attributes:
        sender: The envelope's sender.
        recipients: The envelope's recipients.
        content: Head and body, byte for byte.
    """

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def mail(self) -> EmailMessage:
        """The mail, parsed."""
        return message_from_bytes(self.content, policy=default)

    def part(self, kind: str) -> str:
        """The text of its part "plain" or "html"."""
        body = self.mail.get_body((kind,))
        assert body
        return body.get_content()


class MailServer:
    """Takes every mail until told otherwise.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        taken: Every mail it took, in order, those too whose sender got no answer.
        refused_recipients: Replies to recipients it refuses: `"550 no such box"`.
        refused_data: Its reply to every mail's content, "" to take it.
        refused_sender: Its reply to every sender, "" to take it.
        dies_after_data: Take the mail, and close the connection without an answer.
        before_answer: Called with each mail while its sender waits for the answer.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.taken: list[Taken] = []
        self.refused_recipients: dict[str, str] = {}
        self.refused_data = ""
        self.refused_sender = ""
        self.dies_after_data = False
        self.before_answer: Callable[[Taken], None] = lambda _: None

    @property
    def recipients(self) -> list[str]:
        """Who got a mail, in order."""
        return [recipient for taken in self.taken for recipient in taken.recipients]

    async def handle_MAIL(  # noqa: N802 - the name aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer a sender."""
        if self.refused_sender:
            return self.refused_sender
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - its name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer a recipient."""
        if refusal := self.refused_recipients.get(address):
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        """Answer a mail."""
        if self.refused_data:
            return self.refused_data
        taken = Taken(str(envelope.mail_from), tuple(envelope.rcpt_tos), envelope.original_content or b"")
        self.taken.append(taken)
        self.before_answer(taken)
        if self.dies_after_data:
            server.transport.abort()
        return "250 Taken"


@contextmanager
def mail_server(port: int | None = None) -> Iterator[MailServer]:
    """Serve from a thread until the block ends; the port makes a server that was away come back."""
    server = MailServer(port or free_port())
    controller = Controller(
        server,
        hostname=HOST,
        port=server.port,
        server_hostname="localhost",  # otherwise it asks DNS for the machine's name, at every mail
        enable_SMTPUTF8=False,
        ready_timeout=60,
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@contextmanager
def mute_server() -> Iterator[int]:
    """Listen at the port it yields, and never say a word."""
    with socket.create_server((HOST, 0)) as listener:
        yield listener.getsockname()[1]


def deserted_port() -> int:
    """A port at which nobody listens."""
    return free_port()
