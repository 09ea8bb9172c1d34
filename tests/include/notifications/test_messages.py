"""What our mails say, to whom, and that nothing in a shop's name can break them."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from include.notifications import messages
from include.notifications.messages import (
    LONGEST_SUBJECT,
    Letter,
    OperatorFacts,
    OperatorMail,
    SellerFacts,
    SellerMail,
    operators_letter,
    seller_letter,
)
from include.sellers.seller import Language

LINK = "https://orders.example.com/shops/acme?sign=a1b2&until=9"
FACTS = SellerFacts(
    shop_name="Acme GmbH",
    link=LINK,
    apps_url="https://sellercentral-europe.amazon.com/apps/manage",
    app_name="Seller Orders",
    timezone="Europe/Berlin",
    happened_utc=datetime(2026, 10, 13, 1, 12, 40, tzinfo=UTC),
    missing_since_utc=datetime(2026, 10, 12, 1, 0, tzinfo=UTC),
    lapsed_days=3,
    expires_utc=datetime(2026, 11, 20, 23, 30, tzinfo=UTC),
    days_left=7,
    connected_utc=datetime(2026, 10, 14, 8, 5, tzinfo=UTC),
    link_ends_utc=datetime(2026, 10, 27, 23, 30, tzinfo=UTC),
)
ALERT = OperatorFacts(
    subject_of="Acme (acme)",
    error_class="AccessDeniedError",
    meaning="Amazon denies what the seller has allowed.",
    remedy="Look at the application's roles.",
    code="Unauthorized",
    amazon_said="Access to <this> resource & others is denied.",
    request_id="f00-ba4",
    happened_utc=datetime(2026, 10, 13, 1, 12, 40, tzinfo=UTC),
    task="amazon_orders__acme / validate_authorization",
    log_url="https://airflow.example.com/log?run=1&try=2",
    runbook_url="https://wiki.example.com/runbook",
    details=(("Marketplaces", "DE, FR"), ("Region", "")),
)
STEPS = {
    "de": ["1. Öffnen Sie die Seite", "2. Melden Sie sich bei Seller Central", "3. Setzen Sie das Häkchen"],
    "en": ["1. Open the page", "2. Sign in to Seller Central", "3. Tick the box"],
}
HOSTILE_NAMES = [
    "Müller & Söhne „Ümläut“",
    "<b>Bold</b><script>alert(1)</script>",
    "\"><a href='https://evil.example'>x</a>",
    "{{ link }} {% raw %}",
    "Acme\r\nBcc: everyone@example.com\n\n1. Send money",
    "\u202egnp.exe\u202c \u200f\u2066x",
    "a\x00b\x1b[31m\u2028c\x85d",
    "half \ud83d of a pair",
    "x" * 500,
    "",
]

each_mail = pytest.mark.parametrize("mail", SellerMail)
each_language = pytest.mark.parametrize("language", get_args(Language))
each_paused = pytest.mark.parametrize("is_paused", [False, True], ids=["running", "paused"])
each_operator_mail = pytest.mark.parametrize("mail", OperatorMail)


class Page(HTMLParser):
    """What a reader of the HTML sees, and what is behind it: words, tags, links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.tags: list[str] = []
        self.links: list[str] = []
        self.lists: list[int] = []
        self.feed(html.partition("</head>")[2])
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action", "background"}]
        if tag in {"ol", "ul"}:
            self.lists.append(0 if tag == "ol" else -1)
        elif tag == "li" and self.lists[-1] >= 0:
            self.lists[-1] += 1
            self.words += f" {self.lists[-1]}. "
        elif tag == "li":
            self.words += " - "

    def handle_endtag(self, tag: str) -> None:
        self.words += " " if tag in {"p", "li", "ol", "ul", "th", "td"} else ""

    def handle_data(self, data: str) -> None:
        self.words += data


def spaced(text: str) -> str:
    return " ".join(text.split())


def both(letter: Letter) -> tuple[str, str]:
    """The text and the words of the HTML, without line breaks."""
    return spaced(letter.text), spaced(Page(letter.html).words)


def of_our_own(letter: Letter, facts: SellerFacts = FACTS) -> str:
    """What we say, without names and links."""
    text = f"{letter.subject} {letter.text}"
    for name in (facts.link, facts.shop_name, facts.app_name, "Seller Central", "sellercentral-europe.amazon.com"):
        text = text.replace(name, "")
    return text


@each_language
@each_mail
def test_a_seller_finds_the_shop_in_the_subject_and_in_the_first_sentence(mail: SellerMail, language: Language):
    letter = seller_letter(mail, language, FACTS)
    assert letter.subject.endswith(": Acme GmbH")
    assert "Acme GmbH" in letter.text.split("\n\n")[1]


@each_language
@each_mail
def test_a_seller_finds_one_link_and_reads_where_it_leads(mail: SellerMail, language: Language):
    letter = seller_letter(mail, language, FACTS)
    page = Page(letter.html)
    assert re.findall(r"\S*://\S*", letter.text) == [LINK]
    assert set(page.links) == {LINK}
    assert re.findall(r"\S*://\S*", page.words) == [LINK]
    assert f'<a href="{LINK.replace("&", "&amp;")}">{LINK.replace("&", "&amp;")}</a>' in letter.html


@each_language
@pytest.mark.parametrize("mail", [SellerMail.RECONNECT, SellerMail.REMINDER, SellerMail.EXPIRES, SellerMail.INVITATION])
def test_a_seller_who_should_act_is_told_the_three_steps(mail: SellerMail, language: Language):
    for words in both(seller_letter(mail, language, FACTS)):
        places = [words.find(step) for step in STEPS[language]]
        assert -1 < places[0] < places[1] < places[2]


@each_language
def test_a_seller_who_has_reconnected_need_not_do_anything(language: Language):
    for words in both(seller_letter(SellerMail.RECONNECTED, language, FACTS)):
        assert not any(step in words for step in STEPS[language])
        assert {"de": "Sie müssen nichts weiter tun.", "en": "There is nothing more for you to do."}[language] in words


@each_language
@each_mail
def test_text_and_html_say_the_same(mail: SellerMail, language: Language):
    text, page = both(seller_letter(mail, language, replace(FACTS, old_app_names=("Orders 1", "Orders 2"))))
    # The button carries in HTML what introduces the link in the text.
    assert page == text.replace(f": {LINK}", f" {LINK}")


@each_language
@each_mail
def test_every_mail_asks_for_no_password_and_is_answered_by_a_person(mail: SellerMail, language: Language):
    for words in both(seller_letter(mail, language, FACTS)):
        assert {"de": "Wir fragen Sie nie nach einem Passwort", "en": "We never ask you for a password"}[
            language
        ] in words
        assert {"de": "Ihre Antwort liest ein Mensch", "en": "A person reads your answer"}[language] in words


@each_language
@each_mail
def test_nothing_in_a_sellers_mail_looks_like_a_trick_or_like_technology(mail: SellerMail, language: Language):
    letter = seller_letter(mail, language, FACTS)
    assert not re.search(r"!|token|oauth|\bAPI\b|urgent|dringend|sofort|immediately", of_our_own(letter), re.IGNORECASE)
    assert set(Page(letter.html).tags) <= {"body", "div", "p", "a", "ol", "ul", "li"}
    assert not re.search(r"<style|<script|<link|url\(|!important", letter.html)


@each_mail
def test_german_mails_say_sie_and_hold_no_english(mail: SellerMail):
    words = of_our_own(seller_letter(mail, "de", replace(FACTS, old_app_names=("A",)))).replace("(„Confirm“)", "")
    assert re.search(r"\bSie\b", words)
    assert not re.search(r"\b(du|dich|dir|dein\w*)\b", words, re.IGNORECASE)
    english = r"the|and|your?|you|is|of|to|please|renew|orders?|shop's|page|button|press|confirm|since|days?|october"
    assert re.findall(rf"\b({english})\b", words, re.IGNORECASE) == []


@each_mail
def test_english_mails_hold_no_german(mail: SellerMail):
    words = of_our_own(seller_letter(mail, "en", replace(FACTS, old_app_names=("A",))))
    german = r"der|die|das|und|Sie|Ihre?n?|bitte|Seite|seit|Tage?n?|Uhr|Oktober|von|zu|nicht"
    assert re.findall(rf"\b({german})\b", words) == []
    assert not re.search(r"[äöüßÄÖÜ„]", words)


@pytest.mark.parametrize(
    ("language", "missing", "words"),
    [
        ("de", FACTS.missing_since_utc, "seit dem 12. Oktober 2026, 03:00 Uhr."),
        ("en", FACTS.missing_since_utc, "since 12 October 2026, 03:00."),
        ("de", None, "Bisher haben wir noch keine Bestellung dieses Shops abgerufen."),
        ("en", None, "So far we have not loaded any order of this shop."),
    ],
)
@pytest.mark.parametrize("mail", [SellerMail.RECONNECT, SellerMail.REMINDER])
def test_a_seller_is_told_since_when_orders_are_missing(
    mail: SellerMail, language: Language, missing: datetime | None, words: str
):
    for told in both(seller_letter(mail, language, replace(FACTS, missing_since_utc=missing))):
        assert words in told


@pytest.mark.parametrize(
    ("zone", "instant", "german", "english"),
    [
        ("Europe/Berlin", (2026, 3, 29, 0, 59), "29. März 2026, 01:59 Uhr", "29 March 2026, 01:59"),
        ("Europe/Berlin", (2026, 3, 29, 1, 0), "29. März 2026, 03:00 Uhr", "29 March 2026, 03:00"),
        ("Europe/Berlin", (2026, 10, 25, 0, 30), "25. Oktober 2026, 02:30 Uhr", "25 October 2026, 02:30"),
        ("Europe/Berlin", (2026, 10, 25, 2, 30), "25. Oktober 2026, 03:30 Uhr", "25 October 2026, 03:30"),
        ("Europe/Berlin", (2026, 12, 31, 23, 0), "1. Januar 2027, 00:00 Uhr", "1 January 2027, 00:00"),
        ("America/Los_Angeles", (2026, 5, 1, 6, 59), "30. April 2026, 23:59 Uhr", "30 April 2026, 23:59"),
        ("Asia/Kolkata", (2026, 12, 1, 18, 30), "2. Dezember 2026, 00:00 Uhr", "2 December 2026, 00:00"),
    ],
)
def test_instants_are_told_in_the_zone_of_the_shop(
    zone: str, instant: tuple[int, int, int, int, int], german: str, english: str
):
    facts = replace(FACTS, timezone=zone, missing_since_utc=datetime(*instant, tzinfo=UTC))
    for language, words in (("de", german), ("en", english)):
        for told in both(seller_letter(SellerMail.RECONNECT, language, facts)):
            assert words in told


@pytest.mark.parametrize("month", range(1, 13))
def test_the_months_have_their_names(month: int):
    german = ["Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"][month - 1]
    english = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month - 1]
    facts = replace(FACTS, missing_since_utc=datetime(2026, month, 9, 12, tzinfo=UTC))
    assert f"seit dem 9. {german}" in seller_letter(SellerMail.RECONNECT, "de", facts).text
    assert f"since 9 {english}" in seller_letter(SellerMail.RECONNECT, "en", facts).text


def test_the_first_mail_says_when_amazon_refused_and_that_the_reason_is_not_known():
    german, english = (seller_letter(SellerMail.RECONNECT, language, FACTS).text for language in ("de", "en"))
    assert "am 13. Oktober 2026, 03:12 Uhr, wurde abgelehnt" in german
    assert "können wir nicht erkennen" in german
    assert "on 13 October 2026, 03:12, was refused" in english
    assert "We cannot tell which" in english


@each_language
def test_the_first_mail_names_the_way_through_seller_central(language: Language):
    sayings = {
        "de": ["„Meine Apps verwalten“", "„Autorisierung aktivieren“", "nicht aufgeführt"],
        "en": ["“Manage Your Apps”", "“Enable authorization”", "not listed"],
    }[language]
    for words in both(seller_letter(SellerMail.RECONNECT, language, FACTS)):
        assert all(saying in words for saying in [*sayings, "(sellercentral-europe.amazon.com)"])


@each_language
@pytest.mark.parametrize("apps_url", ["", "http://[", "no address"])
def test_a_page_of_apps_without_a_host_is_not_named(apps_url: str, language: Language):
    text = seller_letter(SellerMail.RECONNECT, language, replace(FACTS, apps_url=apps_url)).text
    assert "()" not in text
    assert {"de": "in Seller Central die Seite „", "en": "in Seller Central. What"}[language] in text


@each_language
def test_older_applications_are_named_only_where_there_are_any(language: Language):
    words = {"de": "ältere App", "en": "older app"}[language]
    assert words not in seller_letter(SellerMail.RECONNECT, language, FACTS).text
    named = replace(FACTS, old_app_names=("Orders <1>", "Orders\n2"))
    for told in both(seller_letter(SellerMail.RECONNECT, language, named)):
        assert words in told
        assert "(Orders <1>, Orders 2)" in told


@pytest.mark.parametrize(
    ("days", "german", "english"),
    [(0, "seit heute", "Since today"), (1, "seit einem Tag", "For one day"), (14, "seit 14 Tagen", "For 14 days")],
)
def test_the_reminder_says_how_long_it_has_been(days: int, german: str, english: str):
    facts = replace(FACTS, lapsed_days=days)
    assert german in seller_letter(SellerMail.REMINDER, "de", facts).text
    assert english in seller_letter(SellerMail.REMINDER, "en", facts).text


@each_language
def test_the_reminder_is_shorter_than_the_first_mail(language: Language):
    first, reminder = (
        seller_letter(mail, language, FACTS).text for mail in (SellerMail.RECONNECT, SellerMail.REMINDER)
    )
    assert len(reminder) < 0.7 * len(first)


@pytest.mark.parametrize(
    ("days", "german", "english"),
    [(30, "in 30 Tagen", "in 30 days"), (1, "morgen", "tomorrow"), (0, "heute", "today"), (-1, "heute", "today")],
)
def test_the_warning_says_when_the_permission_ends(days: int, german: str, english: str):
    facts = replace(FACTS, days_left=days)
    in_german, in_english = (seller_letter(SellerMail.EXPIRES, language, facts) for language in ("de", "en"))
    assert f"endet {german}: Acme" in in_german.subject
    assert f"endet {german}, am 21. November 2026. " in in_german.text
    assert "Noch fehlt nichts." in in_german.text
    assert f"ends {english}: Acme" in in_english.subject
    assert f"ends {english}, on 21 November 2026. " in in_english.text
    assert "Nothing is missing yet." in in_english.text


def test_a_warning_without_the_instant_names_no_date():
    facts = replace(FACTS, expires_utc=None)
    assert "endet in 7 Tagen. Sie" in seller_letter(SellerMail.EXPIRES, "de", facts).text
    assert "ends in 7 days. It" in seller_letter(SellerMail.EXPIRES, "en", facts).text


def test_the_thanks_say_since_when_orders_flow_and_what_is_being_fetched():
    german, english = (seller_letter(SellerMail.RECONNECTED, language, FACTS).text for language in ("de", "en"))
    assert "vielen Dank" in german
    assert "Seit dem 14. Oktober 2026, 10:05 Uhr, ruft Seller Orders Ihre Bestellungen wieder ab." in german
    assert "Was seit dem 12. Oktober 2026, 03:00 Uhr, gefehlt hat, wird von selbst nachgeholt." in german
    assert "Thank you" in english
    assert "Since 14 October 2026, 10:05, Seller Orders has been loading your orders again." in english
    assert "What has been missing since 12 October 2026, 03:00 is being fetched by itself." in english


@pytest.mark.parametrize(
    "facts",
    [
        FACTS,
        replace(FACTS, was_refused=False),
        replace(FACTS, is_first=True),
        replace(FACTS, is_paused=True),
        replace(FACTS, is_denied=True),
    ],
    ids=["refused", "in time", "first", "paused", "denied"],
)
def test_the_thanks_say_until_when_the_permission_lasts_where_that_is_known(facts: SellerFacts):
    for language, until in (("de", "bis zum 21. November 2026"), ("en", "until 21 November 2026")):
        known = seller_letter(SellerMail.RECONNECTED, language, facts)
        unknown = seller_letter(SellerMail.RECONNECTED, language, replace(facts, expires_utc=None))
        assert all(until in words for words in both(known))
        assert not any(re.search(r"bis zum|until|;", words.replace(LINK, "")) for words in both(unknown))


@each_language
@each_paused
def test_a_seller_who_renewed_in_time_reads_of_nothing_that_was_missing(language: Language, is_paused: bool):
    facts = replace(FACTS, was_refused=False, is_paused=is_paused)
    for words in both(seller_letter(SellerMail.RECONNECTED, language, facts)):
        assert not re.search(r"fehl|nachgeholt|wieder ab\b|Bisher|missing|so far|again\.? What", words)
        assert "12" not in words.replace(LINK, "")
    wholly = seller_letter(
        SellerMail.RECONNECTED, language, replace(facts, missing_since_utc=None, is_paused=is_paused)
    )
    assert wholly == seller_letter(SellerMail.RECONNECTED, language, facts)


@each_language
@pytest.mark.parametrize("was_refused", [True, False])
def test_a_seller_whose_orders_amazon_holds_back_is_not_told_that_they_flow(language: Language, was_refused: bool):
    facts = replace(FACTS, was_refused=was_refused, is_denied=True)
    for words in both(seller_letter(SellerMail.RECONNECTED, language, facts)):
        assert {"de": "noch nicht heraus", "en": "does not hand us"}[language] in words
        assert not re.search("ruft Seller Orders|darf Seller Orders|has been loading|go on loading", words)
        assert ({"de": "auch was gefehlt hat", "en": "what has been missing too"}[language] in words) is was_refused


@each_language
@pytest.mark.parametrize("was_refused", [True, False])
def test_a_seller_whose_nightly_run_is_switched_off_is_told_so_and_that_we_know(language: Language, was_refused: bool):
    running = replace(FACTS, was_refused=was_refused)
    off = {
        "de": "auf unserer Seite zurzeit ausgeschaltet. Das wissen wir",
        "en": "switched off on our side at present. We know",
    }
    flowing = {"de": "ruft Seller Orders|darf Seller Orders", "en": "has been loading|go on loading"}
    for words in both(seller_letter(SellerMail.RECONNECTED, language, replace(running, is_paused=True))):
        assert off[language] in words
        assert not re.search(flowing[language], words), "it claims what is not so"
        assert ({"de": "seit dem 12. Oktober", "en": "since 12 October"}[language] in words) is was_refused
    for words in both(seller_letter(SellerMail.RECONNECTED, language, running)):
        assert off[language] not in words
        assert re.search(flowing[language], words)


def test_a_first_connection_is_not_called_a_renewal():
    facts = replace(FACTS, was_refused=False, is_first=True)
    german, english = (seller_letter(SellerMail.RECONNECTED, language, facts) for language in ("de", "en"))
    assert german.subject == "Die Anbindung an Amazon steht: Acme GmbH"
    assert english.subject == "The connection to Amazon is made: Acme GmbH"
    assert "jede Nacht die neuen" in german.text
    assert "the new ones every night" in english.text
    assert not re.search(r"erneuer|wieder ab\b|fehl", german.text)
    assert not re.search(r"renew|missing", english.text)


@each_language
def test_somebody_who_did_not_give_the_permission_knows_where_to_say_so(language: Language):
    asked = {"de": "Haben weder Sie noch jemand", "en": "If neither you nor anybody"}[language]
    for words in both(seller_letter(SellerMail.RECONNECTED, language, FACTS)):
        assert asked in words


def test_the_invitation_says_who_we_are_what_we_read_and_how_long_the_link_is_good():
    german, english = (seller_letter(SellerMail.INVITATION, language, FACTS) for language in ("de", "en"))
    for words in both(german):
        assert "Seller Orders ruft Bestellungen für Händler bei Amazon ab." in words
        assert "Die App liest die Bestellungen dieses Shops." in words
        assert "erfährt Ihr Passwort nicht" in words
        assert "Der Link gilt 14 Tage, bis zum 28. Oktober 2026." in words
    for words in both(english):
        assert "Seller Orders loads orders from Amazon for sellers." in words
        assert "The app reads the orders of this shop." in words
        assert "never learns your password" in words
        assert "The link is good for 14 days, until 28 October 2026." in words
    assert not re.search(r"erneuer|nachgeholt|abgelehnt", german.text)
    assert not re.search(r"renew|refused", english.text)


@each_language
@each_mail
@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
def test_no_name_breaks_a_sellers_mail(name: str, mail: SellerMail, language: Language):
    harmless = seller_letter(mail, language, FACTS)
    letter = seller_letter(mail, language, replace(FACTS, shop_name=name))
    assert letter.text.count("\n") == harmless.text.count("\n")
    assert Page(letter.html).tags == Page(harmless.html).tags
    assert Page(letter.html).links == Page(harmless.html).links
    for words in both(letter):
        assert spaced("".join(c if c.isprintable() else " " for c in name)) in words
    for part in (letter.subject, letter.text.replace("\n", ""), letter.html.replace("\n", "")):
        assert part.isprintable()
        part.encode()


@each_language
@each_mail
@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
def test_a_subject_is_one_line_of_bounded_length_that_keeps_its_meaning(
    name: str, mail: SellerMail, language: Language
):
    subject = seller_letter(mail, language, replace(FACTS, shop_name=name)).subject
    assert len(subject) <= LONGEST_SUBJECT
    assert subject.isprintable()
    assert "Amazon" in subject
    assert "&amp;" not in subject


@each_language
def test_a_link_that_is_no_web_address_cannot_be_pressed(language: Language):
    letter = seller_letter(SellerMail.RECONNECT, language, replace(FACTS, link="javascript:alert(1)"))
    assert Page(letter.html).links == []
    assert "javascript:alert(1)" in Page(letter.html).words


@each_language
@each_mail
def test_the_page_is_for_phones_and_dark_screens_and_says_its_language(mail: SellerMail, language: Language):
    html = seller_letter(mail, language, FACTS).html
    assert f'<html lang="{language}">' in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert '<meta name="viewport" content="width=device-width' in html
    assert "max-width:600px" in html
    # A colour without its background, or the other way round, is unreadable on one of the screens.
    for style in re.findall(r'style="([^"]*)"', html):
        assert len(re.findall(r"(?:^|;)(?:color|background):", style)) in {0, 2}


@pytest.mark.parametrize(
    ("mail", "subject"),
    [
        (OperatorMail.ALERT, "[Seller Orders] AccessDeniedError: Acme (acme)"),
        (OperatorMail.SECRET_EXPIRES, "[Seller Orders] The client secret ends soon: Acme (acme)"),
        (OperatorMail.LATE, "[Seller Orders] Orders are late: Acme (acme)"),
        (OperatorMail.MASS_REFUSAL, "[Seller Orders] Amazon refuses several sellers at once: Acme (acme)"),
    ],
)
def test_operators_see_in_the_subject_what_is_wrong_and_with_whom(mail: OperatorMail, subject: str):
    assert operators_letter(mail, ALERT).subject == subject


@each_operator_mail
def test_operators_read_every_fact_in_text_and_html(mail: OperatorMail):
    letter = operators_letter(mail, ALERT)
    for words in both(letter):
        for fact in (
            *(ALERT.meaning, ALERT.remedy, ALERT.code, f'"{ALERT.amazon_said}"', ALERT.request_id, ALERT.task),
            *("2026-10-13 01:12:40 UTC", ALERT.log_url, ALERT.runbook_url, "DE, FR"),
        ):
            assert fact in words
        assert "Region" not in words
    assert Page(letter.html).links == [ALERT.log_url, ALERT.runbook_url]


def test_what_operators_are_not_told_leaves_no_empty_row():
    bare = OperatorFacts(
        subject_of="all sellers", error_class="unknown", meaning="?", remedy="", happened_utc=ALERT.happened_utc
    )
    letter = operators_letter(OperatorMail.ALERT, bare)
    assert letter.text == "?\n\nAbout: all sellers\nError: unknown\nWhen:  2026-10-13 01:12:40 UTC\n"
    assert Page(letter.html).tags.count("tr") == 3


def test_the_list_for_operators_is_aligned():
    rows = operators_letter(OperatorMail.ALERT, ALERT).text.split("\n\n")[-1].splitlines()
    assert len({re.match(r"[^:]+: +", row).end() for row in rows}) == 1


def test_operators_are_told_since_when_data_is_late():
    assert "has not been complete since 2026-10-13 01:12:40 UTC" in operators_letter(OperatorMail.LATE, ALERT).text


def test_operators_are_told_that_a_mass_refusal_mailed_nobody():
    text = operators_letter(OperatorMail.MASS_REFUSAL, ALERT).text
    assert "No seller has been mailed; each is asked again after an hour." in text


@each_operator_mail
@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
def test_nothing_that_amazon_says_or_a_shop_is_called_breaks_an_operators_mail(name: str, mail: OperatorMail):
    def with_name(name: str) -> Letter:
        return operators_letter(mail, replace(ALERT, subject_of=f"x{name}", amazon_said=f"x{name}", meaning=f"x{name}"))

    letter, harmless = with_name(name), with_name("x")
    assert letter.text.count("\n") == harmless.text.count("\n")
    assert Page(letter.html).tags == Page(harmless.html).tags
    assert Page(letter.html).links == Page(harmless.html).links
    assert len(letter.subject) <= LONGEST_SUBJECT
    assert letter.subject.isprintable()


def test_the_words_in_the_templates_are_no_markup():
    files = list((Path(messages.__file__).parent / "templates").glob("*.txt"))
    assert files
    for path in files:
        words = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", path.read_text(), flags=re.DOTALL)
        assert not re.search(r"[<>&]", words), path.name


@each_mail
def test_both_languages_have_the_same_blocks(mail: SellerMail):
    folder = Path(messages.__file__).parent / "templates"
    german, english = (
        re.findall(r"block (\w+)", (folder / f"{mail}.{language}.txt").read_text()) for language in ("de", "en")
    )
    assert german == english


instants = st.datetimes(datetime(1995, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
names = st.text(max_size=40) | st.sampled_from(HOSTILE_NAMES)
days = st.integers(-400, 400)
seller_facts = st.builds(
    SellerFacts,
    shop_name=names,
    link=st.just(LINK),
    apps_url=names | st.just(FACTS.apps_url),
    app_name=names,
    old_app_names=st.lists(names, max_size=3).map(tuple),
    timezone=st.sampled_from(["Europe/Berlin", "UTC", "America/Sao_Paulo", "Asia/Tokyo", "Australia/Lord_Howe"]),
    happened_utc=instants,
    missing_since_utc=st.none() | instants,
    lapsed_days=days,
    expires_utc=st.none() | instants,
    days_left=days,
    connected_utc=st.none() | instants,
    was_refused=st.booleans(),
    is_first=st.booleans(),
    is_paused=st.booleans(),
    is_denied=st.booleans(),
    link_days=days,
    link_ends_utc=st.none() | instants,
)
operator_facts = st.builds(
    OperatorFacts,
    **{field.name: names for field in fields(OperatorFacts) if field.name not in {"happened_utc", "details"}},
    happened_utc=instants,
    details=st.lists(st.tuples(names, names), max_size=3).map(tuple),
)


def nothing_is_left_over(letter: Letter, facts: object) -> bool:
    given = repr(facts).replace("=None", "")
    return all(
        leftover in given or leftover not in part
        for leftover in ("None", "{{", "}}", "{%", "Undefined", "Markup(")
        for part in (letter.subject, letter.text, letter.html)
    )


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@example(facts=replace(FACTS, missing_since_utc=None, expires_utc=None, connected_utc=None))
@given(facts=seller_facts)
def test_whatever_the_facts_every_sellers_mail_is_whole(facts: SellerFacts):
    for mail in SellerMail:
        for language in get_args(Language):
            letter = seller_letter(mail, language, facts)
            assert nothing_is_left_over(letter, facts)
            assert set(Page(letter.html).links) == {LINK}
            assert len(letter.subject.splitlines()) == 1
            assert len(letter.subject) <= LONGEST_SUBJECT
            assert "\n\n\n" not in letter.text


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(facts=operator_facts)
def test_whatever_the_facts_every_operators_mail_is_whole(facts: OperatorFacts):
    for mail in OperatorMail:
        letter = operators_letter(mail, facts)
        assert nothing_is_left_over(letter, facts)
        assert len(letter.subject.splitlines()) == 1
        assert len(letter.subject) <= LONGEST_SUBJECT
        assert all(link.startswith(("https://", "http://")) for link in Page(letter.html).links)


@pytest.mark.parametrize(
    ("language", "by", "totals"),
    [("de", "alles bis zum 13. Oktober 2026", "Die Beträge"), ("en", "expected to be there by", "The amounts")],
)
def test_a_large_gap_comes_with_the_hour_when_it_is_filled(language: Language, by: str, totals: str):
    there_utc = datetime(2026, 10, 13, 4, 10, tzinfo=UTC)
    slow = replace(FACTS, detail_by_utc=there_utc)
    reports = replace(slow, totals_by_utc=there_utc - timedelta(hours=2))
    plain, told, both = (
        " ".join(seller_letter(SellerMail.RECONNECTED, language, facts).text.split())
        for facts in (FACTS, slow, reports)
    )
    assert by not in plain
    assert by in told
    assert totals not in told
    assert by in both
    assert totals in both
