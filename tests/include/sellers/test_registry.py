"""The sellers' file, entry by entry: what a right one becomes, and what each kind of mistake is told."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path
from typing import Any

import pytest

from include.errors import SettingsError
from include.sellers import registry
from include.sellers.registry import MisconfiguredSeller, Seller, load_sellers, require_seller
from include.sellers.seller import nightly_time


def test_a_complete_entry_becomes_a_seller_with_defaults_for_what_it_leaves_out(load: Any, complete: Any) -> None:
    (seller,) = load(complete())
    assert (seller.seller_id, seller.name, seller.region, seller.language) == ("acme", "Acme", "eu", "en")
    assert [marketplace.country_code for marketplace in seller.marketplaces] == ["DE", "FR"]
    assert (seller.contacts, seller.timezone) == (("anna@acme.example",), "Europe/Berlin")
    assert (seller.start_date, seller.authorization, seller.personal_data) == (None, "public", False)
    assert seller.run_at == nightly_time("acme")


def test_every_optional_field_is_read_as_it_is_typed_without_quotes(load: Any) -> None:
    (seller,) = load(
        "- id: acme\n  name: No\n  region: eu\n  marketplaces: [GB, SE]\n  contacts: [a@b.example]\n  language: de\n"
        "  timezone: UTC\n  run_at: 12:30\n  start_date: 2026-09-01\n  authorization: private\n  personal_data: yes\n"
    )
    assert isinstance(seller, Seller), seller.message
    assert (seller.name, seller.run_at, seller.start_date) == ("No", time(12, 30), date(2026, 9, 1))
    assert (seller.authorization, seller.personal_data) == ("private", True)
    assert [marketplace.country_code for marketplace in seller.marketplaces] == ["UK", "SE"]


def test_an_id_of_digits_stays_the_text_that_was_typed(load: Any) -> None:
    sellers = load(*(f"- {{id: {number}, name: x}}\n" for number in ("0x1f", "1_000", "007", "1e3")))
    assert [seller.dag_suffix for seller in sellers] == ["0x1f", "1_000", "007", "1e3"]


@pytest.mark.parametrize("name", ["Großmarkt Technik", "桜　キッチン", "O'Neil & Söhne: Tee", "x" * 80])
def test_names_of_every_script_are_kept(load: Any, complete: Any, name: str) -> None:
    assert [seller.name for seller in load(complete(name=name))] == [name]


def test_contacts_may_be_shared_between_entries_with_a_yaml_anchor(load: Any) -> None:
    common = "  name: A\n  region: na\n  marketplaces: [US]\n  language: en\n  timezone: UTC\n"
    first, second = load(
        f"- id: one\n  contacts: &team [a@b.example, c@d.example]\n{common}",
        f"- id: two\n  contacts: *team\n{common}",
    )
    assert first.contacts == second.contacts == ("a@b.example", "c@d.example")


CODES = "AE, AU, BE, BR, CA, DE, EG, ES, FR, IE, IN, IT, JP, MX, NL, PL, SA, SE, SG, TR, UK, US, ZA"
LONG = "x" * 100
MISTAKES = [
    ("an id in capitals", {"id": "Acme"}, "id", "'Acme'", "a-z, 0-9 and _"),
    ("an id with a space", {"id": "my shop"}, "id", "'my shop'", "a-z, 0-9 and _"),
    ("an id of 41 characters", {"id": "a" * 41}, "id", "'aaa", "1 to 40"),
    ("an id with a line break after it", {"id": "acme\n"}, "id", r"'acme\n'", "a-z, 0-9 and _"),
    ("an id with a digit of another script", {"id": "acme_٣"}, "id", "'acme_٣'", "a-z, 0-9 and _"),
    ("an id that is kept for broken entries", {"id": "entry_7"}, "id", "'entry_7'", "not entry_<number>"),
    ("no id", {"id": None}, "id", "missing", "1 to 40"),
    ("an id that is a list", {"id": ["acme"]}, "id", "a list", "1 to 40"),
    ("no name", {"name": None}, "name", "missing", "1 to 80 characters"),
    ("an empty name", {"name": "  "}, "name", "'  '", "1 to 80 characters"),
    ("a name of 81 characters", {"name": "x" * 81}, "name", "'xxx", "1 to 80 characters"),
    ("a name with a line break", {"name": "A\r\nBcc: b@c.example"}, "name", r"'A\r\n", "without control characters"),
    ("a name with a line separator", {"name": "A\u2028B"}, "name", r"'A\u2028B'", "without control characters"),
    ("an unknown region", {"region": "europe"}, "region", "'europe'", "one of eu, na, fe"),
    ("a region in capitals", {"region": "EU"}, "region", "'EU'", "one of eu, na, fe"),
    ("a region that is a mapping", {"region": {"eu": 1}}, "region", "a mapping", "one of eu, na, fe"),
    ("no marketplaces", {"marketplaces": None}, "marketplaces", "missing", CODES),
    ("an empty list of marketplaces", {"marketplaces": []}, "marketplaces", "an empty list", "at least one"),
    ("a marketplace that is no list", {"marketplaces": "DE"}, "marketplaces", "'DE'", "a list in square brackets"),
    ("an unknown marketplace", {"marketplaces": ["DE", "NO"]}, "marketplaces", "item 2, is 'NO'", CODES),
    ("a marketplace in a list of its own", {"marketplaces": [["DE"]]}, "marketplaces", "item 1, is a list", CODES),
    ("a marketplace of another region", {"marketplaces": ["US"]}, "marketplaces", "'US', which is in region na", "UK"),
    ("a marketplace twice", {"marketplaces": ["DE", "FR", "DE"]}, "marketplaces", "item 3, is 'DE'", "item 1 is the"),
    ("UK and GB together", {"marketplaces": ["UK", "GB"]}, "marketplaces", "item 2, is 'GB'", "item 1 is the same"),
    ("no contacts", {"contacts": []}, "contacts", "an empty list", "at least one"),
    ("a contact that is no list", {"contacts": "a@b.example"}, "contacts", "'a@b.example'", "a list in square"),
    ("a contact without @", {"contacts": ["anna"]}, "contacts", "item 1, is 'anna'", "anna@shop.example"),
    ("a contact with two @", {"contacts": ["a@b@c.example"]}, "contacts", "'a@b@c.example'", "mail addresses"),
    ("a contact without a dot in its domain", {"contacts": ["a@localhost"]}, "contacts", "'a@localhost'", "mail"),
    ("a contact whose domain starts with a dot", {"contacts": ["a@.example"]}, "contacts", "'a@.example'", "mail"),
    ("a contact with a space", {"contacts": ["an na@b.example"]}, "contacts", "'an na@b.example'", "mail"),
    ("a contact that smuggles a header", {"contacts": ["a@b.example\nBcc: c"]}, "contacts", r"\nBcc", "mail"),
    ("a contact with a line break after it", {"contacts": ["a@b.example\n"]}, "contacts", r"example\n'", "mail"),
    ("a contact with an invisible character", {"contacts": ["a\u200b@b.example"]}, "contacts", r"\u200b", "mail"),
    ("two addresses in one contact", {"contacts": ["a@b.example,c@d.example"]}, "contacts", "'a@b", "mail"),
    ("a contact without end", {"contacts": [f"{LONG * 3}@b.example"]}, "contacts", "'xxx", "mail"),
    ("a contact twice", {"contacts": ["a@b.example"] * 2}, "contacts", "item 2, is 'a@b.example'", "each once"),
    ("an unknown language", {"language": "fr"}, "language", "'fr'", "one of de, en"),
    ("an unknown zone", {"timezone": "Europe/Bonn"}, "timezone", "'Europe/Bonn'", "a time zone like Europe/Berlin"),
    ("a zone in lower case", {"timezone": "europe/berlin"}, "timezone", "'europe/berlin'", "Europe/Berlin"),
    ("a zone that is a folder", {"timezone": "America/Argentina"}, "timezone", "'America/Argentina'", "a time zone"),
    ("a zone that leads out", {"timezone": "Europe/../../passwd"}, "timezone", "'Europe/../../passwd'", "a time zone"),
    ("a zone that differs by machine", {"timezone": "localtime"}, "timezone", "'localtime'", "a time zone"),
    ("the 25th hour", {"run_at": "25:00"}, "run_at", "'25:00'", "00:00 to 23:59"),
    ("the 60th minute", {"run_at": "03:60"}, "run_at", "'03:60'", "00:00 to 23:59"),
    ("a time with seconds", {"run_at": "03:15:00"}, "run_at", "'03:15:00'", '"03:15"'),
    ("a time that is empty", {"run_at": ""}, "run_at", "''", "or no such line"),
    ("a day that does not exist", {"start_date": "2026-02-30"}, "start_date", "'2026-02-30'", "a day like 2026-09-01"),
    ("a day in German", {"start_date": "01.09.2026"}, "start_date", "'01.09.2026'", "a day like 2026-09-01"),
    ("a day without hyphens", {"start_date": "20260901"}, "start_date", "'20260901'", "a day like 2026-09-01"),
    ("a day before 2016", {"start_date": "2015-12-31"}, "start_date", "'2015-12-31'", "from 2016"),
    ("a day far in the future", {"start_date": "2206-09-01"}, "start_date", "'2206-09-01'", "to 2049"),
    ("an unknown authorization", {"authorization": "oauth"}, "authorization", "'oauth'", "public or private"),
    ("an unclear word on personal data", {"personal_data": "maybe"}, "personal_data", "'maybe'", "no or yes"),
    ("an unknown field", {"regoin": "eu"}, "regoin", "no field of a seller", "did you mean region?"),
    ("an unknown field like no other", {"qqq": "eu"}, "qqq", "no field of a seller", "one of id, name, region"),
    ("a field whose name is odd", {"a\nb": "eu"}, r"'a\nb'", "no field of a seller", "one of id"),
]


@pytest.mark.parametrize(
    ("changes", "field", "words"), [(m[1], m[2], m[3:]) for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_a_mistake_is_told_with_field_what_stands_there_and_what_is_expected(
    load: Any, complete: Any, changes: dict[str, Any], field: str, words: tuple[str, str]
) -> None:
    before, broken, after = load(complete(id="before"), complete(**changes), complete(id="after"))
    assert isinstance(broken, MisconfiguredSeller)
    assert [problem.field for problem in broken.problems] == [field]
    found, expected = broken.message.split("; expected ")
    assert words[0] in found
    assert words[1] in expected
    assert broken.dag_id == ("amazon_orders__entry_2" if field == "id" else "amazon_orders__acme")
    assert all(isinstance(seller, Seller) for seller in (before, after))


COMMON = "  name: A\n  region: eu\n  marketplaces: [DE]\n  contacts: [a@b.example]\n  language: de\n  timezone: UTC\n"
TYPED = [
    ("an empty item", "-\n", "entry is empty; expected a mapping with the fields id, name, region"),
    ("a text", "- acme\n", "entry is 'acme'; expected a mapping"),
    ("a list", "- [acme, [eu]]\n", "entry is a list; expected a mapping"),
    ("nothing in it", "- {}\n", "id is missing"),
    ("an empty value", f"- id:\n{COMMON}", "id is empty; expected 1 to 40"),
    ("null as a value", f"- id: ~\n{COMMON}", "id is empty; expected 1 to 40"),
    ("null in a list", f"- id: a\n{COMMON.replace('[DE]', '[DE, null]')}", "marketplaces, item 2, is empty;"),
    ("an optional field that is empty", f"- id: a\n  run_at:\n{COMMON}", "run_at is empty; expected a time"),
    ("a field twice", f"- id: a\n  region: na\n{COMMON}", "region is given more than once; expected it once"),
    ("an id twice", f"- id: a\n  id: b\n{COMMON}", "Seller in entry 1: id is given more than once"),
    ("an unknown field twice", f"- id: a\n  zz: na\n  zz: 1\n{COMMON}", "zz is given more than once"),
    ("a list as a field", f"- id: a\n  ? [b]\n  : c\n{COMMON}", "'a list' is no field of a seller"),
    ("a merge key", f"- id: a\n  <<: {{region: eu}}\n{COMMON}", "'<<' is no field of a seller"),
    ("a list that holds itself", f"- id: a\n{COMMON.replace('[DE]', '&m [*m]')}", "marketplaces, item 1, is a list"),
    ("an entry that repeats another", "- &a {id: a, name: b}\n- *a\n", "Seller in entry 2: entry is an alias"),
]


@pytest.mark.parametrize(("typed", "told"), [t[1:] for t in TYPED], ids=[t[0] for t in TYPED])
def test_an_entry_of_another_shape_is_told_so_and_is_not_lost(load: Any, complete: Any, typed: str, told: str) -> None:
    *entries, last = load(typed, complete(id="last"))
    assert told in " ".join(entry.message for entry in entries if isinstance(entry, MisconfiguredSeller))
    assert isinstance(last, Seller)


def test_all_mistakes_of_an_entry_are_told_at_once(load: Any, complete: Any) -> None:
    (broken,) = load(complete(region="europe", marketplaces=["XX"], language=None, colour="red"))
    fields = [problem.field for problem in broken.problems]
    assert fields == ["region", "marketplaces", "language", "colour"]


def test_of_two_entries_with_one_id_the_first_keeps_it_and_the_message_names_both(load: Any, complete: Any) -> None:
    first, other, second = load(complete(), complete(id="other"), complete(name="Another Acme"))
    assert isinstance(first, Seller)
    assert isinstance(other, Seller)
    assert second.dag_id == "amazon_orders__entry_3"
    assert second.message.startswith("Seller in entry 3: id is 'acme'; expected an id of its own for entry 3")
    assert "entry 1 has this one" in second.message


def test_a_broken_entry_keeps_its_id_against_a_later_one_because_its_history_stands_there(
    load: Any, complete: Any
) -> None:
    first, second = load(complete(region="x"), complete())
    assert (first.dag_suffix, second.dag_suffix) == ("acme", "entry_2")


@pytest.mark.parametrize("field", ["id", "name", "region", "timezone", "run_at", LONG * 50])
def test_a_value_without_end_is_cut_in_the_message(load: Any, complete: Any, field: str) -> None:
    (broken,) = load(complete(**{field: "\x1b[31m" + "y" * 10_000}))
    (problem,) = broken.problems
    assert len(problem.found) <= 60
    assert len(problem.field) <= 60
    assert broken.message.isprintable()
    assert len(broken.message) < 400


def test_a_file_without_sellers_is_an_empty_list(file: Path) -> None:
    file.write_text("sellers: []\n")
    assert load_sellers(file) == []


@pytest.mark.parametrize("dag_suffix", ["acme", "twice", "entry_3", "broken", "entry_5", "entry_6"])
def test_the_one_entry_of_a_dag_is_what_it_is_among_all(load: Any, complete: Any, file: Path, dag_suffix: str) -> None:
    broken = [complete(id="broken", region="x"), complete(id=None), "- {id: twice, id: twice}\n"]
    everyone = {
        entry.dag_id: entry for entry in load(complete(), complete(id="b"), complete(), *broken, complete(id="twice"))
    }
    dag_id = f"amazon_orders__{dag_suffix}"
    assert load_sellers(file, dag_id=dag_id) == [everyone[dag_id]]


@pytest.mark.parametrize("dag_id", ["amazon_orders__gone", "amazon_orders__entry_1", "acme", ""])
def test_a_dag_without_an_entry_gets_none(load: Any, complete: Any, file: Path, dag_id: str) -> None:
    load(complete())
    assert load_sellers(file, dag_id=dag_id) == []


def test_one_entry_is_refused_too_when_the_file_is_broken_further_down(load: Any, complete: Any, file: Path) -> None:
    with pytest.raises(SettingsError, match="not usable: line "):
        load(complete(), "- [\n")
    with pytest.raises(SettingsError, match="not usable: line "):
        load_sellers(file, dag_id="amazon_orders__acme")


def test_for_one_entry_no_field_of_another_is_looked_at(
    load: Any, complete: Any, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(*(complete(id=f"acme_{number}") for number in range(9)))
    looked_at: list[int] = []
    read_entry = registry.read_entry
    monkeypatch.setattr(registry, "read_entry", lambda raw: looked_at.append(raw.position) or read_entry(raw))
    assert len(load_sellers(file, dag_id="amazon_orders__acme_4")) == 1
    assert looked_at == [5]


def test_a_task_gets_its_seller(load: Any, complete: Any, file: Path) -> None:
    load(complete(id="big_acme"), complete())
    assert require_seller(file, "acme").seller_id == "acme"


@pytest.mark.parametrize("seller_id", ["acme", "entry_2"])
def test_a_task_of_a_broken_entry_gets_the_error_that_says_what_to_correct(
    load: Any, complete: Any, file: Path, seller_id: str
) -> None:
    load(complete(region="x"), complete(id="B"))
    with pytest.raises(SettingsError, match=r"; expected .*Correct the entry that starts on line \d+ of ") as caught:
        require_seller(file, seller_id)
    assert str(file) in caught.value.remedy


def test_a_task_of_a_seller_that_is_gone_gets_an_error_that_names_both(load: Any, complete: Any, file: Path) -> None:
    load(complete())
    with pytest.raises(SettingsError, match="'gone' has no entry in ") as caught:
        require_seller(file, "gone")
    assert "delete the seller's DAG" in caught.value.remedy
