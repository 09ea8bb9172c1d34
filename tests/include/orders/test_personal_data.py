"""Nothing about a buyer stays on a page, however it is written, and nothing else on it changes."""

from __future__ import annotations

import copy
import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from include.errors import ContractError
from include.orders.personal_data import remove_personal_data
from tests.payloads.orders import a_page, an_item, an_order

SECRET = "Frau Grünwald"
PERSONAL = {
    "a buyer": {"buyer": {"buyerName": SECRET, "buyerEmail": SECRET, "buyerPurchaseOrderNumber": SECRET}},
    "a recipient": {
        "recipient": {
            "deliveryAddress": {"name": SECRET, "phone": SECRET, "extendedFields": {"streetName": SECRET}},
            "deliveryPreference": {"addressInstruction": SECRET},
        }
    },
    "a payment": {"payment": {"paymentExecutions": [{"paymentMethod": "COD", "authorizationCode": SECRET}]}},
    "tax registrations": {"tax": {"taxRegistrations": [{"legalName": SECRET}, {"taxRegistrationNumber": SECRET}]}},
    "a gift message": {
        "orderItems": [an_item(fulfillment={"packing": {"giftOption": {"giftMessage": f"From {SECRET}"}}})]
    },
    "a gift message on the second item": {
        "orderItems": [an_item(), an_item(fulfillment={"packing": {"giftOption": {"giftMessage": SECRET}}})]
    },
    "a customization": {
        "orderItems": [an_item(product={"customization": {"customizedUrl": f"https://example.com/{SECRET}"}})]
    },
}


def plain(page: bytes) -> Any:
    return json.loads(page, parse_float=Decimal)


@pytest.mark.parametrize("place", PERSONAL)
def test_it_is_gone(place: str) -> None:
    page = a_page(an_order("A"), an_order("B", **PERSONAL[place]), an_order("C"))
    cleaned = remove_personal_data(page)
    assert SECRET in page.decode()
    assert SECRET not in cleaned.decode()
    assert [order["orderId"] for order in plain(cleaned)["orders"]] == ["A", "B", "C"]


@pytest.mark.parametrize("place", PERSONAL)
def test_it_is_gone_with_its_key_written_in_escapes(place: str) -> None:
    page = a_page(an_order(**PERSONAL[place])).decode()
    for key in ("buyer", "recipient", "payment", "tax", "taxRegistrations", "giftMessage", "product", "customizedUrl"):
        page = page.replace(f'"{key}":', f'"\\u{ord(key[0]):04x}{key[1:]}":')
    assert '"' + "\\u00" in page
    assert SECRET not in remove_personal_data(page.encode()).decode()


@pytest.mark.parametrize("place", PERSONAL)
def test_it_is_gone_from_a_page_with_white_space(place: str) -> None:
    page = json.dumps(
        plain(a_page(an_order(**PERSONAL[place]))), indent=3, separators=(" ,", " : "), ensure_ascii=False
    )
    assert SECRET not in remove_personal_data(page.encode()).decode()


def test_what_is_beside_it_stays() -> None:
    order = an_order(
        tax={"taxInvoicing": {"invoiceStatus": "ACCEPTED"}, "taxRegistrations": [{"legalName": SECRET}]},
        orderItems=[
            an_item(
                fulfillment={"packing": {"giftOption": {"giftMessage": SECRET, "giftWrapLevel": "Classic"}}},
                product={"title": "Tasse", "customization": {"customizedUrl": SECRET}},
            )
        ],
        packages=[{"packageReferenceId": "1", "shipFromAddress": {"name": "Lager Nord"}}],
    )
    (cleaned,) = plain(remove_personal_data(a_page(order)))["orders"]
    assert cleaned["tax"] == {"taxInvoicing": {"invoiceStatus": "ACCEPTED"}}
    assert cleaned["orderItems"][0]["fulfillment"] == {"packing": {"giftOption": {"giftWrapLevel": "Classic"}}}
    assert cleaned["orderItems"][0]["product"] == {"title": "Tasse", "customization": {}}
    assert cleaned["packages"] == order["packages"]


@pytest.mark.parametrize(
    "number",
    ["1.10", "0.0", "-0.50", "12345678901234567890", "123456789012345678901234567890", "1.2345678901234567890"],
)
def test_a_rewritten_page_keeps_its_numbers_to_the_digit(number: str) -> None:
    page = a_page(an_order(buyer={"buyerName": SECRET}, measured="NUMBER")).replace(b'"NUMBER"', number.encode())
    assert f'"measured":{number}'.encode() in remove_personal_data(page)


def test_a_rewritten_page_is_the_page_without_the_personal_parts_byte_for_byte() -> None:
    order = {**an_order(), "zuletzt": [1, None, True, 'é\n"\\'], "anfangs": {"b": 1, "a": 2}}
    page = a_page({"buyer": {"buyerName": SECRET}, **order}, next_token="n", last_updated_before="2026-10-05T08:00:00Z")
    without = a_page(order, next_token="n", last_updated_before="2026-10-05T08:00:00Z")
    assert remove_personal_data(page) == without


@pytest.mark.parametrize(
    "page",
    [
        a_page(),
        a_page(an_order(), an_order("B")),
        a_page(an_order(orderItems=[an_item(product={"title": "a buyer's recipient payment"})])),
        json.dumps(plain(a_page(an_order())), indent=2).encode(),
        a_page(an_order(orderItems=[an_item(product={"title": "buyer"})])),
    ],
    ids=[
        "no orders",
        "ordinary orders",
        "a title with those words",
        "white space",
        "a title that is one of those words",
    ],
)
def test_a_page_without_anything_personal_stays_byte_for_byte(page: bytes) -> None:
    assert remove_personal_data(page) == page


def test_a_page_with_escapes_says_the_same_afterwards() -> None:
    page = a_page(an_order(orderItems=[an_item(product={"title": "T"})])).replace(b'"T"', rb'"T\u00fcr \u002f"')
    assert json.loads(remove_personal_data(page)) == json.loads(page)


@pytest.mark.parametrize(
    "page",
    [
        {"buyer": {"buyerName": SECRET}, "orders": []},
        {"orders": [[{"buyer": {"buyerName": SECRET}}]]},
        {"orders": [{"tax": [{"taxRegistrations": [{"legalName": SECRET}]}]}]},
        {"orders": [{"orderItems": {"1": {"product": {"customization": [{"customizedUrl": SECRET}]}}}}]},
        {"orders": [{"associatedOrders": [{"recipient": {"deliveryAddress": {"name": SECRET}}}]}]},
        {"orders": [{"packages": [{"Buyer": SECRET}]}]},
        {"orders": [{"BUYER": SECRET, "shippingAddress": {"name": SECRET}, "buyerEmail": SECRET}]},
    ],
    ids=["above", "nested lists", "a list for an object", "an object for a list", "inside", "capital", "other names"],
)
def test_personal_parts_go_wherever_they_stand_and_however_they_are_written(page: dict[str, Any]) -> None:
    assert SECRET not in remove_personal_data(json.dumps(page, ensure_ascii=False).encode()).decode()


@pytest.mark.parametrize(
    "twice",
    [
        f'"buyer":{{"buyerName":"{SECRET}"}},"buyer":null',
        f'"tax":{{"taxRegistrations":["{SECRET}"]}},"tax":{{}}',
    ],
    ids=["the part itself", "what holds it"],
)
def test_a_key_that_stands_twice_hides_nothing(twice: str) -> None:
    page = f'{{"orders":[{{"orderId":"A",{twice}}}]}}'.encode()
    assert SECRET.encode() not in remove_personal_data(page)


@pytest.mark.parametrize(
    "body",
    [
        f'{{"orders":[{{"buyer":{{"buyerName":"{SECRET}"'.encode(),
        f'<html>"buyer": {SECRET}</html>'.encode(),
        f'{{"buyer":{SECRET}}}'.encode(),
        b'{"buyer":"\xff"}',
    ],
    ids=["cut off", "HTML", "a name without quotes", "bytes that are no UTF-8"],
)
def test_a_page_that_is_no_json_is_refused_without_a_word_of_it(body: bytes) -> None:
    with pytest.raises(ContractError) as refused:
        remove_personal_data(body)
    assert "searchOrders" in str(refused.value)
    assert not re.search("Grünwald|html|buyer", str(refused.value))
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "page",
    [
        b'["buyer"]',
        b'{"orders":["buyer",null,3]}',
        b'{"orders":[{"tax":[],"orderItems":[null,{"product":"customizedUrl"}]}]}',
    ],
    ids=["a list", "orders that are none", "parts that are none"],
)
def test_a_page_of_another_shape_is_left_to_those_who_read_it(page: bytes) -> None:
    assert remove_personal_data(page) == page


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'), max_size=8)
PLANTED = WORDS.map(lambda word: f"§planted {word}§")
SCALARS = st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | WORDS


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2), max_leaves=4
    )


SECRETS = nested(PLANTED)
HARMLESS = st.dictionaries(WORDS.map("x".__add__), nested(SCALARS), max_size=2)


def with_some(harmless: dict[str, Any], **personal: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.fixed_dictionaries(harmless, optional=personal)
    return st.tuples(some, HARMLESS).flatmap(
        lambda both: st.permutations(list({**both[1], **both[0]}.items())).map(dict)
    )


ITEMS = with_some(
    {"orderItemId": st.just("1")},
    product=with_some({}, customization=with_some({}, customizedUrl=SECRETS)),
    fulfillment=with_some({}, packing=with_some({}, giftOption=with_some({}, giftMessage=SECRETS))),
)
ORDERS = with_some(
    {"orderItems": st.lists(ITEMS, max_size=2)},
    buyer=SECRETS,
    recipient=SECRETS,
    payment=SECRETS,
    tax=with_some({}, taxRegistrations=SECRETS),
)


def write(value: Any, *, escaped: bool = False) -> str:
    """JSON that keeps decimals and can write every key in escapes."""
    if isinstance(value, dict):
        keys = ["".join(f"\\u{ord(c):04x}" if escaped and c < "\x7f" else c for c in key) for key in value]
        parts = zip(keys, value.values(), strict=True)
        return "{" + ",".join(f'"{key}":{write(inner, escaped=escaped)}' for key, inner in parts) + "}"
    if isinstance(value, list):
        return "[" + ",".join(write(inner, escaped=escaped) for inner in value) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def without_personal_places(order: dict[str, Any]) -> dict[str, Any]:
    """The order as it should be, said in another way than the code says it."""
    kept = copy.deepcopy({key: value for key, value in order.items() if key not in {"buyer", "recipient", "payment"}})
    kept.get("tax", {}).pop("taxRegistrations", None)
    for item in kept["orderItems"]:
        item.get("product", {}).get("customization", {}).pop("customizedUrl", None)
        item.get("fulfillment", {}).get("packing", {}).get("giftOption", {}).pop("giftMessage", None)
    return kept


def in_sequence(page: str) -> Any:
    """A document to compare: keys in their sequence, numbers as decimals."""
    return json.loads(page, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=list)


@given(orders=st.lists(ORDERS, max_size=2), escaped=st.booleans())
@hypothesis_settings(max_examples=60, deadline=None)
def test_of_all_that_is_planted_in_personal_places_nothing_is_left_and_all_else_stays(
    orders: list[dict[str, Any]], escaped: bool
) -> None:
    cleaned = remove_personal_data(write({"orders": orders}, escaped=escaped).encode()).decode()
    assert "§planted" not in cleaned
    assert in_sequence(cleaned) == in_sequence(write({"orders": [without_personal_places(order) for order in orders]}))
