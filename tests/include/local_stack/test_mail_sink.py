"""The mail sink as its neighbours meet it: real SMTP in, real HTTP out."""

from __future__ import annotations

import http.client
import re
import signal
import smtplib
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import psutil
import pytest
import requests

from include.errors import ContractError, TransportError
from include.local_stack.mail_client import MailSinkClient
from include.local_stack.mail_sink import LARGEST_MAIL_BYTES, serving
from include.local_stack.ports import free_port
from include.local_stack.waiting import wait_until
from tests.payloads.mail_sink import mail_sink

START_S = 60.0
SENDER = "reports@orders.example"
OWNER = "owner@shop.example"
SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
ATTACK = "<script>alert('gotcha')</script>"


@dataclass(frozen=True)
class Sink:
    """A running sink."""

    folder: Path
    smtp_port: int
    url: str

    @property
    def client(self) -> MailSinkClient:
        return MailSinkClient(self.url)

    def send(self, message: EmailMessage, *recipients: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp_port) as smtp:
            smtp.send_message(message, SENDER, recipients or (OWNER,))

    def send_bytes(self, content: bytes, *recipients: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp_port) as smtp:
            smtp.sendmail(SENDER, recipients or (OWNER,), content)

    def page(self, path: str = "/") -> requests.Response:
        return requests.get(self.url + path, timeout=10)

    def status_of_raw_path(self, path: str) -> int:
        """Ask for a path exactly as written, which requests would tidy up."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    folder = tmp_path / "mails"
    with mail_sink(folder) as (url, smtp_port):
        yield Sink(folder, smtp_port, url)


def a_mail(subject: str = "Orders", text: str = "All is well.\n", html: str = "") -> EmailMessage:
    message = EmailMessage()
    message["From"] = f"Seller Orders <{SENDER}>"
    message["To"] = OWNER
    message["Reply-To"] = "help@orders.example"
    message["Subject"] = subject
    message["Message-ID"] = "<1@orders.example>"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message


def test_a_mail_is_told_with_everything_it_said(sink: Sink):
    before = datetime.now(UTC)
    sink.send(a_mail("Bestellungen für Zoë – fällig", "Grüße aus Köln\n", "<p>Grüße</p>\n"))
    (mail,) = sink.client.mails()
    assert before <= mail.received_utc <= before + timedelta(minutes=1)
    assert mail.to == (OWNER,)
    assert mail.sender == f"Seller Orders <{SENDER}>"
    assert mail.reply_to == "help@orders.example"
    assert mail.subject == "Bestellungen für Zoë – fällig"
    assert mail.message_id == "<1@orders.example>"
    assert mail.text == "Grüße aus Köln\n"
    assert mail.html == "<p>Grüße</p>\n"


def test_the_page_shows_a_mail_with_umlauts_to_people(sink: Sink):
    sink.send(a_mail("Bestellungen für Zoë", "Grüße aus Köln\n"))
    (mail,) = sink.client.mails()
    overview = sink.page().text
    assert "Bestellungen für Zoë" in overview
    assert f"{mail.received_utc:%Y-%m-%d %H:%M:%S} UTC" in overview
    assert f'href="/mails/{mail.name}"' in overview
    shown = sink.page(f"/mails/{mail.name}").text
    assert "<pre>Grüße aus Köln" in shown
    for value in (SENDER, OWNER, "help@orders.example", "&lt;1@orders.example&gt;"):
        assert value in shown


def test_the_envelope_names_both_recipients_even_the_one_no_header_names(sink: Sink):
    sink.send(a_mail(), OWNER, "blind@shop.example")
    (mail,) = sink.client.mails()
    assert mail.to == (OWNER, "blind@shop.example")
    assert "blind@shop.example" in sink.page().text
    assert f"X-Envelope-To: {OWNER}, blind@shop.example\r\n".encode() in (sink.folder / mail.name).read_bytes()


def test_a_comma_inside_a_quoted_recipient_does_not_split_it(sink: Sink):
    sink.send(a_mail(), '"Doe, Jane"@shop.example', OWNER)
    assert sink.client.mails()[0].to == ('"Doe, Jane"@shop.example', OWNER)


def test_a_mail_cannot_choose_its_own_envelope(sink: Sink):
    message = a_mail()
    message["X-Envelope-To"] = "forged@shop.example"
    sink.send(message)
    assert sink.client.mails()[0].to == (OWNER,)


def test_an_international_address_is_taken_as_it_is(sink: Sink):
    message = a_mail("Grüße")
    message.replace_header("To", "jürgen@bücher.example")
    sink.send(message, "jürgen@bücher.example")
    (mail,) = sink.client.mails()
    assert (mail.to, mail.subject) == (("jürgen@bücher.example",), "Grüße")


def test_the_newest_mail_is_first_for_people_and_last_for_programs(sink: Sink):
    for subject in ("first", "second", "third"):
        sink.send(a_mail(subject))
    assert [mail.subject for mail in sink.client.mails()] == ["first", "second", "third"]
    assert re.findall(r">(first|second|third)</a>", sink.page().text) == ["third", "second", "first"]


def test_html_is_shown_in_a_sandbox_and_served_with_one_that_only_lets_links_open_beside_it(sink: Sink):
    sink.send(a_mail(html=f"<p>Hello</p>{ATTACK}\n"))
    (mail,) = sink.client.mails()
    shown = sink.page(f"/mails/{mail.name}")
    assert re.search(rf'<iframe sandbox="{SANDBOX}"[^>]* src="/mails/{re.escape(mail.name)}/html">', shown.text)
    assert "alert(" not in shown.text
    part = sink.page(f"/mails/{mail.name}/html")
    assert part.text == f'<base target="_blank"><p>Hello</p>{ATTACK}\n'
    policy = f"sandbox {SANDBOX}; default-src 'none'; style-src 'unsafe-inline'"
    assert part.headers["Content-Security-Policy"] == policy
    assert part.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_mail_without_html_has_no_frame_and_no_html_page(sink: Sink):
    sink.send(a_mail())
    (mail,) = sink.client.mails()
    assert "<iframe" not in sink.page(f"/mails/{mail.name}").text
    assert sink.page(f"/mails/{mail.name}/html").status_code == 404


def test_markup_in_a_mail_stays_text_wherever_it_stands(sink: Sink):
    message = a_mail(ATTACK, ATTACK)
    for header in ("From", "To", "Reply-To", "Message-ID"):
        message.replace_header(header, f'"{ATTACK}" <x@shop.example>')
    sink.send(message, f'"{ATTACK}"@shop.example')
    (mail,) = sink.client.mails()
    for path in ("/", f"/mails/{mail.name}"):
        shown = sink.page(path)
        assert "<script" not in shown.text
        assert "&lt;script&gt;" in shown.text
        assert "default-src 'none'" in shown.headers["Content-Security-Policy"]


@pytest.mark.parametrize("ending", ["", "/html"], ids=["the mail", "its html"])
@pytest.mark.parametrize(
    "name",
    [
        "../secret.eml",
        "..%2Fsecret.eml",
        "%2e%2e%2fsecret.eml",
        "..%5Csecret.eml",
        "%2Fetc%2Fpasswd",
        "secret.eml",
        "20260101T000000.000000Z-1.eml%00",
        "20260101T000000.000000Z-1.eml%0A",
        "20261301T000000.000000Z-1.eml",
        "20260101T000000.000000Z-1.eml",
    ],
)
def test_a_name_that_is_no_mail_of_the_folder_is_not_found(sink: Sink, name: str, ending: str):
    (sink.folder.parent / "secret.eml").write_text("Subject: secret\r\n\r\nnot yours")
    (sink.folder / "secret.eml").write_text("Subject: secret\r\n\r\nnot yours")
    assert sink.status_of_raw_path(f"/mails/{name}{ending}") == 404


def test_garbage_is_shown_as_it_came(sink: Sink):
    garbage = bytes(range(256)).replace(b"\r", b"").replace(b"\n", b"") + b" <b>noise</b>\r\n"
    sink.send_bytes(garbage)
    (mail,) = sink.client.mails()
    assert mail.subject == mail.html == ""
    assert "<b>noise</b>" in mail.text
    assert sink.page().status_code == 200
    shown = sink.page(f"/mails/{mail.name}")
    assert shown.status_code == 200
    assert "This mail is broken" in shown.text
    assert "&lt;b&gt;noise&lt;/b&gt;" in shown.text


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: x\r\nContent-Type: text/plain; charset=no-such-charset\r\n\r\nstill here\r\n",
        b"Subject: x\r\nContent-Type: multipart/mixed; boundary=never\r\n\r\nstill here\r\n",
        b"Subject: =?utf-8?b?!!!?=\r\nFrom: <<@>>,;:\r\nMessage-ID: <\r\n\r\nstill here\r\n",
        b"Subject: =?utf-7?q?+2AA-?= half a character\r\n\r\nstill here\r\n",
        b"Subject: x\r\nContent-Type: text/plain; charset=utf-7\r\n\r\n+2AA- still here\r\n",
    ],
    ids=[
        "an unknown charset",
        "a boundary that never comes",
        "headers nobody can read",
        "half a character in a header",
        "half a character in the text",
    ],
)
def test_a_mail_that_lies_about_itself_breaks_no_page(sink: Sink, content: bytes):
    sink.send_bytes(content)
    (mail,) = sink.client.mails()
    assert sink.page().status_code == 200
    assert sink.page(f"/mails/{mail.name}").status_code == 200
    assert b"still here" in (sink.folder / mail.name).read_bytes()


def test_a_mail_put_into_the_folder_by_hand_is_shown_whole(sink: Sink):
    (sink.folder / "20260101T000000.000000Z-1.eml").write_bytes(b"Subject: by hand\r\n\r\nhello\r\n")
    (mail,) = sink.client.mails()
    assert (mail.to, mail.subject, mail.text) == ((), "by hand", "hello\n")
    assert mail.received_utc == datetime(2026, 1, 1, tzinfo=UTC)
    assert "to nobody" in sink.page().text


@pytest.mark.parametrize(
    ("charset", "body"),
    [("utf-8", "Grüße 東京".encode()), ("iso-8859-1", "Grüße".encode("latin-1"))],
)
def test_eight_bit_text_arrives_byte_for_byte(sink: Sink, charset: str, body: bytes):
    head = f"From: {SENDER}\r\nSubject: 8bit\r\nContent-Type: text/plain; charset={charset}\r\n"
    content = head.encode() + b"Content-Transfer-Encoding: 8bit\r\n\r\n" + body + b"\r\n"
    sink.send_bytes(content)
    (mail,) = sink.client.mails()
    assert mail.text == body.decode(charset) + "\n"
    assert (sink.folder / mail.name).read_bytes().endswith(content)


def test_a_mail_above_the_limit_is_refused_and_one_below_is_kept(sink: Sink):
    line = b"x" * 98 + b"\r\n"
    head = b"Subject: large\r\n\r\n"
    sink.send_bytes(head + line * (LARGEST_MAIL_BYTES // 100 - 10))
    with pytest.raises(smtplib.SMTPSenderRefused, match="552"):
        sink.send_bytes(head + line * (LARGEST_MAIL_BYTES // 100 + 10))
    assert len(sink.client.mails()) == 1


def test_the_files_are_their_owners_alone_and_none_is_half_written(sink: Sink):
    for _ in range(3):
        sink.send(a_mail())
    assert stat.S_IMODE(sink.folder.stat().st_mode) == 0o700
    files = list(sink.folder.iterdir())
    assert len(files) == 3
    for file in files:
        assert re.fullmatch(r"\d{8}T\d{6}\.\d{6}Z-\d+\.eml", file.name)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_is_told_to_the_sender_who_may_come_back(sink: Sink):
    sink.folder.rmdir()
    with pytest.raises(smtplib.SMTPDataError, match="could not be kept") as refusal:
        sink.send(a_mail())
    assert 400 <= refusal.value.smtp_code < 500


def test_an_empty_sink_says_so(sink: Sink):
    assert sink.client.mails() == []
    page = sink.page().text
    assert "No mail yet." in page
    assert "<title>Mails (nothing leaves this machine)</title>" in page


def test_the_page_needs_nothing_from_elsewhere_and_fits_phones_and_the_dark(sink: Sink):
    sink.send(a_mail(html="<p>Hello</p>"))
    (mail,) = sink.client.mails()
    for path in ("/", f"/mails/{mail.name}"):
        page = sink.page(path).text
        assert "color-scheme: light dark" in page
        assert "width=device-width" in page
        assert not re.search(r"""(src|href)=["'](https?:)?//|@import|url\(""", page)


def test_emptying_deletes_the_mails_and_nothing_else(sink: Sink):
    sink.send(a_mail())
    (sink.folder / "notes.txt").write_text("mine")
    sink.client.empty()
    assert sink.client.mails() == []
    assert [file.name for file in sink.folder.iterdir()] == ["notes.txt"]
    sink.send(a_mail("after"))
    assert [mail.subject for mail in sink.client.mails()] == ["after"]


def test_a_restart_keeps_the_mails_and_their_order(tmp_path: Path):
    for subject in ("before", "after"):
        smtp_port = free_port()
        with serving(tmp_path / "mails", smtp_port, free_port()) as url:
            sink = Sink(tmp_path / "mails", smtp_port, url)
            sink.send(a_mail(subject))
            subjects = [mail.subject for mail in sink.client.mails()]
    assert subjects == ["before", "after"]


def test_the_ports_are_given_back_at_once(tmp_path: Path):
    ports = free_port(), free_port()
    for _ in range(2):
        with serving(tmp_path, *ports) as url:
            assert MailSinkClient(url).health()


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path):
    with (
        socket.create_server(("127.0.0.1", 0)) as holder,
        pytest.raises(OSError, match="in use"),
        serving(tmp_path, free_port(), holder.getsockname()[1]),
    ):
        pass


def test_a_site_that_points_its_own_name_here_reads_nothing(sink: Sink):
    sink.send(a_mail())
    answer = requests.get(f"{sink.url}/api/mails", headers={"Host": "evil.example"}, timeout=10)
    assert answer.status_code == 400


def test_a_client_tells_nobody_from_a_stranger():
    nobody = MailSinkClient(f"http://127.0.0.1:{free_port()}")
    assert not nobody.health()
    with pytest.raises(TransportError, match="does not answer"):
        nobody.mails()
    with pytest.raises(TransportError, match="does not answer"):
        nobody.empty()


@pytest.mark.parametrize("path", ["/health", "/nowhere"], ids=["json of another shape", "not found"])
def test_a_stranger_who_answers_breaks_the_contract(sink: Sink, path: str):
    class Lost(MailSinkClient):
        def _call(self, method: str, _path: str) -> requests.Response:
            return super()._call(method, path)

    with pytest.raises(ContractError, match="The mail sink"):
        Lost(sink.url).mails()


def start(*arguments: str | int | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "include.local_stack.mail_sink", *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=Path(__file__).resolve().parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_the_program_listens_on_loopback_alone_and_ends_cleanly_when_asked(tmp_path: Path, number: signal.Signals):
    smtp_port, http_port = free_port(), free_port()
    process = start("--smtp-port", smtp_port, "--http-port", http_port, "--folder", tmp_path / "mails")
    try:
        sink = Sink(tmp_path / "mails", smtp_port, f"http://127.0.0.1:{http_port}")
        assert wait_until(sink.client.health, START_S)
        sink.send(a_mail())
        assert len(sink.client.mails()) == 1
        connections = psutil.Process(process.pid).net_connections(kind="inet")
        listened = {tuple(c.laddr) for c in connections if c.status == psutil.CONN_LISTEN}
        assert listened == {("127.0.0.1", smtp_port), ("127.0.0.1", http_port)}
        with smtplib.SMTP("127.0.0.1", smtp_port):  # a conversation that nobody finishes holds nothing up
            process.send_signal(number)
            output, _ = process.communicate(timeout=START_S)
        assert (process.returncode, output) == (0, "")
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_the_program_says_in_one_line_why_it_cannot_start(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        process = start("--smtp-port", holder.getsockname()[1], "--http-port", free_port(), "--folder", tmp_path)
        output, _ = process.communicate(timeout=START_S)
    assert process.returncode == 2
    assert re.fullmatch(r"The mail sink cannot start: .*in use.*\n", output)
