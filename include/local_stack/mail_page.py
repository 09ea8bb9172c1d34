"""The mails of one folder: kept as files, read back, and shown on a small web page and as JSON.

Everything a mail says is untrusted: it is escaped, and its HTML only ever appears in a sandbox. Nothing here knows how
mails arrive.
"""

from __future__ import annotations

from jinja2 import DictLoader, Environment
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from include.local_stack.mail_folder import MailFolder, StoredMail

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
