"""From what is owed to what a mail server got: a real server, real mails, a real warehouse."""

from __future__ import annotations

import dataclasses
import re
import smtplib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import psycopg
import pytest

from include.authorization.fingerprint import fingerprint
from include.errors import SettingsError, TransientError, TransportError
from include.notifications.failures import tell_operators
from include.notifications.incidents import Incident, close_incident, open_incident, open_incidents, verify_incident
from include.notifications.links import StartLink, read_link
from include.notifications.meanings import APPLICATION, CONSENT_TO_CONFIRM, DENIED, INVITATION, MAIL_REFUSED, REFUSED
from include.notifications.outbox import FIRST_PAUSE, LEASE, NOTIFIER, owe
from include.notifications.recovery import renewed
from include.notifications.sending import AnswerLostError, MailRefusedError, Tally, send_owed
from include.sellers.registry import Seller
from include.settings import NotificationSettings
from include.warehouse.connection import Connection
from tests.payloads.clocks import HandClock
from tests.payloads.mail_server import MailServer, Taken, deserted_port, mail_server

ANNA, BEN, OPS = "anna@acme.example", "ben@acme.example", "ops@example.com"
HEADERS = [
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
]
TRAPS = [
    'Müller & "Söhne", GmbH',
    "Evil\r\nBcc: all@world.example\r\n\r\nBuy here",
    "Evil\nTo: all@world.example",
    "=?utf-8?q?Evil=0ABcc=3A_all=40world=2Eexample?=",
    "<b>Evil</b> {{ link }} {% raw %}",
    "Boss <boss@world.example>, ",
    "Ünïcødé " * 40,
    "東京の店" * 30,
    "x" * 2000,
]


class SmtplibOffice:
    """The smallest post office that really speaks to a server; the notifier only remembers."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.notified: list[tuple[str, str]] = []

    def mail(self, message: EmailMessage) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as client:
                client.send_message(message)
        except smtplib.SMTPRecipientsRefused as refused:
            code, said = next(iter(refused.recipients.values()))
            raise MailRefusedError(f"SMTP {code} {said.decode()}", for_good=code >= 500) from None
        except (smtplib.SMTPException, OSError) as lost:
            raise TransportError(type(lost).__name__) from None

    def notify(self, subject: str, text: str) -> None:
        self.notified.append((subject, text))


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def office(server: MailServer) -> SmtplibOffice:
    return SmtplibOffice(server.port)


@pytest.fixture
def seller(seller: Seller) -> Seller:
    """A seller with two contacts."""
    return dataclasses.replace(seller, contacts=(ANNA, BEN))


class Round:
    """One sending after the other, each of everything that is due."""

    def __init__(self, connection: Connection, office: SmtplibOffice, seller: Seller, clock: HandClock) -> None:
        self.connection = connection
        self.office = office
        self.sellers = {seller.seller_id: seller}
        self.clock = clock
        self.settings = NotificationSettings(
            public_base_url="https://orders.example",
            secret_key="any long random text",
            mail_from="Seller Orders <orders@orders.example>",
            operator_contacts=(OPS,),
        )

    def __call__(self) -> Tally:
        return send_owed(self.connection, self.office, self.sellers, self.settings, now=self.clock)

    def change(self, **settings: object) -> None:
        self.settings = dataclasses.replace(self.settings, **settings)

    def unsent(self) -> list[tuple[str, str]]:
        """Who is still owed something, and why it did not go."""
        query = (
            "SELECT recipient, last_trouble FROM ops.outbox WHERE sent_utc IS NULL AND dropped_utc IS NULL"
            " ORDER BY message_id"
        )
        return self.connection.execute(query).fetchall()  # type: ignore[return-value]


@pytest.fixture
def send(warehouse: Connection, office: SmtplibOffice, seller: Seller, clock: HandClock) -> Round:
    return Round(warehouse, office, seller, clock)


@pytest.fixture
def lapsed(desk, warehouse: Connection, seller: Seller, clock: HandClock) -> Incident:
    """The seller's authorization has lapsed, surely; both contacts are owed a mail."""
    incident = desk.fails(seller, REFUSED)
    verify_incident(warehouse, incident, now_utc=clock())
    return incident


@pytest.fixture
def mail(lapsed: Incident, send: Round, server: MailServer) -> Taken:
    """The mail to Anna."""
    send()
    return server.taken[0]


def test_everybody_who_is_owed_a_mail_gets_it_once(lapsed: Incident, send: Round, server: MailServer):
    assert send() == Tally(sent=2)
    assert [(taken.sender, taken.recipients) for taken in server.taken] == [
        ("orders@orders.example", (ANNA,)),
        ("orders@orders.example", (BEN,)),
    ]
    assert send() == Tally()
    assert len(server.taken) == 2


def test_a_mail_says_who_writes_to_whom_and_where_answers_go(mail: Taken):
    assert mail.mail["From"] == "Seller Orders <orders@orders.example>"
    assert mail.mail["To"] == ANNA
    assert mail.mail["Reply-To"] == OPS
    assert mail.mail["Auto-Submitted"] == "auto-generated"
    assert mail.mail["Date"].datetime == datetime(2026, 10, 5, 12, tzinfo=UTC)
    assert mail.mail.keys() == HEADERS


def test_a_mail_is_text_and_html_side_by_side(mail: Taken):
    assert mail.mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.mail.iter_parts()] == ["text/plain", "text/html"]
    for kind in ("plain", "html"):
        assert "https://orders.example/shop/" in mail.part(kind)
        assert "Acme" in mail.part(kind)
    assert "<html" in mail.part("html")
    assert "<p" not in mail.part("plain")


def test_a_mail_id_is_the_messages_reference_at_the_senders_domain(mail: Taken, warehouse: Connection):
    ref = warehouse.execute("SELECT message_ref FROM ops.outbox WHERE recipient = %s", (ANNA,)).fetchone()[0]
    assert mail.mail["Message-ID"] == f"<{ref}@orders.example>"


def test_a_server_of_the_oldest_kind_can_read_every_byte(desk, send: Round, server: MailServer, seller: Seller):
    send.sellers["acme"] = dataclasses.replace(seller, name="Müller", language="de")
    desk.fails(seller, "ContractError")
    send()
    assert "Müller" in server.taken[0].part("plain")
    for taken in server.taken:
        assert taken.content.isascii()
        assert max(map(len, taken.content.splitlines())) < 998


def test_answers_go_to_the_person_named_for_them(lapsed: Incident, send: Round, server: MailServer):
    send.change(mail_reply_to="Anna Müller <help@orders.example>")
    send()
    assert server.taken[0].mail["Reply-To"].addresses[0].addr_spec == "help@orders.example"


def test_where_nobody_is_named_no_answer_is_promised(lapsed: Incident, send: Round, server: MailServer):
    send.change(operator_contacts=())
    send()
    assert server.taken[0].mail["Reply-To"] is None


@pytest.mark.parametrize(
    ("mail_from", "name"),
    [
        ("orders@orders.example", "Our App, Inc."),
        ("Bestellungen für Müller <orders@orders.example>", "Bestellungen für Müller"),
        ('"Müller, Söhne & \\"Co.\\"" <orders@orders.example>', 'Müller, Söhne & "Co."'),
        ('"Orders, Sellers" <orders@orders.example>', "Orders, Sellers"),
        (
            '"Die Müllers, Söhne & Töchter, die für viele Läden in Köln Bestellungen holen" <orders@orders.example>',
            "Die Müllers, Söhne & Töchter, die für viele Läden in Köln Bestellungen holen",
        ),
    ],
)
def test_the_senders_name_arrives_as_it_was_set(
    lapsed: Incident, send: Round, server: MailServer, mail_from: str, name: str
):
    send.change(mail_from=mail_from, app_name="Our App, Inc.")
    send()
    (sender,) = server.taken[0].mail["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, "orders@orders.example")
    assert server.taken[0].sender == "orders@orders.example"


@pytest.mark.parametrize("name", TRAPS)
def test_no_shops_name_breaks_or_smuggles_anything(
    lapsed: Incident, desk, send: Round, server: MailServer, seller: Seller, name: str
):
    send.sellers["acme"] = dataclasses.replace(seller, name=name, language="de")
    desk.fails(seller, DENIED, amazon_said=name, code=name, request_id=name)
    assert send() == Tally(sent=4)
    assert server.recipients == [ANNA, BEN, OPS]
    for taken in server.taken:
        assert taken.mail.keys() == HEADERS
        assert taken.mail["To"].addresses[0].addr_spec == taken.recipients[0]
        assert len(taken.mail["To"].addresses) == len(taken.mail["From"].addresses) == 1
        assert not re.search(r"[\r\n]", taken.mail["Subject"])
        assert not [part.defects for part in taken.mail.walk() if part.defects]
        assert re.sub(r"\s+", " ", name)[:20].strip() in re.sub(r"\s+", " ", taken.part("plain"))


def test_a_notifier_among_the_operators_is_called_instead_of_mailed(
    desk, send: Round, server: MailServer, office: SmtplibOffice, seller: Seller
):
    desk.fails(seller, DENIED, amazon_said="Access is {text} {{ denied }}.")
    assert send() == Tally(sent=2)
    assert server.recipients == [OPS]
    ((subject, text),) = office.notified
    assert subject == server.taken[0].mail["Subject"]
    assert "Access is {text} {{ denied }}." in text


def test_a_server_that_is_away_costs_nothing_but_time(lapsed: Incident, send: Round, office: SmtplibOffice):
    office.port = port = deserted_port()
    for _ in range(20):
        with pytest.raises(TransientError):
            send()
    assert send.unsent() == [(ANNA, "ConnectionRefusedError"), (BEN, "")]
    with mail_server(port) as back:
        assert send() == Tally(sent=2)
        assert back.recipients == [ANNA, BEN]


def test_an_outage_lengthens_no_pause_after_it(
    lapsed: Incident, send: Round, office: SmtplibOffice, server: MailServer, clock: HandClock
):
    office.port = deserted_port()
    for _ in range(20):
        with pytest.raises(TransientError):
            send()
    office.port = server.port
    server.refused_recipients[ANNA] = "450 come back in a while"
    assert send() == Tally(sent=1, failed=1)
    server.refused_recipients.clear()
    clock.instant += FIRST_PAUSE
    assert send() == Tally(sent=1)


def test_a_recipient_refused_for_good_pauses_and_operators_are_told_while_others_go(
    lapsed: Incident, send: Round, server: MailServer, warehouse: Connection, clock: HandClock
):
    server.refused_recipients[ANNA] = "550 5.1.1 no such box"
    assert send() == Tally(sent=2, failed=1)
    assert server.recipients == [BEN, OPS]
    (incident,) = open_incidents(warehouse, "acme", MAIL_REFUSED)
    alert = server.taken[1]
    assert "MailRefused" in alert.mail["Subject"]
    for kind in ("plain", "html"):
        for word in ("Acme", ANNA, "reconnect", "5.1.1 no such box"):
            assert word in alert.part(kind)
    clock.instant += FIRST_PAUSE - timedelta(seconds=1)
    assert send() == Tally()
    clock.advance(seconds=1)
    assert send() == Tally(failed=1)
    assert open_incidents(warehouse, "acme", MAIL_REFUSED) == [incident]
    assert server.recipients == [BEN, OPS], "operators are told again and again"
    server.refused_recipients.clear()
    clock.instant += 2 * FIRST_PAUSE
    assert send() == Tally(sent=1)
    assert server.recipients == [BEN, OPS, ANNA]


def test_operators_hear_of_every_recipient_that_is_refused(
    lapsed: Incident, send: Round, server: MailServer, clock: HandClock
):
    server.refused_recipients |= {ANNA: "550 no such box", BEN: "550 no such box"}
    assert send().failed == 2
    told = "".join(taken.part("plain") for taken in server.taken)
    assert ANNA in told
    assert BEN in told
    clock.advance(days=1)
    assert send() == Tally(failed=2), "operators are told again and again"


def test_a_recipient_refused_for_now_pauses_and_troubles_nobody(
    lapsed: Incident, send: Round, server: MailServer, warehouse: Connection, clock: HandClock
):
    server.refused_recipients[ANNA] = "450 box is full"
    assert send() == Tally(sent=1, failed=1)
    assert open_incidents(warehouse, "acme", MAIL_REFUSED) == []
    server.refused_recipients.clear()
    assert send() == Tally()
    clock.instant += FIRST_PAUSE
    assert send() == Tally(sent=1)
    assert server.recipients == [BEN, ANNA]


def test_operators_who_are_refused_do_not_cause_more_mails(
    desk, send: Round, server: MailServer, seller: Seller, clock: HandClock
):
    server.refused_recipients[OPS] = "550 no such box"
    desk.operators = (OPS,)
    desk.fails(seller, DENIED)
    assert send() == Tally(failed=1)
    clock.advance(days=1)
    assert send() == Tally(failed=1)
    assert desk.open_classes() == [DENIED]


def test_a_lost_answer_makes_a_second_copy_that_bears_the_same_id(lapsed: Incident, send: Round, server: MailServer):
    server.dies_after_data = True
    with pytest.raises(TransientError):
        send()
    server.dies_after_data = False
    assert send() == Tally(sent=2)
    assert server.recipients == [ANNA, ANNA, BEN]
    ids = [taken.mail["Message-ID"] for taken in server.taken]
    assert ids[0] == ids[1] != ids[2]


def test_a_sender_killed_after_the_handover_leaves_the_rest_to_the_next(
    lapsed: Incident, send: Round, server: MailServer, office: SmtplibOffice, clock: HandClock
):
    class Killed(BaseException):
        """As a worker's process ends: nothing is noted."""

    class Doomed(SmtplibOffice):
        def mail(self, message: EmailMessage) -> None:
            super().mail(message)
            raise Killed

    send.office = Doomed(server.port)
    with pytest.raises(Killed):
        send()
    send.office = office
    assert send() == Tally(sent=1)
    assert server.recipients == [ANNA, BEN]
    clock.instant += LEASE
    assert send() == Tally(sent=1)
    assert server.recipients == [ANNA, BEN, ANNA]
    assert server.taken[2].mail["Message-ID"] == server.taken[0].mail["Message-ID"]


def test_a_letter_that_cannot_be_written_keeps_no_other_back(
    lapsed: Incident, desk, send: Round, server: MailServer, seller: Seller, clock: HandClock
):
    birch = dataclasses.replace(seller, seller_id="birch", contacts=("birgit@birch.example",))
    verify_incident(desk.connection, desk.fails(birch, REFUSED), now_utc=clock())
    send.sellers = {"acme": dataclasses.replace(seller, timezone="No/Where"), "birch": birch}
    assert send() == Tally(sent=1, failed=2)
    assert server.recipients == ["birgit@birch.example"]
    assert send.unsent() == [(ANNA, "ZoneInfoNotFoundError"), (BEN, "ZoneInfoNotFoundError")]
    send.sellers["acme"] = seller
    clock.instant += FIRST_PAUSE
    assert send() == Tally(sent=2)


@pytest.mark.parametrize("address", ["nonsense", "two words@acme.example", "änne@acme.example", "a@b@c", ""])
def test_an_address_that_is_none_keeps_no_other_back(
    desk, send: Round, server: MailServer, seller: Seller, clock: HandClock, address: str
):
    seller = dataclasses.replace(seller, contacts=(address, BEN))
    send.sellers = {seller.seller_id: seller}
    verify_incident(desk.connection, desk.fails(seller, REFUSED), now_utc=clock())
    assert send() == Tally(sent=1, failed=1)
    assert server.recipients == [BEN]


def test_a_notifier_that_breaks_keeps_no_other_back(
    lapsed: Incident, desk, send: Round, server: MailServer, seller: Seller
):
    class Broken(SmtplibOffice):
        def notify(self, subject: str, text: str) -> None:
            raise ConnectionError("the chat is away, and says who is to blame: Atzr|secret")

    send.office = Broken(server.port)
    desk.operators = (NOTIFIER, OPS)
    desk.fails(seller, DENIED)
    assert send() == Tally(sent=3, failed=1)
    assert server.recipients == [ANNA, BEN, OPS]
    assert send.unsent() == [(NOTIFIER, "ConnectionError")]


def test_a_seller_no_longer_named_is_written_no_more_and_operators_hear_of_it_all_the_same(
    lapsed: Incident, desk, send: Round, server: MailServer, seller: Seller
):
    desk.operators = (OPS,)
    desk.fails(seller, DENIED)
    kept = send.sellers
    send.sellers = {}
    assert send() == Tally(sent=1)
    assert server.recipients == [OPS]
    send.sellers = kept
    assert send() == Tally(), "what was dropped came back"


def test_an_incident_that_is_over_is_told_to_nobody(
    lapsed: Incident, send: Round, server: MailServer, warehouse: Connection, clock: HandClock
):
    close_incident(warehouse, lapsed, now_utc=clock())
    assert send() == Tally()
    assert server.taken == []


def test_an_incident_about_all_sellers_is_told_without_one(desk, send: Round, server: MailServer, seller: Seller):
    desk.operators = (OPS,)
    desk.fails(seller, APPLICATION)
    assert send() == Tally(sent=1)
    assert "all sellers" in server.taken[0].mail["Subject"]


def test_no_transaction_is_open_while_the_server_thinks(
    lapsed: Incident, desk, send: Round, server: MailServer, warehouse: Connection, warehouse_dsn: str, seller: Seller
):
    desk.operators = (OPS,)
    desk.fails(seller, DENIED)
    seen = []

    def look(taken: Taken) -> None:
        with psycopg.connect(warehouse_dsn, autocommit=True) as other:
            (state,) = other.execute(
                "SELECT state FROM pg_stat_activity WHERE pid = %s", (warehouse.info.backend_pid,)
            ).fetchone()
            (leased,) = other.execute(
                "SELECT recipient FROM ops.outbox WHERE leased_until_utc IS NOT NULL AND sent_utc IS NULL"
            ).fetchone()
            seen.append((taken.recipients[0], state, leased))

    server.before_answer = look
    send()
    assert seen == [(recipient, "idle", recipient) for recipient in (ANNA, BEN, OPS)]


def test_two_senders_at_a_time_send_everything_once(
    lapsed: Incident, send: Round, server: MailServer, warehouse_dsn: str
):
    tallies = []

    def send_too(_: Taken) -> None:
        # While the first sender waits for its answer, a colleague sends all it can find.
        server.before_answer = lambda _: None
        with psycopg.connect(warehouse_dsn, autocommit=True) as other, mail_server() as another:
            office = SmtplibOffice(another.port)
            tallies.append(send_owed(other, office, send.sellers, send.settings, now=send.clock))
            assert another.recipients == [BEN]

    server.before_answer = send_too
    assert send() == Tally(sent=1)
    assert tallies == [Tally(sent=1)]
    assert server.recipients == [ANNA]


def test_without_a_sender_nothing_can_go_and_nothing_is_lost(lapsed: Incident, send: Round, server: MailServer):
    complete = send.settings
    send.change(mail_from="")
    with pytest.raises(SettingsError, match="MAIL_FROM"):
        send()
    assert [recipient for recipient, _ in send.unsent()] == [ANNA, BEN]
    send.settings = complete
    assert send() == Tally(sent=2)
    assert server.recipients == [ANNA, BEN]


def test_without_a_key_for_links_only_what_bears_a_link_waits(
    lapsed: Incident, desk, send: Round, server: MailServer, clock: HandClock, seller: Seller
):
    desk.operators = (OPS,)
    desk.fails(seller, "ContractError")
    complete = send.settings
    send.change(secret_key="")
    assert send() == Tally(sent=1, failed=2)
    assert server.recipients == [OPS]
    assert [trouble[:21] for _, trouble in send.unsent()] == ["SECRET_KEY is not set"] * 2
    send.settings = complete
    clock.advance(minutes=15)
    assert send() == Tally(sent=2)


def test_a_mail_server_that_is_away_keeps_no_notifier_from_telling(
    desk, send: Round, office: SmtplibOffice, seller: Seller
):
    office.port = deserted_port()
    desk.fails(seller, DENIED)
    with pytest.raises(TransientError):
        send()
    assert [recipient for recipient, _ in send.unsent()] == [OPS]
    assert len(office.notified) == 1


def test_a_notifier_that_cannot_be_found_keeps_no_mail_back(
    desk, send: Round, office: SmtplibOffice, server: MailServer, seller: Seller, monkeypatch: pytest.MonkeyPatch
):
    def missing(*_: str) -> None:
        raise SettingsError("OPERATOR_NOTIFIER cannot be imported.")

    monkeypatch.setattr(office, "notify", missing)
    desk.operators = (NOTIFIER, OPS)
    desk.fails(seller, DENIED)
    with pytest.raises(SettingsError, match="OPERATOR_NOTIFIER"):
        send()
    assert server.recipients == [OPS]


def test_of_a_foreign_token_no_mail_says_that_every_seller_fails(desk, send: Round, server: MailServer, seller: Seller):
    desk.operators = (OPS,)
    desk.fails(seller, APPLICATION, code="unauthorized_client")
    assert send() == Tally(sent=1)
    assert "Acme (acme)" in server.taken[0].mail["Subject"]
    assert "the other sellers go on" in server.taken[0].part("plain").replace("\n", " ")


def test_a_mail_whose_answer_is_lost_waits_behind_the_others(
    lapsed: Incident, send: Round, server: MailServer, clock: HandClock, monkeypatch: pytest.MonkeyPatch
):
    class Choking(SmtplibOffice):
        """A server that takes minutes over Anna's mails alone."""

        def mail(self, message: EmailMessage) -> None:
            if ANNA in message["To"]:
                raise AnswerLostError("TimeoutError")
            super().mail(message)

    send.office = Choking(server.port)
    assert send() == Tally(sent=1, failed=1, lost=1)
    for _ in range(3):
        assert send() == Tally()
    assert server.recipients == [BEN]
    clock.advance(minutes=15)
    assert send() == Tally(failed=1, lost=1)


def test_two_lost_answers_are_the_servers_way_and_end_the_round(
    lapsed: Incident, send: Round, server: MailServer, monkeypatch: pytest.MonkeyPatch
):
    def lose(_: EmailMessage) -> None:
        raise AnswerLostError("TimeoutError")

    monkeypatch.setattr(send.office, "mail", lose)
    with pytest.raises(AnswerLostError):
        send()
    assert send() == Tally()


def test_who_is_no_longer_a_contact_is_not_written_to(
    lapsed: Incident, send: Round, server: MailServer, seller: Seller
):
    send.sellers = {seller.seller_id: dataclasses.replace(seller, contacts=(BEN,))}
    assert send() == Tally(sent=1)
    assert server.recipients == [BEN]
    assert send.unsent() == []


def test_while_the_sellers_are_not_known_operators_are_told_and_the_sellers_mails_wait(
    lapsed: Incident, desk, send: Round, server: MailServer, seller: Seller
):
    desk.operators = (OPS,)
    desk.fails(seller, "ContractError")
    known, send.sellers = send.sellers, None
    assert send() == Tally(sent=1)
    assert server.recipients == [OPS]
    send.sellers = known
    assert send() == Tally(sent=2)


@pytest.fixture
def renew(warehouse: Connection, seller: Seller, clock: HandClock) -> Callable[..., None]:
    """The seller renews now, with a token that is new."""

    def renew(token: str = "Atzr|B", **facts: bool) -> None:
        mark = fingerprint(token, "any long random text")
        renewed(warehouse, seller, mark, authorized_utc=clock(), now_utc=clock(), **facts)

    return renew


@pytest.fixture
def invited(warehouse: Connection, seller: Seller, clock: HandClock) -> Incident:
    """A seller who has never been connected is invited."""
    incident, _ = open_incident(warehouse, seller.seller_id, INVITATION, now_utc=clock())
    owe(warehouse, incident.incident_id, "invitation", "seller", seller.contacts, now_utc=clock())
    return incident


def link_in(taken: Taken, send: Round) -> StartLink | None:
    """What the link of a mail is bound to."""
    (address,) = re.findall(r"https://\S+", taken.part("plain"))
    return read_link(send.settings, address.removeprefix("https://orders.example/shop/"))


def test_a_sellers_link_is_bound_to_what_the_mail_is_about(desk, send: Round, server: MailServer, seller: Seller):
    desk.good(seller)
    verify_incident(desk.connection, desk.fails(seller, REFUSED), now_utc=send.clock())
    desk.fails(seller, REFUSED, generation=1)
    assert desk.standing(seller).status == "reauthorization_required"
    send()
    two_weeks = datetime(2026, 10, 19, 12, tzinfo=UTC)
    assert link_in(server.taken[0], send) == StartLink(
        seller_id="acme", purpose="reconnect", generation=1, ends_utc=two_weeks
    )


def test_a_seller_who_was_told_of_a_lapse_reads_what_was_missing_and_until_when_it_is_good_now(
    desk, renew: Callable[..., None], send: Round, server: MailServer, seller: Seller, clock: HandClock
):
    desk.complete_through(seller, datetime(2026, 10, 4, 1, tzinfo=UTC))
    desk.good(seller)
    verify_incident(desk.connection, desk.fails(seller, REFUSED), now_utc=clock())
    send()
    clock.advance(days=1)
    renew()
    assert send() == Tally(sent=2)
    said = " ".join(server.taken[-1].part("plain").split())
    assert "What has been missing since 4 October 2026, 03:00 is being fetched by itself." in said
    assert "lasts until 6 October 2027;" in said
    assert link_in(server.taken[-1], send) == StartLink(
        seller_id="acme", purpose="renew", generation=2, ends_utc=datetime(2027, 10, 6, 12, tzinfo=UTC)
    )


def test_a_seller_who_renewed_in_time_is_told_so_and_of_nothing_missing(
    desk, renew: Callable[..., None], send: Round, server: MailServer, seller: Seller
):
    desk.complete_through(seller, datetime(2026, 10, 4, 1, tzinfo=UTC))
    desk.good(seller)
    renew()
    assert send() == Tally(sent=2)
    assert server.recipients == [ANNA, BEN]
    said = " ".join(server.taken[0].part("plain").split())
    assert "is renewed" in said
    assert "lasts until 5 October 2027;" in said
    assert "missing" not in said


def test_a_seller_who_renewed_while_the_nightly_run_is_switched_off_is_told_that_we_know(
    desk, renew: Callable[..., None], send: Round, server: MailServer, seller: Seller
):
    desk.good(seller)
    renew(paused=True)
    assert send() == Tally(sent=2)
    assert "switched off on our side" in " ".join(server.taken[0].part("html").split())


def test_an_invitation_goes_to_every_contact_with_a_link_for_the_first_connection(
    invited: Incident, send: Round, server: MailServer
):
    assert send() == Tally(sent=2)
    assert server.recipients == [ANNA, BEN]
    assert "Invitation" in server.taken[0].mail["Subject"]
    assert "good for 14 days, until 19 October 2026." in " ".join(server.taken[0].part("plain").split())
    assert link_in(server.taken[0], send) == StartLink(
        seller_id="acme", purpose="connect", generation=0, ends_utc=datetime(2026, 10, 19, 12, tzinfo=UTC)
    )


def test_a_first_connection_ends_its_invitation_and_is_not_called_a_renewal(
    invited: Incident, desk, renew: Callable[..., None], send: Round, server: MailServer
):
    renew()
    assert desk.open_classes() == []
    assert send() == Tally(sent=2), "the invitation that had not gone yet is pointless"
    for taken in server.taken:
        assert taken.mail["Subject"] == "The connection to Amazon is made: Acme"


def test_operators_are_asked_on_their_page_whether_a_consent_is_of_the_same_account(
    desk, send: Round, server: MailServer, seller: Seller, clock: HandClock
):
    incident, _ = open_incident(desk.connection, seller.seller_id, CONSENT_TO_CONFIRM, now_utc=clock())
    tell_operators(desk.connection, incident, (OPS,), now_utc=clock())
    assert send() == Tally(sent=1)
    assert server.taken[0].mail["Subject"] == "[Seller Orders] ConsentToConfirm: Acme (acme)"
    said = " ".join(server.taken[0].part("plain").split())
    assert "an Amazon account that may be another one" in said
    assert "the operators' page" in said
