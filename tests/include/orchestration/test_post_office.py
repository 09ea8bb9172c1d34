"""Letters through Airflow's Connections: to a real SMTP server, to Amazon SES as moto plays it, to a notifier."""

from __future__ import annotations

import json
import socket
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from threading import Thread
from typing import Any
from uuid import UUID

import pytest

from include.errors import SettingsError, TransientError
from include.notifications.incidents import open_incident, verify_incident
from include.notifications.messages import Letter
from include.notifications.outbox import Message, owe
from include.notifications.sending import AnswerLostError, MailRefusedError, PostOffice, Tally, mail_of, send_owed
from include.settings import NotificationSettings
from include.warehouse.connection import Connection
from tests.payloads.aws import Aws
from tests.payloads.clocks import HandClock
from tests.payloads.mail_server import MailServer, deserted_port, mail_server, mute_server
from tests.payloads.sellers import acme

pytestmark = pytest.mark.airflow

ANNA = "anna@acme.example"
PLAIN = {"disable_ssl": True, "disable_tls": True, "timeout": 10}
LETTER = Letter(
    subject="Bitte die Anbindung erneuern: Müller & Söhne",
    text="Grüße aus Köln\n",
    html="<!doctype html><html><p>Grüße aus Köln</p></html>\n",
)
SETTINGS = NotificationSettings(mail_from="Seller Orders <orders@orders.example>")

OpenOffice = Callable[..., PostOffice]


def a_mail(recipient: str = ANNA) -> EmailMessage:
    ref = UUID("9f1c1e0a-5a2b-4c6d-8e7f-0123456789ab")
    message = Message(1, 1, "reconnect", "seller", recipient, ref, {}, 1)
    return mail_of(message, LETTER, SETTINGS, now_utc=datetime(2026, 10, 5, 12, tzinfo=UTC))


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def open_office(monkeypatch: pytest.MonkeyPatch) -> OpenOffice:
    """A post office whose Connection `smtp_default` leads to a port."""

    def make(port: int, *, extra: Mapping[str, object] = PLAIN, login: str | None = None) -> PostOffice:
        from include.orchestration.post_office import AirflowPostOffice

        facts = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": dict(extra)}
        if login:
            facts |= {"login": login, "password": "secret"}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(facts))
        return AirflowPostOffice(SETTINGS)

    return make


def test_a_mail_arrives_once_with_both_parts(open_office: OpenOffice, server: MailServer):
    open_office(server.port).mail(a_mail())
    (taken,) = server.taken
    assert (taken.sender, taken.recipients) == ("orders@orders.example", (ANNA,))
    assert taken.mail["Subject"] == LETTER.subject
    assert taken.mail["Message-ID"] == "<9f1c1e0a-5a2b-4c6d-8e7f-0123456789ab@orders.example>"
    assert taken.part("plain").split() == LETTER.text.split()
    assert taken.part("html").split() == LETTER.html.split()


@pytest.mark.parametrize(("reply", "for_good"), [("550 5.1.1 no such box", True), ("450 box is full", False)])
def test_a_refused_recipient_is_that_mails_trouble_alone(
    open_office: OpenOffice, server: MailServer, reply: str, for_good: bool
):
    server.refused_recipients[ANNA] = reply
    office = open_office(server.port)
    with pytest.raises(MailRefusedError, match=reply) as refusal:
        office.mail(a_mail())
    assert refusal.value.for_good is for_good
    office.mail(a_mail("ben@acme.example"))
    assert server.recipients == ["ben@acme.example"]


@pytest.mark.parametrize(("reply", "for_good"), [("554 looks like spam", True), ("451 try again later", False)])
def test_a_refused_content_is_that_mails_trouble_too(
    open_office: OpenOffice, server: MailServer, reply: str, for_good: bool
):
    server.refused_data = reply
    with pytest.raises(MailRefusedError, match=reply) as refusal:
        open_office(server.port).mail(a_mail())
    assert refusal.value.for_good is for_good


def test_a_servers_words_are_cut_and_fit_to_print(open_office: OpenOffice, server: MailServer):
    server.refused_data = "554 \x1b[31m" + "x" * 400
    with pytest.raises(MailRefusedError) as refusal:
        open_office(server.port).mail(a_mail())
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 300


def test_a_refused_sender_is_the_settings_trouble(open_office: OpenOffice, server: MailServer):
    server.refused_sender = "553 not yours"
    with pytest.raises(SettingsError, match=r"refuses us \(SMTP 553\).*MAIL_FROM.*smtp_default"):
        open_office(server.port).mail(a_mail())


def test_a_server_that_takes_nothing_now_is_asked_again(open_office: OpenOffice, server: MailServer):
    server.refused_sender = "452 disk full"
    with pytest.raises(TransientError, match="SMTP 452"):
        open_office(server.port).mail(a_mail())


def test_an_answer_that_never_comes_is_asked_for_again(open_office: OpenOffice, server: MailServer):
    server.dies_after_data = True
    with pytest.raises(TransientError, match="SMTPServerDisconnected"):
        open_office(server.port).mail(a_mail())
    assert server.recipients == [ANNA], "one call hands a mail over once"


def test_a_mute_server_costs_its_timeout_and_no_more(open_office: OpenOffice):
    began = datetime.now(UTC)
    with mute_server() as port, pytest.raises(TransientError):
        open_office(port, extra=PLAIN | {"timeout": 1}).mail(a_mail())
    assert (datetime.now(UTC) - began).total_seconds() < 10


def test_a_server_that_hangs_up_at_once_is_asked_again(open_office: OpenOffice):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        office = open_office(listener.getsockname()[1])
        listener.settimeout(60)

        def hang_up() -> None:
            listener.accept()[0].close()

        thread = Thread(target=hang_up)
        thread.start()
        with pytest.raises(TransientError):
            office.mail(a_mail())
        thread.join()


def test_where_nobody_listens_somebody_may_later(open_office: OpenOffice):
    with pytest.raises(TransientError, match="ConnectionRefusedError"):
        open_office(deserted_port()).mail(a_mail())


def test_a_missing_connection_is_named(open_office: OpenOffice, monkeypatch: pytest.MonkeyPatch):
    office = open_office(1)
    monkeypatch.delenv("AIRFLOW_CONN_SMTP_DEFAULT")
    with pytest.raises(SettingsError, match=r"no Connection smtp_default.*Make it in Airflow"):
        office.mail(a_mail())


@pytest.mark.parametrize(
    ("extra", "login"), [({"disable_ssl": True}, None), (PLAIN, "orders")], ids=["encryption", "a login"]
)
def test_a_connection_that_asks_for_what_the_server_cannot_do_is_named(
    open_office: OpenOffice, server: MailServer, extra: Mapping[str, object], login: str | None
):
    with pytest.raises(SettingsError, match="smtp_default"):
        open_office(server.port, extra=extra, login=login).mail(a_mail())


def test_an_address_that_the_server_cannot_write_is_that_mails_trouble_alone(
    open_office: OpenOffice, server: MailServer
):
    office = open_office(server.port)
    with pytest.raises(MailRefusedError) as refusal:
        office.mail(a_mail("anna@müller.example"))
    assert refusal.value.for_good
    office.mail(a_mail())
    assert server.recipients == [ANNA]


@pytest.fixture
def no_amazon_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any AWS account of its own."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "DEFAULT_REGION", "PROFILE"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def ses_connection(monkeypatch: pytest.MonkeyPatch, **extra: object) -> None:
    once = {"retries": {"total_max_attempts": 1}}
    facts = {"conn_type": "aws", "login": "AKIATEST", "password": "secret", "extra": {"config_kwargs": once} | extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(facts))


def ses_office() -> PostOffice:
    from include.orchestration.post_office import AirflowPostOffice

    return AirflowPostOffice(NotificationSettings(mail_transport="ses", mail_connection_id="aws_default"))


@pytest.fixture
def amazon(no_amazon_login: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Amazon SES in Frankfurt as moto plays it, and what it sent."""
    import boto3
    from moto import mock_aws
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.ses.models import ses_backends

    ses_connection(monkeypatch, region_name="eu-central-1")
    with mock_aws():
        backend = ses_backends[DEFAULT_ACCOUNT_ID]["eu-central-1"]
        client = boto3.client("ses", region_name="eu-central-1")
        yield types.SimpleNamespace(
            verify=lambda address: client.verify_email_identity(EmailAddress=address),
            sent=backend.sent_messages,
        )


def test_amazon_gets_the_mail_as_it_is(amazon: Any):
    amazon.verify("orders@orders.example")
    ses_office().mail(a_mail())
    (raw,) = amazon.sent
    arrived = message_from_string(raw.raw_data, policy=default)
    assert arrived["To"] == ANNA
    assert arrived["Subject"] == LETTER.subject
    assert [part.get_content().split() for part in arrived.iter_parts()] == [LETTER.text.split(), LETTER.html.split()]
    assert raw.raw_data.isascii()
    assert "anna@acme.example" in "".join(raw.destinations)


def test_amazon_refuses_a_sender_that_nobody_verified(amazon: Any):
    with pytest.raises(MailRefusedError, match=r"Amazon SES refuses it \(MessageRejected\)"):
        ses_office().mail(a_mail())
    assert amazon.sent == []


@pytest.mark.filterwarnings("ignore:Exception.Refusal.:UserWarning")
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ThrottlingException", TransientError),
        ("Throttling", TransientError),
        ("ServiceUnavailable", TransientError),
        ("InvalidClientTokenId", SettingsError),
        ("SignatureDoesNotMatch", SettingsError),
        ("AccessDenied", SettingsError),
        ("MailFromDomainNotVerifiedException", SettingsError),
        ("MessageRejected", MailRefusedError),
        ("InvalidParameterValue", MailRefusedError),
    ],
)
def test_what_amazon_says_decides_who_acts(amazon: Any, monkeypatch: pytest.MonkeyPatch, code: str, error: type):
    from moto.core.exceptions import ServiceException
    from moto.ses.models import SESBackend

    class Refusal(ServiceException):
        pass

    Refusal.code = code

    def refuse(*_: object, **__: object) -> None:
        raise Refusal("secret words of Amazon's")

    monkeypatch.setattr(SESBackend, "send_raw_email", refuse)
    with pytest.raises(error, match=code) as told:
        ses_office().mail(a_mail())
    assert "secret words" not in str(told.value)


@pytest.mark.parametrize("region", ["", "eu-central-1"], ids=["no Connection at all", "a region alone"])
def test_without_an_amazon_account_the_connection_is_named(
    no_amazon_login: None, monkeypatch: pytest.MonkeyPatch, region: str
):
    if region:
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    with pytest.raises(SettingsError, match="aws_default"):
        ses_office().mail(a_mail())


def test_where_amazon_cannot_be_reached_somebody_asks_again(no_amazon_login: None, monkeypatch: pytest.MonkeyPatch):
    address = f"http://127.0.0.1:{deserted_port()}"
    ses_connection(monkeypatch, region_name="eu-central-1", endpoint_url=address)
    with pytest.raises(TransientError, match="EndpointConnectionError"):
        ses_office().mail(a_mail())


SENDER = "orders@orders.example"
NOT_VERIFIED = "Email address is not verified. The following identities failed the check in region EU-CENTRAL-1: "


@pytest.fixture
def ses(aws: Aws) -> Aws:
    """Amazon SES behind a door that can fail, the sender verified, no Connection but the machine's own role."""
    aws.client("ses").verify_email_identity(EmailAddress=SENDER)
    return aws


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def test_without_a_connection_a_mail_goes_by_the_machines_own_role(ses: Aws):
    ses_office().mail(a_mail())
    (raw,) = ses.mails()
    assert message_from_string(raw, policy=default)["To"] == ANNA
    assert ses.calls == ["SendRawEmail"]


def test_in_the_sandbox_a_recipient_is_that_mails_trouble_alone(ses: Aws):
    ses.fail("SendRawEmail", "MessageRejected", message=NOT_VERIFIED + ANNA)
    with pytest.raises(MailRefusedError, match="sandbox") as refusal:
        ses_office().mail(a_mail())
    assert refusal.value.for_good
    assert ANNA not in str(refusal.value)


def test_a_sender_that_is_not_verified_is_the_settings_trouble(ses: Aws):
    ses.fail("SendRawEmail", "MessageRejected", message=f"{NOT_VERIFIED}{ANNA}, {SENDER}")
    with pytest.raises(SettingsError, match=f"not verified {SENDER}"):
        ses_office().mail(a_mail())


def test_an_answer_that_amazon_loses_costs_one_try_because_it_may_have_taken_the_mail(ses: Aws):
    ses.fail("SendRawEmail", slam=True)
    with pytest.raises(AnswerLostError, match="ConnectionClosedError"):
        ses_office().mail(a_mail())
    assert ses.calls == ["SendRawEmail"]


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"code": "MessageRejected", "message": NOT_VERIFIED + ANNA}, None),
        ({"code": "MessageRejected", "message": NOT_VERIFIED + SENDER}, SettingsError),
        ({"code": "Throttling"}, TransientError),
        ({"code": "AccessDenied", "status": 403}, SettingsError),
    ],
    ids=["the sandbox", "the sender", "throttled", "denied"],
)
def test_what_amazon_ses_refuses_stays_owed_and_goes_once_it_is_mended(
    ses: Aws, warehouse: Connection, clock: HandClock, how: dict[str, Any], error: type[Exception] | None
):
    seller = acme(date(2026, 10, 1))
    incident, _ = open_incident(warehouse, "acme", "ReauthorizationRequiredError", now_utc=clock())
    verify_incident(warehouse, incident, now_utc=clock())
    owe(warehouse, incident.incident_id, "reconnect", "seller", seller.contacts[:1], now_utc=clock())
    settings = replace(SETTINGS, secret_key="any long random text", operator_contacts=("ops@orders.example",))

    def send() -> Tally:
        return send_owed(warehouse, ses_office(), {"acme": seller}, settings, now=clock)

    ses.fail("SendRawEmail", **how)
    if error:
        with pytest.raises(error):
            send()
    else:
        assert send().failed == 2, "the seller's, and the operators' of it"
    owed = "SELECT count(*) FROM ops.outbox WHERE sent_utc IS NULL AND dropped_utc IS NULL AND kind = 'reconnect'"
    assert warehouse.execute(owed).fetchone() == (1,)
    assert ses.mails() == []
    ses.mend()
    clock.advance(hours=7)
    send()
    assert warehouse.execute(owed).fetchone() == (0,)
    assert seller.contacts[0] in "".join(ses.mails())


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A module of somebody else's with a notifier, and what that was given when it notified."""
    from airflow.sdk.bases.notifier import BaseNotifier

    notified: list[Any] = []

    class ChatNotifier(BaseNotifier):
        template_fields = ("title", "text", "channel", "urgent")

        def __init__(self, *, title: str = "", text: str = "", channel: str = "", urgent: bool = False) -> None:
            super().__init__()
            self.title, self.text, self.channel, self.urgent = title, text, channel, urgent

        def notify(self, context: Any) -> None:
            notified.append((self.title, self.text, self.channel, self.urgent))

    module = types.ModuleType("somebodys_chat")
    module.ChatNotifier = ChatNotifier
    monkeypatch.setitem(sys.modules, "somebodys_chat", module)
    return notified


def notifying(path: str, **arguments: object) -> PostOffice:
    from include.orchestration.post_office import AirflowPostOffice

    settings = NotificationSettings(operator_notifier=path, operator_notifier_arguments=arguments)
    return AirflowPostOffice(settings)


@pytest.mark.parametrize("path", ["somebodys_chat.ChatNotifier", "somebodys_chat:ChatNotifier"])
def test_a_notifier_is_given_its_arguments_with_the_letter_in_them(chat: list[Any], path: str):
    office = notifying(path, title="!! {subject}", text="{subject}\n{text}", channel="#ops", urgent=True)
    office.notify("Acme fails", "It is\nbroken.")
    assert chat == [("!! Acme fails", "Acme fails\nIt is\nbroken.", "#ops", True)]


def test_what_amazon_said_is_no_template(chat: list[Any]):
    trap = "{{ 7 * 7 }} {% for x in y %} {0.__class__} %s {nobody}"
    notifying("somebodys_chat.ChatNotifier", title="{subject}", text="{text}").notify(trap, trap)
    assert chat == [(trap, trap, "", False)]


@pytest.mark.parametrize(
    "path",
    ["nowhere.Notifier", "somebodys_chat.Nobody", "somebodys_chat:Nobody", "not a path!", "..", "somebodys_chat."],
)
def test_a_notifier_that_does_not_import_is_named(chat: list[Any], path: str):
    with pytest.raises(SettingsError, match=r"OPERATOR_NOTIFIER .* cannot be imported"):
        notifying(path).notify("subject", "text")
