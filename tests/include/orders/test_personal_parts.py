"""A page taken apart: what is of a person goes one way, the page the other, and together they are what Amazon sent."""

from __future__ import annotations

import copy
import dataclasses
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from include.orders.personal_data import remove_personal_data
from include.orders.personal_due import term_of
from include.orders.personal_parts import (
    LandedPart,
    PersonalPart,
    included_data,
    personal_parts,
    read_parts,
    write_parts,
)
from include.sellers.registry import Seller
from include.settings import Settings
from tests.payloads.orders import a_page, an_item, an_order
from tests.payloads.people import PLANTED, WORDS, an_order_of_a_person


def read(page: bytes) -> Any:
    return json.loads(page, parse_float=Decimal)


def parts_of(page: bytes) -> dict[str, PersonalPart]:
    return {order_id: landed.part for order_id, landed in read_parts(written(page)).items()}


def written(page: bytes) -> bytes:
    return write_parts({order.order_id: LandedPart(part, term_of(order, 30)) for order, part in personal_parts(page)})


def merged(page: bytes, parts: dict[str, PersonalPart]) -> Any:
    """The page with the parts put back where they belong."""
    whole = read(page)
    for order in whole["orders"]:
        part = parts.get(order["orderId"], PersonalPart())
        order |= {name: told for name in ("buyer", "recipient") if (told := getattr(part, name)) is not None}
        if part.tax_registrations is not None:
            order.setdefault("tax", {})["taxRegistrations"] = part.tax_registrations
    return whole


def without_what_nobody_keeps(page: bytes) -> Any:
    """The page without payments, gift messages and customizations, which have no place of their own."""
    whole = read(page)
    for order in whole["orders"]:
        order.pop("payment", None)
        for item in order["orderItems"]:
            item.get("product", {}).get("customization", {}).pop("customizedUrl", None)
            item.get("fulfillment", {}).get("packing", {}).get("giftOption", {}).pop("giftMessage", None)
    return whole


def test_page_and_parts_together_are_what_amazon_sent_and_the_page_alone_names_nobody() -> None:
    page = a_page(an_order("A"), an_order_of_a_person("B"), an_order_of_a_person("C", recipient=None), next_token="n")
    public, parts = remove_personal_data(page), parts_of(page)
    assert set(parts) == {"B", "C"}
    assert not [word for word in WORDS if word in public.decode()]
    assert merged(public, parts) == without_what_nobody_keeps(page)


def test_a_part_holds_nothing_that_has_no_place_in_the_tables() -> None:
    landed = written(a_page(an_order_of_a_person())).decode()
    gone = {"gift message", "customization", "payment"}
    assert {place for place, word in PLANTED.items() if word not in landed} == gone


@pytest.mark.parametrize(
    "order",
    [an_order(), an_order(buyer={}, recipient={}, tax={"taxRegistrations": []}), an_order(buyer=None, tax=[])],
    ids=["nothing asked", "empty parts", "of another shape"],
)
def test_an_order_that_names_nobody_has_no_part(order: dict[str, Any]) -> None:
    assert list(personal_parts(a_page(order))) == []


def test_an_order_that_cannot_be_read_has_no_part_and_takes_no_other_with_it() -> None:
    spoilt = {**an_order_of_a_person("A"), "lastUpdatedTime": "yesterday"}
    assert set(parts_of(a_page(spoilt, an_order_of_a_person("B")))) == {"B"}


WORD = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
PLANT = WORD.map(lambda word: f"§planted {word}§")
ANYTHING = st.recursive(
    PLANT | st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str) | st.booleans(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORD.map("x".__add__), inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(WORD.map("x".__add__), ANYTHING, min_size=1, max_size=2)


@st.composite
def orders(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Some orders, each with some of the places that name a person filled with anything."""
    drawn = []
    for number in range(draw(st.integers(0, 3))):
        order = an_order(f"303-{number}")
        for name in ("buyer", "recipient", "payment"):
            if draw(st.booleans()):
                order[name] = draw(OBJECTS)
        if draw(st.booleans()):
            order["tax"] = {"taxRegistrations": draw(st.lists(OBJECTS, min_size=1, max_size=2))}
        if draw(st.booleans()):
            gift = {"giftOption": {"giftMessage": draw(PLANT)}}
            order["orderItems"] = [an_item(fulfillment={"packing": gift})]
        drawn.append(order)
    return drawn


@given(drawn=orders())
@hypothesis_settings(max_examples=60, deadline=None)
def test_whatever_stands_there_page_and_parts_are_the_whole_and_the_page_has_nothing_planted(
    drawn: list[dict[str, Any]],
) -> None:
    page = a_page(*copy.deepcopy(drawn))
    public, parts = remove_personal_data(page), parts_of(page)
    assert "§planted" not in public.decode()
    # An empty `tax` stays on the page where only registrations were in it.
    assert merged(public, parts) == without_what_nobody_keeps(page)


def test_only_a_seller_who_wants_them_is_asked_for_with_the_personal_words(seller: Seller, settings: Settings) -> None:
    wanting = dataclasses.replace(seller, personal_data=True)
    assert included_data(seller, settings) == settings.included_data
    assert not {"BUYER", "RECIPIENT", "TAX"} & set(settings.included_data)
    assert included_data(wanting, settings) == (*settings.included_data, "BUYER", "RECIPIENT", "TAX")
    with_tax = dataclasses.replace(settings, included_data=("TAX", "PROCEEDS"))
    assert included_data(wanting, with_tax) == ("TAX", "PROCEEDS", "BUYER", "RECIPIENT")
