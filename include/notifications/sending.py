"""Send what the outbox owes: claim, write, hand over, note; no transaction is open while a mail server thinks."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Protocol

from include.clock import Now
from include.errors import OperatorActionError, SellerOrdersError, SettingsError, TransientError, TransportError
from include.log_context import of_seller
from include.notifications import outbox
from include.notifications.failures import operators_of, tell_operators
from include.notifications.incidents import Incident, incident_by_id, open_incident
from include.notifications.letters import letter_of
from include.notifications.meanings import MAIL_REFUSED
from include.notifications.messages import Letter
from include.notifications.outbox import NOTIFIER, Message
from include.sellers.registry import Seller
from include.settings import NotificationSettings
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)
# So many lost answers are the server's way, each of them a timeout.
MOST_LOST = 2


class MailRefusedError(OperatorActionError):
    """Raised by a post office where the server refuses one mail or its recipient, and takes others.

    Attributes:
        for_good: Whether it will never take it, instead of not now.
    """

    def __init__(self, message: str, *, for_good: bool) -> None:
        super().__init__(message)
        self.for_good = for_good


class UnwritableLetterError(OperatorActionError):
    """Raised where a setting that one kind of letter needs is missing; the others go all the same."""


class AnswerLostError(TransportError):
    """Raised by a post office where a server was given the mail, and what it made of it is not known."""


class PostOffice(Protocol):
    """What takes letters to people; `include.orchestration.post_office` has the real one."""

    def mail(self, message: EmailMessage) -> None:
        """Hand a mail to the server.

        Raises:
            MailRefusedError: This one mail is refused.
            AnswerLostError: It may have been taken or not.
            TransientError: The server cannot take anything now.
            SettingsError: The server's Connection is missing or refused.
        """

    def notify(self, subject: str, text: str) -> None:
        """Call the operators' Airflow notifier; raises as `mail` does."""


@dataclass(slots=True)
class Tally:
    """How many messages were sent, how many are still owed, and of how many the server's answer was lost."""

    sent: int = 0
    failed: int = 0
    lost: int = 0


def send_owed(
    connection: Connection,
    post_office: PostOffice,
    sellers: Mapping[str, Seller] | None,
    settings: NotificationSettings,
    *,
    now: Now,
) -> Tally:
    """Send every message that is due; where mails cannot go, the notifier's still do, and the other way round.

    Args:
        connection: The warehouse.
        post_office: Takes letters to people.
        sellers: Every seller by its id; None where that is not known, and nothing goes to sellers.
        settings: Senders, links and names.
        now: Tells the time.

    Raises:
        TransientError: The mail server is away; what is left stays due, and whoever comes next sends it.
        SettingsError: Nothing can be sent as things are set.
    """
    tally = Tally()
    troubles = []
    for by_notifier in (False, True):
        try:
            while message := outbox.claim(
                connection, now_utc=now(), by_notifier=by_notifier, to_sellers=sellers is not None
            ):
                incident = incident_by_id(connection, message.incident_id)
                with of_seller(incident.seller_id):
                    _send(connection, post_office, message, incident, sellers or {}, settings, tally, now)
        except (TransientError, SettingsError) as trouble:
            troubles.append(trouble)
    if troubles:
        raise troubles[0]
    return tally


def _send(
    connection: Connection,
    post_office: PostOffice,
    message: Message,
    incident: Incident,
    sellers: Mapping[str, Seller],
    settings: NotificationSettings,
    tally: Tally,
    now: Now,
) -> None:
    try:
        try:
            letter = letter_of(connection, message, incident, sellers, settings, now_utc=now())
        except SettingsError as missing:
            raise UnwritableLetterError(str(missing)) from None
        if letter is None:
            outbox.drop(connection, message, "sellers.yaml no longer names this seller or recipient.", now_utc=now())
            return
        _hand_over(post_office, message, letter, settings, now())
    except MailRefusedError as refusal:
        tally.failed += 1
        _note_refusal(connection, message, incident, refusal, operators_of(settings), now())
    except AnswerLostError as lost:
        # It waits behind the others, which a server that chokes on this one may take.
        tally.failed += 1
        tally.lost += 1
        outbox.note_trouble(connection, message, str(lost), now_utc=now())
        if tally.lost >= MOST_LOST:
            raise
    except (TransientError, SettingsError) as trouble:
        # Nobody's mail would pass now; it stays due.
        outbox.give_back(connection, message, str(trouble))
        raise
    except Exception as defect:  # noqa: BLE001 - what is owed to others must go
        # One letter that cannot be written, or a notifier that breaks, must not keep all others back.
        tally.failed += 1
        said = str(defect) if isinstance(defect, SellerOrdersError) else type(defect).__name__
        outbox.note_trouble(connection, message, said, now_utc=now())
        # Without its text and trace, which may quote a notifier's address with the key in it.
        where = traceback.extract_tb(defect.__traceback__)[-1]
        log.error("%s could not be sent: %s, %s:%s", message.kind, said, where.filename, where.lineno)  # noqa: TRY400
    else:
        outbox.note_sent(connection, message, now_utc=now())
        log.info("Sent: %s, to %s of incident %d", message.kind, message.audience, message.incident_id)
        tally.sent += 1


def mail_of(message: Message, letter: Letter, settings: NotificationSettings, *, now_utc: datetime) -> EmailMessage:
    """Make the mail: text and HTML side by side, the same Message-ID at every try.

    Raises:
        SettingsError: There is no sender.
    """
    name, address = parseaddr(settings.mail_from)
    if not address:
        raise SettingsError("MAIL_FROM is not set.", remedy="Set it to the sender, Name <address>.")
    # Nothing but ASCII: not every server takes eight bits, and the library does not ask.
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    mail["From"] = Address(name or settings.app_name, addr_spec=address)
    mail["To"] = Address(addr_spec=parseaddr(message.recipient)[1])
    if settings.reply_to:
        mail["Reply-To"] = Address(addr_spec=parseaddr(settings.reply_to)[1])
    # The library would decode an encoded word in it, and write the line breaks that come out as lines of the head.
    mail["Subject"] = letter.subject.replace("=?", "= ?")
    mail["Date"] = format_datetime(now_utc)
    mail["Message-ID"] = f"<{message.message_ref}@{address.rpartition('@')[2]}>"
    # Nobody's holiday reply is wanted.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(letter.text)
    mail.add_alternative(letter.html, subtype="html")
    return mail


def _hand_over(
    post_office: PostOffice, message: Message, letter: Letter, settings: NotificationSettings, now_utc: datetime
) -> None:
    if message.recipient == NOTIFIER:
        post_office.notify(letter.subject, letter.text)
    else:
        post_office.mail(mail_of(message, letter, settings, now_utc=now_utc))


def _note_refusal(
    connection: Connection,
    message: Message,
    incident: Incident,
    refusal: MailRefusedError,
    operators: tuple[str, ...],
    now_utc: datetime,
) -> None:
    outbox.note_trouble(connection, message, str(refusal), now_utc=now_utc)
    log.warning("%s could not be sent to %s: %s", message.kind, message.audience, refusal)
    if message.audience == "operators" or not refusal.for_good:
        return
    with connection.transaction():
        told, _ = open_incident(connection, incident.seller_id, MAIL_REFUSED, now_utc=now_utc)
        details = [("Recipient", message.recipient), ("Message", message.kind), ("The server said", str(refusal))]
        # Each of a seller's recipients once, however often it is refused.
        earlier = outbox.owed_before(connection, message)
        kind = f"alert_{earlier + 1}" if earlier else "alert"
        tell_operators(connection, told, operators, now_utc=now_utc, kind=kind, facts={"details": details})
