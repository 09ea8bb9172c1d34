"""How letters leave: by an SMTP server or Amazon SES behind an Airflow Connection, or by an Airflow notifier."""

from __future__ import annotations

import pkgutil
import smtplib
from email.message import EmailMessage
from typing import Any

from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk.exceptions import AirflowException

from include.errors import SettingsError, TransportError
from include.notifications.sending import AnswerLostError, MailRefusedError
from include.settings import NotificationSettings


class AirflowPostOffice:
    """Takes letters to people as the settings say."""

    def __init__(self, settings: NotificationSettings) -> None:
        self._settings = settings

    def mail(self, message: EmailMessage) -> None:
        """Hand a mail to the server; see `include.notifications.sending.PostOffice`."""
        if self._settings.mail_transport == "ses":
            # A third of a second of imports, for those who use it alone.
            from include.orchestration.ses_mail import send_by_ses  # noqa: PLC0415

            send_by_ses(message, self._settings.mail_connection_id)
        else:
            _send_by_smtp(message, self._settings.mail_connection_id)

    def notify(self, subject: str, text: str) -> None:
        """Call the operators' notifier with its arguments, `{subject}` and `{text}` in them replaced."""

        def filled(value: Any) -> Any:
            return value.replace("{subject}", subject).replace("{text}", text) if isinstance(value, str) else value

        try:
            notifier = pkgutil.resolve_name(self._settings.operator_notifier)
        except (ImportError, AttributeError, ValueError):
            raise SettingsError(f"OPERATOR_NOTIFIER {self._settings.operator_notifier} cannot be imported.") from None
        arguments = {name: filled(value) for name, value in self._settings.operator_notifier_arguments.items()}
        # Not called as Airflow does, which would take Amazon's words in the text for a template.
        notifier(**arguments).notify({})


class _MailServer(SmtpHook):
    """Airflow's SMTP hook, which tries once (the outbox tries again) and sends what is ready made."""

    @property
    def smtp_retry_limit(self) -> int:
        """No repetition: each would hold a worker for the server's whole silence."""
        return 0

    def send(self, message: EmailMessage) -> None:
        """Send a mail to the addresses in its own header."""
        client = self.get_conn()._smtp_client  # noqa: SLF001 - the hook's own way sends no text beside the HTML
        try:
            client.send_message(message)  # type: ignore[union-attr]
        except smtplib.SMTPNotSupportedError:
            raise MailRefusedError("The mail server takes no address like this.", for_good=True) from None
        except (smtplib.SMTPServerDisconnected, TimeoutError, ConnectionError) as lost:
            raise AnswerLostError(f"The mail server gave no answer to the mail ({type(lost).__name__}).") from None
        finally:
            client.close()  # type: ignore[union-attr]


def _send_by_smtp(message: EmailMessage, connection_id: str) -> None:
    try:
        _MailServer(smtp_conn_id=connection_id).send(message)
    except smtplib.SMTPRecipientsRefused as refused:
        code, said = next(iter(refused.recipients.values()))
        raise _refused(code, said) from None
    except smtplib.SMTPDataError as refused:
        raise _refused(refused.smtp_code, refused.smtp_error) from None
    except (smtplib.SMTPAuthenticationError, smtplib.SMTPSenderRefused) as refused:
        if refused.smtp_code < 500:
            raise TransportError(f"The mail server does not take mails now (SMTP {refused.smtp_code}).") from None
        raise SettingsError(
            f"The mail server refuses us (SMTP {refused.smtp_code}).",
            remedy=f"Check MAIL_FROM and the Connection {connection_id}; Test tells.",
        ) from None
    except smtplib.SMTPNotSupportedError:
        raise SettingsError(
            "The mail server cannot do what its Connection asks for.",
            remedy=f"Check the login, disable_ssl and disable_tls of the Connection {connection_id}; Test tells.",
        ) from None
    except (smtplib.SMTPException, OSError) as lost:
        raise TransportError(f"The mail server did not take the mail ({type(lost).__name__}).") from None
    except AirflowException as trouble:
        if "not found" in str(trouble):
            raise SettingsError(
                f"There is no Connection {connection_id}.", remedy="Make it in Airflow under Admin, Connections."
            ) from None
        raise TransportError(f"The mail server did not answer ({type(trouble).__name__}).") from None


def _refused(code: int, said: bytes | str) -> MailRefusedError:
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    printable = "".join(c if c.isprintable() else " " for c in words)[:200]
    return MailRefusedError(f"The mail server refuses it: SMTP {code} {printable}", for_good=code >= 500)
