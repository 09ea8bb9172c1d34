"""The mails of one folder: kept as files, read back, and shown on a small web page and as JSON.

Everything a mail says is untrusted: it is escaped, and its HTML only ever appears in a sandbox. Nothing here knows how
mails arrive.
"""

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

from jinja2 import DictLoader, Environment
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from include.clock import utc_now

ENVELOPE_TO = "X-Envelope-To"
SHOWN_HEADERS = ("From", "To", "Reply-To", "Subject", "Message-ID")
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_NAME = re.compile(r"([0-9]{8}T[0-9]{6}\.[0-9]{6}Z)-([0-9]{1,9})\.eml")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
# A comma inside quotes belongs to the address.
_RECIPIENT = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^,])+')
_PAGE_HEADERS = {
    # Whatever a link or a refresh in a mail tries, its frame stays on this page's own address.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
# A link may open beside the mail; nothing else in it may do anything.
_SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
_MAIL_HEADERS = {
    **_PAGE_HEADERS,
    "Content-Security-Policy": f"sandbox {_SANDBOX}; default-src 'none'; style-src 'unsafe-inline'",
}
_TEMPLATES = {
    "layout": """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mails (nothing leaves this machine)</title>
<style>
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.25rem; }
h2 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
ul { list-style: none; padding: 0; }
li { border-top: 1px solid var(--line); padding: .75rem 0; overflow-wrap: anywhere; }
li a { display: block; font-weight: 600; }
small { opacity: .75; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dt { opacity: .75; }
dd { margin: 0; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--line); border-radius: .5rem; }
pre { padding: 1rem; margin: 0; }
iframe { width: 100%; height: 32rem; border: 1px solid var(--line); border-radius: .5rem; }
iframe { background: white; color-scheme: light; }
</style>
</head>
<body>
{% block content %}{% endblock %}
</body>
</html>
""",
    "list": """{% extends "layout" %}{% block content %}
<h1>Mails (nothing leaves this machine)</h1>
{% if mails %}
<ul>
{% for mail in mails %}
<li><a href="/mails/{{ mail.name }}">{{ mail.headers["Subject"] or "(no subject)" }}</a>
<small>{{ mail.received_text }} · to {{ mail.recipients | join(", ") or "nobody" }}</small></li>
{% endfor %}
</ul>
{% else %}
<p>No mail yet.</p>
{% endif %}
{% endblock %}""",
    "mail": """{% extends "layout" %}{% block content %}
<p><a href="/">All mails</a></p>
<h1>{{ mail.headers["Subject"] or "(no subject)" }}</h1>
<dl>
<dt>Received</dt><dd>{{ mail.received_text }}</dd>
<dt>Delivered to</dt><dd>{{ mail.recipients | join(", ") or "nobody" }}</dd>
{% for header, value in mail.headers.items() if value %}
<dt>{{ header }}</dt><dd>{{ value }}</dd>
{% endfor %}
</dl>
{% if mail.broken %}<p>This mail is broken; below is all of it as it came.</p>{% endif %}
{% if mail.html %}
<h2>HTML</h2>
<iframe sandbox="{{ sandbox }}" title="The mail's HTML" src="/mails/{{ mail.name }}/html"></iframe>
{% endif %}
{% if mail.text %}
<h2>Text</h2>
<pre>{{ mail.text }}</pre>
{% endif %}
{% endblock %}""",
}
_environment = Environment(loader=DictLoader(_TEMPLATES), autoescape=True)


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


class _Pages:
    """The addresses of the page; all run on the loop that also takes the mails, so that no two touch a file at once."""

    def __init__(self, folder: MailFolder) -> None:
        self._folder = folder

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def all_mails(self, _: Request) -> Response:
        return JSONResponse([mail.as_json() for mail in self._folder.mails()], headers={"Cache-Control": "no-store"})

    async def empty(self, _: Request) -> Response:
        self._folder.empty()
        return Response(status_code=204)

    async def list_page(self, _: Request) -> Response:
        text = _environment.get_template("list").render(mails=self._folder.mails()[::-1])
        return HTMLResponse(text, headers=_PAGE_HEADERS)

    async def mail_page(self, request: Request) -> Response:
        text = _environment.get_template("mail").render(mail=self._asked_for(request), sandbox=_SANDBOX)
        return HTMLResponse(text, headers=_PAGE_HEADERS)

    async def html_part(self, request: Request) -> Response:
        mail = self._asked_for(request)
        if not mail.html:
            raise HTTPException(404, "This mail has no HTML.")
        # A link opens beside the mail; inside its frame the page it leads to may refuse to show itself.
        return HTMLResponse(f'<base target="_blank">{mail.html}', headers=_MAIL_HEADERS)

    def _asked_for(self, request: Request) -> StoredMail:
        mail = self._folder.mail(request.path_params["name"])
        if mail is None:
            raise HTTPException(404, "No mail is called so.")
        return mail


def create_page(folder: MailFolder) -> Starlette:
    """Return the web application that shows a folder's mails."""
    pages = _Pages(folder)
    routes = [
        Route("/", pages.list_page),
        Route("/mails/{name}", pages.mail_page),
        Route("/mails/{name}/html", pages.html_part),
        Route("/api/mails", pages.all_mails),
        Route("/api/mails", pages.empty, methods=["DELETE"]),
        Route("/health", pages.health),
    ]
    # A stranger's site whose name was pointed at 127.0.0.1 must not read the mails through the person's browser.
    only_us = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"], www_redirect=False)
    return Starlette(routes=routes, middleware=[only_us])
