"""Whom to tell, how, and when: the settings of mails, reminders and warnings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any, Literal, cast

from include.errors import SettingsError
from include.settings.reading import environment, number, require_address, whole_number, words

MailTransport = Literal["smtp", "ses"]
MAIL_CONNECTIONS: Mapping[MailTransport, str] = {"smtp": "smtp_default", "ses": "aws_default"}
MOST_DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSettings:
    """Everything that mails and warnings depend on.

    Attributes:
        public_base_url: Where sellers reach the start page, without a slash at its end.
        secret_key: Signs the links to it; stays out of the repr.
        old_secret_keys: Earlier ones, whose links still open; out of the repr.
        app_name: Our application's name, as sellers read it in Seller Central.
        old_app_names: Names of older applications of ours that a seller may still see there.
        mail_transport: How mails leave: by an SMTP server or by Amazon SES.
        mail_connection_id: The Airflow Connection of that server.
        mail_from: The sender, `Name <address>` or an address; needed as soon as there is a mail to send.
        mail_reply_to: A person's address for answers, the first operator where none is set.
        operator_contacts: Mail addresses of those who run this.
        operator_notifier: Dotted path of an Airflow notifier that operators are told by too, "" for none.
        operator_notifier_arguments: Its arguments; `{subject}` and `{text}` in a text are replaced. One may be
            a key, so they stay out of the repr.
        runbook_url: Where operators read the runbook, "" where they know.
        reminder_days: Days after which a lapsed seller is reminded.
        expiry_warning_days: Days before an authorization's end on which its seller is warned.
        secret_warning_days: Days before the client secret's end on which operators are warned.
        late_after_hours: Age of a seller's data from which on operators are told.
        silent_after_minutes: How long the watch may not run before the start page's `/health` answers 503.
    """

    public_base_url: str = "http://127.0.0.1:8092"
    secret_key: str = field(default="", repr=False)
    old_secret_keys: tuple[str, ...] = field(default=(), repr=False)
    app_name: str = "Seller Orders"
    old_app_names: tuple[str, ...] = ()
    mail_transport: MailTransport = "smtp"
    mail_connection_id: str = MAIL_CONNECTIONS["smtp"]
    mail_from: str = ""
    mail_reply_to: str = ""
    operator_contacts: tuple[str, ...] = ()
    operator_notifier: str = ""
    operator_notifier_arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)
    runbook_url: str = ""
    reminder_days: tuple[int, ...] = (3, 7, 14)
    expiry_warning_days: tuple[int, ...] = (30, 14, 7, 1)
    secret_warning_days: tuple[int, ...] = (30, 14, 7)
    late_after_hours: float = 26.0
    silent_after_minutes: int = 45

    @property
    def reply_to(self) -> str:
        """The address that answers go to, "" where nobody is named."""
        return self.mail_reply_to or next(iter(self.operator_contacts), "")


def load_notification_settings(environ: Mapping[str, str] | None = None) -> NotificationSettings:
    """Read them from the environment (or a mapping that stands for it); an empty value means the default.

    Raises:
        SettingsError: A value is not usable; the message names the variable and what is expected.
    """
    env = environment(environ)
    default = NotificationSettings()

    def text(name: str, otherwise: str = "") -> str:
        return env.get(name, "").strip() or otherwise

    transport = text("MAIL_TRANSPORT", default.mail_transport)
    if transport not in MAIL_CONNECTIONS:
        raise SettingsError(f"MAIL_TRANSPORT is {transport!r}; expected smtp or ses.")
    transport = cast("MailTransport", transport)
    base_url = text("PUBLIC_BASE_URL", default.public_base_url).rstrip("/")
    require_address("PUBLIC_BASE_URL", base_url)
    return NotificationSettings(
        public_base_url=base_url,
        secret_key=text("SECRET_KEY"),
        old_secret_keys=words(env, "OLD_SECRET_KEYS"),
        app_name=text("APP_NAME", default.app_name),
        old_app_names=words(env, "OLD_APP_NAMES"),
        mail_transport=transport,
        mail_connection_id=text("MAIL_CONNECTION_ID", MAIL_CONNECTIONS[transport]),
        mail_from=_mail_address("MAIL_FROM", text("MAIL_FROM")),
        mail_reply_to=_mail_address("MAIL_REPLY_TO", text("MAIL_REPLY_TO")),
        operator_contacts=tuple(_mail_address("OPERATOR_CONTACTS", word) for word in words(env, "OPERATOR_CONTACTS")),
        operator_notifier=text("OPERATOR_NOTIFIER"),
        operator_notifier_arguments=_arguments(text("OPERATOR_NOTIFIER_ARGUMENTS")),
        runbook_url=text("RUNBOOK_URL"),
        reminder_days=_days(env, "REMINDER_DAYS", default.reminder_days),
        expiry_warning_days=_days(env, "EXPIRY_WARNING_DAYS", default.expiry_warning_days),
        secret_warning_days=_days(env, "SECRET_WARNING_DAYS", default.secret_warning_days),
        late_after_hours=number(env, "LATE_AFTER_HOURS", default.late_after_hours, least=1),
        silent_after_minutes=whole_number(
            env, "SILENT_AFTER_MINUTES", default.silent_after_minutes, least=16, most=24 * 60
        ),
    )


def _mail_address(name: str, text: str) -> str:
    address = parseaddr(text)[1]
    if text and (address.count("@") != 1 or not text.isprintable() or " " in address):
        raise SettingsError(f"{name} holds {text!r}; expected a mail address.")
    return text


def _days(environ: Mapping[str, str], name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    given = words(environ, name)
    if not given:
        return default
    return tuple(whole_number({name: word}, name, 0, least=1, most=MOST_DAYS) for word in given)


def _arguments(text: str) -> Mapping[str, Any]:
    if not text:
        return {}
    try:
        arguments = json.loads(text)
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        raise SettingsError("OPERATOR_NOTIFIER_ARGUMENTS is no JSON object.")
    return arguments
