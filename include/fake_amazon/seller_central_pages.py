"""The words and shapes of the fake's Seller Central, German and English; everything that is shown is escaped."""

from __future__ import annotations

from html import escape
from typing import Final

_STYLE: Final = """
:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:0 auto;padding:1rem}
header{display:flex;justify-content:space-between;gap:1rem;border-bottom:2px solid #c45500;margin-bottom:1rem}
button{font:inherit;padding:.5rem 1rem;margin:.25rem .5rem .25rem 0}
.wrong{border-left:4px solid #b12704;padding-left:.75rem}
table{border-collapse:collapse}th,td{text-align:left;padding:.25rem .75rem .25rem 0}label{display:block;margin:.75rem 0}
"""
WORDS: Final[dict[str, dict[str, str]]] = {
    "de": {
        "sign_in": "Anmelden",
        "account": "Konto",
        "password": "Passwort (wird nicht geprüft)",
        "sign_out": "Abmelden",
        "signed_in": "Angemeldet als",
        "consent": "{app} autorisieren",
        "wants": "{app} möchte die Bestellungen Ihres Kontos lesen. Die Erlaubnis gilt 365 Tage.",
        "agree": "Ich erlaube {app} den Zugriff auf die Daten meines Kontos.",
        "tick": "Bitte setzen Sie zuerst das Häkchen.",
        "confirm": "Bestätigen",
        "cancel": "Abbrechen",
        "home": "Startseite",
        "manage": "Meine Apps verwalten",
        "status": "Status",
        "active": "Aktiv",
        "deactivated": "Deaktiviert",
        "unlisted": "Keine App ist mit diesem Konto verbunden.",
        "since": "Autorisiert am",
        "until": "Läuft ab am",
        "deactivate": "Deaktivieren",
        "enable": "Autorisierung aktivieren",
        "reauthorize": "Autorisierung erneuern",
        "login": "Jetzt bei {app} anmelden",
        "error": "Diese Seite kann nicht gezeigt werden",
    },
    "en": {
        "sign_in": "Sign in",
        "account": "Account",
        "password": "Password (is not checked)",
        "sign_out": "Sign out",
        "signed_in": "Signed in as",
        "consent": "Authorize {app}",
        "wants": "{app} would like to read the orders of your account. The permission lasts 365 days.",
        "agree": "I allow {app} to access the data of my account.",
        "tick": "Please tick the box first.",
        "confirm": "Confirm",
        "cancel": "Cancel",
        "home": "Home",
        "manage": "Manage Your Apps",
        "status": "Status",
        "active": "Active",
        "deactivated": "Deactivated",
        "unlisted": "No application is connected to this account.",
        "since": "Authorized on",
        "until": "Expires on",
        "deactivate": "Deactivate",
        "enable": "Enable authorization",
        "reauthorize": "Re-Authorize",
        "login": "Login to {app} now",
        "error": "This page cannot be shown",
    },
}


class Words:
    """One language's words about one application.

    Args:
        language: de or en.
        app: The application's name.
    """

    def __init__(self, language: str, app: str) -> None:
        self.language = language
        self._words = WORDS[language]
        self._app = app

    def plain(self, key: str) -> str:
        """The text, not escaped."""
        return self._words[key].replace("{app}", self._app)

    def __getitem__(self, key: str) -> str:
        """The escaped text."""
        return escape(self.plain(key))


def page(words: Words, title: str, body: str, *, account: str = "") -> str:
    """A whole page; `title` and `body` are HTML, `account` is text."""
    who = ""
    if account:
        who = (
            f'<form method="post" action="/signout">{words["signed_in"]} <strong>{escape(account)}</strong> '
            f'<button id="sign-out">{words["sign_out"]}</button></form>'
        )
    return (
        f'<!DOCTYPE html><html lang="{words.language}"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<header><strong>Seller Central (fake)</strong>{who}</header><main><h1>{title}</h1>{body}</main></body></html>"
    )


def sign_in_form(words: Words, accounts: list[tuple[str, str]], then: str) -> str:
    """Choose an account: pairs of selling partner id and store name."""
    options = "".join(
        f'<option value="{escape(account)}">{escape(name)} ({escape(account)})</option>' for account, name in accounts
    )
    return (
        f'<form method="post" action="/signin"><input type="hidden" name="then" value="{escape(then)}">'
        f'<label>{words["account"]} <select id="account" name="account">{options}</select></label>'
        f'<label>{words["password"]} <input type="password" name="password" value="demo"></label>'
        f'<button id="sign-in">{words["sign_in"]}</button></form>'
    )


def consent_form(words: Words, fields: dict[str, str], *, is_unticked: bool) -> str:
    """Tick and confirm, or cancel."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )
    wrong = f'<p class="wrong" role="alert">{words["tick"]}</p>' if is_unticked else ""
    return (
        f'<p>{words["wants"]}</p>{wrong}<form method="post" action="/apps/authorize/consent">{hidden}'
        f'<label><input type="checkbox" id="agree" name="agree"> {words["agree"]}</label>'
        f'<button id="confirm" name="do" value="confirm">{words["confirm"]}</button>'
        f'<button id="cancel" name="do" value="cancel">{words["cancel"]}</button></form>'
    )


def app_table(words: Words, app: str, facts: list[tuple[str, str]], actions: list[tuple[str, str, str]]) -> str:
    """An application's row of Manage Your Apps: pairs of key and text, and (key, element id, path) of each button."""
    rows = "".join(f"<tr><th>{words[key]}</th><td>{escape(text)}</td></tr>" for key, text in facts)
    buttons = "".join(
        f'<form method="post" action="{path}"><button id="{name}">{words[key]}</button></form>'
        for key, name, path in actions
    )
    return f"<h2>{escape(app)}</h2><table>{rows}</table>{buttons}"
