"""As much of a browser as the story needs: pages, links, forms and cookies, over plain HTTP.

`*.localhost` is this machine, as it is for a browser, whatever the system's resolver thinks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests

TIMEOUT_S = 30.0
MOST_REDIRECTS = 10


@dataclass(slots=True)
class Form:
    """A form as its page wrote it; a check box is filled in by whoever ticks it."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)


class Page(HTMLParser):
    """A page that was opened.

    Attributes:
        address: Where it came from at last.
        html: As it came.
        forms: Its forms, in their order.
        links: Where its links lead.
    """

    def __init__(self, address: str, html: str) -> None:
        super().__init__()
        self.address, self.html = address, html
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note links, forms and what is in them."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(urljoin(self.address, given.get("action", ""))))
        elif tag == "a" and "href" in given:
            self.links.append(urljoin(self.address, given["href"]))
        elif tag == "input" and self.forms and given.get("type") != "checkbox":
            self.forms[-1].fields[given.get("name", "")] = given.get("value", "")
        elif tag == "button" and self.forms:
            self.forms[-1].buttons[given.get("id", "")] = (given.get("name", ""), given.get("value", ""))


class Browser:
    """Cookies by host; ports do not separate them, as in life."""

    def __init__(self) -> None:
        self._cookies: dict[str, dict[str, str]] = {}

    def open(self, address: str) -> Page:
        """Open an address."""
        return self._ask("GET", address, {}, "")

    def send(self, page: Page, form: Form, **filled: str) -> Page:
        """Send a form of a page with these fields filled in."""
        return self._ask("POST", form.action, {**form.fields, **filled}, _origin(page.address))

    def _ask(self, method: str, address: str, fields: dict[str, str], origin: str) -> Page:
        for _ in range(MOST_REDIRECTS):
            answer = self._once(method, address, fields, origin)
            if answer.status_code not in (302, 303):
                return Page(address, answer.text)
            method, address, fields = "GET", urljoin(address, answer.headers["location"]), {}
        raise requests.TooManyRedirects(f"More than {MOST_REDIRECTS} redirects.")

    def _once(self, method: str, address: str, fields: dict[str, str], origin: str) -> requests.Response:
        parts = urlsplit(address)
        host = parts.hostname or ""
        jar = self._cookies.setdefault(host, {})
        headers = {"Host": parts.netloc, "Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
        if method == "POST":
            headers["Origin"] = origin
        reached = "127.0.0.1" if host.endswith(".localhost") else host
        answer = requests.request(
            method,
            urlunsplit(parts._replace(netloc=f"{reached}:{parts.port}" if parts.port else reached)),
            data=fields or None,
            headers=headers,
            allow_redirects=False,
            timeout=TIMEOUT_S,
        )
        for cookie in answer.raw.headers.getlist("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            jar[name] = value
        return answer


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
